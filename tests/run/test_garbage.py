"""While a run lasts garbage is looked for among what it makes; afterwards everywhere again."""

from __future__ import annotations

import gc
import weakref

import pytest

from humantrack.memory import collecting_new_only


@pytest.fixture(autouse=True)
def only_when_asked():
    """No search of Python's own, and nothing left out of it as tests/conftest.py does."""
    gc.disable()
    gc.unfreeze()
    yield
    gc.freeze()
    gc.enable()


class Loop:
    """Only the collector can free it."""

    def __init__(self):
        self.me = self


def test_what_is_made_inside_is_collected_and_what_was_there_only_afterwards():
    old = weakref.ref(Loop())
    with collecting_new_only():
        new = weakref.ref(Loop())
        gc.collect()
        assert new() is None
        assert old() is not None
    gc.collect()
    assert old() is None


def test_a_block_inside_another_and_an_error_leave_nothing_behind():
    with pytest.raises(ZeroDivisionError), collecting_new_only():
        with collecting_new_only():
            pass
        assert gc.get_freeze_count() > 0
        raise ZeroDivisionError
    assert gc.get_freeze_count() == 0
