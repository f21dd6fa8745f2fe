"""What stands in for FFmpeg and for threads, so that the functions that decode videos run in simulated time."""

import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Self
from unittest.mock import patch

from tests.simulation.timeline import Timeline
from videojobs import annotate_video, make_dataset
from videojobs.dataset import objects as dataset_objects
from videojobs.dataset.objects import DatasetObjects
from videojobs.dataset.writer import DatasetCounts
from videojobs.drawing import job_files
from videojobs.drawing.video import Drawn

DRAWING_SECONDS = (1.0, 30.0, 30.0, 400.0, 2000.0)
"""How long FFmpeg takes; sometimes longer than a function may run."""


class AtOnce:
    """An executor that runs what it gets at once."""

    def __init__(self, _threads: int) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, act: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future = Future[Any]()
        try:
            future.set_result(act(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def installed(timeline: Timeline, order: random.Random, s3: Any) -> Iterator[None]:
    """Replaces the drawing, boto3's transfers (which use threads), and the folder for temporary files."""

    def work(watch: Callable[[float], None]) -> None:
        seconds = order.choice(DRAWING_SECONDS)
        for done in range(4):
            timeline.sleep(seconds / 4)
            watch(done / 4)

    def draw(video: Path, samples: Iterable[Any], annotated: Path, watch: Callable[[float], None], **_: Any) -> Drawn:
        frames = sum(1 for _ in samples)
        work(watch)
        annotated.write_bytes(b"annotated " + video.read_bytes())
        return Drawn(frames=frames, left_out_sounds=0)

    def write(
        video: Path, samples: Iterable[Any], sink: DatasetObjects, *, watch: Callable[[float], None], **_: Any
    ) -> DatasetCounts:
        frames = sum(1 for _ in samples)
        work(watch)
        sink.write("images/train/00000000.jpg", video.read_bytes())
        return DatasetCounts(
            images=1, labels=frames, undecodable=0, misplaced=0, repeated=0, failed=0, unread=0, left_out={}
        )

    def download(bucket: str, key: str, path: str, ExtraArgs: Any = None) -> None:  # noqa: N803  boto3's name
        place = {"Bucket": bucket, "Key": key, **(ExtraArgs or {})}
        s3.head_object(**place)
        Path(path).write_bytes(s3.get_object(**place)["Body"].read())

    def upload(path: str, bucket: str, key: str, **_: Any) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=Path(path).read_bytes())

    with TemporaryDirectory() as folder, ExitStack() as stack:

        def find_folder() -> str:
            # Each environment of a function has its own.
            return str(Path(folder, str(id(getattr(timeline.worker, "sandbox", None)))))

        for place, name, replacement in (
            (annotate_video, "draw_video", draw),
            (make_dataset, "write_dataset", write),
            (dataset_objects, "ThreadPoolExecutor", AtOnce),
            (job_files, "tempfile", SimpleNamespace(gettempdir=find_folder)),
            (s3, "download_file", download),
            (s3, "upload_file", upload),
        ):
            stack.enter_context(patch.object(place, name, replacement))
        yield
