"""The configuration: built from the schema, checked, and its errors put into words."""

from __future__ import annotations

import contextlib
import itertools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.version import VersionBase
from omegaconf.errors import OmegaConfBaseException

from humantrack.config.keywords import set_values
from humantrack.config.paths import register_resolver
from humantrack.config.schema import Config
from humantrack.config.values import as_meant, keys_by_name
from humantrack.errors import ConfigError, HumantrackError
from humantrack.url import concealed

SCHEMA_NAME = "humantrack_schema"
VERSION_BASE = "1.2"


def conf_dir() -> Path:
    """The folder of Hydra's yaml files: inside a wheel, or beside ``src`` in a checkout."""
    inside = Path(__file__).parents[1] / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "conf"


def register_schema() -> None:
    """Make the schema known to Hydra. Calling it twice does no harm."""
    register_resolver()
    store = ConfigStore.instance()
    if f"{SCHEMA_NAME}.yaml" not in store.repo:  # a fifth of the time of composing
        store.store(name=SCHEMA_NAME, node=Config)


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
        overrides: as on the command line, e.g. ``"video.source=clip.mp4"``, where a path is taken
            as it is, whatever it holds; or dictionaries whose values are taken as they are, e.g.
            ``{"video.source": Path("a, b [1].mp4")}``.

    Returns:
        An OmegaConf ``DictConfig`` of the schema ``Config``.

    Raises:
        ConfigError: for an unknown key or a value of the wrong type.
    """
    texts = [as_meant(concealed(text)) for text in overrides if isinstance(text, str)]
    check_overrides(texts)
    register_schema()
    try:
        with _own_hydra(), initialize_config_dir(str(conf_dir()), version_base=VERSION_BASE):
            cfg = compose("config", overrides=texts)
    except (HydraException, OmegaConfBaseException) as error:
        raise from_hydra(error) from error
    for values in overrides:
        if not isinstance(values, str):
            set_values(cfg, values, nearest=nearest, explain=from_hydra)
    return cfg


@contextlib.contextmanager
def _own_hydra() -> Iterator[None]:
    """Put the Hydra of the program around us aside, and back afterwards."""
    hydra, base = GlobalHydra.instance(), VersionBase.instance()
    outer, version = hydra.hydra, base.version_base
    hydra.hydra = None
    repo = ConfigStore.instance().repo
    # 4D-Humans' track.py, for one, stores a configuration of the name of ours.
    names: list[str] = ["config.yaml", "config"]
    foreign = {name: repo.pop(name) for name in names if name in repo}
    try:
        yield
    finally:
        repo.update(foreign)
        for held in (hydra, GlobalHydra.instance()):  # composing leaves a copy in its place
            held.hydra = outer
        base.version_base = version


def check_overrides(overrides: list[str], folders: Sequence[Path] = ()) -> None:
    """Refuse a mistyped key before Hydra does, naming the nearest right one.

    Args:
        overrides: as Hydra gets them.
        folders: of the user's own configs, which may hold groups of their own.

    Raises:
        ConfigError: for a key that does not exist, or an override Hydra cannot read.
    """
    groups = {p.name for folder in (conf_dir(), *folders) for p in _folders_in(folder)}
    for text in overrides:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException as error:
            raise ConfigError(
                "cannot read this argument", where=text, hint=_quoting_hint(text)
            ) from error
        name = override.key_or_group
        is_hydras = re.split(r"[./]", name)[0] == "hydra" or "/" in name
        if not is_hydras and name not in groups and override.package is None:
            _check_key(override, name)


def _check_key(override: Override, name: str) -> None:
    known = keys_by_name()
    is_section = any(k.startswith(f"{name}.") for k in known)
    section, dot, _ = name.partition(".")
    if override.is_add() and dot and not any(k.startswith(f"{section}.") for k in known):
        return  # +mine.key=3, for a class of the user's
    if name not in known and not (is_section and override.is_delete()):
        if is_section:
            raise not_one_value(name)
        raise ConfigError("unknown key", where=name or override.input_line, hint=nearest(name))
    if override.is_delete():
        default = f" for its default, {known[name].default}" if name in known else ""
        hint = f"leave it out{default.replace('None', 'null')}"
        raise ConfigError("a key cannot be taken away", where=f"~{name}", hint=hint)
    if override.is_add() and not override.is_force_add():
        text = override.input_line or f"+{name}"
        raise ConfigError("this key is there already", where=text, hint="leave out the +")


def _folders_in(folder: Path) -> list[Path]:
    try:
        return [p for p in folder.iterdir() if p.is_dir()]
    except OSError:
        return []


def _quoting_hint(text: str) -> str:
    name, equals, value = text.partition("=")
    if not equals and text in keys_by_name():
        return f"give it a value: {text}=..."
    if not equals:
        return f"write key=value, e.g. {shlex.quote(f'video.source={text}')}"
    return f"put special characters in two sorts of quotes: '{name}=\"{value}\"'"


def nearest(name: str, section: str = "") -> str:
    """A hint for a key that is none, from the keys of a section or of the whole schema."""
    known = [k for k in keys_by_name() if k.startswith(section)]
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


def not_one_value(section: str, where: object = None) -> ConfigError:
    """What there is to say of a section that is given a value as if it were a key."""
    keys = [k for k in keys_by_name() if k.startswith(f"{section}.")]
    hint = f"its keys are {', '.join(keys[:3])}" + (" and others" if len(keys) > 3 else "")
    what = "this is a section and takes no value"
    if where is None:
        return ConfigError(what, where=section, hint=hint)
    return ConfigError(f"{section}: {what}", where=where, hint=hint)


def broken_yaml(error: yaml.YAMLError, path: Path | None = None) -> ConfigError:
    """A parser's error, with the file and the line."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    name = path or getattr(mark, "name", None)
    place = f"{name}:{mark.line + 1}" if mark is not None else name
    what = getattr(error, "problem", None) or str(error)
    return ConfigError(f"broken yaml ({what})", where=place)


def from_hydra(error: Exception) -> ConfigError:
    """Hydra's and OmegaConf's errors as one of ours, in one line."""
    cause: BaseException = error
    while cause.__cause__ is not None and not isinstance(cause, HumantrackError):
        cause = cause.__cause__
    if isinstance(cause, ConfigError):
        return cause
    if isinstance(cause, yaml.YAMLError):
        return broken_yaml(cause)
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith("raised while composing config:"):
        del lines[0]
    where = next((ln.split(":", 1)[1].strip() for ln in lines if ln.startswith("full_key:")), None)
    what = lines[0] if lines else type(error).__name__
    options = _options(lines)
    hint = "see docs/configuration.md for what each key takes"
    if options:
        hint = f"there are {', '.join(options)}"
        clip = re.search(r"Could not find 'video/(.+)'", what)
        if clip:
            hint += f"; a video is named by video.source={clip[1]}"
    return ConfigError(what, where=where, hint=hint)


def _options(lines: list[str]) -> list[str]:
    """The choices that Hydra lists when a config group has none of the name given."""
    start = next((i for i, ln in enumerate(lines) if ln.startswith("Available options")), None)
    if start is None:
        return []
    return list(itertools.takewhile(lambda ln: " " not in ln, lines[start + 1 :]))
