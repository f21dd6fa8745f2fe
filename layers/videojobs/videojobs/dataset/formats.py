"""The writers of a dataset's formats, by name."""

from collections.abc import Callable, Mapping

from videojobs.dataset.coco import write_coco
from videojobs.dataset.contents import DatasetContents
from videojobs.dataset.cvat import write_cvat
from videojobs.dataset.label_studio import write_label_studio
from videojobs.dataset.names import DatasetFormat
from videojobs.dataset.sink import DatasetSink
from videojobs.dataset.yolo import write_yolo

WRITERS: Mapping[DatasetFormat, Callable[[DatasetContents, DatasetSink], Mapping[str, int]]] = {
    "coco": write_coco,
    "yolo": write_yolo,
    "label-studio": write_label_studio,
    "cvat": write_cvat,
}
"""Each writes the files of a format, and returns what the format can't hold: how many labels, by reason."""
