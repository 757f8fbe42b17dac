"""Pages of video sites. No site is asked here: a module that stands for yt-dlp answers."""

from __future__ import annotations

import shutil
import sys
import types

import pytest

from humantrack import load_config
from humantrack.config.options import run_options
from humantrack.errors import UnreadableSourceError
from humantrack.url import Url
from humantrack.video import LinkOptions
from humantrack.video.links import pages, resolve

PAGE = "https://www.youtube.com/watch?v=xEH_5T9jMVU"


class Loader:
    """As much of ``yt_dlp.YoutubeDL`` as is used."""

    clip = None
    problem: str | None = None
    asked: list[str] = []  # noqa: RUF012

    def __init__(self, options):
        self._folder = options["paths"]["home"]
        assert options["outtmpl"]["default"].endswith("%(ext)s")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def extract_info(self, address, download):
        self.asked.append(address)
        if self.problem:
            raise sys.modules["yt_dlp"].utils.YoutubeDLError(self.problem)
        path = f"{self._folder}/xEH_5T9jMVU.mp4"
        shutil.copy(self.clip, path)
        return {"id": "xEH_5T9jMVU", "requested_downloads": [{"filepath": path}]}

    def prepare_filename(self, found):
        return f"{self._folder}/{found['id']}.mp4"


@pytest.fixture
def site(monkeypatch, clip):
    module = types.ModuleType("yt_dlp")
    module.YoutubeDL = type("YoutubeDL", (Loader,), {"clip": clip, "asked": []})
    module.utils = types.SimpleNamespace(YoutubeDLError=type("YoutubeDLError", (Exception,), {}))
    monkeypatch.setitem(sys.modules, "yt_dlp", module)
    monkeypatch.setattr(pages, "missing", lambda *names: [])
    return module.YoutubeDL


@pytest.mark.parametrize(
    "argument", [f'video.source="{PAGE}"', f"video.source='{PAGE}'", f"video.source={PAGE}"]
)
def test_the_usual_command_line_means_the_page(site, tmp_path, clip, argument):
    options = run_options(load_config(argument, f"video.output_dir={tmp_path}"))
    assert options.source.path == PAGE
    path = resolve(Url.of(options.source.path), options.source.links)
    assert path.read_bytes() == clip.read_bytes()
    assert path.name == "xEH_5T9jMVU.mp4"
    assert path.is_relative_to(tmp_path / "_LINKS")
    assert site.asked == [PAGE]


def test_what_yt_dlp_says_is_one_line(site, tmp_path):
    site.problem = "\x1b[0;31mERROR:\x1b[0m [youtube] http://a:geheim@h/: not a bot\nmore"
    with pytest.raises(UnreadableSourceError) as failed:
        resolve(Url.of(PAGE), LinkOptions(folder=tmp_path))
    line = str(failed.value)
    assert "not a bot" in line
    assert "JavaScript runtime" in line
    assert "\n" not in line
    assert "\x1b" not in line
    assert "geheim" not in line
