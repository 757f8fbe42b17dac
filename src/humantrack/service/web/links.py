"""Read-only links to a job: a secret that stands for the job's id in every route that reads."""

from __future__ import annotations

import secrets

_PREFIX = "link-"
_BYTES = 24

OPEN = {
    *("jobs.show_job", "files.list_files", "files.get_file", "files.show_making"),
    *("files.get_preview", "files.get_timeline", "files.get_frames"),
    *("clips.get_original", "clips.get_clip", "charts.get_chart", "charts.get_table"),
    "zips.get_zip",
}
"""Routes that take a link in place of an id, and then need no token."""


def new_link() -> str:
    """One that nobody can guess."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def is_link(id: str) -> bool:
    """Whether it stands for an id."""
    return id.startswith(_PREFIX)
