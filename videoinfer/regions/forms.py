"""The forms in which the option `regions` is given: as JSON, in an upload's metadata, and for a key prefix."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videoinfer.errors import CommandError
from videoinfer.input_file import check_file
from videojobs.errors import InvalidOption
from videojobs.foreign_text import word_for_command
from videojobs.jobs.commands import spell_metadata
from videojobs.jobs.options import parse_json
from videojobs.jobs.regions import Region, parse_regions

METADATA_MAX_BYTES = 2048
"""The names and values of an object's user metadata together:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html#UserMetadata
"""

ROUTES_MAX_CHARACTERS = 4096
"""The length of the stack's parameter PrefixRoutes."""

_NAME = "regions"


@dataclass(frozen=True, kw_only=True)
class RegionForms:
    """Regions, spelled for the places where they can be given.

    Attributes:
        json: The option's value, one region per line.
        upload: An `aws s3 cp` command with the regions in the metadata, for a POSIX shell.
        routes: The stack's parameter PrefixRoutes, with `PREFIX/` for the prefix of the camera's videos.
        warnings: Which of these are too long, and what to do.
    """

    json: str
    upload: str
    routes: str
    warnings: Sequence[str]


def read_regions(text: str) -> tuple[Region, ...]:
    """Reads the option's JSON. Raises InvalidOption."""
    return parse_regions(parse_json(_NAME, text))


def read_given_regions(given: str) -> tuple[Region, ...]:
    """Reads the value of `--regions`: JSON, or the path of a file with JSON. Raises `CommandError`."""
    text = given
    if not given.lstrip().startswith(("[", "{")):
        path = Path(given)
        check_file(path)
        try:
            text = path.read_text("utf-8-sig")
        except UnicodeDecodeError:
            raise CommandError(f"{path} is not UTF-8.") from None
    try:
        return read_regions(text)
    except InvalidOption as invalid:
        raise CommandError(str(invalid)) from None


def spell_regions(regions: Sequence[Region], video: Path) -> RegionForms:
    """Returns the forms of `regions` for uploads like `video`."""
    entries = [region.to_dict() for region in regions]
    value = json.dumps(entries, separators=(",", ":"))
    name = word_for_command(video.name, "VIDEO")
    file, target = word_for_command(str(video), "VIDEO"), shlex.quote(f"s3://UPLOADS_BUCKET/{name.strip("'")}")
    routes = json.dumps({"PREFIX/": {_NAME: entries}})
    return RegionForms(
        json="[" + ",\n ".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "]",
        upload=f"aws s3 cp {file} {target} --metadata {spell_metadata({_NAME: value})}",
        routes=routes,
        warnings=list(_list_warnings(len(_NAME) + len(value), len(routes))),
    )


def _list_warnings(metadata_bytes: int, routes_characters: int) -> Sequence[str]:
    warnings = []
    if metadata_bytes > METADATA_MAX_BYTES:
        warnings.append(
            f"As metadata, the regions have {metadata_bytes:,} bytes, and S3 allows {METADATA_MAX_BYTES:,} for all "
            "metadata of an object: use PrefixRoutes, or fewer points."
        )
    if routes_characters > ROUTES_MAX_CHARACTERS:
        warnings.append(
            f"PrefixRoutes has {routes_characters:,} characters, and {ROUTES_MAX_CHARACTERS:,} are allowed: "
            "use fewer points."
        )
    return warnings
