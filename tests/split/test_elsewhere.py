"""Parts behind addresses: fsspec's memory and local folders stand for object stores."""

from __future__ import annotations

import builtins
import importlib.util
import uuid
from threading import Event

import pytest
from split_tools import Light, alone, configuration, in_parts, stored

from humantrack import ConfigError, ResultsError, read_observations
from humantrack.cli.retrack import run
from humantrack.errors import CheckpointError, DependencyError, PartialSweepError
from humantrack.split.again import track_again
from humantrack.split.elsewhere import Elsewhere
from humantrack.split.files import SUFFIX
from humantrack.split.job import in_this_process, prepare

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(params=["memory", "file"])
def address(request, tmp_path):
    name = f"match-{uuid.uuid4().hex}"
    yield f"memory://{name}" if request.param == "memory" else f"file://{tmp_path / name}"
    fsspec.filesystem("memory").store.clear()


def names(address):
    files, root = fsspec.core.url_to_fs(address)
    return sorted(str(one).rsplit("/", 1)[-1] for one in files.glob(f"{root}/*"))


def only(*numbers):
    return lambda job, left, stop: in_this_process(job, [n for n in left if n in numbers], stop)


def test_machines_without_a_common_disk_share_parts(clip, boxes, tmp_path, address):
    """Each part is made in a folder of its own, and joined in a third."""
    given = ("split.parts=3", f"split.folder={address}")
    for number in (1, 3):
        with pytest.raises(PartialSweepError):
            in_parts(clip, tmp_path / str(number), boxes, *given, launch=only(number))
    assert names(address) == [f"part-000{n}{SUFFIX}" for n in (1, 3)]
    asked = []

    def launch(job, left, stop):
        asked.append(list(left))
        in_this_process(job, left, stop)

    done = in_parts(clip, tmp_path / "all", boxes, *given, launch=launch)
    assert asked == [[2]]
    assert stored(done) == stored(alone(clip, tmp_path / "one", boxes))
    assert names(address) == []  # as the folder beside the results is not kept either


def test_kept_observations_are_tracked_again_from_there(clip, boxes, tmp_path, address):
    kept = ("split.parts=2", "results.observations=true", f"split.folder={address}")
    done = in_parts(clip, tmp_path / "one", boxes, *kept)
    again = track_again([address], [f"video.output_dir={tmp_path / 'two'}"], Event(), kind=Light)
    assert stored(again) == stored(done)
    one = f"{address}/part-0001{SUFFIX}"
    two = f"{address}/part-0002{SUFFIX}"
    assert len(list(read_observations(one, two))) == len(list(read_observations(address)))
    with pytest.raises(ResultsError, match="1 of 2 parts are missing"):
        list(read_observations(one))


def test_a_part_cut_short_there_is_made_again(clip, boxes, tmp_path, address):
    given = ("split.parts=2", f"split.folder={address}")
    with pytest.raises(PartialSweepError):
        in_parts(clip, tmp_path / "one", boxes, *given, launch=only(1))
    files, root = fsspec.core.url_to_fs(address)
    place = f"{root}/part-0001{SUFFIX}"
    files.pipe_file(place, files.cat_file(place)[:-9])
    done = in_parts(clip, tmp_path / "two", boxes, *given)
    assert stored(done) == stored(alone(clip, tmp_path / "three", boxes))


def test_a_part_of_another_configuration_is_told(clip, boxes, tmp_path, address):
    given = ("split.parts=2", f"split.folder={address}")
    with pytest.raises(PartialSweepError):
        in_parts(clip, tmp_path / "one", boxes, *given, launch=only(1))
    other = configuration(clip, tmp_path / "two", boxes, *given, "phalp.small_w=60")
    with pytest.raises(CheckpointError, match="another configuration") as caught:
        prepare(other, Light).missing()
    assert str(caught.value.where) == f"{address}/part-0001{SUFFIX}"


def test_what_is_wrong_is_a_line(clip, boxes, tmp_path, capsys):
    for wrong, error, told in (
        ("parts", ConfigError, "beside the results"),
        ("nowhere://bucket/match", ConfigError, "nowhere"),
    ):
        cfg = configuration(clip, tmp_path, boxes, "split.parts=2", f"split.folder={wrong}")
        with pytest.raises(error, match=told):
            prepare(cfg, Light)
    empty = f"memory://{uuid.uuid4().hex}"
    assert run([empty], name="humantrack-merge") == ResultsError.exit_code
    assert run([f"{empty}/part-0001{SUFFIX}"], name="humantrack-retrack") == ResultsError.exit_code
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert f"no observations in this folder: {empty}" in said[0]


def test_a_missing_extra_is_named(monkeypatch):
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "fsspec" else known(name, *a)
    )
    with pytest.raises(DependencyError, match=r"s3:// needs fsspec.*humantrack\[remote\]"):
        Elsewhere("s3://bucket/match")


def test_a_missing_package_of_a_store_is_named(monkeypatch):
    load = builtins.__import__

    def without(name, *given, **more):
        if name.split(".")[0] in {"s3fs", "gcsfs"}:
            raise ImportError(name)
        return load(name, *given, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for scheme in ("s3", "gs"):
        with pytest.raises(DependencyError, match=rf"{scheme}:// .*humantrack\[remote\]"):
            Elsewhere(f"{scheme}://bucket/match")
