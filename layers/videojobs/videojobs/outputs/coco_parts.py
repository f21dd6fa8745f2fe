"""The parts of a COCO dataset, for `coco.json` and for datasets with pictures: categories, shapes and key points.

Source: cocodataset.org, "Data format".
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

type Keypoint = tuple[int, float, float]
"""The number of a key point in its category, x and y."""

KEYPOINTS_MAX = 1000
"""Maximum key points of a category. A larger class_id is invalid; it would make every annotation that long."""


@dataclass(kw_only=True)
class Category:
    """A class of a model.

    Attributes:
        number: From 1, in order of appearance.
        name: The class's name, which several models may have.
        supercategory: The model's ID.
        class_id: The model's number of the class, or None.
        keypoints: The names of its key points, by number, as far as they have been seen.
    """

    number: int
    name: str
    supercategory: str
    class_id: int | None
    keypoints: list[str] = field(default_factory=list)

    def to_dict(self, unique_name: str) -> dict[str, Any]:
        described = {"id": self.number, "name": unique_name, "supercategory": self.supercategory, "class": self.name}
        if self.class_id is not None:
            described["class_id"] = self.class_id
        if self.keypoints:
            described |= {"keypoints": self.keypoints, "skeleton": []}
        return described


class Categories:
    """The classes of all models, numbered in order of appearance."""

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, str], Category] = {}

    @property
    def found(self) -> Sequence[Category]:
        return list(self._by_name.values())

    def find(self, model_id: str, name: str, class_id: int | None) -> Category:
        """Returns a class's category; a new class gets the next number."""
        category = self._by_name.get((model_id, name))
        if category is None:
            category = Category(number=len(self._by_name) + 1, name=name, supercategory=model_id, class_id=class_id)
            self._by_name[model_id, name] = category
        return category


def name_uniquely(names: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yields a unique name for each class and its model: `person`, or `person (model)` if several models have it."""
    counts = Counter(name for name, _ in names)
    taken = {name for name, classes_of_it in counts.items() if name and classes_of_it == 1}
    for plain, model_id in names:
        if plain and counts[plain] == 1:
            yield plain
            continue
        name = wanted = f"{plain or '(no name)'} ({model_id})"
        for number in count(2):
            if name not in taken:
                break
            name = f"{wanted} {number}"
        taken.add(name)
        yield name


def name_picture(frame: int, number: int, last: int) -> str:
    """Returns the file name of a frame. One that is out of order may be a duplicate, so it gets another name.

    Args:
        number: The picture's number, from 1.
        last: The highest frame before.
    """
    return f"{frame:08}.jpg" if frame > last else f"{frame:08}-{number}.jpg"


def describe_shape(
    box: Sequence[float], polygon: Sequence[float], confidence: float | None, track_id: int | None
) -> dict[str, Any]:
    """Returns the fields of an annotation that are about its shape, and its score and track.

    Args:
        box: Left, top, width, height.
        polygon: x, y, x, y, …; empty without a mask.
    """
    described: dict[str, Any] = {
        "bbox": box,
        "area": measure_area(polygon) if polygon else box[2] * box[3],
        "segmentation": [polygon] if polygon else [],
    }
    if confidence is not None:
        described["score"] = confidence
    if track_id is not None:
        described["track_id"] = track_id
    return described


def outline(left: float, top: float, width: float, height: float) -> list[float]:
    """Returns a box as a polygon: x, y, x, y, …"""
    return [left, top, left + width, top, left + width, top + height, left, top + height]


def flatten(points: Sequence[Mapping[str, Any]]) -> list[float]:
    """Returns x, y, x, y, …; empty if a coordinate is missing or there are too few points for a polygon."""
    flat = [point.get(axis) for point in points for axis in ("x", "y")]
    return [] if None in flat or len(flat) < 6 else flat  # type: ignore[return-value]  # None is ruled out


def measure_area(polygon: Sequence[float]) -> float:
    """Returns the area of x, y, x, y, … by the shoelace formula."""
    xs, ys = polygon[::2], polygon[1::2]
    following = zip([*xs[1:], xs[0]], [*ys[1:], ys[0]], strict=True)
    return abs(sum(x * next_y - next_x * y for x, y, (next_x, next_y) in zip(xs, ys, following, strict=True))) / 2


def list_keypoints(keypoints: Sequence[Mapping[str, Any]], category: Category) -> list[Keypoint]:
    """Returns the key points that the model saw, and adds their names to the category."""
    seen = []
    for index, point in enumerate(keypoints):
        number = _number_keypoint(index, point)
        while len(category.keypoints) <= number:
            category.keypoints.append(str(len(category.keypoints)))
        if isinstance(point.get("class"), str):
            category.keypoints[number] = point["class"]
        if point.get("x") is not None and point.get("y") is not None:
            seen.append((number, point["x"], point["y"]))
    return seen


def place_keypoints(keypoints: Sequence[Keypoint], length: int) -> list[float]:
    """Returns x, y, visibility of each of a category's key points, in the order of their numbers, as COCO requires.

    Args:
        length: The number of the category's key points.
    """
    placed: list[float] = [0] * (3 * length)
    for number, x, y in keypoints:
        placed[3 * number : 3 * number + 3] = [x, y, 2]
    return placed


def describe_keypoints(placed: list[float], length: int) -> dict[str, Any]:
    """Returns the fields of an annotation that are about its key points, as many as its category has in the end."""
    placed = placed + [0] * (3 * length - len(placed))
    return {"keypoints": placed, "num_keypoints": sum(visibility > 0 for visibility in placed[2::3])}


def _number_keypoint(index: int, point: Mapping[str, Any]) -> int:
    number = point.get("class_id")
    return number if isinstance(number, int) and 0 <= number < KEYPOINTS_MAX else min(index, KEYPOINTS_MAX - 1)
