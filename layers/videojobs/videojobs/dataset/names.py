"""The names of a dataset's formats. They need no library for video, so that the command line can list them."""

from typing import Literal, get_args

type DatasetFormat = Literal["coco", "yolo", "label-studio", "cvat"]

FORMATS: tuple[DatasetFormat, ...] = get_args(DatasetFormat.__value__)
