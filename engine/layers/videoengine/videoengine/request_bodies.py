"""Requests' bodies: JSON as RFC 8259 has it, of which every reader makes the same, and not too much of it."""

import json
from typing import Any, NoReturn

from videoengine.errors import BadRequest

MAX_BODY_BYTES = 65_536
"""A hundred models and the longest signed URLs fit several times."""
_QUOTED_LENGTH = 40


def parse_body(content: bytes) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        BadRequest: it is none, longer than any request is, or ambiguous.
    """
    if len(content) > MAX_BODY_BYTES:
        raise BadRequest(f"The body is longer than {MAX_BODY_BYTES} bytes")
    if not content.strip():
        raise BadRequest("The body is empty; it must be a JSON object")
    try:
        parsed = json.loads(content.decode(), object_pairs_hook=_make_object, parse_constant=_refuse_constant)
        # Halves of a surrogate pair are JSON, but no text that could be written anywhere.
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeError:
        raise BadRequest("The body must be text in UTF-8, without halves of surrogate pairs") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body must be JSON: {error}") from None
    except ValueError:
        # Of so many digits that Python doesn't make a number of them.
        raise BadRequest("The body has a number that is too long") from None
    if not isinstance(parsed, dict):
        raise BadRequest("The body must be a JSON object")
    return parsed


def quote(text: str) -> str:
    """A stranger's words as they may stand in an error: on one line, and not many of them."""
    return json.dumps(text[:_QUOTED_LENGTH]) + ("…" if len(text) > _QUOTED_LENGTH else "")


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        # Which of the two counts differs between readers: what one checks, another would use.
        if name in made:
            raise BadRequest(f"The body has {quote(name)} twice in one object")
        made[name] = value
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequest(f"The body must be JSON, which has no {name}")
