"""The floating-point precision of networks."""

from enum import StrEnum


class Precision(StrEnum):
    """`f32` is single precision; `hardware` is the fastest precision of the CPU.

    On CPUs with bfloat16, `hardware` means bfloat16: up to twice as fast, but about 2 % of the detections differ from
    those of single precision, and so of other machines (`python -m bench.parity`).
    """

    F32 = "f32"
    HARDWARE = "hardware"
