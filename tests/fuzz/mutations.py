"""Real files with random damage, which is the same for the same seed."""

import random

from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS

ORIGINALS = (
    "H.264 in MP4",
    "H.264 whose pictures refer across keyframes, in MKV",
    "H.264 in AVI",
    "HEVC in MP4",
    "VP8 with hidden frames",
    "VP9 in WebM",
    "AV1 in MP4",
    "MPEG-4 with B-frames in AVI",
    "MPEG-2 with B-frames, in MKV",
    "Motion JPEG in AVI",
    "ProRes in MOV",
    "MP4 in fragments",
    "a cover before the video",
    "sound in MP4",
    "H.264 cut between keyframes",
    "VP9 with hidden frames in packets of their own",
    "256 colors in AVI",
    "MPEG-TS: H.264 with short groups across keyframes",
    "MPEG-TS: MPEG-2 with B-frames, in MKV",
    "MPEG-TS of two programs",
    "H.263 in 3GP",
)
"""Some of `AWKWARD_VIDEOS`, with every container and every codec."""

MUTATIONS_MAX = 8
HEADER_BYTES = 4096
"""The size of both ends of a file, where containers describe the rest: half of the damage goes there."""

_SIZES = 1, 2, 4, 8
_EXTREMES = 0, 1, 0x7F, 0x80, 0xFF


def make_originals() -> dict[str, bytes]:
    """Makes the undamaged files, by name."""
    return {name: AWKWARD_VIDEOS[name]() for name in ORIGINALS}


def mutate(original: bytes, other: bytes, dice: random.Random) -> bytes:
    """Damages a file in one to `MUTATIONS_MAX` ways.

    Args:
        other: The file that foreign pieces come from.
        dice: The source of randomness.
    """
    content = bytearray(original)
    for _ in range(dice.randint(1, MUTATIONS_MAX)):
        if not content:
            break
        place = _pick_place(len(content), dice)
        match dice.randrange(6):
            case 0:
                content[place] ^= 1 << dice.randrange(8)
            case 1:
                size = dice.choice(_SIZES)
                content[place : place + size] = bytes([dice.choice(_EXTREMES)]) * size
            case 2:
                content[place : place + 4] = dice.randbytes(4)
            case 3:
                del content[place : place + dice.randint(1, 64)]
            case 4:
                start, length = dice.randrange(len(other)), dice.randint(1, 512)
                content[place : place + length * dice.randrange(2)] = other[start : start + length]
            case 5 if dice.random() < 0.3:  # rarely, or most files would be cut off
                del content[place:]
    return bytes(content)


def _pick_place(size: int, dice: random.Random) -> int:
    if dice.random() < 0.5:
        return dice.randrange(size)
    near_end = dice.randrange(min(HEADER_BYTES, size))
    return dice.choice((near_end, size - 1 - near_end))
