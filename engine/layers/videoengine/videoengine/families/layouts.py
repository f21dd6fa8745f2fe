"""How raw outputs hold boxes: one function for each layout, from a network's outputs to detections."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from videoengine.detections import (
    MAX_DETECTIONS,
    Candidates,
    Detections,
    Outputs,
    Thresholds,
    apply_sigmoid,
    convert_to_corners,
    select_candidates,
)
from videoengine.errors import ModelPackageInvalid
from videoengine.families import Layout
from videoengine.model_packages import CLASS_NAMES, WEIGHTS, ModelPackage
from videoengine.network import Shape


def find_with_objectness(outputs: Outputs, package: ModelPackage, thresholds: Thresholds) -> Detections:
    """Rows of cx, cy, w, h, objectness, class scores, extras.

    As in Roboflow's runner, the confidence threshold applies to objectness.
    """
    output, classes = outputs[0], len(package.class_names)
    candidates = Candidates(output[:, :4], output[:, 4], output[:, 5 : 5 + classes], output[:, 5 + classes :])
    return select_candidates(candidates, thresholds)


def find_in_columns(outputs: Outputs, package: ModelPackage, thresholds: Thresholds) -> Detections:
    """Columns of cx, cy, w, h, class scores, extras. The confidence threshold applies to the best class score."""
    output, classes = outputs[0], len(package.class_names)
    scores = output[4 : 4 + classes]
    candidates = Candidates(output[:4].T, scores.max(axis=0), scores.T, output[4 + classes :].T)
    return select_candidates(candidates, thresholds)


def find_selected(outputs: Outputs, _package: ModelPackage, thresholds: Thresholds) -> Detections:
    """Rows of x1, y1, x2, y2, confidence, class, extras, from a network that ends in its own selection (NMS)."""
    rows = outputs[0][outputs[0][:, 4] >= thresholds.confidence]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")][:MAX_DETECTIONS]
    return Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp), rows[:, 6:])


def find_queries(outputs: Outputs, package: ModelPackage, thresholds: Thresholds) -> Detections:
    """Boxes (Q, 4) as cx, cy, w, h in shares of the input, and logits (Q, C). A query may be of two classes.

    `extras` is the query's number. As in Roboflow's runner, only the Q best scores count, and those without a class
    name or of a removed class are dropped.
    """
    boxes, logits = outputs[:2]
    scores = apply_sigmoid(logits)
    best = np.argsort(-scores, axis=None, kind="stable")[: len(boxes)]
    query, class_id = np.unravel_index(best[scores.reshape(-1)[best] > thresholds.confidence], scores.shape)
    named = [number for number, name in enumerate(package.class_names) if name not in package.removed_class_names]
    is_named = np.isin(class_id, named)
    query, class_id = query[is_named], class_id[is_named]
    size = np.tile([package.network_input.width, package.network_input.height], 2).astype(np.float32)
    return Detections(
        convert_to_corners(boxes[query] * size),
        scores[query, class_id],
        class_id,
        query[:, np.newaxis].astype(np.float32),
    )


@dataclass(frozen=True)
class LayoutReader:
    """A layout of raw outputs.

    Attributes:
        find: from raw outputs to detections, in pixels of the network's input.
        box_axis: the axis of the first output along which the values of one box lie.
        count_values: how many values a box has without extras, from the number of classes; None where boxes and logits
            are two outputs.
        masks_output: index of the output that holds masks: one for each query, or prototypes, for which each box has a
            coefficient.
        is_threshold_on_objectness: the confidence threshold applies to objectness, so a reported confidence may be
            lower than the threshold.
    """

    find: Callable[[Outputs, ModelPackage, Thresholds], Detections]
    box_axis: int = 1
    count_values: Callable[[int], int] | None = None
    masks_output: int = 1
    is_threshold_on_objectness: bool = False


LAYOUTS: dict[Layout, LayoutReader] = {
    "rows with objectness": LayoutReader(
        find_with_objectness, count_values=lambda classes: 5 + classes, is_threshold_on_objectness=True
    ),
    "columns": LayoutReader(find_in_columns, box_axis=0, count_values=lambda classes: 4 + classes),
    "selected": LayoutReader(find_selected, count_values=lambda _: 6),
    "queries": LayoutReader(find_queries, masks_output=2),
}


def find_detections(outputs: Outputs, package: ModelPackage, thresholds: Thresholds) -> Detections:
    """Detections of one picture, in pixels of the network's input.

    Args:
        outputs: all outputs of the network, without their batch dimension.
    """
    return LAYOUTS[package.layout].find(outputs, package, thresholds)


def check_shapes(package: ModelPackage, shapes: list[Shape], extras: int = 0) -> None:
    """Refuses weights that don't belong to the package, before they give nonsense.

    Args:
        shapes: of all outputs, without their batch dimension.
        extras: values of a box besides its place and its classes; not counted where boxes and logits are two outputs.

    Raises:
        ModelPackageInvalid: the outputs have another shape.
    """
    classes, layout = len(package.class_names), LAYOUTS[package.layout]
    if layout.count_values is None:
        fits = len(shapes) >= 2 and shapes[0][-1:] == (4,) and shapes[1][-1] >= classes
        expected = "outputs of 4 values and at least one logit a class"
    else:
        values = layout.count_values(classes) + extras
        fits = len(shapes[0]) == 2 and shapes[0][layout.box_axis] in (values, -1)
        expected = f"{values} values a box"
    if not fits:
        given = ", ".join(" x ".join(map(str, shape)) for shape in shapes)
        raise ModelPackageInvalid(
            f"{WEIGHTS} gives outputs of {given}, but {package.architecture} with {classes} classes has {expected}: "
            f"do {CLASS_NAMES} and the weights match?"
        )
