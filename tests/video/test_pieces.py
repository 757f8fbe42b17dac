"""An overlay in pieces: joined it is what one writer would have written."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.errors import CheckpointError, OutputError
from humantrack.video import PiecewiseWriter, VideoWriter, check_pieces, remove_pieces

SIZE = {"width": 96, "height": 64}


def picture(i):
    """A bright bar that moves."""
    rgb = np.full((64, 96, 3), 30, np.uint8)
    rgb[:, (7 * i) % 90 : (7 * i) % 90 + 6] = 220
    return rgb


def shown(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            (f.pts * stream.time_base, f.to_ndarray(format="gray"))
            for f in container.decode(stream)
        ]


def write(writer, times, frames=None):
    for i in range(len(times)) if frames is None else frames:
        writer.write(picture(i), times[i])


def pieces(folder, cuts, times, *, fps=Fraction(25), **options):
    """Frames written by one writer after the other, each killed after the next cut."""
    state, done = None, 0
    for cut in cuts:
        writer = PiecewiseWriter(
            folder / "o.mp4", folder / "p", fps=fps, **SIZE, **options, state=state
        )
        write(writer, times, range(done, cut))
        if cut > done:
            state, done = writer.state_dict(), cut
        write(writer, times, range(done, min(done + 2, len(times))))  # lost with the kill
    with PiecewiseWriter(
        folder / "o.mp4", folder / "p", fps=fps, **SIZE, **options, state=state
    ) as writer:
        write(writer, times, range(done, len(times)))
    return folder / "o.mp4"


@settings(max_examples=12)
@given(
    cuts=st.lists(st.integers(0, 23), max_size=4).map(sorted),
    steps=st.lists(st.sampled_from([0.04, 0.04, 0.021, 0.5]), min_size=23, max_size=23),
)
def test_any_cuts_give_the_same_frames_at_the_same_times(tmp_path_factory, cuts, steps):
    folder = tmp_path_factory.mktemp("o")
    times = [float(t) for t in np.cumsum([3.0, *steps])]
    with VideoWriter(folder / "whole.mp4", fps=Fraction(25), **SIZE) as writer:
        write(writer, times)
    whole, joined = shown(folder / "whole.mp4"), shown(pieces(folder, cuts, times))
    assert [t for t, _ in joined] == [t for t, _ in whole]
    for (_, a), (_, b) in zip(joined, whole, strict=True):
        assert np.abs(a.astype(int) - b).mean() < 3


def test_frames_without_a_time_follow_at_the_rate(tmp_path):
    joined = shown(pieces(tmp_path, [3, 9], [None] * 12, fps=Fraction(30000, 1001)))
    assert [t for t, _ in joined] == [i * Fraction(1001, 30000) for i in range(12)]


def test_the_size_is_that_of_the_first_frame_ever(tmp_path):
    with PiecewiseWriter(tmp_path / "o.mp4", tmp_path / "p", fps=Fraction(25), **SIZE) as writer:
        write(writer, [0.0, 0.04])
        state = writer.state_dict()
    with PiecewiseWriter(
        tmp_path / "o.mp4", tmp_path / "p", fps=Fraction(25), width=32, height=32, state=state
    ) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8), 0.08)
    assert [gray.shape for _, gray in shown(tmp_path / "o.mp4")] == [(64, 96)] * 3


def test_sound_comes_with_the_joining(tmp_path, make_clip):
    clip = make_clip("sung.mp4", frames=40, sound="aac", sound_s=1.6)
    times = [0.4 + i / 25 for i in range(20)]
    with VideoWriter(tmp_path / "whole.mp4", fps=Fraction(25), **SIZE, audio_from=clip) as writer:
        write(writer, times)
    joined = pieces(tmp_path, [4, 11], times, audio_from=clip)
    sounds = []
    for path in (tmp_path / "whole.mp4", joined):
        with av.open(str(path)) as container:
            packets = container.demux(container.streams.audio[0])
            sounds.append([(p.pts, bytes(p)) for p in packets if p.size])
    assert sounds[0] == sounds[1]
    assert len(sounds[0]) > 10


@pytest.mark.parametrize(
    ("error", "is_joined"), [(OutputError("stopped"), True), (KeyboardInterrupt(), False)]
)
def test_a_run_that_stops_shows_what_there_is(tmp_path, error, is_joined):
    path, folder = tmp_path / "o.mp4", tmp_path / "p"
    writer = PiecewiseWriter(path, folder, fps=Fraction(25), **SIZE)
    with pytest.raises(type(error)), writer:
        write(writer, [i / 25 for i in range(5)])
        writer.state_dict()
        write(writer, [i / 25 for i in range(8)], range(5, 8))
        raise error
    assert path.exists() == is_joined
    assert writer.state_dict()["frames"] == 8
    assert [len(shown(p)) for p in sorted(folder.iterdir())] == [5, 3]


def test_without_a_frame_there_is_no_file(tmp_path):
    with PiecewiseWriter(tmp_path / "o.mp4", tmp_path / "p", fps=Fraction(25), **SIZE) as writer:
        assert writer.state_dict()["pieces"] == []
    assert not list(tmp_path.iterdir())


def test_missing_and_changed_pieces_are_noticed(tmp_path):
    writer = PiecewiseWriter(tmp_path / "o.mp4", tmp_path / "p", fps=Fraction(25), **SIZE)
    write(writer, [0.0, 0.04])
    state = writer.state_dict()
    check_pieces(tmp_path / "p", state)
    piece = tmp_path / "p" / "0001.mp4"
    piece.write_bytes(piece.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="missing or changed"):
        check_pieces(tmp_path / "p", state)
    piece.unlink()
    with pytest.raises(CheckpointError, match="missing or changed"):
        check_pieces(tmp_path / "p", state)


def test_only_pieces_are_removed(tmp_path):
    for name in ("0001.mp4", ".0002.mp4.77.part", "joined.part", "holiday.mp4"):
        (tmp_path / name).write_bytes(b"")
    remove_pieces(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.mp4"]
    remove_pieces(tmp_path / "nowhere")
