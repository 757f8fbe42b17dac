"""The official files as a new user gets them: fetched, imported, and run without a network."""

from __future__ import annotations

import dataclasses
import functools
import http.server
import socket
import threading

import numpy as np
import pytest
from official_files import TINY_DECODER, TINY_VIT, write_official_files
from weight_files import pack

from humantrack import HMR2_4dhuman, load_config, load_results
from humantrack.hmr2.decoder import DecoderSizes
from humantrack.hmr2.vit import VitSizes
from humantrack.session import choose_tracker
from humantrack.weights import catalog
from humantrack.weights.catalog import CATALOG, FILES, home_of, locate
from humantrack.weights.cli import main

RUN = "4DHumans/logs/train/multiruns/hmr2/0"
OFFICIAL = "hmr2_data.tar.gz"


class Tiny(HMR2_4dhuman):
    """HMR2_4dhuman with a network of the small goldens' sizes."""

    vit = VitSizes(**TINY_VIT)
    decoder = DecoderSizes(**TINY_DECODER)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, understands no ranges, and breaks the first answer for an archive off."""

    broken: list[str]

    def do_GET(self):
        if self.path.startswith("/forbidden"):
            self.send_error(403)
            return
        super().do_GET()

    def copyfile(self, source, outputfile):
        if self.path.endswith(OFFICIAL) and not self.broken:
            self.broken.append(self.path)
            outputfile.write(source.read(5000))
            return
        super().copyfile(source, outputfile)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """A folder, and the address it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = type("Bound", (_Handler,), {"broken": []})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def whole(tmp_path):
    """Every official file, with small networks."""
    root = tmp_path / "whole"
    write_official_files(root)
    return root


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    root = tmp_path / "cache"
    monkeypatch.setenv("HUMANTRACK_CACHE", str(root))
    monkeypatch.delenv("HUMANTRACK_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return root


def archive_of(whole, shape):
    """HMR2.0b's archive, its checkpoint (a zip file) last."""
    names = ("model_config.yaml", "checkpoints/epoch=35-step=1000000.ckpt")
    entries = {
        f"logs/train/multiruns/hmr2/0/{name}": (whole / RUN / name).read_bytes() for name in names
    }
    return pack(entries, shape)


@pytest.fixture
def run_offline(tmp_path, data, monkeypatch):
    """Runs a short clip with tracker=hmr2, every way to the network closed."""
    return functools.partial(_run_offline, tmp_path, data, monkeypatch)


def _run_offline(tmp_path, data, monkeypatch, *options):
    def refuse(*_, **__):
        pytest.fail("asked the network")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        cfg = load_config(
            f"video.source='{data / 'demo_small.mp4'}'",
            f"video.output_dir='{tmp_path / 'out'}'",
            *("tracker=hmr2", "phalp.detector=nanodet", "video.end_frame=3", "phalp.n_init=1"),
            *("render.enable=false", *options),
        )
        assert choose_tracker(cfg)[0] is HMR2_4dhuman
        done = Tiny(cfg).track(None)
    frames = list(load_results(done.results).values())
    assert len(frames) == 3
    assert any(frame["tid"] for frame in frames)
    return frames


@pytest.fixture
def serve_all(whole, server, monkeypatch):
    """Gives every file addresses of its own on this machine."""
    return functools.partial(_serve_all, whole, server, monkeypatch)


def _serve_all(whole, server, monkeypatch, shape):
    """Put every file under an address of its own; a dead and a forbidding one come first."""
    folder, address = server
    files = []
    for file in FILES:
        if file.url is None:
            files.append(file)
            continue
        there = home_of(file, whole)
        if file.name == OFFICIAL:
            (folder / file.name).write_bytes(archive_of(whole, shape))
        elif there.is_file():
            (folder / file.name).write_bytes(there.read_bytes())
        urls = (f"{address}/forbidden/{file.name}", f"{address}/{file.name}")
        dead = f"http://127.0.0.1:9/{file.name}"  # nobody listens at "discard"
        files.append(dataclasses.replace(file, url=dead, more_urls=urls))
    monkeypatch.setattr(catalog, "FILES", tuple(files))
    for file in files:
        monkeypatch.setitem(CATALOG, file.name, file)


@pytest.mark.parametrize("shape", ["tar", "gz"])
@pytest.mark.usefixtures("own_cache")
@pytest.mark.slow
def test_fetched_from_the_third_address_and_run(whole, serve_all, run_offline, capsys, shape):
    serve_all(shape)
    there = [f.name for f in catalog.FILES if home_of(f, whole).is_file()]
    names = [name for name in there if name != "SMPL_NEUTRAL.pkl"]
    assert main(["fetch", *names]) == 0, capsys.readouterr().err
    assert main(["import", str(home_of(CATALOG["SMPL_NEUTRAL.pkl"], whole))]) == 0
    for name in names:
        assert locate(name).read_bytes() == home_of(CATALOG[name], whole).read_bytes(), name
    run_offline()
    assert main(["fetch", "epoch=35-step=1000000.ckpt", "ava_labels.pkl"]) == 7
    said = capsys.readouterr().err
    for words in ("127.0.0.1:9/ava_labels.pkl: the server cannot be reached", "403", "404"):
        assert words in said


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
def test_carried_over_on_a_disk_and_run(whole, tmp_path, run_offline, capsys):
    """What a user has on a disk: archives, files by the names of their addresses, SMPL's own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    for file in FILES:
        path = home_of(file, whole)
        if path.is_file() and file.archive is None:
            (disk / (file.aliases[0] if file.aliases else file.name)).write_bytes(path.read_bytes())
    (disk / "hmr2_data (1).tar.gz").write_bytes(archive_of(whole, "tar"))
    wanted = [f.name for f in FILES if home_of(f, whole).is_file()]
    assert main(["fetch", "--from", str(disk), *wanted]) == 0, capsys.readouterr().err
    frames = run_offline()
    smpl = frames[-1]["smpl"][0]
    np.testing.assert_allclose(
        smpl["global_orient"] @ smpl["global_orient"].transpose(0, 2, 1),
        np.eye(3)[None],
        atol=1e-5,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
def test_hmr20a_by_name(whole, tmp_path, run_offline):
    """``hmr.checkpoint=hmr2a`` takes the other checkpoint; without it the tracker says so."""
    checkpoint = (whole / RUN / "checkpoints/epoch=35-step=1000000.ckpt").read_bytes()
    archive = tmp_path / "hmr2a_model.tar.gz"
    archive.write_bytes(pack({"a/epoch=9-step=35000.ckpt": checkpoint}, "tar"))
    assert main(["import", str(whole)]) == 0
    asked = load_config("video.source=x.mp4", "hmr.checkpoint=hmr2a")
    assert choose_tracker(asked)[0] is not HMR2_4dhuman
    assert main(["import", str(archive)]) == 0
    locate("epoch=35-step=1000000.ckpt").unlink()
    run_offline("hmr.checkpoint=hmr2a")
