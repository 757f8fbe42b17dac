"""Words for clients: without paths of this machine."""

from __future__ import annotations

import re

_POSIX = re.compile(r"(?<![\w.:/~-])~?/(?!api/)(?:[^\s/'\",;:()]+/)+([^\s/'\",;:()]*)")
_WINDOWS = re.compile(r"(?<!\w)(?:[A-Za-z]:)?\\(?:[^\s\\'\",;:()]+\\)+([^\s\\'\",;:()]*)")


def without_paths(text: str, *known: tuple[str, str]) -> str:
    """The text with the last part alone of each absolute path.

    Args:
        text: a line for people.
        known: paths that it may hold, also such with spaces, and what to say instead.
    """
    for path, said in known:
        # The source of an upload is named by one word, which is a word of people too.
        text = text.replace(path, said) if set(path) & set("/\\") else text
    return _WINDOWS.sub(r"\1", _POSIX.sub(r"\1", text))
