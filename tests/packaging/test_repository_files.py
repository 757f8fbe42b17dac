"""Files beside the source: README, citation, workflow, hooks, documentation site."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RAW = "https://raw.githubusercontent.com/humantrack/humantrack/main/"
REPOSITORY = "https://github.com/humantrack/humantrack"


def pyproject() -> dict[str, Any]:
    if sys.version_info < (3, 11):
        pytest.skip("tomllib came with Python 3.11")
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def test_the_readmes_pictures_show_everywhere_and_are_there() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert len(pictures) >= 4
    for url in pictures:
        assert url.startswith(RAW), url
        assert (ROOT / url.removeprefix(RAW)).is_file(), url


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md"]
)
def test_links_to_files_lead_to_files(name: str) -> None:
    page = ROOT / name
    for link in links(page):
        target = link.partition("#")[0]
        inside = target.removeprefix(RAW).removeprefix(f"{REPOSITORY}/blob/main/")
        if inside != target:
            assert (ROOT / inside).exists(), link
        elif target and not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), link


def test_the_workflow_tests_what_the_package_promises() -> None:
    project = pyproject()["project"]
    versions = {
        found[1]
        for line in project["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
    }
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert set(matrix["python-version"]) == versions
    assert {os.partition("-")[0] for os in matrix["os"]} == {"ubuntu", "macos", "windows"}
    commands = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    for script in ("scripts/lint", "scripts/test"):
        assert f"python {script}" in commands and (ROOT / script).is_file()


def test_the_hooks_use_the_versions_of_the_lint_extra() -> None:
    lint = pyproject()["project"]["optional-dependencies"]["lint"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]
    needed = [name for hook in hooks["hooks"] for name in hook.get("additional_dependencies", [])]
    assert needed and set(needed) <= set(lint)


def test_the_citation_names_us_and_what_we_build_upon() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = pyproject()["project"]
    assert citation["title"] == project["name"] and citation["license"] == project["license"]
    assert citation["repository-code"] == project["urls"]["Homepage"] == REPOSITORY
    titles = " ".join(reference["title"] for reference in citation["references"])
    for work in ("Humans in 4D", "3D Appearance, Location and Pose", "BlazePose", "NanoDet"):
        assert work in titles


def test_every_page_is_in_the_sites_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = set(re.findall(r": (\S+\.md)$", text, re.MULTILINE))
    docs = ROOT / "docs"
    assert named == {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}


@pytest.fixture
def site_links() -> Any:
    pytest.importorskip("mkdocs")
    path = ROOT / "scripts" / "lib" / "site_links.py"
    spec = importlib.util.spec_from_file_location("site_links", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_out_of_the_docs_lead_to_the_repository(site_links: Any) -> None:
    file = SimpleNamespace(abs_src_path=str(ROOT / "docs/reference/x.md"), src_uri="x.md")
    page = SimpleNamespace(file=file)
    config = {"docs_dir": str(ROOT / "docs"), "repo_url": REPOSITORY}

    def rendered(text: str) -> str:
        return str(site_links.on_page_markdown(text, page, config))

    assert rendered("[a](../../README.md#use)") == f"[a]({REPOSITORY}/blob/main/README.md#use)"
    assert rendered("[a](../../deploy)") == f"[a]({REPOSITORY}/tree/main/deploy)"
    for left in ("[a](../export.md#x)", "[a](export.md)", "[a](https://x.example/../y)", "../x"):
        assert rendered(left) == left
    for broken in ("[a](../../nothing.md)", "[a](../../../etc/passwd)"):
        with pytest.raises(Exception, match="broken link"):
            rendered(broken)
