"""A loaded model leaves signal handling alone."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from videoengine.detector import Detector
from videoengine.signal_stack import SignalStack, read_signal_stack
from videoinfer.repository import ROOT, SAMPLE_MODEL

INTERRUPTED_WITH_A_MODEL = """
import pathlib, signal, sys
from videoengine.detector import Detector
detector = Detector(pathlib.Path(sys.argv[1]))
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_loading_a_model_does_not_change_the_signal_stack() -> None:
    stacks: list[SignalStack] = []

    def load() -> None:
        stacks.append(read_signal_stack())
        Detector(SAMPLE_MODEL)
        stacks.append(read_signal_stack())

    # A new thread, because an earlier model in this one could hide what loading does.
    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    before, after = stacks
    assert (after.address, after.flags, after.size) == (before.address, before.flags, before.size)


@pytest.mark.slow
def test_an_interrupt_with_a_loaded_model_raises_keyboard_interrupt() -> None:
    command: list[str | Path] = [sys.executable, "-c", INTERRUPTED_WITH_A_MODEL, SAMPLE_MODEL]
    environment = {"PYTHONPATH": str(ROOT / "engine" / "layers" / "videoengine")}
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
