"""A dataset's contents: its pictures with their labels, which wait in a temporary file, and its classes.

Formats are written at the end, because most need to know all classes and the numbers of key points before the first
label. So they read the file again, and memory does not grow with the video.
"""

import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from videojobs.dataset.labels import Label
from videojobs.foreign_text import printable
from videojobs.outputs.coco_parts import Categories, Category, name_uniquely

IMAGES_FOLDER = "images/train"
"""Where Ultralytics and Datumaro look for pictures, beside `labels/train` and `annotations/instances_train.json`."""

NAME_MAX_CHARACTERS = 200
"""A class name of millions of characters would be in every task of Label Studio."""


class LabeledImage(Struct, array_like=True, frozen=True):
    """A picture of the dataset.

    Attributes:
        number: From 0.
        file_name: Without its folder.
        frame_offset: The frame's number in the video, from 0.
        time_offset: Seconds from the first frame.
    """

    number: int
    file_name: str
    width: int
    height: int
    frame_offset: int
    time_offset: float
    labels: list[Label]


class DatasetContents:
    """Collects the pictures' labels, and yields them again. A context manager, which deletes the temporary file.

    Attributes:
        categories: The classes of all models, numbered in order of appearance.
        images: The number of pictures.
        labels: The number of labels.
    """

    def __init__(self) -> None:
        self.categories = Categories()
        self.images = 0
        self.labels = 0
        self.size = (1, 1)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  it is closed at the context's exit
        self._encode = msgspec.json.Encoder().encode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, image: LabeledImage) -> None:
        """Adds the next picture."""
        if not self.images:
            self.size = image.width, image.height
        self._file.write(self._encode(image) + b"\n")
        self.images += 1
        self.labels += len(image.labels)

    def __iter__(self) -> Iterator[LabeledImage]:
        decode = msgspec.json.Decoder(LabeledImage).decode
        self._file.seek(0)
        return map(decode, self._file)

    @cached_property
    def classes(self) -> Sequence[Category]:
        """The categories, in the order of their numbers. Asked for after the last picture."""
        return self.categories.found

    @cached_property
    def names(self) -> Sequence[str]:
        """The classes' unique names without invisible characters, in the same order: XML has no control characters."""
        plain = [(_clean(category.name), _clean(category.supercategory)) for category in self.classes]
        return list(name_uniquely(plain))

    def name(self, label: Label) -> str:
        """Returns the name of a label's class."""
        return self.names[label.category - 1]

    def name_keypoints(self, category: Category) -> Sequence[str]:
        """Returns the unique names of a category's key points, in the order of their numbers."""
        plain = [(_clean(name), str(number)) for number, name in enumerate(category.keypoints)]
        return list(name_uniquely(plain))


def _clean(text: str) -> str:
    return printable(text, NAME_MAX_CHARACTERS).strip()
