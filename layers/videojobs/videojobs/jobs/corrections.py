"""Corrects the options of an upload that is rejected, so that the corrected ones are accepted."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import partial

from videojobs.errors import InvalidOption, InvalidParameter
from videojobs.jobs.commands import correct_metadata, is_placeholder
from videojobs.jobs.notify_when import parse_notify_when
from videojobs.jobs.options import parse_json
from videojobs.jobs.upload_metadata import METADATA_OPTIONS, SHORT_FORM, find_option, normalize_name

EXAMPLES: Mapping[str, str] = {
    "infer-fps": "1",
    "models": '[{"model_id": "a", "model_version": "1", "inference_type": "object-detection"}]',
    "model-id": "a",
    "model-version": "1",
    "inference-type": "object-detection",
    "confidence": "0.5",
    "input-mode": "presigned",
    "annotate": "true",
    "track": "true",
    "classes": "CLASS",
    "min-confidence": "0.5",
    "regions": '[{"name": "door", "line": [[0, 0], [1, 1]]}]',
    "recorded-at": "2026-01-01T00:00:00Z",
    "notify-when": '[{"class": "CLASS"}]',
    "dataset-frames": "all",
}
"""Values that a person may set instead of placeholders."""

type Resolve = Callable[[Mapping[str, str], Set[str]], object]
"""Resolves the options in metadata, of which uploads may set those in the set. Raises InvalidOption."""


@dataclass(frozen=True)
class Correction:
    """Corrected options of an upload.

    Attributes:
        metadata: The options, with a placeholder for each invalid value.
        forbidden: The options among them that uploads may not set.
    """

    metadata: Mapping[str, str]
    forbidden: Set[str] = frozenset()

    @property
    def placeholders(self) -> Set[str]:
        """The options whose values a person has to replace."""
        return {name for name, value in self.metadata.items() if is_placeholder(name, value)}

    def fill_in(self) -> Mapping[str, str]:
        """Returns the options with examples instead of placeholders."""
        return {name: EXAMPLES[name] if is_placeholder(name, value) else value for name, value in self.metadata.items()}


def correct(
    metadata: Mapping[str, str],
    invalid: InvalidOption,
    allowed: Set[str],
    resolve: Resolve,
    *,
    is_ignored: Callable[[str], bool] = lambda _: False,
) -> Correction:
    """Corrects options one after the other: an option may be missing, or invalid, that was not reported yet.

    Args:
        metadata: The upload's, names without `x-amz-meta-`.
        invalid: Why it is rejected.
        allowed: The options that uploads may set.
        is_ignored: Returns whether uploads may have a name that is no option.
    """
    correction = Correction(metadata)
    for _ in METADATA_OPTIONS:
        correction = _correct_one(correction, invalid, allowed, is_ignored=is_ignored)
        resolve_corrected = partial(_resolve_with, resolve, allowed | correction.forbidden)
        try:
            resolve_corrected(correction.fill_in())
        except InvalidOption as further:
            if not _is_independent(further, correction, resolve_corrected):
                return correction
            invalid = further
        except InvalidParameter:
            return correction
        else:
            return correction
    return correction


def _resolve_with(resolve: Resolve, allowed: Set[str], metadata: Mapping[str, str]) -> object:
    return resolve(metadata, allowed)


def _correct_one(
    before: Correction, invalid: InvalidOption, allowed: Set[str], *, is_ignored: Callable[[str], bool]
) -> Correction:
    remedy = invalid.remedy or {}
    forbidden = before.forbidden | (remedy.keys() - allowed)
    metadata = correct_metadata(
        before.metadata, find_faulty(invalid), allowed | forbidden, remedy=remedy, is_ignored=is_ignored
    )
    return Correction(metadata, forbidden)


def find_faulty(invalid: InvalidOption) -> str:
    """Returns the option that an error is about, as the error spells it."""
    return str(invalid).partition(":")[0]


def explain_changes(reason: str, faulty: str, metadata: Mapping[str, str], corrected: Mapping[str, str]) -> str:
    """Returns why an upload is rejected, with all names in its metadata that corrected metadata changes.

    Args:
        faulty: The option that `reason` is about.
    """
    named = {normalize_name(faulty), find_option(faulty)}
    changed = [name for name in {**metadata, **corrected} if metadata.get(name) != corrected.get(name)]
    others = [name for name in changed if normalize_name(name) not in named and name not in reason]
    return f"{reason} The command also changes {', '.join(sorted(others))}." if others else reason


def _is_independent(
    further: InvalidOption, correction: Correction, resolve: Callable[[Mapping[str, str]], object]
) -> bool:
    """Returns whether an error is one of the upload, and does not depend on what replaces placeholders."""
    placeholders = correction.placeholders
    if further.remedy:
        return any(
            name not in placeholders and correction.metadata.get(name) != value
            for name, value in further.remedy.items()
        )
    name = normalize_name(find_faulty(further))
    if name == "notify-when" and name in correction.metadata and placeholders & {"classes", "regions"}:
        if "regions" in placeholders:
            return not _is_readable(correction.metadata[name])
        without_classes = {option: value for option, value in correction.fill_in().items() if option != "classes"}
        return not _is_accepted(without_classes, resolve)
    return name not in placeholders and (name in correction.metadata or name in SHORT_FORM)


def _is_accepted(metadata: Mapping[str, str], resolve: Callable[[Mapping[str, str]], object]) -> bool:
    """Returns whether no error in some options is about their conditions."""
    try:
        resolve(metadata)
    except InvalidOption as error:
        return normalize_name(find_faulty(error)) != "notify-when"
    return True


def _is_readable(notify_when: str) -> bool:
    """Returns whether conditions are valid with some classes and regions."""
    try:
        parse_notify_when(parse_json("notify_when", notify_when))
    except InvalidOption:
        return False
    return True
