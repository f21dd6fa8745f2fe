"""Writes XML some elements at a time; the standard library escapes texts and attributes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO
from xml.sax.saxutils import XMLGenerator  # nosec B406
from xml.sax.xmlreader import AttributesImpl  # nosec B406


class XmlWriter:
    """Writes XML to a file, in UTF-8. Texts must have no control characters, which XML can't hold."""

    def __init__(self, file: IO[bytes]) -> None:
        self._xml = XMLGenerator(file, "utf-8", short_empty_elements=True)

    @contextmanager
    def document(self, root: str) -> Iterator[None]:
        """Writes the declaration and the root element, around what the block writes."""
        self._xml.startDocument()
        with self.element(root):
            yield
        self._xml.endDocument()

    @contextmanager
    def element(self, name: str, attributes: Mapping[str, str] | None = None) -> Iterator[None]:
        """Writes an element around what the block writes."""
        self._xml.startElement(name, AttributesImpl(dict(attributes or {})))
        yield
        self._xml.endElement(name)

    def leaf(self, name: str, text: str = "", attributes: Mapping[str, str] | None = None) -> None:
        """Writes an element with a text."""
        with self.element(name, attributes):
            self._xml.characters(text)
