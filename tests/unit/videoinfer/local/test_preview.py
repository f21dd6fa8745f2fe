"""The demo's picture of its results."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from videoinfer.local.preview import draw_preview
from videoinfer.videos import sample_video

SURE, DOUBTFUL = 0.9, 0.5


def predict(confidence: float | None, **fields: Any) -> dict[str, Any]:
    box = {"x": 160, "y": 90, "width": 40, "height": 40}
    return {**box, "confidence": confidence, "class": "rock", "class_id": 0, **fields}


def draw(video: Path, folder: Path, elements: list[Any]) -> Image.Image:
    """Draws the preview of a model's elements for the first frames of a video."""
    frames = sample_video(video, 12)[: len(elements)]
    results = {
        "frame_offset": [frame.frame_offset for frame in frames],
        "time_offset": [frame.time_offset for frame in frames],
        "hands": elements,
    }
    (folder / "results.json").write_text(json.dumps(results))
    return draw_preview(video, frames, folder / "results.json", "hands")


def element(*confidences: float | None) -> dict[str, Any]:
    return {"image": {"width": 320, "height": 180}, "predictions": [*map(predict, confidences)]}


def find_frame(picture: Image.Image) -> int:
    """The number of the frame in the test video, whose frame `i` has the gray level `20 * i`."""
    level = picture.getpixel((10, picture.height - 10))
    assert isinstance(level, tuple)
    return round(level[0] / 20)


@pytest.mark.parametrize(
    ("clearest", "other"),
    [
        ([SURE, SURE], [SURE]),
        ([SURE], [DOUBTFUL] * 3),
        ([0.8, 0.8], [SURE, SURE, DOUBTFUL]),
        ([SURE, SURE], [0.8, 0.8]),
        ([DOUBTFUL], []),
        ([None], [SURE]),
    ],
    ids=["more", "sure", "without-doubtful", "surer", "any", "without a confidence"],
)
def test_the_clearest_frame_is_shown(
    tmp_path: Path, video: Path, clearest: list[float | None], other: list[float | None]
) -> None:
    assert find_frame(draw(video, tmp_path, [None, element(*other), element(*clearest)])) == 2
    assert find_frame(draw(video, tmp_path, [None, element(*clearest), element(*other)])) == 1


def test_a_box_is_drawn_at_its_place(tmp_path: Path, video: Path) -> None:
    picture = draw(video, tmp_path, [element(SURE)])

    assert picture.size == (320, 180)
    black = (0, 0, 0)
    for on_the_box in [(140, 90), (179, 90), (160, 109)]:
        assert picture.getpixel(on_the_box) != black
    for beside_it in [(137, 90), (183, 90), (160, 113)]:
        assert picture.getpixel(beside_it) == black


POLYGON = [{"x": x, "y": y} for x, y in [(100, 50), (220, 50), (160, 130)]]
POINT = {"x": 40, "y": 150, "confidence": 0.9, "class": "thumb", "class_id": 0}


@pytest.mark.parametrize(
    ("found", "drawn", "empty"),
    [
        ({"predictions": [predict(SURE, points=POLYGON)]}, (160, 52), (110, 110)),
        ({"predictions": [predict(SURE, keypoints=[POINT])]}, (40, 150), (50, 150)),
        (
            {"top": "rock", "confidence": 0.8, "predictions": [{"class": "rock", "confidence": 0.8}]},
            (8, 10),
            (160, 90),
        ),
        ({"predicted_classes": ["rock"], "predictions": {"rock": {"confidence": 0.8}}}, (8, 10), (160, 90)),
    ],
    ids=["outline", "key point", "label", "labels"],
)
def test_other_predictions_are_drawn_by_their_type(
    tmp_path: Path, video: Path, found: dict[str, Any], drawn: tuple[int, int], empty: tuple[int, int]
) -> None:
    picture = draw(video, tmp_path, [{"image": {"width": 320, "height": 180}, **found}])

    assert picture.getpixel(drawn) != (0, 0, 0)
    assert picture.getpixel(empty) == (0, 0, 0)


@pytest.mark.parametrize("nothing", [[0.5, 0.5], {"predictions": []}, None], ids=["embedding", "empty", "failed"])
def test_a_frame_with_nothing_to_draw_is_shown_unchanged(tmp_path: Path, video: Path, nothing: Any) -> None:
    assert draw(video, tmp_path, [nothing]).getcolors() == [(320 * 180, (0, 0, 0))]


@pytest.mark.parametrize(("rotation", "place"), [(90, (16, 2)), (270, (16, 61))])
def test_a_picture_and_its_drawing_are_rotated_as_in_players(
    tmp_path: Path, rotation: int, place: tuple[int, int]
) -> None:
    path = tmp_path / "lying.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.set_display_rotation(rotation)
        picture = np.zeros((32, 64, 3), np.uint8)
        picture[:, 32:] = 255
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    results = {"frame_offset": [0], "time_offset": [0], "hands": [{"image": {"width": 64, "height": 32}}]}
    (tmp_path / "results.json").write_text(json.dumps(results))

    preview = draw_preview(path, sample_video(path, 1), tmp_path / "results.json", "hands")

    assert preview.size == (32, 64)
    assert preview.getpixel(place) == pytest.approx((255, 255, 255), abs=3)
    assert preview.getpixel((16, 63 - place[1])) == pytest.approx((0, 0, 0), abs=3)
