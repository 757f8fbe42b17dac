"""The user's own yaml files: read as typed, checked against the schema, faults told by line."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins import file_config_source as hydras
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from omegaconf import OmegaConf
from omegaconf._utils import get_yaml_loader
from omegaconf.errors import OmegaConfBaseException

from humantrack.config.keys import KeyInfo
from humantrack.config.load import broken_yaml, conf_dir, nearest, not_one_value
from humantrack.config.schema import Config
from humantrack.config.values import keys_by_name
from humantrack.errors import ConfigError
from humantrack.url import concealed

_TEXT, _NULL, _NUMBER, _INT = (f"tag:yaml.org,2002:{t}" for t in ("str", "null", "float", "int"))
_NOT_OURS = ("defaults", "hydra")
"""Keys of a file that are Hydra's."""


class FileConfigSource(hydras.FileConfigSource):
    """Hydra's reader of yaml files, for files that a user wrote.

    A name stays as typed where YAML would read a number, and a file without a defaults list
    begins from all the defaults. Hydra tells its readers apart by their class's name, and would
    refuse one of another name in a job's process.
    """

    primary: str = "config"
    """Name of the configuration that a run begins from."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider, path)
        self.primary = type(self).primary  # goes with this object into a job's process

    def load_config(self, config_path: str) -> ConfigResult:
        """A file's content.

        Raises:
            ConfigError: for a file that is not yaml, or holds an unknown key or a wrong value.
        """
        name = self._normalize_file_name(config_path)
        path = Path(self.path, name)
        if Path(self.path).resolve() == conf_dir().resolve():
            return super().load_config(config_path)
        if not path.exists():
            raise ConfigLoadError(f"Config not found : {path}")
        text = read_text(path)
        try:
            header = self._get_header_dict(text)
        except ValueError as error:
            raise ConfigError(str(error), where=f"{path}:1") from error
        settings = read_settings(text, path, _packages(config_path, header.get("package")))
        if name in (self.primary, f"{self.primary}.yaml"):
            settings = {"defaults": ["config", "_self_"], **settings}
        return ConfigResult(
            config=OmegaConf.create(settings),
            path=f"{self.scheme()}://{self.path}",
            provider=self.provider,
            header=header,
        )


def read_user_files(primary: str) -> None:
    """Let Hydra read the user's files through :class:`FileConfigSource` in this process.

    Args:
        primary: name of the configuration that the run begins from.
    """
    Plugins.instance()  # registers Hydra's own reader
    FileConfigSource.primary = primary
    SourcesRegistry.instance().types[FileConfigSource.scheme()] = FileConfigSource


def read_text(path: Path) -> str:
    """A yaml file's text.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        return concealed(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(
            "not a text in UTF-8", where=path, hint="save it again in UTF-8"
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=path) from error


def read_settings(text: str, path: Path, packages: Sequence[str] = ("",)) -> dict[Any, Any]:
    """What a yaml text sets, with its names as typed.

    Args:
        text: of the file.
        path: for messages.
        packages: sections that it may be meant for, the likeliest first; "" is the top.

    Raises:
        ConfigError: naming the file, the line and the nearest right key.
    """
    loader = None
    try:
        loader = get_yaml_loader()(text)
        root = loader.get_single_node()
        if root is None or root.tag == _NULL:
            return {}
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(
                "holds no settings", where=path, hint="write `section:` and under it `key: value`"
            )
        faults = [list(_faults(root, path, f"{p}." if p else "")) for p in packages]
        best = next((n for n, found in enumerate(faults) if not found), 0)
        if faults and faults[best]:
            raise faults[best][0]
        if packages:
            _keep_names(root, f"{packages[best]}." if packages[best] else "")
        settings: dict[Any, Any] = loader.construct_document(root)
        if packages and not packages[best]:  # a section with nothing under it sets nothing
            settings = {k: v for k, v in settings.items() if v is not None or k in keys_by_name()}
    except yaml.YAMLError as error:
        raise broken_yaml(error, path) from error
    except RecursionError as error:
        raise ConfigError("is nested too deeply", where=path) from error
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(settings.get("defaults", []), list):
        raise ConfigError("defaults is not a list", where=path, hint="write - config under it")
    return settings


@dataclass(frozen=True)
class _Entry:
    """One ``key: value`` of a file."""

    name: str
    """Dotted."""

    key: KeyInfo | None
    value: yaml.Node
    line: int


