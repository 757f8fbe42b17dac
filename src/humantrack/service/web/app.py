"""The web application: who may ask what, and how errors are told."""

from __future__ import annotations

import time
from typing import Any, cast

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Flask, Response, current_app, g, json, request
from werkzeug.exceptions import HTTPException

from humantrack._version import __version__
from humantrack.access import LOOPBACK, host_name, is_of_another_site
from humantrack.errors import HumantrackError
from humantrack.service import logs
from humantrack.service.jobs.store import LostError
from humantrack.service.web import links
from humantrack.service.web.auth import LOCAL
from humantrack.service.web.context import Service, attach, service
from humantrack.service.web.gate import COOKIE, token_needed
from humantrack.service.web.links import is_link
from humantrack.service.web.making import StillMakingError, still_making
from humantrack.service.web.openapi import add_docs, complete_spec
from humantrack.service.web.problems import MEDIA_TYPE, ProblemError, document, of_error, try_later
from humantrack.service.web.query import check_query
from humantrack.service.web.routes_about import about
from humantrack.service.web.routes_change import changes
from humantrack.service.web.routes_charts import charts
from humantrack.service.web.routes_clip import clips
from humantrack.service.web.routes_files import files
from humantrack.service.web.routes_jobs import jobs
from humantrack.service.web.routes_live import live
from humantrack.service.web.routes_zip import zips
from humantrack.service.web.uploads import ServiceRequest

_OPEN = {
    *("about.healthz", "about.readyz", "about.page", "about.get_limits", "about.get_body"),
    *("about.begin_session", "about.end_session", "static", "docs", "openapi.spec"),
}
"""Routes that need no token."""

_FORM_BYTES = 2**20
_BODY_BYTES = 2**20
"""Of a request that is not an upload."""

_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class _App(APIFlask):
    request_class = ServiceRequest


