"""Records to tell live outputs of, a source at its own pace, and small clients."""

from __future__ import annotations

import contextlib
import http.server
import io
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from humantrack.body.mannequin import load_mannequin
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.live import LiveRecord
from humantrack.live.addresses import listen
from humantrack.types import BodyBatch, Frame, FrameRecord, Observation, TrackedPerson
from humantrack.types.people import CODE_SIZE, LOCATION_VECTOR_SIZE, POSE_VECTOR_SIZE

HEIGHT, WIDTH = 480, 640
TOKEN = "a-token-of-tests"


def listening():
    return listen("127.0.0.1", 0, "--test", buffer_bytes=2**16)


def frame(index=0, level=0):
    rgb = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
    name = f"clip/{index + 1:06d}.jpg"
    return Frame(index=index, source_index=index, time_s=index / 30, rgb=rgb, key=name)


def record(index=0, people=()):
    return FrameRecord(
        index=index,
        source_index=index,
        key=f"clip/{index + 1:06d}.jpg",
        time_s=index / 30,
        is_shot_start=index == 0,
        image_size=(HEIGHT, WIDTH),
        people=tuple(people),
    )


def told(index=0, state="provisional", people=(), level=0):
    return LiveRecord(state=state, frame=frame(index, level), record=record(index, people))


def observation(orient=None, pose=None, betas=None, cam_t=(0.0, 0.0, 40.0), box=(1, 2, 3, 4)):
    """Somebody whose joints are those of the shipped body; upright before the camera, at rest.

    Args:
        orient: (3,) root rotation, axis-angle, camera axes.
        pose: (23,3) of the other joints.
        betas: (10,)
        cam_t: metres, with PHALP's lens.
        box: corners, pixels.
    """

    def zeros(*shape):
        return np.zeros(shape, np.float32)

    def turns(vectors):
        return axis_angle_to_matrix(np.asarray(vectors, float)).astype(np.float32)

    body = {
        "global_orient": turns([[np.pi, 0, 0] if orient is None else orient]),
        "body_pose": turns(zeros(23, 3) if pose is None else pose),
        "betas": zeros(10) if betas is None else np.asarray(betas, np.float32),
        "cam_t": np.asarray(cam_t, np.float32),
        "cam_crop": zeros(3),
    }
    rest = {"joints_3d": zeros(45, 3), "joints_2d": zeros(45, 2)}
    batch = BodyBatch(**{name: value[None] for name, value in (body | rest).items()})
    return Observation(
        frame_index=0,
        frame_key="clip/000001.jpg",
        image_size=(HEIGHT, WIDTH),
        xyxy_px=np.array(box, np.float32),
        padded_xyxy_px=zeros(4),
        score=0.5,
        class_id=0,
        joints_2d=zeros(45, 2),
        joints_3d=load_mannequin().joints(batch)[0],
        code=zeros(CODE_SIZE),
        pose_vector=zeros(POSE_VECTOR_SIZE),
        location_vector=zeros(LOCATION_VECTOR_SIZE),
        **body,
    )


def person(track_id=1, missed=0, seen=None):
    seen = observation() if seen is None else seen
    return TrackedPerson(track_id=track_id, missed=missed, observation=seen)


def pictures_in(body: bytes, boundary: bytes) -> list[bytes]:
    """The pictures of a multipart stream; behind the last there is a head, and nothing more."""
    head = b"--" + boundary + b"\r\nContent-Type: image/jpeg\r\n\r\n"
    first, *parts = body.split(head)
    assert first == b"" and parts.pop() == b""
    assert all(part.endswith(b"\r\n") for part in parts)
    return [part[:-2] for part in parts]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


def get(address: str, **headers: str) -> Reply:
    """A reply to GET, also one that refuses; redirects are not followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        reply = urllib.request.build_opener(Stay).open(urllib.request.Request(address, None, named))
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        return Reply(reply.status, reply.headers, reply.read())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _as_transport_stream(clip: Path) -> tuple[bytes, float]:
    out = io.BytesIO()
    with av.open(str(clip)) as source, av.open(out, "w", format="mpegts") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
        duration_s = float(source.duration or 0) / av.time_base
    return out.getvalue(), duration_s


@contextlib.contextmanager
def playing(clip: Path, *, slower: float = 1.0) -> Iterator[str]:
    """The address of a server that plays a clip once, at the clip's own pace, as MPEG-TS."""
    stream, duration_s = _as_transport_stream(clip)
    over = threading.Event()
    piece = 188 * 7
    pause_s = slower * duration_s * piece / len(stream)

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            with contextlib.suppress(OSError):
                for start in range(0, len(stream), piece):
                    self.wfile.write(stream[start : start + piece])
                    if over.wait(pause_s):
                        return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/camera.ts"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
