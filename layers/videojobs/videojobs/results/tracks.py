"""The tracker: decides which boxes are the same object, from sampled frame to sampled frame.

A track is an object with its expected place in the next sampled frame, and the uncertainty of that place. The boxes of
a frame are assigned to the tracks that explain them best; a box without a track starts a new one. Memory holds only the
tracks that have not ended.

The units are seconds and sizes of the box, not frames and pixels, so that the same parameters work from 1 to 30 frames
per second. At 1 frame per second, the boxes of a moving object often don't overlap. So the cost of a pair is not based
on overlap (IoU), but on the likelihood of the distance.

Sources: The steps (predict, assign, update) and the motion model, a Kalman filter with constant velocity, are from SORT
(Bewley et al., arXiv:1602.00763). Noise relative to the box's size, and costs from the filter's own uncertainty, are
from DeepSORT (Wojke et al., arXiv:1703.07402). The growth of the uncertainty over time, and the cost of a pair (twice
its negative log-likelihood), are from Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and
Navigation" (2001), 6.2.2 and 6.4. So is the second model of motion, for objects that stop or turn (chapter 11). Unlike
there, a pair has the cost of its likelier model instead of a mixture of both. The parameters below were chosen with
`bench/tracking.py`.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import compress
from math import log, log1p, sqrt
from operator import attrgetter

from videojobs.results.assignment import Pair, choose_pairs

type Box = tuple[str | None, float | None, float, float, float, float]
"""Class, confidence, x and y of the center, width and height (both above 0); pixels."""

SURE_CONFIDENCE = 0.5
"""A box with a lower confidence gets an ID only if it continues a track: many such boxes are false detections."""

PLACE_VARIANCE = 0.004
"""Variance of a detected center, in squares of the box's size, which is the square root of its area."""

SPEED_VARIANCE = 4.0
"""Variance of a new track's unknown speed, in squares of sizes per second. A person walks about 1.5 sizes a second."""

ACCELERATION = 0.4
"""Growth of the speed's variance per second."""

TURN_VARIANCE = 0.3
"""An object that stops or turns is near its last place: growth of that place's variance per second, in squares of the
box's size."""

TURN_COST = 4.0
"""Cost of stopping or turning."""

SHAPE_VARIANCE, SHAPE_DRIFT = 0.011, 0.035
"""Variance of the logarithms of a detected width and height, and its growth per second."""

SHAPE_TAIL = 2.0
"""Beyond this many variances, the cost of a change of shape grows slowly: a hand that opens is the same hand."""

EDGE_SHARE = 1 / 12
"""If a box grows or shrinks at one edge, its center moves: the variance this adds, in squares of the change."""

SHAPE_GAIN = 0.25
"""Weight of a new width and height in the track's running mean."""

CLASS_COST = 1.8
"""Cost of a changed class: models confuse classes, and a hand may show paper after rock."""

UNSEEN_COST = 1.0
"""Cost per second from the track's last detection to the previous sampled frame."""

COST_MAX = 8.0
"""Maximum cost of a pair: at a higher cost, a new object is more likely."""

LOST_SECONDS, LOST_FRAMES = 4.0, 2
"""A track ends if it is not detected for more than this time and more than this many sampled frames."""

ONCE_SECONDS, ONCE_FRAMES = 0.7, 1
"""The same for a track with a single detection, which is often false."""

BOXES_MAX = 40
"""Maximum boxes that are compared with a track, the nearest along x. It bounds the time for a crowd in one place."""

TWIN_OVERLAP = 0.75
"""Boxes of different classes whose overlap (IoU) is larger are one object: a model that suppresses overlaps only within
a class may find it as several. They have one ID.
"""

_x = attrgetter("x")


class _Detection:
    """A box of the current frame. `index` is its position among the frame's boxes."""

    __slots__ = ("class_name", "confidence", "height", "index", "log_height", "log_width", "width", "x", "y")

    def __init__(self, index: int, box: Box) -> None:
        self.index = index
        self.class_name, self.confidence, self.x, self.y, self.width, self.height = box
        self.log_width = log(self.width)
        self.log_height = log(self.height)


