"""A few hundred damaged videos, and proof that the harness detects harm."""

import subprocess
import sys

import pytest

from tests.fuzz import trials


def run_in_process_of_its_own(*arguments: str) -> subprocess.CompletedProcess[str]:
    # A process with threads, as pytest may have, should not be forked.
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *arguments],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_damaged_videos_do_no_harm() -> None:
    run = run_in_process_of_its_own("--inputs", "280", "--seed", "3")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "raised 0; crashed 0; hung 0; too large 0" in run.stdout


HARM = {
    "raised": "raise KeyError",
    "crashed": "import os; os.abort()",
    "hung": "while True: pass",
    "too large": "bytearray(300 * 2**20)",
}


@pytest.mark.parametrize("outcome", HARM)
def test_harm_is_detected(outcome: str) -> None:
    script = f"""
import tests.fuzz.trials as trials
def harm(content):
    {HARM[outcome]}
    return "done"
trials.run_job, trials.CPU_SECONDS, trials.MEMORY_BYTES = harm, 1, 200 * 2**20
print(trials.try_file(b"")[0])
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout.strip() == outcome


def test_the_same_seed_gives_the_same_file() -> None:
    files = {"a": bytes(range(256)) * 8, "b": bytes(512)}
    assert trials.damage(files, 1, 7) == trials.damage(files, 1, 7)
    assert trials.damage(files, 1, 7) != trials.damage(files, 2, 7)
