"""The overlay as the last stage of the pipeline."""

from __future__ import annotations

import pytest

from humantrack.render import Overlay, OverlaySink


class Recorder:
    """Stands for a video writer and notes what happens to it."""

    def __init__(self, width: int, height: int, start_s: float) -> None:
        self.size, self.start_s = (width, height), start_s
        self.written: list[tuple[tuple[int, ...], float | None]] = []
        self.entered, self.left_with = False, "not left"

    def __enter__(self):
        self.entered = True
        return self

    def write(self, rgb, time_s=None):
        assert self.entered
        self.written.append((rgb.shape, time_s))

    def __exit__(self, kind, error, trace):
        self.left_with = kind


@pytest.fixture
def writers():
    return []


@pytest.fixture
def make_sink(body, writers):
    def build(**options):
        def writer(*args):
            writers.append(Recorder(*args))
            return writers[-1]

        return OverlaySink(Overlay(body, output_resolution=160), writer, **options)

    return build


def test_the_writer_is_made_for_the_first_picture(make_sink, writers, make_frame, record):
    with make_sink() as sink:
        assert not writers
        for index in (30, 31):
            sink.write(make_frame(index, height=180, width=320), record())
    (writer,) = writers
    assert writer.size == (160, 90) and writer.start_s == 1.0
    assert writer.written == [((90, 160, 3), 1.0), ((90, 160, 3), 31 / 30)]
    assert writer.left_with is None


def test_untimed_frames_are_spaced_by_the_writer(make_sink, writers, make_frame, record):
    with make_sink(timed=False) as sink:
        sink.write(make_frame(7), record())
    assert writers[0].written == [((36, 64, 3), None)]


def test_an_error_reaches_the_writer(make_sink, writers, make_frame, record):
    with pytest.raises(KeyError), make_sink() as sink:
        sink.write(make_frame(), record())
        raise KeyError("elsewhere")
    assert writers[0].left_with is KeyError


def test_without_frames_there_is_no_writer(make_sink, writers):
    with make_sink():
        pass
    assert not writers
