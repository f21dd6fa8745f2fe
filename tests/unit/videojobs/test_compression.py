"""gzip with ISA-L, and without it."""

import gzip as standard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs import compression

libraries = pytest.mark.parametrize("library", [compression._isal, None], ids=["ISA-L", "zlib"])


@libraries
@given(st.lists(st.binary(max_size=200).map(lambda part: part * 50), max_size=4))
def test_a_stream_is_read_by_any_gzip_reader(library: object, parts: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "_isal", library)
        stream = compression.open_gzip()
        content = b"".join(map(stream.compress, parts)) + stream.flush()
        assert standard.decompress(content) == b"".join(parts)


@libraries
def test_the_same_bytes_give_the_same_file(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a retried delivery stores the same objects."""
    monkeypatch.setattr(compression, "_isal", library)
    content = compression.gzip(b"frame " * 1000)
    assert content == compression.gzip(b"frame " * 1000)
    assert content[4:8] == b"\0\0\0\0"  # the header's time
    assert len(content) < 100
    assert standard.decompress(content) == b"frame " * 1000


def test_the_project_s_environment_has_isa_l() -> None:
    assert compression._isal is not None
