"""Track an hour of video and watch memory, open files and disk.

    python scripts/bench/soak.py [--minutes 60] [--embedded] [--no-overlay] [--picture FILE.png]

The clip is the frames of tests/data/demo_small.mp4 (640x360, 30 per second) over and over. Boxes
and bodies come from a stub with three people who walk through and are followed by others, so that
identities never end; with --embedded from the shipped networks (hours). All else is the real
thing: decoder, tracker, results, overlay. Prints resident memory, open files and bytes on disk
beside results and overlay, for a twelfth of the clip on and at its end. Exits 1 if memory grew by
more than 5 % between the two, files were left open, or more than 64 MiB lay on disk at any time.
Needs Linux; the picture needs matplotlib, which is not a dependency of humantrack.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from stream import repeat

from humantrack import BlazePose_4dhuman, load_config
from humantrack.body import load_mannequin
from humantrack.geometry.boxes import expand_to_aspect
from humantrack.phalp import PHALP, Defaults
from humantrack.types import Appearance, BodyBatch, Detections, Frame, People

LOOP = Path(__file__).parents[2] / "tests" / "data" / "demo_small.mp4"
FPS = 30
SAMPLES = 240
MOST_GROWTH, MOST_TEMPORARY = 1.05, 64 * 2**20
STAY_FRAMES = 20 * FPS


def main() -> int:
    """Make the clip, run a child over it, and judge its samples."""
    options = parse()
    if options.child:
        track(options.child, options)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        loop = without_b_frames(LOOP, Path(folder) / "loop.mp4")
        clip = repeat(loop, Path(folder) / "soak.mp4", seconds=options.minutes * 60, fps=FPS)
        environment = {**os.environ, "TMPDIR": str(Path(folder) / "out")}
        Path(environment["TMPDIR"]).mkdir()
        command = [sys.executable, __file__, *sys.argv[1:], "--child", str(clip)]
        subprocess.run(command, check=True, env=environment, stdout=sys.stderr)
        samples = json.loads((Path(folder) / "samples.json").read_text())
    if options.picture:
        draw(samples, options.minutes, options.picture)
    return judge(samples, options.minutes)


def parse() -> argparse.Namespace:
    """The command line; ``--child`` is how this script calls itself."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--no-overlay", action="store_true")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def without_b_frames(source: Path, path: Path) -> Path:
    """The clip encoded anew, so that its packets can be laid behind each other."""
    with av.open(str(source)) as container, av.open(str(path), "w") as target:
        stream: Any = target.add_stream("libx264", rate=FPS, options={"bf": "0", "crf": "23"})
        stream.width, stream.height = (
            container.streams.video[0].width,
            container.streams.video[0].height,
        )
        stream.pix_fmt = "yuv420p"
        for frame in container.decode(video=0):
            plain = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")
            target.mux(stream.encode(plain))
        target.mux(stream.encode(None))
    return path


class Walkers:
    """A detector and estimator: three people, each of whom stays for twenty seconds."""

    def detect(self, frames: list[Frame]) -> list[Detections]:
        """One ``Detections`` per frame."""
        return [self._boxes(frame) for frame in frames]

    def _boxes(self, frame: Frame) -> Detections:
        starts = np.arange(3) * STAY_FRAMES // 3
        since = (frame.index + starts) % STAY_FRAMES
        left = since / STAY_FRAMES * frame.width * 0.8
        top = np.array([0.1, 0.35, 0.6]) * frame.height
        boxes = np.stack([left, top, left + 60, top + 120], 1).astype(np.float32)
        here = since > FPS * 3  # nobody for longer than max_age_track, so that new ids are given
        n = int(here.sum())
        return Detections(
            xyxy_px=boxes[here], score=np.ones(n, np.float32), class_id=np.zeros(n, np.int64)
        )

    def estimate(self, frames: list[Frame], detections: list[Detections]) -> list[People]:
        """One ``People`` per frame."""
        return [self._people(found) for found in detections]

    def _people(self, found: Detections) -> People:
        n = len(found)
        turns = np.tile(np.eye(3, dtype=np.float32), (n, 24, 1, 1))
        place = (found.xyxy_px[:, :2] / 640).astype(np.float32)
        return People(
            detections=found,
            bodies=BodyBatch(
                global_orient=turns[:, :1],
                body_pose=turns[:, 1:],
                betas=np.zeros((n, 10), np.float32),
                cam_crop=np.tile(np.array([1, 0, 0], np.float32), (n, 1)),
                cam_t=np.concatenate([place, np.full((n, 1), 40, np.float32)], 1),
                joints_3d=np.zeros((n, 45, 3), np.float32),
                joints_2d=np.repeat(place[:, None], 45, 1),
            ),
            appearance=Appearance(code=np.zeros((n, 4096), np.float32)),
            padded_xyxy_px=expand_to_aspect(found.xyxy_px),
            source=np.arange(n),
        )

    def reset(self) -> None:
        """Nothing is remembered."""


