"""The object with the frames of all segments: each worker reads its own segment of it."""

import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from videoengine.segment_files import encode_segments, read_segment
from videoengine.segments import SampledFrame, Segment

ticks = st.integers(-(2**63), 2**63 - 1)
frames = st.builds(SampledFrame, st.integers(0, 10**7), st.floats(0, 10**5), ticks, ticks)
segments = st.lists(st.lists(frames, min_size=1, max_size=5).map(lambda them: Segment(tuple(them))), min_size=1)


class Bucket:
    """S3 with one object, of which it returns a range of bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.received = 0

    def get_object(self, Bucket: str, Key: str, Range: str) -> dict[str, Any]:  # noqa: N803
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        content = self._content[first : last + 1]
        self.received += len(content)
        return {"Body": io.BytesIO(content)}


@given(segments)
def test_each_segment_is_read_as_it_was_written(written: list[Segment]) -> None:
    s3: Any = Bucket(encode_segments(written))
    assert [read_segment(s3, "videos", "frames", number) for number in range(len(written))] == written


def test_a_segment_is_read_without_the_others() -> None:
    short = Segment((SampledFrame(0, 0.0, 0, 0),))
    long = Segment(tuple(SampledFrame(number, number / 10, number, 0) for number in range(10_000)))
    s3: Any = Bucket(encode_segments([long, short]))
    assert read_segment(s3, "videos", "frames", 1) == short
    assert s3.received < 200
