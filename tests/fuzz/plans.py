"""`python -m tests.fuzz.plans --inputs 10000`: damages the indexes of videos and compares the two ways of planning.

The timeline, the note or the failure must be the same whether the media is skipped or the whole file is read.
"""

import argparse
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import av

from tests.fuzz.job import BUCKET, MAX_FAILED_SHARE, MAX_FRAME_PIXELS, Store
from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from tests.stand_ins.videos import VideoSpec, make_video, put_index_first
from videoengine import fragment_headers, fragment_reader, media_skipping
from videoengine.cut_off import check_cut
from videoengine.errors import JobFailed
from videoengine.media_skipping import MediaSkipper
from videoengine.s3_file import S3Object
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video

_H264 = VideoSpec(frames=120, texture=True)
_OPEN_GOP = replace(_H264, options={"x264-params": "open-gop=1:bframes=3:keyint=12:scenecut=0"})
_HEVC = replace(_H264, codec="libx265", options={"x265-params": "log-level=none:keyint=12:open-gop=1:bframes=4"})
_SPECS = {
    "H.264": _H264,
    "H.264 across keyframes": _OPEN_GOP,
    "H.264 in MOV": replace(_H264, format="mov"),
    "H.264 with sound": replace(_H264, audio=True),
    "H.264 cut by an edit list": replace(_H264, timestamps=[index * 40 - 500 for index in range(120)]),
    "H.264 refreshed column by column": replace(_H264, options={"x264-params": "intra-refresh=1:keyint=12"}),
    "HEVC": _HEVC,
    "in fragments": replace(_H264, container_options={"movflags": "frag_keyframe+empty_moov"}),
    "in fragments, with sound": replace(_H264, audio=True, container_options={"movflags": "frag_keyframe+empty_moov"}),
    "in fragments, for DASH": replace(
        _HEVC, container_options={"movflags": "dash+delay_moov", "frag_duration": "500000"}
    ),
    "in fragments, with an index": replace(
        _H264, keyframe_every=12, container_options={"movflags": "dash+global_sidx+frag_keyframe"}
    ),
    "in fragments, with an index, of HEVC": replace(
        _HEVC, container_options={"movflags": "dash+global_sidx+frag_keyframe"}
    ),
    "in fragments, with an index, with sound": replace(
        _H264,
        keyframe_every=24,
        audio=True,
        container_options={"movflags": "dash+global_sidx+frag_keyframe+skip_trailer"},
    ),
    "in long fragments, with an index": replace(
        _OPEN_GOP, container_options={"movflags": "dash+global_sidx", "frag_duration": "1000000"}
    ),
}

_TYPES = (
    b"stss",
    b"stsz",
    b"stco",
    b"stsc",
    b"stts",
    b"ctts",
    b"elst",
    b"trun",
    b"tfhd",
    b"sidx",
    b"saio",
    b"free",
    b"mdat",
)
_NUMBERS = 0, 1, 2, 7, 8, 0xFF, 0x100, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF
MUTATIONS_MAX = 3
BLOCK_BYTES = 4096

VARYING = "same file, which FFmpeg reads differently each time"
"""FFmpeg gives up some damaged tables of samples halfway, and the rest of the entries is what was in memory."""

READINGS_MAX = 40
"""How often a file is read as a whole to find out whether FFmpeg reads it differently each time."""


def use_small_numbers() -> None:
    """These videos have short keyframes and fragments, close together."""
    media_skipping.MIN_BYTES_PER_KEYFRAME, media_skipping.HEAD_BYTES, fragment_reader.BEGINNING_BYTES = 0, 64, 512
    fragment_reader.LONG_JUMP_BYTES, fragment_headers.HEADER_BYTES = BLOCK_BYTES, (256, 2048)


@dataclass(frozen=True)
class Comparison:
    """What planning a file gave.

    Attributes:
        outcome: `same timeline`, `same failure`, `VARYING`, or what differs.
        skipped: Whether the media was skipped.
    """

    outcome: str
    skipped: bool


def make_originals() -> dict[str, bytes]:
    """Makes the undamaged files, by name: MP4s, those with an index at the end also with the index first."""
    videos = {name: make_video(spec) for name, spec in _SPECS.items()}
    first = {
        f"{name}, index first": put_index_first(video) for name, video in videos.items() if "fragments" not in name
    }
    return videos | first


