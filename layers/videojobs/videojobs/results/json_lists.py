"""Reads a results file while it is streamed: the entries of its top-level lists, some at a time, in bounded memory.

The reader finds the ends of entries by jumping from bracket to bracket, and msgspec parses the entries. Nesting, order
of fields and white space are free, and an error in the JSON is reported with its place.

JSON's grammar allows values that Python does not have: half a surrogate pair in a string, and numbers out of range.
They are read as U+FFFD and null, so that one invalid value does not affect other elements.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

from videojobs.errors import BrokenResults

FRAME_OFFSETS = ("frame_offset", "frame_offsets")
TIME_OFFSETS = ("time_offset", "time_offsets")
"""The lists besides the models' lists. The API returns the singular; its documentation has the plural."""

ENTRY_MAX_BYTES = 64 * 1024 * 1024
"""Maximum size of an entry. It is read into memory as a whole, and so would be a file whose brackets never close."""

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+"
_NESTED = rb"|" + _STRING + rb"|\{" + _FLAT + rb"\}|\[" + _FLAT + rb"\]"

_NEXT_BRACKET = re.compile(rb'(?:[^"{}\[\]]++' + _NESTED + rb")*+([{}\[\]])", re.DOTALL)
_NEXT_BRACKET_OR_COMMA = re.compile(rb'(?:[^"{}\[\],]++' + _NESTED + rb")*+([{}\[\],])", re.DOTALL)
"""Skips, in one match, strings and objects and lists that contain no others."""

_ENTRY_HEAD = re.compile(rb'\s*(\{\s*"[^"\\]{1,40}"\s*:)')
_A_STRING = re.compile(_STRING, re.DOTALL)
_NO_SPACE = re.compile(rb"[^ \t\r\n]")
_BYTE_OF_ERROR = re.compile(r" \(byte (\d+)\)")

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape in a string. Its group matches half of a surrogate pair without the other half."""

_LONG_NUMBER = re.compile(
    rb'((?:[^"0-9-]++|' + _STRING + rb"|-?[0-9][0-9.]{0,299}+(?![0-9.eE]))*+)"
    rb"(-?[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+|\Z|.)",
    re.DOTALL,
)
"""Text without a number that may be out of range, followed by one that may be: with an exponent or over 300 digits."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_decode = msgspec.json.Decoder().decode

type DecodeEntries = Callable[[bytes], list[Any]]
"""Parses a JSON list. Raises msgspec.ValidationError if it does not support an entry."""


@dataclass(frozen=True)
class Entries:
    """Some entries of one top-level list.

    Attributes:
        first: The number of the first entry, from 0.
        values: The entries; once empty, when the list begins.
    """

    key: str
    first: int
    values: list[Any]


def read_lists(pieces: Iterable[bytes], decoders: Mapping[str, DecodeEntries] | None = None) -> Iterator[Entries]:
    """Yields the entries of a JSON object's top-level lists, in the order of the file. Other values are skipped.

    Args:
        decoders: By a list's key, the parser of its entries. After the first entries that it does not support, all
            others become JSON's own types. All values of one `Entries` are parsed in the same way.

    Raises:
        BrokenResults: It is not JSON, not an object, cut short, or nested too deep; says at which byte, line and entry.
    """
    return _ListsReader(pieces, decoders or {}).read()


