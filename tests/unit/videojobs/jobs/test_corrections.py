"""Commands that rejections offer: the corrected options are accepted."""

import json
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from videojobs.errors import InvalidOption
from videojobs.jobs.corrections import EXAMPLES, correct
from videojobs.jobs.stack_options import StackOptions
from videojobs.jobs.upload_metadata import METADATA_OPTIONS

MODELS = [{"model_id": f"m{n}", "model_version": "1", "inference_type": "object-detection"} for n in (1, 2)]
STACK = StackOptions(
    default_models=json.dumps(MODELS),
    default_infer_fps=5.0,
    prefix_routes="{}",
    input_mode="presigned",
    annotate="false",
    track="true",
    max_infer_fps=30,
    allowed_models="*",
    allowed_metadata=",".join(METADATA_OPTIONS),
)
NIGHT = '[{"class": "CLASS", "between": ["22:00", "06:00"], "time_zone": "UTC"}]'
VALUES: Mapping[str, tuple[str, ...]] = {
    "infer-fps": ("2", "fast", "31"),
    "models": (json.dumps(MODELS), "[]", '[{"model_id": "a"}]', "["),
    "model-id": ("a", "../a"),
    "model-version": ("3", "a b"),
    "inference-type": ("classification", "a b"),
    "confidence": ("0.9", "95"),
    "input-mode": ("upload", "post"),
    "annotate": ("true", "maybe"),
    "track": ("false", "true", "on"),
    "classes": ("CLASS", ""),
    "min-confidence": ("0.4", '{"CLASS": 0.4}', "4"),
    "regions": (EXAMPLES["regions"], '[{"name": "door"}]', "["),
    "recorded-at": ("2026-11-28T22:00:00Z", "yesterday"),
    "dataset-frames": ("every 2", "some"),
    "notify-when": ('[{"class": "CLASS"}]', '[{"min_tracks": 2}]', '[{"line": "door"}]', '[{"clas": "x"}]', NIGHT),
}
MISSPELLED = {"infer-fps": "inferfps", "regions": "region", "confidence": "confidance", "classes": "class"}


def test_each_option_has_an_example() -> None:
    assert EXAMPLES.keys() == VALUES.keys() == set(METADATA_OPTIONS)


def resolve(stack: StackOptions, metadata: Mapping[str, str], allowed: Set[str]) -> None:
    options = replace(stack, allowed_metadata=",".join(allowed)).resolve("a.mp4", metadata)
    options.notify_when.check_clock(options.recorded_at)


@given(
    st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}),
    st.sets(st.sampled_from(sorted(MISSPELLED))),
    st.sampled_from([MODELS, MODELS[:1]]),
    st.booleans(),
    st.sampled_from([(), ("track",), ("recorded-at", "track")]),
)
@example({"classes": "", "notify-when": '[{"line": "door"}]'}, set(), MODELS, True, ())
def test_corrected_options_are_accepted(
    metadata: dict[str, str], misspelled: set[str], models: Any, track: bool, forbidden: tuple[str, ...]
) -> None:
    stack = replace(STACK, default_models=json.dumps(models), track=json.dumps(track))
    allowed = set(METADATA_OPTIONS) - set(forbidden)
    uploaded = {MISSPELLED[name] if name in misspelled else name: value for name, value in metadata.items()}
    try:
        resolve(stack, uploaded, allowed)
    except InvalidOption as error:
        invalid = error
    else:
        assume(False)
    correction = correct(uploaded, invalid, allowed, lambda corrected, names: resolve(stack, corrected, names))
    assert correction.forbidden <= set(forbidden)
    resolve(stack, correction.fill_in(), allowed | correction.forbidden)
