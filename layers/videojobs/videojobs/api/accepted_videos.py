"""Which videos the API takes: the documented extensions, or what an API of the owner says in its OpenAPI document."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from videojobs.api.client import VideoInferenceApi
from videojobs.api.turns import Turn
from videojobs.video_formats import VIDEO_EXTENSIONS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

HOSTED_API_URL = "https://api.roboflow.com"

ANSWER_ID = "api-video-extensions"
"""The key of the remembered answer in the budget's table."""

TAKES_SECONDS = 24 * 3600
"""How long an answer is used for an extension that it lists: the API itself refuses what it no longer takes."""

REFUSES_SECONDS = 300
"""How long an answer is used for an extension that it does not list. An API that is being deployed, or a proxy before
it, may answer without a list.
"""


def is_hosted(api_url: str) -> bool:
    """Returns whether `api_url` is that of Roboflow's API, whose documentation lists the extensions."""
    return api_url.rstrip("/") == HOSTED_API_URL


@dataclass(frozen=True)
class AcceptedVideos:
    """The extensions that the API at `api_url` takes. The API is asked about others than the documented ones.

    Attributes:
        table: The budget's table, which remembers the answer for all functions.
        clock: Returns the time, in seconds since the epoch.
    """

    api: VideoInferenceApi
    api_url: str
    table: "Table"
    clock: Callable[[], float] = time.time

    def recall(self, extension: str, *, is_retry: bool = False) -> Sequence[str] | None:
        """Returns what is known about `extension`: the extensions that the API takes, or None if it has to be asked.

        Args:
            extension: In lower case, with its dot.
            is_retry: Whether a person has asked to try again: an earlier answer does not refuse the upload then.
        """
        if extension in VIDEO_EXTENSIONS or is_hosted(self.api_url):
            return VIDEO_EXTENSIONS
        item: Any = self.table.get_item(Key={"id": ANSWER_ID}).get("Item", {})
        if item.get("api_url") != self.api_url:
            return None
        extensions: list[str] = item["extensions"]
        refuses_seconds = 0 if is_retry else REFUSES_SECONDS
        lasts_seconds = TAKES_SECONDS if extension in extensions else refuses_seconds
        return extensions if self.clock() - float(item["asked_at"]) < lasts_seconds else None

    def ask(self, turn: Turn) -> Sequence[str]:
        """Asks the API, and remembers the answer. An API that does not say takes the documented extensions.

        Raises:
            ApiUnavailable: The API can't be asked now.
        """
        said = self.api.read_video_extensions(turn)
        extensions = list(VIDEO_EXTENSIONS if said is None else said)
        self.table.update_item(
            Key={"id": ANSWER_ID},
            UpdateExpression="SET api_url = :url, extensions = :extensions, asked_at = :now",
            ExpressionAttributeValues={":url": self.api_url, ":extensions": extensions, ":now": int(self.clock())},
        )
        return extensions
