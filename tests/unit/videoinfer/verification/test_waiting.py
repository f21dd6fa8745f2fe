"""Waiting for something in an account, with a clock that moves only while sleeping."""

import time

import pytest

from videoinfer.verification.waiting import wait_for


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: sum(pauses))
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def test_existing_results_are_returned_without_waiting(slept: list[float]) -> None:
    assert wait_for(lambda: 0, seconds=0) == 0
    assert slept == []


def test_the_pauses_get_longer(slept: list[float]) -> None:
    assert wait_for(lambda: "found" if sum(slept) > 60 else None, seconds=100) == "found"
    assert slept == sorted(slept)
    assert (slept[0], slept[-1]) == (0.2, 5.0)


def test_waiting_ends_in_time_after_one_last_look(slept: list[float]) -> None:
    looks: list[float] = []
    assert wait_for(lambda: looks.append(sum(slept)), seconds=7) is None
    assert looks[0] == 0
    assert looks[-1] == pytest.approx(7)
