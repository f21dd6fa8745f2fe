"""Parses request bodies: JSON of limited size by RFC 8259, without anything that parsers read differently."""

import json
from typing import Any, NoReturn

from videoengine.errors import BadRequest

MAX_BODY_BYTES = 65_536
"""Enough for several times a hundred models and the longest signed URL."""
_QUOTED_LENGTH = 40


def parse_body(content: bytes) -> dict[str, Any]:
    """Parses a body as a JSON object.

    Raises:
        BadRequest: the body is not a JSON object, too long, or ambiguous.
    """
    if len(content) > MAX_BODY_BYTES:
        raise BadRequest(f"The body is longer than {MAX_BODY_BYTES} bytes")
    if not content.strip():
        raise BadRequest("The body is empty; it must be a JSON object")
    try:
        parsed = json.loads(content.decode(), object_pairs_hook=_make_object, parse_constant=_refuse_constant)
        # Half a surrogate pair is valid JSON, but can't be encoded in UTF-8.
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeError:
        raise BadRequest("The body must be text in UTF-8, without halves of surrogate pairs") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body must be JSON: {error}") from None
    except ValueError:
        # Python refuses to convert numbers with too many digits.
        raise BadRequest("The body has a number that is too long") from None
    if not isinstance(parsed, dict):
        raise BadRequest("The body must be a JSON object")
    return parsed


def quote(text: str) -> str:
    """Foreign text for an error message: escaped, on one line, and shortened.

    Example:
        >>> quote("a\\nb")
        '"a\\\\nb"'
    """
    return json.dumps(text[:_QUOTED_LENGTH]) + ("…" if len(text) > _QUOTED_LENGTH else "")


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        # Parsers differ in which of the two they use, so one could check a value and another use the other.
        if name in made:
            raise BadRequest(f"The body has {quote(name)} twice in one object")
        made[name] = value
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequest(f"The body must be JSON, which has no {name}")
