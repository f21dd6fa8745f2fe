"""The captions, as a WebVTT parser reads them."""

from pathlib import Path

import webvtt


def test_a_webvtt_cue_lasts_as_long_as_the_same_classes_are_found(hands: Path) -> None:
    cues = [(cue.start, cue.end, cue.text) for cue in webvtt.read(str(hands / "detections.vtt")).captions]
    assert cues == [
        ("00:00:00.000", "00:00:00.200", "Rock (2) #3"),
        ("00:00:00.200", "00:00:00.400", "Paper"),
        ("00:00:00.600", "00:00:00.800", "Paper"),
    ]
