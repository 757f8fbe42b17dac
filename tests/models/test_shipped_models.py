"""The shipped models are the documented ones, and their notices travel with them."""

import hashlib
import re
from pathlib import Path

import pytest

from humantrack import models

REPOSITORY = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|", re.MULTILINE)
DOCUMENTED = dict(ROW.findall((models.FOLDER / "LICENSES.md").read_text(encoding="utf-8")))


def test_the_documentation_lists_exactly_what_is_shipped() -> None:
    shipped = {path.name for path in models.FOLDER.iterdir() if path.suffix in (".onnx", ".npz")}
    assert shipped == set(DOCUMENTED)
    assert models.SHA256 == DOCUMENTED


@pytest.mark.parametrize("name", models.SHA256)
def test_a_model_has_its_documented_checksum(name: str) -> None:
    content = (models.FOLDER / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == DOCUMENTED[name]


@pytest.mark.parametrize("name", models.SHA256)
def test_the_notice_says_where_a_model_comes_from_and_what_was_changed(name: str) -> None:
    notice = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
    (section,) = [part for part in notice.split("-" * 98) if part.strip().startswith(name)]
    assert "Copyright" in section
    assert "Changed by" in section
    texts = re.findall(r"LICENSES/[\w.-]+\.txt", section)
    assert texts
    for text in texts:
        assert (REPOSITORY / text).stat().st_size > 1000
