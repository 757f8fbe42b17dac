"""Contract of every export format."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pyarrow.parquet
import pytest
from foreign_readers import frames_of_c3d, rows_of_recording, tracks_of_usd
from formats_here import FORMATS_HERE

from humantrack.clips.source import ResultsSource
from humantrack.errors import ResultsError
from humantrack.export import export
from humantrack.export.cli import main
from humantrack.export.output import OutputFiles
from humantrack.results import load_results

FORMATS = {name: kind for name, kind in FORMATS_HERE.items() if name != "obj"}
"""Without what writes a file for each frame, which test_export_obj.py holds to the same."""

ALL = [word for name in FORMATS for word in ("-f", name)]
each_format = pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
THEIRS = ["upstream_render", "upstream_extract_cut", "upstream_stream_cut"]

SCENES = ("glb", "usd")
NUMBERED = ("rrd", "angles", "angles-parquet")
"""Motion whose frames have their numbers in the results."""


# -- what other readers find in the files ---------------------------------------------------------


def rows_of(file):
    """(track, frame) of everybody in a file with frames; a motion's frames count from its first."""
    suffixes = "".join(file.suffixes[-2:])
    track = re.search(r"_track(-?\d+)", file.name)
    if suffixes.endswith(".blender.pkl"):
        frames = joblib.load(file).values()
        return {(int(track[1]), i) for i, frame in enumerate(frames) if len(frame["tid"])}
    if suffixes.endswith(".phalp.pkl"):
        return {(i, frame["time"]) for frame in joblib.load(file).values() for i in frame["tid"]}
    if suffixes.endswith(".coco.json"):
        document = json.loads(file.read_bytes())
        frames = {image["id"]: image["frame_id"] for image in document["images"]}
        return {(a["track_id"], frames[a["image_id"]]) for a in document["annotations"]}
    return {
        ".json": lambda: in_document(json.loads(file.read_bytes())["frames"]),
        ".jsonl": lambda: in_document(map(json.loads, file.read_text("utf-8").splitlines()[1:])),
        ".csv": lambda: in_table(csv.DictReader(io.StringIO(file.read_text("utf-8")))),
        ".parquet": lambda: in_table(pyarrow.parquet.read_table(file).to_pylist()),
        ".txt": lambda: in_table(
            {"frame": int(line.split(",")[0]) - 1, "track_id": line.split(",")[1]}
            for line in file.read_text("ascii").splitlines()
        ),
        ".npz": lambda: in_motion(track, len(np.load(file, allow_pickle=False)["poses"])),
        ".bvh": lambda: in_motion(track, int(re.search(r"Frames: (\d+)", file.read_text())[1])),
        ".trc": lambda: in_motion(
            track, int(file.read_text("utf-8").split("\n")[2].split("\t")[2])
        ),
        ".mot": lambda: in_motion(track, int(re.search(r"nRows=(\d+)", file.read_text())[1])),
        ".sto": lambda: in_motion(track, int(re.search(r"nRows=(\d+)", file.read_text())[1])),
        ".c3d": lambda: in_motion(track, frames_of_c3d(file)),
        ".usdc": lambda: {(track, 0) for track in tracks_of_usd(file)},
        ".rrd": lambda: rows_of_recording(file),
        ".glb": lambda: {(int(i), 0) for i in re.findall(rb'"track(\d+)', file.read_bytes())},
    }[file.suffix]()


def in_document(frames):
    return {(person["track_id"], frame["index"]) for frame in frames for person in frame["people"]}


def in_table(rows):
    return {(int(row["track_id"]), int(row["frame"])) for row in rows}


def in_motion(track, count):
    return {(int(track[1]), i) for i in range(count)}


def tracks_in(files):
    return {track for file in files for track, _ in rows_of(file)}


def frames_in(files):
    return {frame for file in files for _, frame in rows_of(file)}


def seen_in(path, *, ghosts):
    """(track, frame) of a results file."""
    return {
        (track, frame["time"])
        for frame in load_results(path).values()
        for track, missed in zip(frame["tid"], frame["tracked_time"], strict=True)
        if ghosts or missed <= 0
    }


def exported(path, kind, folder, *arguments):
    """The files of an export, by name."""
    assert main([str(path), "-f", kind.name, "-o", f"{folder}/", "--quiet", *arguments]) == 0
    return {file.name: file for file in sorted(folder.iterdir())}