class _ListsReader:
    """A buffer over the file's pieces, and the position of the reader in it."""

    def __init__(self, pieces: Iterable[bytes], decoders: Mapping[str, DecodeEntries]) -> None:
        self._pieces = iter(pieces)
        self._decoders = dict(decoders)
        self._buffer = b""
        self._at = 0
        self._bytes_before = 0
        self._lines_before = 0
        self._key: str | None = None
        self._count = 0
        self._scan = 0
        self._openers = bytearray()

    def read(self) -> Iterator[Entries]:
        self._skip_byte_order_mark()
        self._expect(b"{")
        if self._peek() == b"}":
            self._at += 1
        else:
            while True:
                self._key = None
                self._key = self._read_key()
                self._count = 0
                self._expect(b":")
                if self._peek() == b"[":
                    self._begin_entry(self._at + 1)
                    yield from self._read_entries(self._key)
                else:
                    self._skip_value()
                self._key = None
                if self._expect(b",", b"}") == b"}":
                    break
        self._check_end()

    def _read_entries(self, key: str) -> Iterator[Entries]:
        yield Entries(key, 0, [])
        may_guess = True
        while True:
            if may_guess:
                values, end = self._guess_entries(key)
                may_guess = bool(values) or end < 0
            else:
                values, end = [], -1
            if values:
                yield self._advance(key, values, end)
                if self._take_piece():  # guess again with the next piece; at the end of the file, search for the end
                    self._scan = self._at
                continue
            end, is_list_end = self._find_end()
            values = self._decode(self._at, end)
            if not values and (end > self._at or (is_list_end and self._count)):
                self._fail("a value is missing", end)
            if values:
                yield self._advance(key, values, end)
            if is_list_end:
                self._at = end + 1
                return
            kept = self._at
            self._read_on()
            self._scan -= kept

    def _advance(self, key: str, values: list[Any], end: int) -> Entries:
        """Returns the next entries, and moves behind the comma at `end`."""
        entries = Entries(key, self._count, values)
        self._count += len(values)
        self._begin_entry(end + 1)
        return entries

    def _begin_entry(self, position: int) -> None:
        self._at = self._scan = position
        self._openers.clear()

    def _guess_entries(self, key: str) -> tuple[list[Any], int]:
        """Guesses that the last text that looks like the first entry's beginning is an entry's beginning too.

        Returns the entries before it and their end, or -1 if there is no such text. If `[`, these bytes and `]` are
        JSON, then these bytes are entries, so a wrong guess fails instead of returning wrong entries.
        """
        head = _ENTRY_HEAD.match(self._buffer, self._at)
        start = self._buffer.rfind(head[1], head.end()) if head else -1
        end = self._buffer.rfind(b",", self._at, start) if start >= 0 else -1
        if end < 0 or self._buffer[end + 1 : start].strip():
            return [], -1
        text = b"[" + self._buffer[self._at : end] + b"]"
        if key in self._decoders:
            try:
                return self._decoders[key](text), end
            except msgspec.ValidationError:
                del self._decoders[key]
            except (ValueError, RecursionError):
                return [], end
        try:
            return _decode(text), end
        except (ValueError, RecursionError):
            return [], end

    def _find_end(self) -> tuple[int, bool]:
        """Returns the end of the last complete entry, and whether the list ends there."""
        end = self._at
        while match := (_NEXT_BRACKET if self._openers else _NEXT_BRACKET_OR_COMMA).match(self._buffer, self._scan):
            self._scan = match.end()
            mark = match[1]
            if mark in b"{[":
                self._openers += mark
            elif self._openers and bytes(self._openers[-1:]) + mark in (b"{}", b"[]"):
                del self._openers[-1:]
            elif not self._openers and mark == b",":
                end = self._scan - 1
            elif not self._openers and mark == b"]":
                return self._scan - 1, True
            else:
                self._fail_to_decode(self._at, self._scan)
        return end, False

    def _skip_value(self) -> None:
        scan, depth = self._at, 0
        while True:
            while match := (_NEXT_BRACKET if depth else _NEXT_BRACKET_OR_COMMA).match(self._buffer, scan):
                if not depth and match[1] in b",}]":
                    self._decode(self._at, match.start(1), one=True)
                    self._at = match.start(1)
                    return
                scan = match.end()
                depth += 1 if match[1] in b"{[" else -1
            kept = self._at
            self._read_on()
            scan -= kept

    def _skip_byte_order_mark(self) -> None:
        """A parser may ignore it: RFC 8259, section 8.1."""
        while len(self._buffer) < len(_BYTE_ORDER_MARK) and self._take_piece():
            pass
        if self._buffer.startswith(_BYTE_ORDER_MARK):
            self._at = len(_BYTE_ORDER_MARK)

    def _read_key(self) -> str:
        if self._peek() != b'"':
            self._fail("a key is missing", self._at)
        while not (match := _A_STRING.match(self._buffer, self._at)):
            self._read_on()
        key: str = self._decode(self._at, match.end(), one=True)
        self._at = match.end()
        return key

    def _expect(self, *marks: bytes) -> bytes:
        mark = self._peek()
        if mark not in marks:
            wanted = " or ".join(f"'{wanted.decode()}'" for wanted in marks)
            self._fail(f"{wanted} is missing", self._at)
        self._at += 1
        return mark

    def _peek(self) -> bytes:
        """Returns the next byte that is not white space."""
        while not (match := _NO_SPACE.search(self._buffer, self._at)):
            self._at = len(self._buffer)
            self._read_on()
        self._at = match.start()
        return match[0]

    def _check_end(self) -> None:
        while True:
            if match := _NO_SPACE.search(self._buffer, self._at):
                self._fail("something follows its end", match.start())
            self._at = len(self._buffer)
            if not self._take_piece():
                return

    def _read_on(self) -> None:
        if len(self._buffer) - self._at > ENTRY_MAX_BYTES:
            self._fail(f"there is a value of more than {ENTRY_MAX_BYTES:,} bytes", self._at, "can't be read")
        if not self._take_piece():
            place = self._describe_place(self._count_before(len(self._buffer)))
            size = self._bytes_before + len(self._buffer)
            raise BrokenResults(f"The results end in the middle of the JSON, after {size:,} bytes{place}.")

    def _take_piece(self) -> bool:
        piece = next(self._pieces, b"")
        if piece:
            self._lines_before += self._count_lines(self._at)
            self._bytes_before += self._at
            self._buffer = self._buffer[self._at :] + piece
            self._at = 0
        return bool(piece)

    def _decode(self, start: int, end: int, *, one: bool = False) -> Any:
        text = self._buffer[start:end]
        try:
            return _decode(text if one else b"[" + text + b"]")
        except (ValueError, RecursionError):  # also for invalid UTF-8
            pass
        text = _replace_unreadable(text)
        try:
            return _decode(text if one else b"[" + text + b"]")
        except (ValueError, RecursionError):
            self._fail_to_decode(start, end, one=one)

    def _fail_to_decode(self, start: int, end: int, *, one: bool = False) -> NoReturn:
        """Reports what is wrong with the text from `start` to `end`."""
        text = _replace_unreadable(self._buffer[start:end])
        try:
            text.decode()
            _decode(text if one else b"[" + text + b"]")
        except UnicodeDecodeError as error:
            self._fail("it is not UTF-8", start + error.start)
        except ValueError as error:
            words = str(error).removeprefix("JSON is malformed: ")
            at = _BYTE_OF_ERROR.search(words)
            position = start + int(at[1]) - (not one) if at else end
            self._fail(_BYTE_OF_ERROR.sub("", words), min(position, end))
        except RecursionError:
            self._fail("it is nested too deep", start, "can't be read")
        self._fail("brackets do not match", end - 1)

    def _fail(self, what: str, position: int, verdict: str = "are not JSON") -> NoReturn:
        line = self._lines_before + self._count_lines(position) + 1
        place = self._describe_place(self._count_before(position))
        raise BrokenResults(
            f"The results {verdict}: {what}, at byte {self._bytes_before + position:,} (line {line:,}){place}."
        )

    def _count_lines(self, end: int) -> int:
        """Counts line ends before `end`. Most files have none, and finding that takes a twentieth of the time."""
        first = self._buffer.find(b"\n", 0, end)
        return self._buffer.count(b"\n", first, end) if first >= 0 else 0

    def _describe_place(self, number: int) -> str:
        return f", in element {number:,} of {self._key}" if self._key is not None else ""

    def _count_before(self, position: int) -> int:
        """Returns the number of the entry at `position`."""
        number, scan, depth = self._count, self._at, 0
        while match := (_NEXT_BRACKET if depth else _NEXT_BRACKET_OR_COMMA).match(self._buffer, scan, position):
            scan = match.end()
            if match[1] == b",":
                number += 1
            else:
                depth = max(0, depth + (1 if match[1] in b"{[" else -1))
        return number


def _replace_unreadable(text: bytes) -> bytes:
    """Replaces each lone surrogate by U+FFFD, and each number out of range by null.

    All other bytes keep their places, so that errors report the right ones. Invalid JSON stays invalid.
    """
    text = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], text)
    return _LONG_NUMBER.sub(_replace_number, text)


def _replace_number(match: re.Match[bytes]) -> bytes:
    try:
        _decode(match[2])
    except msgspec.ValidationError:
        return match[1] + b"null".ljust(len(match[2]))
    except ValueError:  # not a number
        pass
    return match[0]
