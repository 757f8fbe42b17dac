"""Values for keys of the configuration as a Python program gives them: never quoted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from os import PathLike, fspath
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from humantrack.config.schema import all_keys
from humantrack.errors import ConfigError
from humantrack.url import concealed


def set_values(
    cfg: Any,
    values: Mapping[str, Any],
    *,
    nearest: Callable[[str], str],
    explain: Callable[[Exception], ConfigError],
) -> None:
    """Set keys, given by dotted names or as dictionaries of a section.

    Args:
        cfg: changed in place.
        values: e.g. ``{"video.source": Path("a.mp4"), "phalp": {"n_init": 3}}``. A path is taken as
            its text; a text is taken as it is, except that ``${`` has no meaning in it.
        nearest: unknown name -> a hint.
        explain: an error of OmegaConf's -> one of ours.

    Raises:
        ConfigError: for an unknown key or a value of the wrong type.
    """
    known = [k.name for k in all_keys()]
    for name, value in _flat(values, known):
        if name not in known:
            raise ConfigError("unknown key", where=name, hint=nearest(name))
        try:
            OmegaConf.update(cfg, name, _plain(value))
        except OmegaConfBaseException as error:
            raise explain(error) from error


def _flat(
    values: Mapping[str, Any], known: list[str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        full = f"{prefix}{name}"
        if isinstance(value, Mapping) and full not in known:
            yield from _flat(value, known, f"{full}.")
        else:
            yield full, value


def _plain(value: Any) -> Any:
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, tuple):
        value = list(value)
    return concealed(value).replace("${", r"\${") if isinstance(value, str) else value
