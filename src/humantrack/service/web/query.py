"""Query parameters: those that a route does not know are refused, as a typing error would hide."""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from humantrack.service.web.problems import ProblemError


def check_query(app: Flask) -> None:
    """Refuse what the route of the current request does not know, or knows once and gets twice.

    Raises:
        ProblemError: 422.
    """
    if not request.path.startswith(("/api/", "/healthz", "/readyz", "/metrics")):
        return
    view = app.view_functions.get(request.endpoint or "")
    if view is None:
        return
    known = _known(view)
    for name, values in request.args.lists():
        shown = "".join(c for c in name if c.isprintable())[:60]
        if name not in known:
            there = f"; known are {', '.join(sorted(known))}" if known else ""
            raise ProblemError(422, "ValidationError", f"unknown query parameter: {shown}{there}")
        if len(values) > 1:
            raise ProblemError(422, "ValidationError", f"query parameter given twice: {shown}")


def _known(view: Any) -> set[str]:
    """The names that the route's schemas for the query have."""
    inputs = getattr(view, "_spec", {}).get("args", ())
    return {name for schema, where, *_ in inputs if where == "query" for name in schema.fields}
