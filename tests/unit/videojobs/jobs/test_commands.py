"""Commands that people paste into a shell: each works, and contains nothing that a shell could interpret."""

import json
import re
import shlex

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from videojobs.jobs.commands import correct_metadata, spell_metadata
from videojobs.jobs.upload_metadata import METADATA_OPTIONS

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)
JSON_PLACEHOLDERS = ('[{"class": "CLASS"}]', '[{"name": "NAME", "polygon": [[X, Y], [X, Y], [X, Y]]}]')
QUOTED_MODELS = (
    r"""'{"models": "[{\"model_id\": \"MODEL_ID\", \"model_version\": \"MODEL_VERSION\", """
    r"""\"inference_type\": \"INFERENCE_TYPE\"}]"}'"""
)


@pytest.mark.parametrize(
    ("metadata", "faulty", "expected"),
    [
        (
            {"infer-fps": "1", "confidance": "0.9", "annotate": "true"},
            "confidance",
            "annotate=true,confidence=0.9,infer-fps=1",
        ),
        ({"infer_fps": "fast", "annotate": "true"}, "infer_fps", "annotate=true,infer-fps=INFER_FPS"),
        (
            {"model-id": "nope", "infer-fps": "2"},
            "model_version",
            "infer-fps=2,model-id=nope,model-version=MODEL_VERSION",
        ),
        ({"confidence": "95", "infer-fps": "2"}, "inference_params", "confidence=CONFIDENCE,infer-fps=2"),
        ({"models": '[{"model_id": "a', "confidence": "0.9"}, "confidence", QUOTED_MODELS),
        ({"models": '[{"model_id": "a'}, "models", QUOTED_MODELS),
        ({"notify-when": "[{"}, "notify_when", r"""'{"notify-when": "[{\"class\": \"CLASS\"}]"}'"""),
        (
            {"notify-when": '[{"class": "it\'s $HOME"}]', "infer-fps": "x"},
            "infer_fps",
            r"""'{"infer-fps": "INFER_FPS", "notify-when": "[{\"class\": \"it\u0027s \u0024HOME\"}]"}'""",
        ),
        (
            {"recorded-at": "cam_%Y%m%d_%H[Asia/Tokyo]", "classes": "person,truck", "infer-fps": "x"},
            "infer_fps",
            """'{"classes": "person,truck", "infer-fps": "INFER_FPS", "recorded-at": "cam_%Y%m%d_%H[Asia/Tokyo]"}'""",
        ),
        (
            {"input-mode": "upload; rm -rf ~", "infer-fps": "2"},
            "infer_fps",
            r"""'{"infer-fps": "INFER_FPS", "input-mode": "upload\u003b rm -rf \u007e"}'""",
        ),
        ({"mtime": "1700000000", "mode": "33188", "infer-fps": "x"}, "infer_fps", "infer-fps=INFER_FPS"),
        (
            {"recorded-at": "2026-11-28T22:00:00+01:00", "infer-fps": "x"},
            "infer_fps",
            "infer-fps=INFER_FPS,recorded-at=2026-11-28T22:00:00+01:00",
        ),
    ],
)
def test_valid_options_are_kept_in_the_suggestion(metadata: dict[str, str], faulty: str, expected: str) -> None:
    corrected = correct_metadata(metadata, faulty, frozenset(METADATA_OPTIONS))
    assert spell_metadata(corrected) == expected


def test_an_option_that_uploads_may_not_set_is_left_out() -> None:
    assert correct_metadata({"annotate": "true"}, "annotate", frozenset({"infer-fps"})) == {}


def test_names_that_uploads_may_have_stay_as_they_are() -> None:
    metadata = {"mtime": "1700000000", "Camera": "it's", "infer-fps": "x", "model": "DS-2CD2"}
    corrected = correct_metadata(
        metadata, "infer_fps", frozenset(METADATA_OPTIONS), is_ignored={"mtime", "Camera"}.__contains__
    )
    assert corrected == {"infer-fps": "INFER_FPS", "models": "DS-2CD2", "mtime": "1700000000", "Camera": "it's"}


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(METADATA_OPTIONS), st.text(max_size=30) | json_values.map(json.dumps)),
    st.sampled_from(METADATA_OPTIONS),
)
@example({"notify-when": json.dumps([{"class": "'; rm -rf ~; '`id`$(id)安\u2019"}])}, "infer-fps")
def test_a_suggestion_can_be_pasted_whatever_the_metadata(metadata: dict[str, str], faulty: str) -> None:
    corrected = correct_metadata(metadata, faulty, frozenset(METADATA_OPTIONS))
    given_metadata = spell_metadata(corrected)
    assert re.fullmatch(r"[A-Za-z0-9_./:+=,-]+|'[A-Za-z0-9_./:+=, *%\[\]{}\"\\-]+'", given_metadata)
    read = read_metadata(given_metadata)
    assert all(value.isascii() and value.isprintable() for value in read.values())
    for name, value in read.items():
        if name in metadata and name != faulty and value.startswith(("[", "{")) and "MODEL_ID" not in value:
            assert value in (metadata[name], *JSON_PLACEHOLDERS) or json.loads(value) == json.loads(metadata[name])


def read_metadata(argument: str) -> dict[str, str]:
    """Reads an argument of `--metadata` as a POSIX shell and the AWS CLI do."""
    [word] = shlex.split(argument)
    if word.startswith("{"):
        read: dict[str, str] = json.loads(word)
        return read
    return dict(pair.split("=") for pair in word.split(","))
