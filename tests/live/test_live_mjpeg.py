"""The overlay as motion JPEG: the newest frames, for whoever looks, and nobody waits for it."""

from __future__ import annotations

import dataclasses
import io
import threading
import time
from http.client import HTTPConnection

import av
import numpy as np
import pytest
from live_tools import TOKEN, get, listening, observation, person, pictures_in, told
from PIL import Image

from humantrack.access import OneToken
from humantrack.errors import StageError
from humantrack.live import Records
from humantrack.live.gate import Gate
from humantrack.live.mjpeg import MjpegOutput
from humantrack.live.pictures import Pictures, as_jpeg, drawing

SIZE = (40, 60)


def drawn_as_number(frame, record):
    """A picture whose brightness is the number of the frame."""
    assert frame.index == record.index
    return np.full((*SIZE, 3), frame.index % 256, np.uint8)


def number_in(jpeg):
    picture = np.asarray(Image.open(io.BytesIO(jpeg)))
    assert picture.shape == (*SIZE, 3)
    return round(float(picture.mean()))


def output(draw=drawn_as_number, *, token=True, **gate):
    owners = OneToken(TOKEN, "test") if token else None
    return MjpegOutput(listening(), Gate(owners, **gate), draw)


class Looker:
    """A client of the stream."""

    def __init__(self, port, path="/stream.mjpeg"):
        self.connection = HTTPConnection("127.0.0.1", port, timeout=20)
        self.connection.request("GET", f"{path}?token={TOKEN}")
        self.reply = self.connection.getresponse()
        kind, _, boundary = self.reply.headers["Content-Type"].partition("; boundary=")
        assert (self.reply.status, kind) == (200, "multipart/x-mixed-replace")
        self.boundary = boundary.encode()
        self.head = b"--" + self.boundary + b"\r\nContent-Type: image/jpeg\r\n\r\n"
        assert self.reply.read(len(self.head)) == self.head

    def next(self):
        """The next picture, as soon as the head of the one after it is there."""
        data = b""
        while not data.endswith(b"\r\n" + self.head):
            more = self.reply.readline()
            assert more
            data += more
        return number_in(data)

    def close(self):
        self.reply.close()
        self.connection.close()


def test_everybody_who_looks_gets_the_newest_picture_until_the_end():
    with output() as out:
        out.pictures.most_fps = 1000.0
        lookers = [Looker(out.port) for _ in range(3)]
        for i in range(1, 5):
            out.tell(told(i))
            assert [looker.next() for looker in lookers] == [i] * 3
        late = Looker(out.port)
        assert late.next() == 4  # what is there already
        lookers[0].close()
        out.tell(told(5))
        assert [looker.next() for looker in (*lookers[1:], late)] == [5] * 3
    for looker in (*lookers[1:], late):
        assert looker.reply.read() == b""
        looker.close()


def test_the_stream_is_made_of_whole_pictures():
    with output() as out:
        looker = Looker(out.port)
        out.tell(told(9))
        rest = []
        reading = threading.Thread(target=lambda: rest.append(looker.reply.read()))
        reading.start()
        seen = Looker(out.port)
        assert seen.next() == 9
        seen.close()
    reading.join()
    found = pictures_in(looker.head + rest[0], looker.boundary)
    assert [number_in(one) for one in found] == [9]
    looker.close()


def test_ffmpeg_plays_the_stream():
    with output() as out:
        out.pictures.most_fps = 1000.0
        found = []

        def play():
            address = f"http://127.0.0.1:{out.port}/stream.mjpeg?token={TOKEN}"
            with av.open(address, format="mpjpeg", timeout=20) as stream:
                for picture in stream.decode(video=0):
                    found.append(round(float(picture.to_ndarray(format="gray").mean())))

        playing = threading.Thread(target=play)
        playing.start()
        number = 100
        while not found and playing.is_alive():
            out.tell(told(number := min(number + 1, 250)))
            threading.Event().wait(0.05)
    playing.join(20)
    assert found and all(100 < one <= number for one in found)


def test_final_records_are_not_drawn_again():
    with output() as out:
        out.pictures.most_fps = 1000.0
        looker = Looker(out.port)
        out.tell(told(1))
        assert looker.next() == 1
        out.tell(told(0, "final"))
        out.tell(told(2))
        assert looker.next() == 2
        looker.close()


def test_nothing_is_drawn_when_nobody_looks():
    with output() as out:
        for i in range(20):
            out.tell(told(i))
    assert out.pictures.drawn == 0


def test_drawing_never_holds_back_who_tells_of_frames():
    """While one frame is drawn a hundred are told of; the next that is drawn is the newest."""
    begun, go = threading.Event(), threading.Event()
    shown, enough = [], threading.Event()

    def draw(frame, record):
        begun.set()
        assert go.wait(20)
        return drawn_as_number(frame, record)

    def show(jpeg):
        shown.append(number_in(jpeg))
        if len(shown) == 2:
            enough.set()

    with Pictures(draw, wanted=lambda: True, show=show, most_fps=1000.0) as pictures:
        pictures.tell(told(0))
        assert begun.wait(20)
        for i in range(1, 101):
            pictures.tell(told(i))
        go.set()
        assert enough.wait(20)
    assert shown == [0, 100]


