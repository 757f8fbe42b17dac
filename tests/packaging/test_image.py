"""The files of deploy/: the image's steps in a plain folder, the compose file, the systemd unit."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from humantrack.service.cli import _parser

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SECRET = b"a-secret-that-no-layer-may-hold"
PLANTED = (
    *(".git/config", ".env", "deploy/.env", "src/.env", "tokens.txt", "deploy/tokens.txt"),
    *("postgres.txt", "humantrack-data/jobs.db", "src/humantrack/__pycache__/x.pyc"),
    *("id_rsa", "tests/secret.txt", ".venv/pip.conf", "outputs/x.mp4"),
)

if os.name != "posix":
    pytest.skip("the image is of Linux", allow_module_level=True)


@dataclass
class Stage:
    """What a Dockerfile says from one FROM to the next."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> Any:
        return json.loads([text for step, text in self.steps if step == word][-1])


def stages() -> list[Stage]:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found: list[Stage] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append(Stage(rest.partition(" AS ")[2] or "final"))
        else:
            found[-1].steps.append((word, rest.strip()))
    return found


def is_left_out(path: PurePosixPath, rules: list[str]) -> bool:
    """Whether .dockerignore keeps a file from the builder: the last rule that matches counts."""
    left_out = False
    for rule in rules:
        pattern = rule.removeprefix("!").strip("/")
        names = [path, *path.parents][:-1]
        tails = [pattern.removeprefix("**/")] if pattern.startswith("**/") else []
        hit = any(
            (
                (len(name.parts) == len(PurePosixPath(pattern).parts))
                and fnmatch.fnmatchcase(str(name), pattern)
            )
            or any(fnmatch.fnmatchcase(name.name, tail) for tail in tails)
            for name in names
        )
        if hit:
            left_out = not rule.startswith("!")
    return left_out


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout as people have it, with secrets in it."""
    folder = tmp_path_factory.mktemp("context")
    for name in ("src", "conf", "LICENSES", "docs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, copy_function=os.link, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder / name)
    for name in PLANTED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(SECRET)
    return folder


def sent(context: Path) -> list[PurePosixPath]:
    """What of it goes to the builder."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    every = (p.relative_to(context) for p in context.rglob("*") if p.is_file())
    return [p for p in map(PurePosixPath, every) if not is_left_out(p, rules)]


def shims(folder: Path) -> Path:
    """Programs of the image that would need its root or the network."""
    folder.mkdir()
    programs = {
        "pip": f'exec {shlex.quote(sys.executable)} -m pip --disable-pip-version-check "$@"',
        "useradd": f'echo "$@" >> {shlex.quote(str(folder / "users"))}',
        "install": 'for last in "$@"; do :; done; mkdir -p "$last" && chmod 700 "$last"',
    }
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


@dataclass
class Image:
    """What the steps have made."""

    folders: dict[str, Path]
    stage: Stage
    environment: dict[str, str]
    users: str

    def command(self, *words: str) -> list[str]:
        """What ``docker run IMAGE WORDS`` runs."""
        program, *more = self.stage.last("ENTRYPOINT")
        words = words or tuple(self.stage.last("CMD"))
        return [str(self.folders["final"] / "site" / "bin" / program), *more, *words]


@pytest.fixture(scope="module")
def image(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The Dockerfile's steps, each stage in a folder of its own in place of /."""
    base = tmp_path_factory.mktemp("image")
    folders: dict[str, Path] = {}
    path = f"{shims(base / 'bin')}{os.pathsep}{os.environ['PATH']}"
    for stage in stages():
        root = folders[stage.name] = base / stage.name
        root.mkdir()
        pip = {"NO_BUILD_ISOLATION": "false", "NO_DEPS": "1", "NO_INDEX": "1"}
        values = {f"PIP_{name}": value for name, value in pip.items()}
        environment = {**os.environ, **values, "PIP_TARGET": str(root / "site"), "PATH": path}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)  # has the builder's packages
        for word, text in stage.steps:
            if word == "ARG":
                name, _, value = text.partition("=")
                environment.setdefault(name, value)
            elif word == "COPY":
                copied(text, context, folders, root)
            elif word == "RUN":
                if "pip wheel" in text:
                    environment.pop("PIP_TARGET")
                line = re.sub(r"(?<![\w.])/(src|wheels|data)\b", rf"{root}/\1", text)
                done = subprocess.run(
                    ["sh", "-ec", line],
                    env=environment,
                    capture_output=True,
                    text=True,
                    cwd=root,
                    check=False,
                )
                assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    final = folders["final"]
    pairs = [p for word, text in stage.steps if word == "ENV" for p in shlex.split(text)]
    named = dict(pair.split("=", 1) for pair in pairs)
    environment = {name: v for name, v in os.environ.items() if not name.startswith("HUMANTRACK")}
    environment |= {name: v.replace("/data", f"{final}/data") for name, v in named.items()}
    environment["PYTHONPATH"] = str(final / "site")
    return Image(folders, stage, environment, (base / "bin" / "users").read_text())


