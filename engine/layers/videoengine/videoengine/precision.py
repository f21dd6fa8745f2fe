"""What networks compute in."""

from enum import StrEnum


class Precision(StrEnum):
    """`hardware` is what the CPU does fastest.

    That is bfloat16 on CPUs that have it: up to twice as fast, and some 2 % of the detections differ from what single
    precision, and so any other machine, finds (`python -m bench.parity`).
    """

    F32 = "f32"
    HARDWARE = "hardware"
