"""Files and functions that have grown too long, and configurations where plain arguments belong.

usage: python scripts/lib/sizes.py
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60

FOLDERS = ("src", "scripts", "tests", "examples")
FOLDERS_OF_SHORT_FUNCTIONS = ("src", "scripts")
CODE = "src/humantrack"

DOOR = (
    *("cli/", "config/", "trackers/"),
    *("api.py", "phalp.py", "session.py"),
    *("service/jobs/overrides.py", "service/workers/runner.py"),
    *("upstream/adapter.py", "split/job.py", "split/again.py"),
)
"""Where a configuration may be a parameter; genuine classes are told of it by the adapter."""

CONFIGS = {"Config", "DictConfig"}


def main() -> int:
    """Print a line for each thing that is too long or in the wrong place."""
    found = [line for path in _python_files() for line in _complaints(path)]
    print("\n".join(found) if found else "no file, function or parameter is out of bounds")
    return bool(found)


def _python_files() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if not path.is_file() or {"data", "fakes", "__pycache__"} & set(path.parts):
                continue
            if path.suffix == ".py" or (folder == "scripts" and _is_python(path)):
                yield path


def _is_python(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == "" and b"python" in file.readline()


def _complaints(path: Path) -> Iterator[str]:
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text("utf-8")
    if (lines := len(text.splitlines())) > MOST_LINES:
        yield f"{name}: {lines} lines, more than {MOST_LINES}"
    for node in ast.walk(ast.parse(text, name)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        place = f"{name}:{node.lineno}: {node.name}"
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if name.startswith(FOLDERS_OF_SHORT_FUNCTIONS) and lines > MOST_LINES_OF_A_FUNCTION:
            yield f"{place} has {lines} lines, more than {MOST_LINES_OF_A_FUNCTION}"
        if name.startswith(f"{CODE}/") and not name[len(CODE) + 1 :].startswith(DOOR):
            for argument in _arguments(node):
                if _is_config(argument):
                    yield f"{place} takes a configuration ({argument.arg}); give it plain arguments"


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    every = node.args
    extra = [a for a in (every.vararg, every.kwarg) if a is not None]
    return [*every.posonlyargs, *every.args, *every.kwonlyargs, *extra]


def _is_config(argument: ast.arg) -> bool:
    if argument.arg == "cfg":
        return True
    noted = argument.annotation
    names = ast.walk(noted) if noted is not None else ()
    return any(
        (isinstance(n, ast.Name) and n.id in CONFIGS)
        or (isinstance(n, ast.Attribute) and n.attr in CONFIGS)
        for n in names
    )


if __name__ == "__main__":
    sys.exit(main())
