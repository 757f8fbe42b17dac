"""Sources that are no paths: addresses, and cameras."""

from __future__ import annotations

from pathlib import Path

from humantrack.url import Url, is_camera
from humantrack.video.links import LinkOptions, resolve
from humantrack.video.live import LiveOptions, LiveReader, find_camera
from humantrack.video.live.connect import to
from humantrack.video.streams import StreamChoice


def find_elsewhere(
    source: str,
    links: LinkOptions,
    live: LiveOptions,
    streams: StreamChoice,
    *,
    name: str | None,
    phalp_keys: bool,
) -> Path | LiveReader:
    """The file behind an address, fetched; or what reads a camera or an endless stream.

    Raises:
        SourceError, DependencyError, OutputError, ConfigError: as ``links.resolve`` and
            ``LiveReader`` do.
    """
    if is_camera(source):
        camera = find_camera(source)
        connect = to(camera, streams, links.policy)
        name = name or f"camera-{camera.number}"
        return LiveReader(camera, connect, live, name=name, phalp_keys=phalp_keys)
    url = Url.of(source)
    found = resolve(url, links)
    if found is not None:
        return found
    name = name or url.name.removesuffix(".m3u8")
    return LiveReader(url, to(url, streams, links.policy), live, name=name, phalp_keys=phalp_keys)
