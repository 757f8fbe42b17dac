"""Archives as they are out there: named gz and none, with zip files inside, cut short, repacked."""

import io
import itertools
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from weight_files import CONFIG, SHAPES, WEIGHTS, checkpoint_bytes, official_entries, pack

from humantrack.errors import WeightsError
from humantrack.weights import archives
from humantrack.weights.catalog import CATALOG, find, locate
from humantrack.weights.cli import main

ORDERS = list(itertools.permutations(official_entries()))


@pytest.mark.parametrize("order", ORDERS, ids=lambda names: names[-1].rsplit(".", 1)[-1])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_in_every_order_under_the_official_name(cache, tmp_path, shape, order):
    """A checkpoint is a zip file; lying last in a plain tar it makes all of it look like one."""
    entries = official_entries()
    archive = tmp_path / "hmr2_data.tar.gz"
    archive.write_bytes(pack({name: entries[name] for name in order}, shape))
    assert main(["import", str(archive)]) == 0
    assert (cache / "4DHumans" / WEIGHTS).read_bytes() == checkpoint_bytes()
    assert (cache / "4DHumans" / CONFIG).read_bytes() == entries[CONFIG]
    assert (cache / "4DHumans/data/notes.txt").read_bytes() == b"more"
    assert not list(cache.rglob(".unpack-*"))


def test_a_plain_tar_with_a_zip_member_last_looks_like_a_zip_file(tmp_path):
    """What makes the case above a trap."""
    archive = tmp_path / "hmr2_data.tar.gz"
    archive.write_bytes(pack({CONFIG: b"MODEL: {}", WEIGHTS: checkpoint_bytes()}, "tar"))
    assert zipfile.is_zipfile(archive)
    assert archives.kind_of(archive) == "tar"


@pytest.mark.parametrize("name", ["hmr2_data.tar", "hmr2_data (1).tar.gz", "HMR2_data.zip"])
@pytest.mark.parametrize("shape", ["tar", "gz", "zip"])
def test_names_that_browsers_and_people_give(cache, tmp_path, name, shape):
    archive = tmp_path / name
    archive.write_bytes(pack(official_entries(), shape))
    assert main(["import", str(archive)]) == 0
    assert locate("hmr2.ckpt").read_bytes() == checkpoint_bytes()


@pytest.mark.parametrize("top", ["./", "hmr2_data/", "some/folder/4DHumans/"])
def test_a_tree_that_begins_elsewhere(cache, tmp_path, top):
    archive = tmp_path / "hmr2_data.tar.gz"
    entries = {top + name: content for name, content in official_entries().items()}
    archive.write_bytes(pack(entries, "tar"))
    assert main(["import", str(archive)]) == 0
    assert locate("hmr2.ckpt").read_bytes() == checkpoint_bytes()
    assert locate("model_config.yaml").read_bytes() == official_entries()[CONFIG]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.8, 0.97])
def test_cut_short(cache, tmp_path, capsys, shape, share):
    data = pack(official_entries(), shape)
    archive = tmp_path / "hmr2_data.tar.gz"
    whole = len(data.rstrip(b"\0")) if shape == "tar" else len(data)  # a tar ends in zeros
    archive.write_bytes(data[: int(whole * share)])
    assert main(["import", str(archive)]) == 6
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(archive) in said
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_cut_short_between_two_members(cache, tmp_path):
    """The members before are whole, and tarfile takes the end of the file for that of the tar."""
    entries = official_entries()
    with tarfile.open(fileobj=io.BytesIO(pack(entries, "tar"))) as tar:
        starts = [member.offset for member in tar]
    archive = tmp_path / "hmr2_data.tar.gz"
    data = pack(entries, "tar")
    for start in (*starts[1:], starts[1] + 100, len(data.rstrip(b"\0")) // 512 * 512 + 512):
        archive.write_bytes(data[:start])
        with pytest.raises(WeightsError, match="end of data"):
            archives.unpack(archive, tmp_path / "in")
        assert main(["import", str(archive)]) == 6
        assert find(CATALOG["epoch=35-step=1000000.ckpt"]) is None


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(SHAPES), st.data())
def test_damage_gives_an_error_or_the_very_same_files(tmp_path_factory, shape, data):
    """One changed byte: what is unpacked is what was packed, or nothing is."""
    entries = {"a/one.txt": b"one" * 200, "two.bin": bytes(range(256)) * 3}
    content = bytearray(pack(entries, shape))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    folder = tmp_path_factory.mktemp("damage")
    (folder / "x.tar").write_bytes(content)
    try:
        paths = archives.unpack(folder / "x.tar", folder / "in")
    except WeightsError:
        assert not [p for p in (folder / "in").rglob("*") if p.is_file()]
    else:
        assert len(paths) == len({p.name for p in paths}) <= 2
        if shape not in ("tar",):  # a plain tar has no checksum of its content
            assert {p.read_bytes() for p in paths} <= set(entries.values())


def test_what_macos_adds_is_left_out(tmp_path):
    entries = {"._a.npy": b"x", "a.npy": b"1", "__MACOSX/a.npy": b"y", "d/._b": b"z"}
    for shape in ("tar", "zip"):
        (tmp_path / "x").write_bytes(pack(entries, shape))
        assert archives.unpack(tmp_path / "x", tmp_path / shape) == [tmp_path / shape / "a.npy"]


def test_a_second_name_of_a_member_is_a_file_too(tmp_path):
    second = tarfile.TarInfo("again.npy")
    second.type, second.linkname = tarfile.LNKTYPE, "a.npy"
    away = tarfile.TarInfo("away.npy")
    away.type, away.linkname = tarfile.LNKTYPE, "../../etc/hostname"
    (tmp_path / "x").write_bytes(pack({"a.npy": b"1", "again.npy": second}, "tar"))
    archives.unpack(tmp_path / "x", tmp_path / "in")
    assert (tmp_path / "in/again.npy").read_bytes() == b"1"
    (tmp_path / "x").write_bytes(pack({"a.npy": b"1", "away.npy": away}, "tar"))
    with pytest.raises(WeightsError, match="cannot unpack"):
        archives.unpack(tmp_path / "x", tmp_path / "out")


def test_links_in_zip_files_are_left_out(tmp_path, caplog):
    link = zipfile.ZipInfo("link.npy")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x", "w") as packed:
        packed.writestr(link, "/etc/hostname")
        packed.writestr("a.npy", b"1")
    assert archives.unpack(tmp_path / "x", tmp_path / "in") == [tmp_path / "in/a.npy"]
    assert "link.npy" in caplog.text


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(600), "7z"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(600), "rar"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "zstd"),
        (b"<!DOCTYPE html>" + b" " * 600, "neither a tar nor a zip"),
        (bytes(10240), "neither a tar nor a zip"),
    ],
)
def test_other_files_are_named(cache, tmp_path, capsys, head, says):
    archive = tmp_path / "hmr2_data.tar.gz"
    archive.write_bytes(head)
    assert main(["import", str(archive)]) == 6
    assert says in capsys.readouterr().err
