"""Commands for a person to paste into a shell. They contain no text that a shell could interpret."""

import json
import re
from collections.abc import Callable, Mapping, Set

from videojobs.foreign_text import word_for_command
from videojobs.jobs import strict_json
from videojobs.jobs.ledger import Job
from videojobs.jobs.upload_metadata import METADATA_OPTIONS, SHORT_FORM, find_option, normalize_name
from videojobs.jobs.uploads import Upload

_HARMLESS_VALUE = re.compile(r"[A-Za-z0-9_./:+-]+")
"""A value without special meaning in a shell or in the AWS CLI's shorthand syntax for maps."""

_HARMLESS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

_HARMLESS_IN_QUOTES = re.compile(r"[A-Za-z0-9_./:+, *%\[\]{}-]")
"""A character without special meaning between apostrophes in any shell, and without an escape in JSON."""

_JSON_PLACEHOLDERS: Mapping[str, str] = {
    "models": '[{"model_id": "MODEL_ID", "model_version": "MODEL_VERSION", "inference_type": "INFERENCE_TYPE"}]',
    "regions": '[{"name": "NAME", "polygon": [[X, Y], [X, Y], [X, Y]]}]',
    "notify-when": '[{"class": "CLASS"}]',
}
"""The placeholders of the options whose values are always JSON. Others are the option's name in capitals."""

HARMLESS_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")


def correct_metadata(
    metadata: Mapping[str, str],
    faulty: str,
    allowed: Set[str],
    *,
    remedy: Mapping[str, str] | None = None,
    is_ignored: Callable[[str], bool] = lambda _: False,
) -> Mapping[str, str]:
    """Returns an upload's metadata, with a placeholder for each invalid option.

    Misspelled options get their right names. What is no option stays as it is if uploads may have it, and is left out
    otherwise, as are options that may not be set.

    Args:
        metadata: The upload's metadata, names without `x-amz-meta-`.
        faulty: The option that is invalid or missing.
        allowed: The options that uploads may set.
        remedy: The options to set instead of `faulty`, with their values; an empty one becomes a placeholder.
        is_ignored: Returns whether uploads may have a name that is no option (`MetadataLimits.ignores`).
    """
    others = {given: value for given, value in metadata.items() if is_ignored(given)}
    misspelled_first = sorted(metadata.items(), key=lambda item: normalize_name(item[0]) in METADATA_OPTIONS)
    options = {name: value for given, value in misspelled_first if given not in others and (name := find_option(given))}
    wrong = normalize_name(faulty)
    if wrong in (*SHORT_FORM, "inference-params"):
        wrong = "models" if "models" in options else "confidence" if wrong == "inference-params" else wrong
    options |= remedy or ({wrong: ""} if wrong in METADATA_OPTIONS else {})
    if "models" in options:
        allowed -= set(SHORT_FORM)  # they can't be combined
    kept = {name: _keep_or_replace(name, value) for name, value in sorted(options.items()) if name in allowed}
    return {**kept, **others}


def spell_metadata(options: Mapping[str, str]) -> str:
    """Returns the argument of the AWS CLI's `--metadata`: `a=1,b=2`, or JSON between apostrophes if a value needs it.

    The CLI's shorthand syntax has no JSON and no commas in values. In JSON, characters that mean something to a shell
    are escaped.

    Source: https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
    """
    if all(_HARMLESS_NAME.fullmatch(name) and _HARMLESS_VALUE.fullmatch(value) for name, value in options.items()):
        return ",".join(f"{name}={value}" for name, value in options.items())
    return f"'{escape_json(json.dumps(options))}'"


def _keep_or_replace(name: str, value: str) -> str:
    """Returns a value that can be given again in ASCII, or a placeholder."""
    if value and value.isascii() and value.isprintable():
        return value
    try:
        if value and (name in _JSON_PLACEHOLDERS or name == "min-confidence"):
            return json.dumps(strict_json.parse(value), separators=(",", ":"))
    except ValueError:
        pass
    return _make_placeholder(name)


def is_placeholder(name: str, value: str) -> bool:
    """Returns whether a person has to replace an option's value in a corrected command."""
    return value == _make_placeholder(name)


def _make_placeholder(name: str) -> str:
    return _JSON_PLACEHOLDERS.get(name, name.replace("-", "_").upper())


def escape_json(text: str) -> str:
    """Escapes the characters in JSON's strings that a shell could interpret. `text` is JSON in ASCII."""
    return "".join(
        character if character in '"\\' or _HARMLESS_IN_QUOTES.fullmatch(character) else f"\\u{ord(character):04x}"
        for character in text
    )


def name_for_command(job: Job) -> str:
    """Returns the name by which `videoinfer` finds `job`: its job_id, or the execution's name if that is not plain."""
    return job.job_id if HARMLESS_ID.fullmatch(job.job_id) else job.execution_name


def uri_for_command(upload: Upload) -> str:
    """Returns the upload's URI as a word of a command; KEY replaces a key that a shell could interpret."""
    return word_for_command(upload.uri, f"s3://{upload.bucket}/KEY")
