"""Media outputs: which ones a job asks for, and their names in records, which must differ."""

import pytest

from videojobs.jobs.costs import COSTS
from videojobs.jobs.dataset_frames import DatasetFrames
from videojobs.jobs.media_outputs import ANNOTATION, DATASET, MEDIA_OUTPUTS, find_media_output, list_requested
from videojobs.jobs.options import Model, Options

MODELS = (Model("hands", "4", "object-detection"),)


@pytest.mark.parametrize("annotate", [False, True])
@pytest.mark.parametrize("frames", [None, DatasetFrames("all")])
def test_the_options_say_what_is_made(frames: DatasetFrames | None, *, annotate: bool) -> None:
    options = Options(MODELS, 5, "presigned", annotate, dataset_frames=frames)
    wanted = [*([ANNOTATION] if annotate else []), *([DATASET] if frames else [])]
    assert list(list_requested(options)) == wanted


def test_the_state_machine_names_an_output() -> None:
    assert [find_media_output(output.name) for output in MEDIA_OUTPUTS] == [*MEDIA_OUTPUTS]
    with pytest.raises(ValueError, match="not enough values"):
        find_media_output("report")


def test_no_two_outputs_share_a_name() -> None:
    names = [
        name
        for output in MEDIA_OUTPUTS
        for name in (output.file_name, output.location, output.error, output.notice_id, output.cost)
    ]
    assert len({*names}) == len(names)
    assert COSTS == ("cost", "annotation_cost", "dataset_cost")
