"""The option `still_frames`: what happens with frames of still footage."""

from enum import StrEnum


class StillFrames(StrEnum):
    """`infer` infers every sampled frame; with `reuse`, a frame may repeat the predictions of one that looks the same.

    `frame_reuse.py` says which frames look the same.
    """

    INFER = "infer"
    REUSE = "reuse"
