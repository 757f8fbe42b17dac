"""Routes about the service itself: limits, sessions, health, metrics, page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request, send_from_directory

from humantrack.service.jobs.overrides import defaults, offered
from humantrack.service.jobs.store import LostError
from humantrack.service.web.context import service
from humantrack.service.web.gate import COOKIE
from humantrack.service.web.problems import ProblemError, not_found, try_later
from humantrack.service.web.schemas import LimitsOut, SessionIn, StatusOut, answer
from humantrack.service.workers.scene import body_glb

about = APIBlueprint("about", __name__, tag="Service")
STATIC = Path(__file__).parents[1] / "static"
_COOKIE_S = 7 * 86400


@about.get("/api/limits")
@about.output(LimitsOut)
def get_limits() -> Any:
    """What may be uploaded and set."""
    it = service()
    return {
        "upload_bytes": it.settings.upload_bytes,
        "overrides": {
            name: {**o.public(), "default": defaults()[name]} for name, o in offered().items()
        },
        "token_required": it.tokens is not None,
    }


@about.get("/api/body.glb")
@about.doc(responses=answer("glTF", "model/gltf-binary"))
def get_body() -> Any:
    """The shipped body at rest, skinned to its 24 joints in SMPL's order."""
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(body_glb(), mimetype="model/gltf-binary", headers=headers)


@about.post("/api/session")
@about.input(SessionIn, location="json", arg_name="body")
@about.doc(responses={204: "A cookie is set"})
def begin_session(body: dict[str, Any]) -> Any:
    """Exchange a token for a cookie, for what cannot send headers: videos, downloads, events."""
    it = service()
    reply = Response(status=204)
    if it.tokens is None or it.sessions is None:
        return reply
    address = request.remote_addr or ""
    wait_s = it.guesses.wait_s(address)
    if wait_s:
        raise try_later("TooManyRequests", "too many wrong tokens", wait_s, status=429)
    name = it.tokens.owner(body["token"])
    if name is None:
        raise ProblemError(401, "TokenError", "this token is not known")
    reply.set_cookie(
        COOKIE,
        it.sessions.begin(name),
        max_age=_COOKIE_S,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )
    return reply


@about.delete("/api/session")
@about.doc(responses={204: "The cookie is gone"})
def end_session() -> Any:
    """Log out: the session ends here, and the cookie goes."""
    it, cookie = service(), request.cookies.get(COOKIE)
    if it.sessions is not None and cookie is not None:
        it.sessions.end(cookie)
    reply = Response(status=204)
    reply.delete_cookie(COOKIE, httponly=True, samesite="Strict")
    return reply


@about.get("/healthz")
@about.output(StatusOut)
def healthz() -> Any:
    """Whether this process answers."""
    return {"status": "ok"}


@about.get("/readyz")
@about.output(StatusOut)
def readyz() -> Any:
    """Whether it can do its work: database, disk, workers."""
    it = service()
    alive = it.workers_alive()
    checks = {
        "database": _works(it.store.counts),
        "disk": _works(it.data.free_bytes) and it.data.free_bytes() > it.settings.least_free_bytes,
        "workers": alive is None or alive > 0 or it.settings.workers == 0,
    }
    if not all(checks.values()):
        bad = ", ".join(name for name, good in checks.items() if not good)
        raise try_later("NotReady", f"not ready: {bad}", 5)
    return {"status": "ready", "checks": checks}


def _works(call: Any) -> bool:
    try:
        call()
    except (LostError, OSError):
        return False
    return True


@about.get("/metrics")
@about.doc(responses=answer("Prometheus text", "text/plain"))
def metrics() -> Any:
    """Counters and gauges for Prometheus."""
    it = service()
    lines = ["# TYPE humantrack_jobs gauge"]
    lines += [f'humantrack_jobs{{state="{s}"}} {n}' for s, n in it.store.counts().items()]
    lines += ["# TYPE humantrack_disk_free_bytes gauge"]
    lines += [f"humantrack_disk_free_bytes {it.data.free_bytes()}"]
    alive = it.workers_alive()
    if alive is not None:
        lines += ["# TYPE humantrack_workers gauge", f"humantrack_workers {alive}"]
    with it.counts.lock:
        requests, seconds = dict(it.counts.requests), dict(it.counts.seconds)
    lines += ["# TYPE humantrack_http_requests_total counter"]
    for (method, route, status), count in sorted(requests.items()):
        labels = f'method="{method}",route="{route}",status="{status}"'
        lines.append(f"humantrack_http_requests_total{{{labels}}} {count}")
    lines += ["# TYPE humantrack_http_seconds_total counter"]
    for route, total in sorted(seconds.items()):
        lines.append(f'humantrack_http_seconds_total{{route="{route}"}} {total:.6f}')
    return Response("\n".join(lines) + "\n", mimetype="text/plain; version=0.0.4")


@about.get("/")
@about.doc(hide=True)
def page() -> Any:
    """The page."""
    if not (STATIC / "index.html").is_file():
        raise not_found("page")
    return send_from_directory(STATIC, "index.html")