class _Track:
    """An object's state at its last detection. The attributes `expected_…` are the state in the current frame.

    Attributes:
        number: Its ID, or None if it may be a false detection.
        x, y: The center, in pixels.
        speed_x, speed_y: Pixels per second.
        place_variance, covariance, speed_variance: The covariance matrix of place and speed, in sizes, along each axis.
        seconds, frame: The time and the number of the sampled frame of the last detection.
        detections: How many there were.
    """

    __slots__ = (
        *("number", "class_name", "x", "y", "width", "height", "log_width", "log_height", "speed_x", "speed_y"),
        *("place_variance", "covariance", "speed_variance", "seconds", "frame", "detections"),
        *("expected_x", "expected_y", "expected_place_variance", "expected_covariance", "expected_speed_variance"),
    )

    def __init__(self, detection: _Detection, seconds: float, frame: int) -> None:
        self.number: int | None = None
        self.class_name = detection.class_name
        self.x, self.y = detection.x, detection.y
        self.width, self.height = detection.width, detection.height
        self.log_width, self.log_height = detection.log_width, detection.log_height
        self.speed_x = self.speed_y = 0.0
        self.place_variance, self.covariance, self.speed_variance = PLACE_VARIANCE, 0.0, SPEED_VARIANCE
        self.seconds, self.frame, self.detections = seconds, frame, 1

    def has_ended(self, gap: float, frame: int) -> bool:
        """Returns whether it ended before the sampled frame `frame`, `gap` seconds after its last detection."""
        missed = frame - self.frame - 1
        if self.detections == 1:
            return missed > ONCE_FRAMES and gap > ONCE_SECONDS
        return missed > LOST_FRAMES and gap > LOST_SECONDS

    def predict(self, gap: float) -> float:
        """Computes the state `gap` seconds after the last detection. Returns the variance of a detected center."""
        noise = ACCELERATION * gap
        covariance = self.covariance + gap * (self.speed_variance + noise / 2)
        place_variance = self.place_variance + gap * (self.covariance + covariance - gap * noise / 6)
        self.expected_place_variance = place_variance
        self.expected_covariance = covariance
        self.expected_speed_variance = self.speed_variance + noise
        self.expected_x = self.x + gap * self.speed_x
        self.expected_y = self.y + gap * self.speed_y
        return place_variance + PLACE_VARIANCE

    def update(self, detection: _Detection, seconds: float, frame: int) -> None:
        """Corrects the predicted state by a detection."""
        variance = self.expected_place_variance + PLACE_VARIANCE
        gain, speed_gain = self.expected_place_variance / variance, self.expected_covariance / variance
        error_x, error_y = detection.x - self.expected_x, detection.y - self.expected_y
        self.x = self.expected_x + gain * error_x
        self.y = self.expected_y + gain * error_y
        self.speed_x += speed_gain * error_x
        self.speed_y += speed_gain * error_y
        self.place_variance = gain * PLACE_VARIANCE
        self.covariance = speed_gain * PLACE_VARIANCE
        self.speed_variance = self.expected_speed_variance - speed_gain * self.expected_covariance
        self.log_width += SHAPE_GAIN * (detection.log_width - self.log_width)
        self.log_height += SHAPE_GAIN * (detection.log_height - self.log_height)
        self.width += SHAPE_GAIN * (detection.width - self.width)
        self.height += SHAPE_GAIN * (detection.height - self.height)
        self.class_name = detection.class_name
        self.seconds, self.frame = seconds, frame
        self.detections += 1


class Tracker:
    """Tracks the objects of one model through a video.

    Attributes:
        count: How many track IDs it has given: those from 1 to this number.
    """

    def __init__(self) -> None:
        self.count = 0
        self._tracks: list[_Track] = []
        self._frame = 0
        self._seconds = 0.0

    def follow(self, seconds: float, boxes: Sequence[Box]) -> list[int | None]:
        """Returns each box's track ID, counted from 1; None for a box with a low confidence and no track.

        Only twins (see TWIN_OVERLAP) have the same ID in a frame.

        Args:
            seconds: The frame's time. Frames should be in order of time; an earlier time counts as the last one.
            boxes: The boxes of one sampled frame, in any order.
        """
        self._frame += 1
        frame = self._frame
        detections = [_Detection(index, box) for index, box in enumerate(boxes)]
        detections.sort(key=_x)
        numbers: list[int | None] = [None] * len(detections)
        twins = _find_twins(detections)
        if twins:
            detections = [detection for detection in detections if detection.index not in twins]
        is_new = [True] * len(detections)
        tracks = [track for track in self._tracks if not track.has_ended(seconds - track.seconds, frame)]
        for _, track_index, index in choose_pairs(_find_pairs(tracks, detections, seconds, self._seconds)):
            track, detection = tracks[track_index], detections[index]
            track.update(detection, seconds, frame)
            if track.number is None:
                self.count += 1
                track.number = self.count
            numbers[detection.index] = track.number
            is_new[index] = False
        for detection in compress(detections, is_new):
            track = _Track(detection, seconds, frame)
            if detection.confidence is None or detection.confidence >= SURE_CONFIDENCE:
                self.count += 1
                track.number = numbers[detection.index] = self.count
            tracks.append(track)
        for index, surest in twins.items():
            numbers[index] = numbers[surest]
        self._tracks = tracks
        self._seconds = seconds
        return numbers


