"""The same small video and model package as the units of `videoinfer` have."""

from tests.unit.videoinfer.conftest import model_folder, video

__all__ = ["model_folder", "video"]
