"""Puts supervision's ByteTrack in the place of the tracker, when it is imported, for bench/tracking_delivery.py."""

import warnings
from collections.abc import Sequence

import numpy as np
import supervision

from videojobs.results import tracking
from videojobs.results.tracks import Box

FRAME_RATE = 5


class SupervisionTracker:
    """Has the interface of `videojobs.results.tracks.Tracker`."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._tracker = supervision.ByteTrack(frame_rate=FRAME_RATE)

    def follow(self, _: float, boxes: Sequence[Box]) -> list[int | None]:
        numbers: list[int | None] = [None] * len(boxes)
        found = supervision.Detections.empty()
        if boxes:
            corners = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for _, _, x, y, w, h in boxes]
            found = supervision.Detections(
                xyxy=np.array(corners),
                confidence=np.array([1.0 if confidence is None else confidence for _, confidence, *_ in boxes]),
                class_id=np.zeros(len(boxes), int),
                data={"place": np.arange(len(boxes))},
            )
        tracked = self._tracker.update_with_detections(found)
        if len(tracked):
            for place, number in zip(tracked.data["place"], tracked.tracker_id, strict=True):
                numbers[place] = int(number)
        return numbers


vars(tracking)["Tracker"] = SupervisionTracker
