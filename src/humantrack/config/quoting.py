"""Texts in Hydra's quotes, which it reads back as they are."""

from __future__ import annotations

import re

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf.errors import GrammarParseError
from omegaconf.grammar_parser import parse


def parsed(text: str) -> Override | None:
    """A command-line argument as Hydra reads it; None if it cannot."""
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        return None


def in_quotes(text: str) -> str:
    """A text as Hydra reads it back, whatever it holds; ``${...}`` in it still has its meaning."""
    return QuotedString(text, Quote.single).with_quotes()


def quoted(text: str) -> str:
    """A text as Hydra and OmegaConf read it back, whatever it holds."""
    return in_quotes(literal(text))


def literal(text: str) -> str:
    """A text in which ``${`` stands for itself to OmegaConf."""
    return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)


def from_literal(text: str) -> str:
    """The text that :func:`literal` was given."""
    return re.sub(r"(\\*)\$\{", lambda found: found[1][: len(found[1]) // 2] + "${", text)


def quoted_but_for_references(text: str) -> str:
    """As :func:`quoted`, but ``${key}`` keeps its meaning if OmegaConf can read the text."""
    if "${" not in text:
        return in_quotes(text)
    try:
        parse(text)
    except GrammarParseError:
        return quoted(text)
    return in_quotes(text)