def damage(originals: Mapping[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """A name of an original, and the original with damage, the same for the same seed and number."""
    dice = random.Random(f"{seed} {number}")  # noqa: S311  not a secret
    name = dice.choice(list(originals))
    return name, mutate_index(originals[name], dice)


def mutate_index(video: bytes, dice: random.Random) -> bytes:
    """Damages what is not media: flips bits, changes numbers and types, swaps entries, inserts, and cuts."""
    content = bytearray(video)
    for _ in range(dice.randint(1, MUTATIONS_MAX)):
        index = list(_find_index(content))
        if not index:
            break
        (start, end), *_ = dice.choices(index, [end - start for start, end in index])
        place = dice.randrange(start, end)
        (mutation,) = dice.choices(list(_MUTATIONS), list(_MUTATIONS.values()))
        mutation(content, place, start + (place - start) // 4 * 4, dice)
    return bytes(content)


def _flip_bit(content: bytearray, place: int, entry: int, dice: random.Random) -> None:
    content[place] ^= 1 << dice.randrange(8)


def _replace_number(content: bytearray, place: int, entry: int, dice: random.Random) -> None:
    content[entry : entry + 4] = dice.choice(_NUMBERS).to_bytes(4)


def _change_number(content: bytearray, place: int, entry: int, dice: random.Random) -> None:
    number = int.from_bytes(content[entry : entry + 4]) + dice.choice((-100, -8, -4, -1, 1, 4, 8, 100))
    content[entry : entry + 4] = (number % 2**32).to_bytes(4)


def _swap_entries(content: bytearray, place: int, entry: int, dice: random.Random) -> None:
    middle = entry + dice.choice((4, 8, 12))
    end = 2 * middle - entry
    content[entry:end] = content[middle:end] + content[entry:middle]


def _change_type(content: bytearray, place: int, entry: int, dice: random.Random) -> None:
    types = [match.start() for match in re.finditer(b"|".join(_TYPES), content)]
    if types:
        start = dice.choice(types)
        content[start : start + 4] = dice.choice(_TYPES)


def _insert(content: bytearray, place: int, entry: int, dice: random.Random) -> None:
    content[place:place] = content[entry : entry + dice.choice((4, 8, 16))]


def _delete(content: bytearray, place: int, entry: int, dice: random.Random) -> None:
    del content[place : place + dice.randint(1, 16)]


def _cut_off(content: bytearray, place: int, entry: int, dice: random.Random) -> None:
    del content[dice.randrange(len(content)) :]


_MUTATIONS = {
    _flip_bit: 4,
    _replace_number: 4,
    _change_number: 8,
    _swap_entries: 8,
    _change_type: 4,
    _insert: 1,
    _delete: 1,
    _cut_off: 1,
}
"""How often each is chosen, relative to the others."""


def _find_index(video: bytearray) -> Iterator[tuple[int, int]]:
    """The start and end of each box that is not media, and of the header of each other box."""
    start = 0
    while start + 8 <= len(video):
        size = int.from_bytes(video[start : start + 4])
        end = min(start + max(size, 8), len(video)) if size else len(video)
        yield start, start + 8 if video[start + 4 : start + 8] == b"mdat" else end
        start = end


def compare(video: bytes) -> Comparison:
    """Plans a video in both ways."""
    store = Store()
    store.objects["video"] = video
    s3: Any = store
    # FFmpeg reads some damaged files differently in other blocks.
    expected = _plan_by_reading(s3)
    with S3Object(s3, BUCKET, "video", BLOCK_BYTES) as file, MediaSkipper(file) as skipper:
        found = _plan(file, skipper)
    if found != expected:
        if any(_plan_by_reading(s3) != expected for _ in range(READINGS_MAX)):
            return Comparison(VARYING, skipper.skips)
        return Comparison(f"{expected} differs from {found}", skipper.skips)
    return Comparison("same failure" if isinstance(found, str) else "same timeline", skipper.skips)


def _plan_by_reading(s3: Any) -> Any:
    with S3Object(s3, BUCKET, "video", BLOCK_BYTES) as file:
        return _plan(file, None)


def _plan(file: S3Object, skipper: MediaSkipper | None) -> Any:
    try:
        with open_video(skipper or file, MAX_FRAME_PIXELS) as container:
            timeline = read_timeline(container, skipper)
            return timeline, check_cut(container, file, timeline, MAX_FAILED_SHARE)
    except JobFailed as failure:
        return str(failure)


def compare_all(originals: Mapping[str, bytes], seed: int, numbers: Iterable[int]) -> Counter[Comparison]:
    """Damages and compares files, and prints those that differ."""
    found = Counter[Comparison]()
    for number in numbers:
        name, video = damage(originals, seed, number)
        comparison = compare(video)
        if not comparison.outcome.startswith("same"):
            print(f"--seed {seed} --first {number} ({name}): {comparison.outcome[:2000]}")
        found[comparison] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.plans", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="how many files to damage")
    parser.add_argument("--first", type=int, default=0, help="the number of the first, to run one again")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    av.logging.set_level(av.logging.PANIC)
    started = time.process_time()
    use_small_numbers()
    videos = {name: make() for name, make in AWKWARD_VIDEOS.items()}
    undamaged = Counter(map(compare, videos.values()))
    _print_counts(undamaged)
    print(f"{undamaged.total()} undamaged videos")
    awkward = {name: video for name, video in videos.items() if video[4:8] == b"ftyp"}
    found = compare_all(
        awkward | make_originals(), arguments.seed, range(arguments.first, arguments.first + arguments.inputs)
    )
    _print_counts(found)
    print(f"{found.total()} inputs, seed {arguments.seed}, {time.process_time() - started:.0f} s of CPU")
    sys.exit(any(not comparison.outcome.startswith("same") for comparison in [*undamaged, *found]))


def _print_counts(found: Counter[Comparison]) -> None:
    for comparison, count in found.most_common():
        print(f"{count:6} {comparison.outcome[:60]}, {'media skipped' if comparison.skipped else 'all read'}")


if __name__ == "__main__":
    main()
