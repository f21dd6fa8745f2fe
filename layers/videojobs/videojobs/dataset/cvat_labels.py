"""CVAT's labels: for `annotations.xml`, and as `labels.json` for the raw editor of a task's labels.

The editor's rules are those of `validateParsedLabel` in cvat-ui/src/components/labels-editor/common.ts. A skeleton
needs a picture of its points in SVG, which CVAT shows when a person adds one.
Source: github.com/cvat-ai/cvat, that file, raw-viewer.tsx beside it, and cvat/apps/engine/models.py.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any
from xml.sax.saxutils import quoteattr  # nosec B406

from videojobs.dataset.contents import DatasetContents

NAME_MAX_CHARACTERS = 64
"""The length of a label's name in CVAT's database."""

ATTRIBUTES = {"score": True, "track": False}
"""The attributes of labels, and whether they change within a track. Datumaro takes `track_id` for itself: the number of
CVAT's own track.
"""


@dataclass(frozen=True, kw_only=True)
class CvatLabel:
    """A label, which is a category of the dataset.

    Attributes:
        kind: `rectangle`, `polygon`, `skeleton`, or `any`.
        points: The names of a skeleton's points.
    """

    name: str
    kind: str
    points: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the label for the raw editor."""
        attributes = [
            {"name": name, "mutable": is_mutable, "input_type": "text", "default_value": "", "values": [""]}
            for name, is_mutable in ATTRIBUTES.items()
        ]
        described = {"name": self.name, "type": self.kind, "attributes": attributes}
        if self.points:
            described["sublabels"] = [{"name": point, "type": "points", "attributes": []} for point in self.points]
            described["svg"] = "".join(map(_draw_point, self.points, _spread(len(self.points)), range(1, 10_000)))
        return described


def list_labels(contents: DatasetContents, kinds: Mapping[int, Set[str]]) -> Sequence[CvatLabel]:
    """Returns the labels in the order of the categories' numbers.

    Args:
        kinds: The shapes that each category has: `box`, `polygon`, `skeleton`.
    """
    labels = []
    for category, name in zip(contents.classes, _shorten(contents.names), strict=True):
        shapes = kinds.get(category.number, set())
        if "skeleton" in shapes:
            points = tuple(_shorten(contents.name_keypoints(category)))
            labels.append(CvatLabel(name=name, kind="skeleton", points=points))
        else:
            kind = {"box": "rectangle"}.get(*shapes, *shapes) if len(shapes) == 1 else "any"
            labels.append(CvatLabel(name=name, kind=kind))
    return labels


def _shorten(names: Sequence[str]) -> Iterator[str]:
    """Yields the names, which stay unique."""
    taken = set[str]()
    for name in names:
        short, number = name[:NAME_MAX_CHARACTERS].strip(), 1
        while short in taken:
            number += 1
            end = f" {number}"
            short = name[: NAME_MAX_CHARACTERS - len(end)].strip() + end
        taken.add(short)
        yield short


def _spread(count: int) -> Iterator[tuple[float, float]]:
    """Yields places on a circle, in percent of the picture's sides."""
    for number in range(count):
        angle = 2 * pi * number / count
        yield 50 + 40 * sin(angle), 50 - 40 * cos(angle)


def _draw_point(name: str, place: tuple[float, float], number: int) -> str:
    x, y = place
    return (
        f'<circle r="1.5" cx="{x:.1f}" cy="{y:.1f}" data-type="element node" data-element-id="{number}" '
        f'data-node-id="{number}" data-label-name={quoteattr(name)}></circle>'
    )
