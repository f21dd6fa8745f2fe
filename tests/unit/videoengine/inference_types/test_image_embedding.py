"""Image embeddings."""

from pathlib import Path

from tests.stand_ins.model_files import SIDE, make_answer
from tests.unit.videoengine.inference_types.known_answers import (
    infer,
)


def test_an_embedding_is_a_flat_list(tmp_path: Path) -> None:
    size = {"network_input": {"training_input_size": {"width": SIDE, "height": SIDE}}}
    package = make_answer("clip", "embedding", [0.5, -0.25, 2.0], **size)
    assert infer(tmp_path, package | {"class_names.txt": b""}) == [0.5, -0.25, 2.0]