def copied(text: str, context: Path, folders: dict[str, Path], root: Path) -> None:
    *options, source, target = shlex.split(text)
    place = root / target.strip("/")
    if options:
        (option,) = options
        shutil.copytree(folders[option.removeprefix("--from=")] / source.strip("/"), place)
        return
    assert source == "."
    for name in sent(context):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(context / name, place / name)


def test_only_what_the_wheel_needs_is_sent(context: Path) -> None:
    names = {str(path) for path in sent(context)}
    assert "src/humantrack/__init__.py" in names and "pyproject.toml" in names
    assert names.isdisjoint(PLANTED)
    assert {name.partition("/")[0] for name in names} == {
        *("src", "conf", "LICENSES", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
    }


def test_no_layer_holds_a_secret_or_the_source(image: Image) -> None:
    every = [p for folder in image.folders.values() for p in folder.rglob("*") if p.is_file()]
    assert len(every) > 100
    for path in every:
        small = path.stat().st_size < 2**20
        assert path.name != ".env" and not (small and SECRET in path.read_bytes()), path
    final = {p.name for p in image.folders["final"].iterdir()}
    assert final == {"wheels", "site", "data"}
    assert not any(".git" in p.parts for p in every)


def test_its_user_owns_the_data_and_is_not_root(image: Image) -> None:
    user = next(text for word, text in image.stage.steps if word == "USER")
    assert user in image.users.split() and "--uid 1000" in image.users
    install = next(text for word, text in image.stage.steps if "install -d" in text)
    assert f"-o {user} -g {user} -m 700 /data" in install
    assert (image.folders["final"] / "data").stat().st_mode & 0o777 == 0o700


def test_a_token_is_made_and_the_service_starts_with_it(image: Image, tmp_path: Path) -> None:
    made = ran(image.command("token", "anna"), image.environment)
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    file = Path(image.environment["HUMANTRACK_TOKEN_FILE"])
    assert file.is_relative_to(image.folders["final"] / "data")
    assert token not in file.read_text() and file.stat().st_mode & 0o777 == 0o600
    log = tmp_path / "log.txt"
    words = [*image.stage.last("CMD"), "--port", "0", "--role", "web"]
    with log.open("w") as out:
        process = subprocess.Popen(
            image.command(*words), env=image.environment, stderr=out, cwd=tmp_path
        )
    try:
        port = port_of(process, log)
        assert asked(port, "/healthz", None) == (200, {"status": "ok"})
        assert asked(port, "/api/jobs", None)[0] == 401
        assert asked(port, "/api/jobs", token)[1]["total"] == 0
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert (image.folders["final"] / "data" / "jobs.db").is_file()
    assert list(tmp_path.iterdir()) == [log]


def test_without_a_token_it_says_what_to_do(image: Image, tmp_path: Path) -> None:
    environment = {**image.environment, "HUMANTRACK_TOKEN_FILE": str(tmp_path / "none.txt")}
    run = ran(image.command(), environment)
    assert run.returncode == 2 and "Traceback" not in run.stderr
    assert "humantrack-serve token NAME" in run.stderr


def ran(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r'"url": "http://[^"]*:(\d+)/"', log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def asked(port: int, path: str, token: str | None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


# -- compose and systemd --------------------------------------------------------------------------


@pytest.fixture
def compose() -> Iterator[dict[str, Any]]:
    yield yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def test_the_compose_file_is_as_its_schema_wants() -> None:
    pytest.importorskip("check_jsonschema")
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*check, str(DEPLOY / "compose.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_services_start_with_options_that_there_are(compose: dict[str, Any]) -> None:
    for name in ("web", "worker"):
        service = compose["services"][name]
        options = _parser().parse_args(shlex.split(service["command"]))
        assert options.role == name and options.database and options.queue is None
        assert "PASSWORD" not in service["command"]  # everybody may read a command line
        assert service["volumes"] == ["data:/data"] and service["image"] == "humantrack"
        assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        for needed, how in service["depends_on"].items():
            assert how == {"condition": "service_healthy"}
            assert compose["services"][needed]["healthcheck"]["test"]
    assert set(compose["volumes"]) >= {"data"}


def test_its_tokens_are_where_the_images_user_may_read_them(compose: dict[str, Any]) -> None:
    environment = next(text for word, text in stages()[-1].steps if word == "ENV")
    named = dict(pair.split("=", 1) for pair in shlex.split(environment))
    assert PurePosixPath(named["HUMANTRACK_TOKEN_FILE"]).parent == PurePosixPath("/data")
    assert "secrets" not in compose and "secrets" not in compose["services"]["web"]
    assert "/data" in [text for word, text in stages()[-1].steps if word == "VOLUME"]


def test_the_unit_says_what_makes_its_program_and_is_valid(tmp_path: Path) -> None:
    text = (DEPLOY / "humantrack.service").read_text("utf-8")
    command = shlex.split(re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)[0])
    home = PurePosixPath(command[0]).parents[1]
    assert f"python3 -m venv {home}\n" in text and f"{home}/bin/pip install" in text
    options = _parser().parse_args(command[1:])
    assert options.data == Path("/var/lib/humantrack") and "StateDirectory=humantrack\n" in text
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "humantrack.service"
    unit.write_text(text.replace(command[0], "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "humantrack.service" in line]
    assert done.returncode == 0 and said == []
