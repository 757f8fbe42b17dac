"""A hook of mkdocs: links from a page to files outside docs/ lead to the repository.

Such a link to a file that is not there fails the build, as any other broken link does.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

_LINK = re.compile(r"(\]\()((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """The page's text, with links that leave docs/ made absolute.

    Raises:
        PluginError: if a link's file is not there.
    """
    folder = Path(page.file.abs_src_path).parent
    docs = Path(config["docs_dir"]).resolve()
    root = docs.parent

    def absolute(match: re.Match[str]) -> str:
        target = (folder / match[2]).resolve()
        if target.is_relative_to(docs):
            return match[0]
        if not target.is_relative_to(root) or not target.exists():
            raise PluginError(f"{page.file.src_uri}: broken link to {match[2]}")
        kind = "tree" if target.is_dir() else "blob"
        path = target.relative_to(root).as_posix()
        return f"{match[1]}{config['repo_url']}/{kind}/main/{path}{match[3] or ''})"

    return _LINK.sub(absolute, markdown)