def _find_twins(detections: Sequence[_Detection]) -> Mapping[int, int]:
    """Returns the boxes that have a surer twin, with the surest one: the indexes of both, in the given order of boxes.

    Args:
        detections: Sorted by x.
    """
    if len({detection.class_name for detection in detections}) < 2:
        return {}
    pairs: defaultdict[int, list[_Detection]] = defaultdict(list)
    for place, detection in enumerate(detections):
        reach = detection.x + detection.width * (1 / TWIN_OVERLAP - 1)
        for other in detections[place + 1 : place + 1 + BOXES_MAX]:
            if other.x > reach:
                break
            if other.class_name != detection.class_name and _overlap(detection, other) > TWIN_OVERLAP:
                pairs[detection.index].append(other)
                pairs[other.index].append(detection)
    surest: dict[int, int] = {}
    classes: dict[int, set[str | None]] = {}
    for detection in sorted((it for it in detections if it.index in pairs), key=_unsure):
        # Not through a third box, and never two of one class: those are neighbors.
        surer = sorted((it for it in pairs[detection.index] if it.index in classes), key=_unsure)
        twin = next((it for it in surer if detection.class_name not in classes[it.index]), None)
        if twin is None:
            classes[detection.index] = {detection.class_name}
        else:
            surest[detection.index] = twin.index
            classes[twin.index].add(detection.class_name)
    return surest


def _unsure(detection: _Detection) -> tuple[float, float]:
    """The order of boxes, the surest first."""
    return -1.0 if detection.confidence is None else -detection.confidence, detection.x


def _overlap(one: _Detection, other: _Detection) -> float:
    """Returns the overlap (IoU) of two boxes."""
    width = min(one.x + one.width / 2, other.x + other.width / 2) - max(
        one.x - one.width / 2, other.x - other.width / 2
    )
    height = min(one.y + one.height / 2, other.y + other.height / 2) - max(
        one.y - one.height / 2, other.y - other.height / 2
    )
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one.width * one.height + other.width * other.height - shared)


def _find_pairs(
    tracks: Sequence[_Track], detections: Sequence[_Detection], seconds: float, last_seconds: float
) -> Sequence[Pair]:
    """Returns the possible pairs of a track and a detection, by their indexes.

    A cost below 0 means that the pair is likelier than a new object. Logarithms are left out if the other parts of a
    cost exceed the limit: they could only add to it.

    Args:
        detections: Sorted by x.
        last_seconds: The time of the previous sampled frame.
    """
    xs = [detection.x for detection in detections]
    ys = [detection.y for detection in detections]
    pairs: list[Pair] = []
    for track_index, track in enumerate(tracks):
        gap = max(0.0, seconds - track.seconds)
        variance = track.predict(gap)
        base_cost = 2 * log(variance) + UNSEEN_COST * max(0.0, last_seconds - track.seconds) - COST_MAX
        if base_cost >= 0:
            continue
        limit = -base_cost
        turn_variance = 2 * PLACE_VARIANCE + TURN_VARIANCE * gap
        turn_cost = TURN_COST + 2 * log(turn_variance / variance)
        track_width, track_height = track.width, track.height
        size = track_width * track_height
        scale, turn_scale = variance * size, turn_variance * size
        x, y, track_x, track_y = track.expected_x, track.expected_y, track.x, track.y
        way = max(abs(x - track_x), abs(y - track_y))
        turn_reach = way + sqrt(max(0.0, limit - turn_cost) * turn_scale)
        reach = max(sqrt(limit * scale), turn_reach) + sqrt(size) / 2
        shape_scale = SHAPE_TAIL * (SHAPE_VARIANCE + SHAPE_DRIFT * gap)
        first, end = bisect_left(xs, x - reach), bisect_right(xs, x + reach)
        if end - first > BOXES_MAX:
            first = max(first, bisect_left(xs, x) - BOXES_MAX // 2)
            end = min(end, first + BOXES_MAX)
        for index in range(first, end):
            error_y = ys[index] - y
            if -reach <= error_y <= reach:
                detection = detections[index]
                error_x = detection.x - x
                growth_x, growth_y = detection.width - track_width, detection.height - track_height
                edges_growth = EDGE_SHARE * (growth_x * growth_x + growth_y * growth_y)
                edges = 1 + edges_growth / scale
                place_cost = (error_x * error_x + error_y * error_y) / (scale * edges)
                place_cost += 2 * log(edges) if place_cost < limit else 0.0
                if place_cost > turn_cost:
                    error_x, error_y = detection.x - track_x, detection.y - track_y
                    edges = 1 + edges_growth / turn_scale
                    turned_cost = (error_x * error_x + error_y * error_y) / (turn_scale * edges)
                    if turn_cost + turned_cost < limit:
                        place_cost = min(place_cost, turn_cost + (turned_cost + 2 * log(edges)))
                if place_cost >= limit:
                    continue
                log_x, log_y = detection.log_width - track.log_width, detection.log_height - track.log_height
                cost = base_cost + place_cost + SHAPE_TAIL * log1p((log_x * log_x + log_y * log_y) / shape_scale)
                cost += CLASS_COST if detection.class_name != track.class_name else 0.0
                if cost < 0:
                    pairs.append((cost, track_index, index))
    return pairs
