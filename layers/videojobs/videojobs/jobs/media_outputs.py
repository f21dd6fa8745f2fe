"""Media outputs: the annotated video and the dataset. Each is made from the video itself, by a function of its own.

They are made one after the other, after the delivery. One that can't be made affects neither the results nor the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from videojobs.jobs.options import Options
from videojobs.result_files import ANNOTATED_VIDEO, DATASET_ZIP

type MediaName = Literal["annotation", "dataset"]


@dataclass(frozen=True, kw_only=True)
class MediaOutput:
    """An output that is made from a video.

    Attributes:
        name: The field of an execution's state with the step's answer.
        title: What it is called in texts.
        file_name: The file that has all of it, beside the results.
        location: The ledger's attribute with the file's URI. With an error, it is that of an earlier delivery.
        local_command: The command of `videoinfer` that makes it on a person's own machine.
    """

    name: MediaName
    title: str
    file_name: str
    location: str
    local_command: str

    @property
    def error(self) -> str:
        """The ledger's attribute with the reason why it is missing; in an execution's state, the step's last error."""
        return f"{self.name}_error"

    @property
    def notice_id(self) -> str:
        """The ledger's attribute with the ID of its notice."""
        return f"{self.name}_notice_id"

    @property
    def cost(self) -> str:
        """The field of `summary.json` with its cost."""
        return f"{self.name}_cost"


ANNOTATION = MediaOutput(
    name="annotation",
    title="annotated video",
    file_name=ANNOTATED_VIDEO,
    location="annotated_location",
    local_command="annotate",
)
DATASET = MediaOutput(
    name="dataset", title="dataset", file_name=DATASET_ZIP, location="dataset_location", local_command="export"
)

MEDIA_OUTPUTS = (ANNOTATION, DATASET)


def list_requested(options: Options) -> Sequence[MediaOutput]:
    """Returns the media outputs that a job's options ask for, in the order in which they are made."""
    requested = {ANNOTATION.name: options.annotate, DATASET.name: options.dataset_frames is not None}
    return [output for output in MEDIA_OUTPUTS if requested[output.name]]


def find_media_output(name: str) -> MediaOutput:
    """Returns the media output that the state machine names. Raises ValueError."""
    [output] = (output for output in MEDIA_OUTPUTS if output.name == name)
    return output
