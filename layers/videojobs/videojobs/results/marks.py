"""Marks: what the report draws of an element of the results, whatever its inference type.

A mark is a list, so that hours of them stay small as JSON: `[class, confidence]` of a label,
`[class, confidence, x, y, width, height]` of a box (centre and size, pixels), and seventh what goes with the box:

- `{"polygon": [x, y, …]}`: a mask's outline;
- `{"keypoints": [[x, y, confidence, name], …]}`;
- `{"gaze": [yaw, pitch], "landmarks": [x, y, …]}`: radians, pixels.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from videojobs.foreign_text import printable

type Mark = list[Any]
type ClassNumber = Callable[[str], int]
"""Numbers the class of a name."""


class NotDrawable(ValueError):
    """A prediction that lacks what its drawing needs."""


def read_marks(element: Any, number_class: ClassNumber) -> Iterator[Mark]:
    """The marks of one element of the results; none for `null` and for an embedding.

    A prediction without the numbers that a mark needs is left out: a page that shows the rest is worth more than none.
    """
    for prediction in _list_predictions(element):
        try:
            yield _read_mark(prediction, number_class)
        except (NotDrawable, KeyError, TypeError, AttributeError):
            continue


def read_image_size(element: Any) -> tuple[float, float] | None:
    """Width and height of the picture that an element's pixels count in, or None where it does not say."""
    image = element.get("image") if isinstance(element, Mapping) else None
    if isinstance(image, list):
        image = image[0] if image else None
    try:
        size = _number(image["width"]), _number(image["height"])  # type: ignore[index]  # translated below
    except (KeyError, TypeError, NotDrawable):
        return None
    return size if min(size) > 0 else None


def is_embedding(element: Any) -> bool:
    """Whether an element is a vector: a list, or the image server's `{"embeddings": […]}`."""
    return isinstance(element, list) or (isinstance(element, Mapping) and "embeddings" in element)


def _list_predictions(element: Any) -> Iterable[Any]:
    if not isinstance(element, Mapping):
        return ()
    predictions = element.get("predictions")
    if isinstance(predictions, Mapping):  # several labels
        chosen = element.get("predicted_classes")
        names: Iterable[Any] = chosen if isinstance(chosen, list) else predictions
        scores = ((name, predictions.get(name) if isinstance(name, str) else None) for name in names)
        return [
            {"confidence": 1, **(score if isinstance(score, Mapping) else {}), "class": name} for name, score in scores
        ]
    if "top" in element:  # a single label
        return [{"class": element["top"], "confidence": element.get("confidence", 1)}] if element["top"] else ()
    return predictions if isinstance(predictions, list) else ()


def _read_mark(prediction: Mapping[str, Any], number_class: ClassNumber) -> Mark:
    face = prediction.get("face")
    box = prediction if face is None else face
    name = box.get("class")
    if not isinstance(name, str):
        raise NotDrawable
    confidence = round(_number(box.get("confidence", 1)), 4)
    if "x" not in box:
        return [number_class(name), confidence]
    geometry = [round(_number(box[key]), 1) for key in ("x", "y", "width", "height")]
    extra = _read_extra(prediction, face)
    mark: Mark = [number_class(name), confidence, *geometry]
    if extra:
        mark.append(extra)
    return mark


def _read_extra(prediction: Mapping[str, Any], face: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if face is not None:
        gaze = [round(_number(prediction[angle]), 4) for angle in ("yaw", "pitch")]
        return {"gaze": gaze, "landmarks": _flatten(face.get("landmarks") or ())}
    if points := prediction.get("points"):
        return {"polygon": _flatten(points)}
    if keypoints := prediction.get("keypoints"):
        return {
            "keypoints": [
                [
                    round(_number(point["x"]), 1),
                    round(_number(point["y"]), 1),
                    round(_number(point.get("confidence", 1)), 2),
                    printable(str(point.get("class", ""))),
                ]
                for point in keypoints
            ]
        }
    return None


def _flatten(points: Sequence[Mapping[str, Any]]) -> list[float]:
    return [round(_number(point[axis]), 1) for point in points for axis in ("x", "y")]


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not -1e9 < value < 1e9:  # NaN is in no range
        raise NotDrawable
    return value  # type: ignore[no-any-return]
