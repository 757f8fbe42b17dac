"""Settings of the service, checked when built."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from humantrack.access import LOOPBACK
from humantrack.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that web and worker processes are told.

    Raises:
        ConfigError: for an invalid value, or a service open to all without tokens.
    """

    data: Path
    """Folder of databases, uploads and results."""

    store: str | None = None
    """SQLAlchemy URL of the job records; None: SQLite in the data folder."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    """Worker processes on this machine."""

    proxy: str | None = None
    """Address of the reverse proxy whose X-Forwarded-For, -Proto and -Host are believed."""

    token_file: Path | None = None
    folders: tuple[Path, ...] = ()
    """Folders whose files may be named as a job's source."""

    hosts: tuple[str, ...] = ()
    """Hosts, or host:port, from which clips may be fetched by address."""

    live_sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Addresses, with whatever passwords, of cameras and streams that may be recorded, by name."""

    live_s: float = 3600.0
    """The longest recording."""

    live_reconnect_s: float = 60.0
    """How long a live source that is lost is tried again."""

    live_bytes: int = 5 * 10**9
    """A recording whose files have become so large is ended."""

    upload_bytes: int = 10 * 10**9
    least_free_bytes: int = 10**9
    """Free disk that an upload may not use up, and below which no job is begun."""

    keep_s: float | None = None
    """Results older than this are removed."""

    max_disk_bytes: int | None = None
    """Of all finished jobs together; the oldest go first."""

    max_queued: int = 100
    """Unfinished jobs of one token."""

    rate: float = 50.0
    """Requests a second of one token, on average; 0 = no limit."""

    submit_rate: float = 0.0
    """New jobs a second that are taken where workers share the machine; 0 = no limit."""

    max_running: int = 0
    """Jobs of one token that run at once; 0 = no limit."""

    exports: int = 2
    """Exports made at once; as many time lines beside them."""

    export_s: float = 1800.0
    """What takes longer to make is given up."""

    export_bytes: int = 4 * 10**9
    """Memory that making one may take."""

    max_attempts: int = 3
    lease_s: float = 15.0
    """A worker that is silent for so long is taken for dead."""

    threads: int = 64
    """Requests answered at once; half of them may be event streams."""

    timeout_s: float = 30.0
    """A client that is silent for so long, or needs longer for its headers, is let go."""

    def __post_init__(self) -> None:
        least: tuple[tuple[str, float, float], ...] = (
            *(("workers", self.workers, 0), ("upload-limit", self.upload_bytes, 1)),
            *(("max-queued", self.max_queued, 1), ("rate", self.rate, 0)),
            *(("submit-rate", self.submit_rate, 0), ("max-running", self.max_running, 0)),
            *(("exports", self.exports, 1), ("export-time", self.export_s, 1)),
            ("export-memory", self.export_bytes, 10**8),
            *(("max-attempts", self.max_attempts, 1), ("lease", self.lease_s, 1)),
            *(("live-duration", self.live_s, 1), ("live-disk", self.live_bytes, 10**6)),
            ("live-reconnect", self.live_reconnect_s, 0),
            *(("threads", self.threads, 4), ("timeout", self.timeout_s, 1)),
        )
        for name, value, bound in least:
            if not value >= bound:  # nor NaN
                raise ConfigError(f"must be at least {bound:g}", where=f"--{name} {value:g}")
        if not 0 <= self.port < 2**16:
            raise ConfigError("no such port", where=f"--port {self.port}")
        if self.proxy is not None:
            self._check_proxy(self.proxy)
        if self.token_file is None and self.host not in LOOPBACK:
            raise ConfigError(
                "only this machine may reach a service without tokens",
                where=f"--host {self.host}",
                hint="add --token-file FILE (humantrack-serve token NAME writes one)",
            )

    def _check_proxy(self, text: str) -> None:
        where = f"--trusted-proxy {text}"
        try:
            object.__setattr__(self, "proxy", str(ipaddress.ip_address(text)))
        except ValueError as error:
            raise ConfigError("is not an IP address", where=where) from error
        if self.token_file is None:  # a page in a browser here could claim to be asked by any name
            hint = "add --token-file FILE"
            raise ConfigError("a proxy needs tokens behind it", where=where, hint=hint)

    @property
    def store_url(self) -> str:
        """The URL of the job records."""
        if self.store is None:
            return f"sqlite:///{self.data.resolve() / 'jobs.db'}"
        kind, separator, rest = self.store.partition("://")
        return f"postgresql+psycopg{separator}{rest}" if kind == "postgresql" else self.store
