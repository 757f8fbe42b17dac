"""The service's log: one JSON object a line, on standard error."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any

from humantrack.errors import printable
from humantrack.terminal import StandardError, as_file

_log = logging.getLogger("humantrack.service")


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": printable(record.getMessage()),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, ensure_ascii=True, default=str)


def set_up() -> None:
    """Send the log to what is standard error now, and other libraries' warnings too."""
    handler = logging.StreamHandler(as_file(StandardError(sys.stderr)))
    handler.setFormatter(_Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _log.setLevel(logging.INFO)


def say(event: str, **facts: Any) -> None:
    """Log that something happened. No token belongs into it."""
    _log.info(event, extra={"facts": facts})


def error(event: str, *, trace: bool = False, **facts: Any) -> None:
    """Log that something went wrong, with the current exception's traceback if asked for."""
    _log.error(event, exc_info=trace, extra={"facts": facts})
