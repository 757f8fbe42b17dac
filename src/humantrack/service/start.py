"""Puts a service together and runs it until it is told to end."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from threading import Event

from humantrack.atomic import cannot_write
from humantrack.service import logs
from humantrack.service.jobs.folders import DataFolder
from humantrack.service.jobs.store import Store
from humantrack.service.settings import Settings
from humantrack.service.web.admission import Line, Waits
from humantrack.service.web.auth import Rates, Sessions, Tokens
from humantrack.service.web.context import Pools, Service
from humantrack.service.web.events import Feed
from humantrack.service.workers.exports_pool import Pool
from humantrack.service.workers.subprocess_pool import Helpers
from humantrack.service.workers.supervisor import Supervisor
from humantrack.terminal import ending_signals

_GUESSES = 0.5
"""Wrong tokens a second from one address."""

_NICE, _MAKER_NICE = 7, 10
"""When workers want all of a processor, a sixth is left to the web, a tenth to exports."""

_PICTURE_BYTES = 2 * 10**9
_PROBE_CPU_S, _PROBE_S = 20.0, 30.0
"""What opening a clip may take, of a processor's time and of everybody's."""


def start(settings: Settings, role: str) -> None:
    """Run the web server, workers, or both, until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: if the tokens are invalid.
        OutputError: if the data folder or the database cannot be used.
    """
    logs.set_up()
    asks = settings.token_file is not None and role != "worker"
    tokens = Tokens(settings.token_file) if asks and settings.token_file else None
    data = DataFolder(settings.data)
    try:
        data.make()
        data.keep_reserve(settings.least_free_bytes)
        sessions = None if tokens is None else Sessions(data.secret, tokens)
    except OSError as error:
        raise cannot_write(settings.data, error) from error
    service = _service(settings, data, tokens, sessions)
    supervisor = Supervisor(settings, service.store)
    if role == "all":
        service.workers_alive = supervisor.alive
    try:
        if role == "worker":
            _wait(supervisor)
        else:
            _serve(service, supervisor)
    finally:
        logs.say("ending")
        supervisor.close()
        service.close()


def _service(
    settings: Settings,
    data: DataFolder,
    tokens: Tokens | None,
    sessions: Sessions | None,
) -> Service:
    stopping = Event()
    store = Store(settings.store_url, reserve=data.reserve)
    return Service(
        settings=settings,
        store=store,
        data=data,
        tokens=tokens,
        sessions=sessions,
        rates=Rates(settings.rate),
        guesses=Rates(_GUESSES),
        line=_line(settings, stopping),
        probes=Helpers(nice=_NICE, cpu_s=_PROBE_CPU_S, longest_s=_PROBE_S),
        waits=Waits(places=max(settings.threads // 4, 1)),
        pools=_pools(settings),
        feed=Feed(store, settings.threads // 2, stopping),
        stopping=stopping,
    )


def _pools(settings: Settings) -> Pools:
    """Of pictures, of what a page draws, and of exports: none waits for one of another sort."""

    def helpers() -> Helpers:
        return Helpers(
            nice=_MAKER_NICE,
            longest_s=settings.export_s,
            memory_bytes=settings.export_bytes,
        )

    def picturing() -> Helpers:
        return Helpers(
            nice=_MAKER_NICE, cpu_s=_PROBE_CPU_S, longest_s=_PROBE_S, memory_bytes=_PICTURE_BYTES
        )

    size, alone = settings.exports, settings.token_file is None
    share = size if alone else max(size - 1, 1)
    return Pools(
        previews=Pool(size=1, share=1, most_waiting=1000, helpers=picturing),
        scenes=Pool(size=size, share=share, helpers=helpers),
        exports=Pool(size=size, share=share, helpers=helpers),
    )


def _line(settings: Settings, stopping: Event) -> Line:
    """Jobs in it hold three of eight threads at most; event streams hold four."""
    places = 3 * settings.threads // 8
    return Line(
        places=places,
        share=places if settings.token_file is None else (places + 1) // 2,
        rate=settings.submit_rate if settings.workers else 0,
        open_=stopping,
    )


def _wait(supervisor: Supervisor) -> None:
    over = Event()
    for number in ending_signals():
        signal.signal(number, lambda number, frame: over.set())
    supervisor.start()
    logs.say("working")
    while not over.wait(1.0):  # so that signals are handled on every system
        pass


def _serve(service: Service, supervisor: Supervisor) -> None:
    from humantrack.service.web.app import create_app
    from humantrack.service.web.server import serve

    settings = service.settings
    supervisor.prepare()
    if settings.workers > 0:
        _step_back()

    def ready(port: int) -> None:
        supervisor.start()
        service.probes.warm_up()
        logs.say("serving", url=f"http://{settings.host}:{port}/")

    with suppress(SystemExit):
        serve(
            create_app(service),
            settings,
            service.gate(),
            ready=ready,
            ending=service.stopping.set,
        )
    service.stopping.set()


def _step_back() -> None:
    """Lower the priority below that of workers. Threads started later inherit it.

    Only Linux has priorities of threads; elsewhere the workers would get this one too.
    """
    if sys.platform == "linux":
        os.nice(_NICE)
