"""The configuration: built from the schema, checked, and its errors put into words."""

from __future__ import annotations

import contextlib
import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.version import VersionBase
from omegaconf.errors import OmegaConfBaseException

from humantrack.config.schema import Config, all_keys
from humantrack.config.values import set_values
from humantrack.errors import ConfigError

SCHEMA_NAME = "humantrack_schema"
VERSION_BASE = "1.2"


def conf_dir() -> Path:
    """The folder of Hydra's yaml files: inside a wheel, or beside ``src`` in a checkout."""
    inside = Path(__file__).parents[1] / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "conf"


def register_schema() -> None:
    """Make the schema known to Hydra. Calling it twice does no harm."""
    ConfigStore.instance().store(name=SCHEMA_NAME, node=Config)


def prefer_own_launchers() -> None:
    """Let the files of conf/hydra/launcher stand for the plugins' configs of the same names.

    Hydra would take both and warn of it in every process.
    """
    Plugins.instance()  # imports the plugins, which register their configs
    launchers = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
    for path in (conf_dir() / "hydra" / "launcher").glob("*.yaml"):
        launchers.pop(path.name, None)


def load_config(*overrides: str | Mapping[str, Any]) -> Any:
    """The configuration as the command line would build it, for use from Python.

    It is always our own, also inside another program's ``@hydra.main``, whose Hydra is left as it
    was.

    Args:
        overrides: as on the command line, e.g. ``"video.source=clip.mp4"``, or dictionaries whose
            values are taken as they are, e.g. ``{"video.source": Path("a, b [1].mp4")}``.

    Returns:
        An OmegaConf ``DictConfig`` of the schema ``Config``.

    Raises:
        ConfigError: for an unknown key or a value of the wrong type.
    """
    texts = [text for text in overrides if isinstance(text, str)]
    check_overrides(texts)
    register_schema()
    try:
        with _own_hydra(), initialize_config_dir(str(conf_dir()), version_base=VERSION_BASE):
            cfg = compose("config", overrides=texts)
    except (HydraException, OmegaConfBaseException) as error:
        raise from_hydra(error) from error
    for values in overrides:
        if not isinstance(values, str):
            set_values(cfg, values, nearest=_nearest, explain=from_hydra)
    return cfg


@contextlib.contextmanager
def _own_hydra() -> Iterator[None]:
    """Put the Hydra of the program around us aside, and back afterwards."""
    hydra, base = GlobalHydra.instance(), VersionBase.instance()
    outer, version = hydra.hydra, base.version_base
    hydra.hydra = None
    try:
        yield
    finally:
        hydra.hydra = outer
        base.version_base = version


def check_overrides(overrides: list[str]) -> None:
    """Refuse a mistyped key before Hydra does, naming the nearest right one.

    Raises:
        ConfigError: for a key that does not exist, or an override Hydra cannot read.
    """
    known = [k.name for k in all_keys()]
    groups = {p.name for p in conf_dir().iterdir() if p.is_dir()}
    for text in overrides:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException as error:
            raise ConfigError(
                "cannot read this argument", where=text, hint=_quoting_hint(text)
            ) from error
        name = override.key_or_group
        if override.is_add() or override.is_delete() or name.split(".")[0] == "hydra":
            continue
        if name in known or name in groups or name.split("/")[0] == "hydra":
            continue
        raise ConfigError("unknown key", where=name, hint=_nearest(name, known))


def is_readable(text: str) -> bool:
    """True if Hydra can read this command-line argument."""
    try:
        OverridesParser.create().parse_override(text)
    except HydraException:
        return False
    return True


def in_quotes(text: str) -> str:
    """A text as Hydra reads it back, whatever it holds; ``${...}`` in it still has its meaning."""
    return QuotedString(text, Quote.single).with_quotes()


def quoted(text: str) -> str:
    """A text as Hydra and OmegaConf read it back, whatever it holds."""
    return in_quotes(re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text))


def _quoting_hint(text: str) -> str:
    name, equals, value = text.partition("=")
    if not equals:
        return f"write key=value, e.g. {shlex.quote(f'video.source={text}')}"
    return f"put special characters in two sorts of quotes: '{name}=\"{value}\"'"


def _nearest(name: str, known: list[str]) -> str:
    leaf = name.rsplit(".", 1)[-1]
    same_leaf = [k for k in known if k.rsplit(".", 1)[-1] == leaf]
    sections = {k.rsplit(".", 1)[0] for k in known if "." in k}
    close = same_leaf or get_close_matches(name, [*known, *sections], n=3, cutoff=0.5)
    if not close:
        leaves = {k.rsplit(".", 1)[-1]: k for k in known}
        close = [leaves[m] for m in get_close_matches(leaf, leaves, n=3, cutoff=0.6)]
    if close:
        return "did you mean " + " or ".join(close[:3]) + "?"
    return "all keys are in docs/configuration.md and `humantrack --cfg job`"


def from_hydra(error: Exception) -> ConfigError:
    """Hydra's and OmegaConf's errors as one of ours, in one line."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    where = next((ln.split(":", 1)[1].strip() for ln in lines if ln.startswith("full_key:")), None)
    options = _options(lines)
    return ConfigError(
        lines[0] if lines else type(error).__name__,
        where=where,
        hint=f"there are {', '.join(options)}"
        if options
        else "see docs/configuration.md for what each key takes",
    )


def _options(lines: list[str]) -> list[str]:
    """The choices that Hydra lists when a config group has none of the name given."""
    start = next((i for i, ln in enumerate(lines) if ln.startswith("Available options")), None)
    if start is None:
        return []
    return list(itertools.takewhile(lambda ln: " " not in ln, lines[start + 1 :]))