def _entries(node: yaml.MappingNode, prefix: str) -> Iterator[_Entry]:
    """All that a mapping sets, section by section; what is Hydra's is left out."""
    known = keys_by_name()
    for name_node, value in node.value:
        name = f"{prefix}{name_node.value}"
        if (not prefix and name in _NOT_OURS) or name_node.tag == "tag:yaml.org,2002:merge":
            continue
        is_section = any(k.startswith(f"{name}.") for k in known)
        if is_section and isinstance(value, yaml.MappingNode):
            yield from _entries(value, f"{name}.")
        elif not (is_section and value.tag == _NULL):
            key = None if "." in name_node.value else known.get(name)
            yield _Entry(name, key, value, name_node.start_mark.line + 1)


def _faults(node: yaml.MappingNode, path: Path, prefix: str) -> Iterator[ConfigError]:
    for entry in _entries(node, prefix):
        place = f"{path}:{entry.line}"
        if entry.key is None:
            section, _, leaf = entry.name.partition(".")
            if any(k.startswith(f"{entry.name}.") for k in keys_by_name()):
                yield not_one_value(entry.name, place)
                continue
            is_flat = entry.name in keys_by_name()
            hint = f"write {section}: and under it {leaf}:" if is_flat else nearest(entry.name)
            yield ConfigError(f"unknown key {entry.name}", where=place, hint=hint)
            continue
        problem = _problem(entry.key, entry.value)
        if problem is not None:
            yield ConfigError(f"{entry.name}: {problem}", where=place)


def _problem(key: KeyInfo, node: yaml.Node) -> str | None:
    """Why a key cannot have this value; None if it can."""
    loader = get_yaml_loader()("")
    try:
        value = loader.construct_object(_as_meant(key, node), deep=True)
    finally:
        loader.dispose()
    if isinstance(value, str) and "${" in value:
        return None
    try:
        OmegaConf.update(OmegaConf.structured(Config), key.name, value)
        if key.kind == "time":
            from humantrack.units import parse_time

            parse_time(value)
    except OmegaConfBaseException as error:
        return str(error).splitlines()[0]
    except ConfigError as error:
        return f"{error.what} ({error.hint})"
    return None


def _keep_names(node: yaml.MappingNode, prefix: str) -> None:
    """Change the mapping's values into what their keys take."""
    meant = {
        id(e.value): _as_meant(e.key, e.value) for e in _entries(node, prefix) if e.key is not None
    }
    _replace(node, meant)


def _replace(node: yaml.MappingNode, meant: dict[int, yaml.Node]) -> None:
    node.value = [(name, meant.get(id(value), value)) for name, value in node.value]
    for _, value in node.value:
        if isinstance(value, yaml.MappingNode):
            _replace(value, meant)


def _as_meant(key: KeyInfo, node: yaml.Node) -> yaml.Node:
    """A plain scalar as its key takes it: a number as text, ``None`` as null, 3.0 as 3."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return node
    text = node.value
    if key.takes_null and text.lower() in ("", "null", "none", "~"):
        is_name = key.path and text.lower() == "none" and Path(text).exists()
        return node if is_name else _scalar(_NULL, "null", node)
    if key.kind in ("path", "text") and node.tag != _NULL:
        return _scalar(_TEXT, text, node)
    if key.kind in ("int", "float", "time"):
        return _number(key.kind, node)
    return node


def _number(kind: str, node: yaml.ScalarNode) -> yaml.Node:
    """A number as the command line reads it: YAML takes 010 for eight, and 1:30 for ninety."""
    number = _finite(node.value)
    if number is None:
        is_text = kind == "time" or ":" in node.value
        return _scalar(_TEXT, node.value, node) if is_text else node
    if kind == "float":
        return _scalar(_NUMBER, repr(float(number)), node)
    if number % 1 == 0:
        return _scalar(_INT, str(int(number)), node)
    return _scalar(_NUMBER, repr(number), node)


def _finite(text: str) -> int | float | None:
    for read in (int, float):
        with contextlib.suppress(ValueError):
            number = read(text)
            return number if math.isfinite(number) else None
    return None


def _scalar(tag: str, text: str, node: yaml.ScalarNode) -> yaml.ScalarNode:
    return yaml.ScalarNode(tag, text, node.start_mark, node.end_mark)


def _packages(config_path: str, header: str | None) -> tuple[str, ...]:
    """The sections that a file may be meant for; none if only Hydra knows."""
    group = config_path.rpartition("/")[0].replace("/", ".")
    package = group if header is None else header
    package = {"_global_": "", "_group_": group}.get(package, package)
    sections = {name.rpartition(".")[0] for name in keys_by_name()}
    if package not in sections:
        return ()
    return (package, "") if package else ("",)
