"""The options of an upload as options of a command, from the table that the pipeline itself reads."""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Annotated, Any

import typer

from videoinfer.errors import CommandError
from videojobs.jobs import strict_json
from videojobs.jobs.upload_metadata import (
    METADATA_MAX_BYTES,
    METADATA_OPTIONS,
    OPTION_MEANINGS,
    find_option,
    normalize_name,
)

_PANEL = "Options of the upload: see docs/options.md"


def takes_upload_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command one flag for each option of an upload, in place of its parameter `options`.

    `options` gets the given ones: `{"infer-fps": "2"}` for `--infer-fps 2`.
    """
    names = {name.replace("-", "_"): name for name in METADATA_OPTIONS}

    @wraps(command)
    def run(**given: Any) -> None:
        options = {name: value for field, name in names.items() if (value := given.pop(field)) is not None}
        command(**given, options=options)

    flags = [
        inspect.Parameter(
            field,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option(f"--{name}", help=OPTION_MEANINGS[name], metavar="VALUE", rich_help_panel=_PANEL),
            ],
        )
        for field, name in names.items()
    ]
    own = [it for it in inspect.signature(command).parameters.values() if it.name != "options"]
    run.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
    return run


def parse_settings(settings: Iterable[str]) -> dict[str, str]:
    """The options in `NAME=VALUE`, encoded. Raises CommandError."""
    options: dict[str, str] = {}
    for setting in settings:
        given, equals, value = setting.partition("=")
        name = normalize_name(given)
        if not equals or name not in METADATA_OPTIONS:
            close = find_option(given)
            known = f"did you mean {close}?" if close else f"the options are {', '.join(METADATA_OPTIONS)}."
            raise CommandError(f"--set {setting} is not an option with its value, as in --set infer-fps=2: {known}")
        options[name] = value
    return encode_options(options)


def encode_options(options: Mapping[str, str]) -> dict[str, str]:
    """The options as S3 takes them in metadata: in ASCII, JSON without line breaks, in 2 KB.

    Raises:
        CommandError: An option can't be written like that; says what to do.
    """
    encoded = {name: _encode(name, value.strip()) for name, value in options.items()}
    size_bytes = sum(len(name) + len(value) for name, value in encoded.items())
    if size_bytes > METADATA_MAX_BYTES:
        raise CommandError(
            f"The options have {size_bytes:,} bytes, and S3 takes {METADATA_MAX_BYTES:,}: set some of them for the "
            "key's prefix, in the stack's PrefixRoutes."
        )
    return encoded


def _encode(name: str, value: str) -> str:
    if value.startswith(("[", "{")):
        try:
            return json.dumps(strict_json.parse(value), separators=(",", ":"))
        except ValueError as problem:
            raise CommandError(f"--{name}: not valid JSON ({problem}).") from None
    if not (value.isascii() and value.isprintable()):
        raise CommandError(f"--{name}: S3 takes only ASCII. In JSON, other letters are possible: '[\"{value}\"]'.")
    return value