def test_pictures_come_no_faster_than_they_may():
    begun, third = [], threading.Event()

    def draw(frame, record):
        begun.append(time.monotonic())
        if len(begun) == 3:
            third.set()
        return drawn_as_number(frame, record)

    ask = {"wanted": lambda: True, "show": lambda _: None, "most_fps": 4.0}
    with Pictures(draw, **ask) as pictures:
        i = 0
        while not third.wait(0.01):
            pictures.tell(told(i := i + 1, level=0))
    assert begun[2] - begun[0] > 0.4  # two quarters of a second, but for what calls take


def test_fewer_frames_are_drawn_where_the_machine_is_to_do_less():
    shown, both = [], threading.Event()

    def show(jpeg):
        shown.append(number_in(jpeg))
        both.set()

    with Pictures(drawn_as_number, wanted=lambda: True, show=show, most_fps=1000.0) as pictures:
        pictures.every = 4
        for i in range(1, 9):
            pictures.tell(told(i))
            if i % 4 == 0:
                assert both.wait(20)
                both.clear()
    assert shown == [4, 8]


def test_a_failure_of_drawing_ends_this_output_alone():
    def draw(frame, record):
        raise ZeroDivisionError("nothing to draw with")

    class Kept:
        def __init__(self):
            self.frames = []

        def __enter__(self):
            return self

        def tell(self, told):
            self.frames.append(told.record.index)

        def __exit__(self, *_):
            pass

    kept, out = Kept(), output(draw)
    one = told(0)
    raised = pytest.raises(StageError, match="nothing to draw with")
    with raised, Records([out, kept]) as records:
        looker = Looker(out.port)
        records.tell("provisional", one.frame, one.record)
        out.pictures._thread.join(20)
        records.tell("provisional", one.frame, one.record)
        assert looker.reply.read() == b""  # ends at once, not with the run
        looker.close()
        records.tell("provisional", one.frame, one.record)
    assert len(kept.frames) == 3


def test_the_page_shows_the_stream_and_a_cookie_stands_for_the_token():
    with output() as out:
        address = f"http://127.0.0.1:{out.port}"
        first = get(f"{address}/?token={TOKEN}")
        assert (first.status, first.headers["Location"]) == (303, "/")
        cookie = first.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and TOKEN not in cookie
        page = get(f"{address}/", Cookie=cookie.partition(";")[0])
        assert page.status == 200 and b'src="stream.mjpeg"' in page.body
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        looker = HTTPConnection("127.0.0.1", out.port, timeout=20)
        looker.request("GET", "/stream.mjpeg", headers={"Cookie": cookie.partition(";")[0]})
        with looker.getresponse() as reply:
            assert reply.status == 200
        looker.close()
        other = get(f"{address}/", Cookie=f"humantrack_live_{out.port}=made-up")
        assert other.status == 401


def test_one_picture_can_be_had():
    with output() as out:
        found = []
        address = f"http://127.0.0.1:{out.port}/picture.jpg?token={TOKEN}"
        asking = threading.Thread(target=lambda: found.append(get(address).body))
        out.tell(told(3))
        asking.start()
        asking.join(20)
    assert [number_in(one) for one in found] == [3]


@pytest.mark.parametrize("path", ["/", "/stream.mjpeg", "/picture.jpg"])
@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        (True, {}, 401),
        (True, {"Authorization": "Bearer wrong"}, 401),
        (False, {"Host": "rebound.example"}, 403),
        (False, {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, 403),
        (False, {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"}, 403),
        (False, {"Origin": "https://example.org"}, 403),
        (False, {"Origin": "null"}, 403),
    ],
)
def test_who_may_not_look(path, token, headers, status):
    with output(token=token) as out:
        assert get(f"http://127.0.0.1:{out.port}{path}", **headers).status == status
        assert out._lookers == 0


def test_a_page_that_is_allowed_may_read():
    with output(token=False, origins=["http://pages.example"]) as out:
        address = f"http://127.0.0.1:{out.port}/"
        reply = get(address, Origin="http://pages.example", Sec_Fetch_Site="cross-site")
        assert reply.status == 200
        assert reply.headers["Access-Control-Allow-Origin"] == "http://pages.example"
        link = get(address, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
        assert link.status == 200
        assert "Access-Control-Allow-Origin" not in link.headers


def test_faces_are_blurred_if_they_are_to_be(observation_in_view):
    """What is shown of a head is not what the camera saw; the rest is."""

    class Stages:
        body = None

        class visualizer:  # noqa: N801
            @staticmethod
            def draw(frame, record):
                return frame.rgb

    one = told(0, people=[person(seen=observation_in_view)])
    one.frame.rgb[:] = 100 + 20 * (np.indices(one.frame.rgb.shape[:2]).sum(axis=0) % 2)[..., None]
    plain = drawing(Stages, blur_faces=False)(one.frame, one.record)
    blurred = drawing(Stages, blur_faces=True)(one.frame, one.record)
    assert (plain == one.frame.rgb).all()
    changed = (blurred != one.frame.rgb).any(axis=2)
    assert changed[100:130, 300:340].mean() > 0.9  # the top of the box
    assert not changed[300:].any()


@pytest.fixture
def observation_in_view():
    """His head is at the top of his box, in the middle of the picture."""
    joints = np.full((45, 2), (0.5, 0.33), np.float32)
    joints[1], joints[8] = (0.5, 0.39), (0.5, 0.55)
    return dataclasses.replace(observation(box=(270, 100, 370, 400)), joints_2d=joints)


def test_a_jpeg_shows_the_picture():
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, :, 0] = 200
    shown = np.asarray(Image.open(io.BytesIO(as_jpeg(rgb))), int)
    assert np.abs(shown - rgb).max() < 12
