"""The object with the frames of all segments of a job, of which a worker reads its own.

One object for each segment would cost planning one request for each.
"""

import json
from collections.abc import Iterable
from itertools import accumulate, pairwise
from struct import Struct
from typing import TYPE_CHECKING

from videoengine.segments import Segment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PLACE = Struct(">QQ")
"""A segment's place: where its JSON begins and ends in the object, in bytes."""


def encode_segments(segments: Iterable[Segment]) -> bytes:
    """Returns the place of each segment, followed by each segment as JSON."""
    contents = [json.dumps(segment.to_json()).encode() for segment in segments]
    bounds = accumulate(map(len, contents), initial=len(contents) * _PLACE.size)
    places = (_PLACE.pack(start, end) for start, end in pairwise(bounds))
    return b"".join([*places, *contents])


def read_segment(s3: "S3Client", bucket: str, key: str, number: int) -> Segment:
    """Reads one segment of the object that `encode_segments` made."""

    def read(start: int, end: int) -> bytes:
        return s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}")["Body"].read()

    place = read(number * _PLACE.size, (number + 1) * _PLACE.size)
    return Segment.from_json(json.loads(read(*_PLACE.unpack(place))))