def contents(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


# -- files ----------------------------------------------------------------------------------------


@each_format
def test_files_have_the_names_that_are_told(make_results, tmp_path, kind):
    path = make_results()
    done = export(path, [kind])
    names = [file.name for file in done.files]
    assert all(name.endswith(kind.suffix) for name in names)
    if kind.is_single:
        assert names == [f"clip{kind.suffix}"]
    else:
        assert names == [f"clip_track{i}{kind.suffix}" for i in (1, 2, 7)]
    about = {"clip.pkl", "clip.meta.json"}
    assert {file.name for file in tmp_path.iterdir()} == about | set(names)
    assert done.error is None
    assert tracks_in(done.files) == {1, 2, 7}


@each_format
def test_output_is_a_folder_or_a_file(make_results, tmp_path, kind):
    path = make_results()
    beside = {file.name: file.read_bytes() for file in export(path, [kind]).files}
    there = tmp_path / "there"
    there.mkdir()
    for output in (f"{tmp_path}/new/folder/", there, str(there) + "/"):
        done = export(path, [kind], output, force=True)
        assert {file.name: file.read_bytes() for file in done.files} == beside
        assert {file.parent for file in done.files} == {Path(output)}
    done = export(path, [kind], tmp_path / "named" / "take.1")
    if kind.is_single:
        assert done.files == [tmp_path / "named" / "take.1"]
        assert done.files[0].read_bytes() == beside[f"clip{kind.suffix}"]
    else:
        assert [file.name for file in done.files] == [
            f"take.1_track{i}{kind.suffix}" for i in (1, 2, 7)
        ]


class InMemory(OutputFiles):
    """Outputs that are no files at all."""

    def __init__(self, stem):
        super().__init__(stem)
        self.written = {}

    def open(self, suffix):
        outputs, name = self, self.path(suffix).name
        assert name not in self.written

        class File(io.BytesIO):
            def close(self):
                if not self.closed:
                    outputs.written[name] = self.getvalue()
                super().close()

        self.written[name] = File()
        self.paths.append(self.path(suffix))
        return self.written[name]


@each_format
def test_exporter_writes_through_its_outputs_only(make_results, tmp_path, monkeypatch, kind):
    path = make_results()
    files = exported(path, kind, tmp_path / "out")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    before = set(tmp_path.rglob("*"))
    source, outputs = ResultsSource(path), InMemory(tmp_path / "clip")
    exporter = kind.load()(source, outputs, kind.suffix)
    exporter.begin()
    for batch in source.batches():
        exporter.write(batch)
    exporter.finish()
    for file in outputs.written.values():
        if not isinstance(file, bytes):
            file.close()
    assert outputs.written == {name: file.read_bytes() for name, file in files.items()}
    assert set(tmp_path.rglob("*")) == before


@each_format
def test_error_in_the_middle_leaves_no_file(make_results, edit_results, tmp_path, kind):
    path = make_results(count=140)
    edit_results(path, lambda frames: frames[139].pop("bbox"))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(ResultsError, match="lacks 'bbox'"):
        export(path, [kind])
    assert set(tmp_path.rglob("*")) == before


@each_format
def test_standard_output_gives_the_same(make_results, tmp_path, capsysbinary, kind):
    if not kind.is_single:
        pytest.skip("writes several files")
    path = make_results()
    (file,) = exported(path, kind, tmp_path / "out").values()
    capsysbinary.readouterr()
    assert main([str(path), "-f", kind.name, "-o", "-"]) == 0
    out, err = capsysbinary.readouterr()
    assert err == b""
    # A header whose counts come later has some room at its end.
    wide = re.compile(rb"(?<=[\]}]) +(?=[\n,])")
    assert wide.sub(b"", out) == wide.sub(b"", file.read_bytes())


# -- bytes ----------------------------------------------------------------------------------------


def test_the_same_results_give_the_same_bytes(make_results, tmp_path):
    """Whatever the time, the zone, the folder, and the order of Python's sets."""
    path = make_results()
    moved = tmp_path / "elsewhere" / "clip.pkl"
    moved.parent.mkdir()
    for file in (path, path.with_name("clip.meta.json")):
        shutil.copy(file, moved.parent)
    later = "import sys, time; at = time.time; time.time = lambda: at() + 1e6\n"
    later += "from humantrack.export.cli import main; sys.exit(main())"
    for source, folder, seed, zone in ((path, "a", "1", "UTC"), (moved, "b", "2", "Asia/Tokyo")):
        program = ["-m", "humantrack.export.cli"] if folder == "a" else ["-c", later]
        subprocess.run(
            [sys.executable, *program, source, *ALL, "-o", f"{tmp_path}/{folder}/", "--masks"],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            check=True,
            capture_output=True,
        )
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert len(first) == sum(1 if f.is_single else 3 for f in FORMATS.values())
    assert [name for name in first if first[name] != second.get(name)] == []
    assert list(first) == list(second)


def test_together_they_write_what_each_writes_alone(make_results, tmp_path):
    path = make_results()
    alone = {}
    for kind in FORMATS.values():
        files = exported(path, kind, tmp_path / kind.name)
        alone |= {name: file.read_bytes() for name, file in files.items()}
    assert main([str(path), *ALL, "-o", f"{tmp_path}/all/", "--quiet"]) == 0
    together = contents(tmp_path / "all")
    assert list(together) == sorted(alone)
    assert [name for name in alone if alone[name] != together[name]] == []


# -- what is selected -----------------------------------------------------------------------------


@each_format
def test_tracks_are_selected(make_results, tmp_path, kind):
    files = exported(make_results(), kind, tmp_path / "out", "--tracks", "2,7")
    assert tracks_in(files.values()) == {2, 7}


@each_format
def test_short_tracks_are_left_out(make_results, tmp_path, kind):
    """Track 7 is seen in 18 frames, track 2 in 25, track 1 in 40."""
    path = make_results()
    for least, left in ((18, {1, 2, 7}), (19, {1, 2}), (26, {1}), (41, set())):
        files = (
            exported(path, kind, tmp_path / f"{least}", "--min-length", str(least)) if left else {}
        )
        assert tracks_in(files.values()) == left
    files = exported(path, kind, tmp_path / "both", "--min-length", "19", "--tracks", "2,7")
    assert tracks_in(files.values()) == {2}


@each_format
def test_frames_are_selected(make_results, tmp_path, kind):
    path = make_results()
    whole = frames_in(exported(path, kind, tmp_path / "all").values())
    part = exported(path, kind, tmp_path / "part", "--frames", "13:17", "--tracks", "1,7")
    assert tracks_in(part.values()) == {1, 7}
    if kind.name in SCENES:
        return
    if kind.is_motion and kind.name not in NUMBERED:
        assert whole == set(range(40))
        assert frames_in(part.values()) == set(range(4))
    else:
        assert whole == set(range(40))
        assert frames_in(part.values()) == set(range(13, 17))


def test_nothing_selected(make_results, attempt):
    tried = attempt(make_results(), *ALL, "--frames", "1000:")
    tried.assert_refused(18, "no frame is within --frames 1000:", "0 to 39")


# -- where results come from ----------------------------------------------------------------------


@each_format
def test_everybody_is_there(make_results, tmp_path, kind):
    """Ghosts where a format has them, gaps filled in motion."""
    path = make_results()
    rows = set().union(*map(rows_of, exported(path, kind, tmp_path / "out").values()))
    if kind.name in ("json", "jsonl", "csv", "parquet", "phalp"):
        assert rows == seen_in(path, ghosts=True)
    elif kind.name in ("mot", "coco"):
        assert rows == seen_in(path, ghosts=False)
    elif kind.name in ("blender", *NUMBERED):
        seen = {(1, i) for i in range(40)} | {(2, i) for i in range(5, 35)}
        assert rows == seen | {(7, i) for i in range(12, 30)}
    elif kind.name not in SCENES:
        lengths = {1: 40, 2: 30, 7: 18}
        assert rows == {(i, row) for i, count in lengths.items() for row in range(count)}


@each_format
@pytest.mark.parametrize("name", THEIRS)
def test_files_of_phalp(data, tmp_path, kind, name):
    path = data / "results" / f"{name}.pkl"
    before = path.read_bytes()
    files = exported(path, kind, tmp_path / "out", "--source-fps", "30")
    ghosts = kind.name in ("json", "jsonl", "csv", "parquet", "phalp")
    assert tracks_in(files.values()) == {track for track, _ in seen_in(path, ghosts=ghosts)}
    if not kind.is_motion:
        assert frames_in(files.values()) == {at for _, at in seen_in(path, ghosts=ghosts)}
    assert path.read_bytes() == before


@each_format
def test_a_file_in_phalps_manner_gives_the_same(make_results, edit_results, tmp_path, kind):
    path = make_results()
    ours = {name: file.read_bytes() for name, file in exported(path, kind, tmp_path / "a").items()}
    edit_results(path, lambda frames: None)
    theirs = exported(path, kind, tmp_path / "b")
    assert {name: file.read_bytes() for name, file in theirs.items()} == ours


@each_format
def test_clips_of_one_name_stay_apart(make_results, person, tmp_path, kind):
    for folder, tracks in (("one", [1]), ("two", [2, 3]), ("two/deep", [4])):
        (tmp_path / folder).mkdir()
        people = [person(i, range(6)) for i in tracks]
        make_results(people, count=6, name=f"{folder}/clip.pkl")
    inputs = [str(tmp_path / "one" / "clip.pkl"), str(tmp_path / "two")]
    for arguments in ([], ["--force"]):
        out = tmp_path / f"out{len(arguments)}"
        assert main([*inputs, "-f", kind.name, "-o", f"{out}/", "--quiet", *arguments]) == 0
        found = {
            str(folder.relative_to(out)): tracks_in(f for f in folder.iterdir() if f.is_file())
            for folder in (out / "one", out / "two", out / "two" / "deep")
        }
        assert found == {"one": {1}, "two": {2, 3}, "two/deep": {4}}
        assert not [file for file in out.iterdir() if file.is_file()]


def test_a_file_named_twice_is_exported_once(make_results, attempt, tmp_path):
    path = make_results()
    tried = attempt(path, path, tmp_path, f"{tmp_path}/./clip.pkl", "-o", f"{tmp_path}/out/")
    assert (tried.code, tried.new) == (0, ["out/clip.json"])


def test_exports_are_no_input_of_a_folder(make_results, attempt, tmp_path):
    make_results()
    first = attempt(tmp_path, "-f", "phalp", "-f", "blender")
    again = attempt(tmp_path, "-f", "phalp", "-f", "blender", "--force")
    assert (again.code, again.new, len(again.lines)) == (0, [], len(first.new))