def create_app(it: Service) -> APIFlask:
    """The WSGI application of a service."""
    app = _App(
        "humantrack.service",
        title="humantrack",
        version=__version__,
        docs_path=None,
        static_folder="static",
        static_url_path="/static",
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = it.settings.upload_bytes + _FORM_BYTES
    app.config["AUTO_200_RESPONSE"] = False
    app.config["VALIDATION_ERROR_STATUS_CODE"] = 422
    attach(app, it)
    for blueprint in (jobs, live, changes, files, clips, charts, zips, about):
        app.register_blueprint(blueprint)
    add_docs(app)
    app.spec_processor(cast("Any", complete_spec))
    app.before_request(_admit)
    app.after_request(_finish)
    app.teardown_request(_clean_up)
    _handle_errors(app)
    return app


# -- every request --------------------------------------------------------------------------------


def _admit() -> None:
    """Say who asks, and refuse who may not."""
    g.begun_s, g.owner = time.perf_counter(), None
    it = service()
    _check_origin(it)
    length = request.content_length or 0
    if request.mimetype != "multipart/form-data" and length > _BODY_BYTES:
        raise ProblemError(413, "TooLargeError", "the body is too large")
    if it.tokens is None:
        g.owner = LOCAL
    else:
        g.owner = _owner(it)
        if g.owner is None and request.endpoint is not None and not _is_open():
            raise token_needed()
    wait_s = it.rates.wait_s(g.owner or f"address {request.remote_addr}")
    if wait_s and request.endpoint not in ("about.healthz", "about.readyz"):
        raise try_later("TooManyRequests", "too many requests", wait_s, status=429)
    check_query(current_app)


def _is_open() -> bool:
    """Whether the route needs no token, or comes with a link instead."""
    by_link = request.endpoint in links.OPEN and is_link(
        (request.view_args or {}).get("job_id", "")
    )
    return request.endpoint in _OPEN or by_link


def _owner(it: Service) -> str | None:
    """The name of whose token or session comes with the request."""
    tokens, sessions = it.tokens, it.sessions
    assert tokens is not None and sessions is not None  # noqa: S101 - set together
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        address = request.remote_addr or ""
        found = tokens.owner(token.strip())
        wait_s = 0.0 if found is not None else it.guesses.wait_s(address)
        if wait_s:
            raise try_later("TooManyRequests", "too many wrong tokens", wait_s, status=429)
        return found
    cookie = request.cookies.get(COOKIE)
    return None if cookie is None else sessions.owner(cookie)


def _check_origin(it: Service) -> None:
    """Other sites' pages may not act for who is logged in, nor reach a service on loopback."""
    host = host_name(request.host)
    if it.tokens is None and host not in LOOPBACK:
        raise ProblemError(403, "HostError", "without tokens, only localhost may be asked")
    if request.method in _SAFE:
        return
    asked = request.headers
    if is_of_another_site(asked.get("Origin"), asked.get("Sec-Fetch-Site"), request.host):
        raise ProblemError(403, "OriginError", "requests of other sites are refused")


def _finish(answer: Response) -> Response:
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    if request.path.startswith("/api/"):
        answer.headers.setdefault("Cache-Control", "no-store")
    seconds = time.perf_counter() - g.get("begun_s", time.perf_counter())
    route = request.url_rule.rule if request.url_rule else "none"
    it = service()
    it.counts.add(request.method, route, answer.status_code, seconds)
    if request.endpoint not in ("about.healthz", "about.readyz", "static"):
        logs.say(
            "request",
            method=request.method,
            path=request.path[:200],
            status=answer.status_code,
            ms=round(1000 * seconds, 1),
            owner=g.get("owner"),
        )
    return answer


def _clean_up(error: BaseException | None) -> None:
    drop = getattr(request, "drop_incoming", None)
    if drop is not None:
        drop()


# -- errors ---------------------------------------------------------------------------------------


def _handle_errors(app: Flask) -> None:
    app.register_error_handler(ProblemError, _told)
    app.register_error_handler(StillMakingError, still_making)
    app.register_error_handler(HumantrackError, lambda error: _told(of_error(error)))
    app.register_error_handler(LostError, _database_lost)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(HTTPError, _api_error)
    app.register_error_handler(Exception, _internal)


def _told(problem: ProblemError) -> Response:
    return _answer(problem.status, problem.code, problem.detail, problem.headers)


def _answer(
    status: int, code: str, detail: str | None, headers: dict[str, str] | None = None
) -> Response:
    body = json.dumps(document(status, code, detail or code, request.path))
    return Response(body, status=status, mimetype=MEDIA_TYPE, headers=headers)


def _database_lost(error: Exception) -> Response:
    logs.error("the database is away", error=str(error).splitlines()[0][:200])
    return _told(try_later("DatabaseLostError", "the database is away for a moment", 2))


def _http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return cast("Response", error.response)
    status = error.code or 500
    about = str(error.description or error.name)
    code = "".join(word.capitalize() for word in error.name.replace("-", " ").split())
    kept = {k: v for k, v in error.get_headers() if k in ("Allow", "Content-Range", "Location")}
    if status < 400:
        return cast("Response", error.get_response())
    return _answer(status, code, about, kept)


def _api_error(error: HTTPError) -> Response:
    detail = error.message
    found = error.detail if isinstance(error.detail, dict) else {}
    told = [f"{name}: {_first(why)}" for part in found.values() for name, why in _items(part)]
    if told:
        detail = f"{detail} ({'; '.join(told)[:300]})"
    code = "ValidationError" if error.status_code == 422 else "BadRequest"
    return _answer(error.status_code, code, detail)


def _items(part: Any) -> list[tuple[str, Any]]:
    return list(part.items()) if isinstance(part, dict) else [("", part)]


def _first(why: Any) -> str:
    while isinstance(why, list | tuple) and why:
        why = why[0]
    return str(why)


def _internal(error: Exception) -> Response:
    logs.error("internal error", trace=True, path=request.path[:200])
    return _answer(500, "InternalError", "an error of the service itself; its log says more")
