"""Inside another program that has a Hydra of its own."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import hydra
import humantrack
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.version import VersionBase


@hydra.main(version_base=None, config_path="settings", config_name="theirs")
def main(cfg):
    before = GlobalHydra.instance().hydra, HydraConfig.get(), VersionBase.instance().version_base
    results = humantrack.track(
        cfg.clip, tracker="embedded", render={"enable": False}, video={"end_frame": 2}
    )
    ours = humantrack.load_config("phalp.n_init=3")
    try:
        humantrack.load_config("phalp.n_init=many")
    except humantrack.ConfigError as error:
        print("error:", error)
    try:
        humantrack.load_config("theirs=1")
    except humantrack.ConfigError as error:
        print("error:", error)
    after = GlobalHydra.instance().hydra, HydraConfig.get(), VersionBase.instance().version_base
    assert all(a is b for a, b in zip(before, after)), (before, after)
    again = hydra.compose("theirs", overrides=["clip=other.mp4"])  # by the Hydra around us
    print(len(results), ours.phalp.n_init, "clip" in ours, cfg.clip.endswith(".mp4"), again.clip)


main()
"""


def test_another_programs_hydra_is_left_as_it_was(data, tmp_path):
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "theirs.yaml").write_text("clip: null\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [
            sys.executable,
            "program.py",
            f"clip='{data / 'demo_small.mp4'}'",
            "hydra.job.chdir=false",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    logged = "["  # Hydra shows what is logged on standard output
    first, second, last = (ln for ln in done.stdout.splitlines() if not ln.startswith(logged))
    assert first.startswith("error: ") and "phalp.n_init" in first
    assert second.startswith("error: unknown key: theirs")
    assert last == "2 3 False True other.mp4"
    assert (tmp_path / "outputs" / "results" / "demo_demo_small.pkl").is_file()
