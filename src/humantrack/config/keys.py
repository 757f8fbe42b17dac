"""One key of the configuration: how it is declared, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def key(
    default: Any,
    text: str,
    *,
    only: tuple[Any, ...] | None = None,
    path: bool = False,
    words: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with help; lists and dataclass types become factories.

    Args:
        default: its value if nobody sets it.
        text: a sentence of help.
        only: the values it can have; anything else is refused, with the help as the reason.
        path: names a file or folder, so that its value is taken as typed and ``~`` is a home.
        words: values of a path that name no file.
    """
    metadata = {"help": text, "only": only, "path": path, "words": words}
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class KeyInfo:
    """One key of the schema."""

    name: str
    """Dotted, as on the command line."""

    type: str
    default: Any
    help: str
    inert: bool
    """It changes nothing, and has only the values of ``only``."""

    path: bool
    """It names a file or folder."""

    words: tuple[str, ...] = ()
    """Values that do not."""

    only: tuple[Any, ...] | None = None
    """The values it can have; None for any."""

    @property
    def kind(self) -> str:
        """'path', 'time', 'text', 'int', 'float', 'bool' or 'list'."""
        plain = self.type.removesuffix(" | None")
        if self.path:
            return "path"
        if "|" in plain:
            return "time"
        return {"str": "text"}.get(plain, "list" if plain.startswith("list") else plain)

    @property
    def takes_null(self) -> bool:
        """True if null means "not set"."""
        return self.type.endswith("| None")

    @property
    def default_text(self) -> str:
        """The default as it is written on the command line."""
        if self.default is None:
            return "null"
        return str(self.default).lower() if isinstance(self.default, bool) else str(self.default)
