"""Claims: one holder at a time, and those of the dead are taken over."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from threading import Barrier, Event, Thread

import pytest

from humantrack.claims import Claim, HeldError, is_held, is_lost


def claimed_by(path, *, host, pid, age_s=0.0):
    path.write_text(json.dumps({"token": "theirs", "host": host, "pid": pid}))
    then = path.stat().st_mtime - age_s
    os.utime(path, (then, then))


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_claim_keeps_others_out_until_it_is_let_go(tmp_path):
    path = tmp_path / "deep" / ".claim"
    with Claim(path, lost_after_s=60):
        assert is_held(path, 60)
        with pytest.raises(HeldError), Claim(path, lost_after_s=60):
            pass
    assert list(path.parent.iterdir()) == []
    with Claim(path, lost_after_s=60):
        pass


@pytest.fixture
def busy_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("again", range(40))
def test_of_many_who_want_it_at_once_one_gets_it(again, tmp_path, busy_threads):
    path, gate, done = tmp_path / ".claim", Barrier(8), Event()
    claimed_by(path, host="elsewhere", pid=1, age_s=1000)  # lost, so that all try to take it over
    got = []

    def want():
        gate.wait()
        try:
            with Claim(path, lost_after_s=60):
                got.append(True)
                done.wait(60)
        except HeldError:
            got.append(False)

    threads = [Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while len(got) < 8 and time.monotonic() < deadline:
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]
    assert list(tmp_path.iterdir()) == []


def test_a_right_to_take_over_that_was_never_used_is_forgotten_when_it_is_old(tmp_path):
    path = tmp_path / ".claim"
    claimed_by(path, host="elsewhere", pid=1, age_s=1000)
    right = path.with_name(".claim.after." + hashlib.sha256(b"'theirs'").hexdigest()[:16])
    right.touch()  # its holder died before it claimed
    with pytest.raises(HeldError), Claim(path, lost_after_s=60):
        pass
    os.utime(right, (1, 1))
    with pytest.raises(HeldError), Claim(path, lost_after_s=60):
        pass
    with Claim(path, lost_after_s=60):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="only POSIX tells of processes that are gone")
def test_a_claim_of_a_process_that_is_gone_is_taken_over_at_once(tmp_path):
    path = tmp_path / ".claim"
    claimed_by(path, host=socket.gethostname(), pid=dead_pid())
    assert is_lost(path, 1e9)
    with Claim(path, lost_after_s=1e9):
        assert json.loads(path.read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(("age_s", "lost"), [(50, False), (70, True)])
def test_a_claim_of_another_machine_is_lost_once_it_is_silent(tmp_path, age_s, lost):
    path = tmp_path / ".claim"
    claimed_by(path, host="some-other-node", pid=1, age_s=age_s)
    assert is_lost(path, 60) is lost


def test_a_held_claim_is_touched_again_and_again(tmp_path):
    path = tmp_path / ".claim"
    with Claim(path, lost_after_s=0.4):
        os.utime(path, (1, 1))
        deadline = time.monotonic() + 60
        while path.stat().st_mtime == 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.stat().st_mtime > 1


def test_a_holder_learns_that_its_claim_was_taken_over(tmp_path):
    path, lost = tmp_path / ".claim", Event()
    with Claim(path, lost_after_s=0.4, on_lost=lost.set):
        claimed_by(path, host="some-other-node", pid=1)
        assert lost.wait(60)
    assert json.loads(path.read_text())["token"] == "theirs"  # and leaves the new one alone


def test_a_claim_that_cannot_be_read_is_lost_when_it_is_old(tmp_path):
    path = tmp_path / ".claim"
    path.write_bytes(b"\0\xff")
    assert not is_lost(path, 60)
    os.utime(path, (1, 1))
    assert is_lost(path, 60)