class Stub(PHALP):
    """The pipeline without its networks."""

    defaults = Defaults(predict="APL", small_w=0, small_h=0, detector="nanodet")

    def setup_hmr(self) -> None:
        """A body to draw, and the walkers."""
        self.body, self.estimator = load_mannequin(), Walkers()

    def setup_detector(self) -> None:
        """The walkers."""
        self.detector = Walkers()

    def tracker_options(self) -> dict[str, Any]:
        """Colours take the place of texture."""
        return {"appearance": "colour"}


def track(clip: Path, options: argparse.Namespace) -> None:
    """Run over the clip and write down samples as it goes."""
    out, frames = clip.parent / "out", options.minutes * 60 * FPS
    samples: list[dict[str, float]] = []
    start = time.perf_counter()

    class Watched(BlazePose_4dhuman if options.embedded else Stub):  # type: ignore[misc]
        def run_additional_models(self, some: Any, found: Any) -> Any:
            if some[-1].index * SAMPLES >= (len(samples) + 1) * frames:
                samples.append({"frame": some[-1].index, **usage(out)})
                samples[-1]["s"] = round(time.perf_counter() - start, 1)
            return super().run_additional_models(some, found)

    cfg = load_config(
        f"video.source='{clip}'",
        f"video.output_dir='{out}'",
        "render.type=HUMAN_BBOX",
        f"render.enable={'false' if options.no_overlay else 'true'}",
    )
    done = Watched(cfg).track()
    print(f"{done.frames} frames, {done.tracks} tracks, {done.fps:.0f} frames/s")
    (clip.parent / "samples.json").write_text(json.dumps(samples))


def usage(out: Path) -> dict[str, float]:
    """Resident bytes and open files of this process, and bytes of results and of all else."""
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    sizes = {"kept": 0, "temporary": 0}
    for path in out.rglob("*"):
        if path.is_file():
            is_kept = "PHALP_" in path.name or path.suffix == ".pkl"
            sizes["kept" if is_kept else "temporary"] += path.stat().st_size
    return {"resident": resident, "files": len(os.listdir("/proc/self/fd")), **sizes}  # noqa: PTH208


def judge(samples: list[dict[str, float]], minutes: int) -> int:
    """Print the figures, and return the exit code."""
    early, late = samples[len(samples) // 12 - 1], samples[-1]
    growth = late["resident"] / early["resident"]
    settled = samples[len(samples) // 12 - 1 :]
    files = [s["files"] for s in settled]
    temporary = max(s["temporary"] for s in samples)
    for name, sample in ((f"minute {minutes / 12:.2g}", early), (f"minute {minutes}", late)):
        print(f"{name:10} {sample['resident'] / 2**20:7.1f} MiB resident, {sample['files']} files")
    print(f"memory     {growth:.3f} of before  (at most {MOST_GROWTH})")
    print(f"open files {min(files)}..{max(files)}")
    print(f"temporary  {temporary / 2**20:.1f} MiB at most beside results and overlay")
    print(f"results    {late['kept'] / 2**20:.1f} MiB with the overlay")
    good = growth <= MOST_GROWTH and files[-1] <= files[0] and temporary <= MOST_TEMPORARY
    return 0 if good else 1


def draw(samples: list[dict[str, float]], minutes: int, path: Path) -> None:
    """Memory and open files over the minutes of the clip."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    at = [s["frame"] / FPS / 60 for s in samples]
    figure, (memory, files) = pyplot.subplots(
        2, 1, sharex=True, figsize=(8, 4.5), height_ratios=(3, 1), layout="constrained"
    )
    resident = [s["resident"] / 2**20 for s in samples]
    memory.plot(at, resident, color="#3060a0")
    reference = resident[len(samples) // 12 - 1]
    limit = reference * MOST_GROWTH
    memory.axhspan(reference, limit, color="#3060a0", alpha=0.12, lw=0)
    memory.text(minutes, limit * 1.02, f"5 % above minute {minutes / 12:.2g}  ", ha="right")
    memory.set(ylim=(0, max(resident) * 1.2), ylabel="resident memory, MiB")
    files.step(at, [s["files"] for s in samples], color="#a05030")
    files.yaxis.get_major_locator().set_params(integer=True)
    files.set(ylim=(0, None), ylabel="open files", xlabel="minute of the clip", xlim=(0, minutes))
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    sys.exit(main())
