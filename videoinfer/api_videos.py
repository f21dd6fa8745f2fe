"""Asks the API which videos it takes, as `create_job` does, but outside the stack's budget of requests."""

from collections.abc import Sequence
from functools import cache, partial

from videojobs.api.accepted_videos import is_hosted
from videojobs.api.client import VideoInferenceApi
from videojobs.api.session import open_session
from videojobs.api.turns import Turn
from videojobs.errors import ApiUnavailable
from videojobs.jobs.uploads import Upload, find_extension
from videojobs.video_formats import KNOWN_EXTENSIONS, VIDEO_EXTENSIONS


def list_extensions(api_url: str, upload: Upload) -> Sequence[str]:
    """The extensions that the API takes, as far as `upload` needs them: the API is asked at most once, and only about
    others than the documented ones. If it does not answer, `create_job` decides: all known extensions.
    """
    return VIDEO_EXTENSIONS if find_extension(upload.key).lower() in VIDEO_EXTENSIONS else _recall_extensions(api_url)


@cache
def _recall_extensions(api_url: str) -> Sequence[str]:
    try:
        return ask_extensions(api_url)
    except ApiUnavailable:
        return KNOWN_EXTENSIONS


def ask_extensions(api_url: str) -> Sequence[str]:
    """The extensions that the API takes. Raises ApiUnavailable."""
    if is_hosted(api_url):
        return VIDEO_EXTENSIONS
    api = VideoInferenceApi(api_url, "", partial(open_session, api_url))
    return api.read_video_extensions(Turn()) or VIDEO_EXTENSIONS
