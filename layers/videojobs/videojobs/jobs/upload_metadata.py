"""What an upload's metadata may say: the options that it sets, and how far a stranger may go with them."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from videojobs.errors import InvalidOption

METADATA_OPTIONS = (
    "infer-fps",
    "models",
    "model-id",
    "model-version",
    "inference-type",
    "confidence",
    "input-mode",
    "annotate",
)

_MODEL_OPTIONS = {"models", "model-id", "model-version"}
"""Those that choose a model. The others change the one that the stack has chosen."""

TOOLS_METADATA = frozenset(
    (
        *("mtime", "atime", "ctime", "btime", "md5chksum"),  # rclone, and what reads a file's times as it does
        *("uid", "gid", "mode", "xattr"),  # s3fs, and Hadoop's S3A
        *("file-mtime", "file-atime", "file-owner", "file-group", "file-permissions", "file-acl"),  # AWS DataSync
        *("user-agent", "user-agent-id"),  # AWS Storage Gateway
        *("s3cmd-attrs", "mc-attrs", "sha256", "s3b-last-modified"),  # s3cmd, MinIO's mc, S3 Browser
    )
)
"""Names that tools write by themselves. They are no options, and no mistake."""


@dataclass(frozen=True)
class MetadataLimits:
    """What an upload's metadata may ask for. The stack's own options and routes are its owner's, and free.

    Attributes:
        infer_fps: The most.
        models: Which, as `model_id` or `model_id/model_version`; one that ends in `*` means all that begin like it.
        names: The options that may be set, and names that are none and do no harm.
    """

    infer_fps: float
    models: Sequence[str]
    names: frozenset[str]

    @classmethod
    def parse(cls, max_infer_fps: float, allowed_models: str, allowed_metadata: str) -> Self:
        """The limits that the stack's parameters say: lists are separated by commas."""
        return cls(max_infer_fps, _split(allowed_models), frozenset(map(normalize_name, _split(allowed_metadata))))

    def select(self, metadata: Mapping[str, str]) -> dict[str, str]:
        """The options in an upload's metadata, whose names are without `x-amz-meta-`; `infer_fps` means `infer-fps`.

        Raises:
            InvalidOption: A name is no option, or one that uploads may not set.
        """
        options: dict[str, str] = {}
        for given, value in metadata.items():
            name = normalize_name(given)
            if name not in METADATA_OPTIONS:
                self._check_name(given, name)
            elif name not in self.names:
                raise InvalidOption(f"{name}: uploads may not set it. The stack's AllowedMetadata says what they may.")
            elif name in options:
                raise InvalidOption(f"{name}: it is there twice, once as {given}.")
            else:
                options[name] = value
        return options

    def check(self, metadata: Mapping[str, str], infer_fps: float, models: Iterable[tuple[str, str]]) -> None:
        """Raises InvalidOption: what `metadata` has set goes further than an upload may.

        Args:
            models: Ids and versions.
        """
        if "infer-fps" in metadata and infer_fps > self.infer_fps:
            limit = f"the most that an upload may ask for ({self.infer_fps:g}: MaxInferFps)"
            raise InvalidOption(f"infer_fps: {infer_fps:g} is above {limit}.")
        if _MODEL_OPTIONS & metadata.keys():
            for model_id, version in models:
                if not self._allows(model_id, f"{model_id}/{version}"):
                    limit = "none that an upload may ask for (AllowedModels)"
                    raise InvalidOption(f"models: {model_id}/{version} is {limit}.")

    def _check_name(self, given: str, name: str) -> None:
        if name in self.names or name in TOOLS_METADATA:
            return
        close = find_option(given)
        meant = f"{close} is meant, perhaps" if close else f"there are {', '.join(METADATA_OPTIONS)}"
        raise InvalidOption(f"{given}: there is no such option; {meant}. AllowedMetadata lets other names pass.")

    def _allows(self, model_id: str, model: str) -> bool:
        return any(
            model.startswith(entry[:-1]) if entry.endswith("*") else entry in (model_id, model) for entry in self.models
        )


ANY_METADATA = MetadataLimits(float("inf"), ("*",), frozenset(METADATA_OPTIONS))
"""All options, and any values."""


def _split(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (entry.strip() for entry in text.split(","))))


def find_option(given: str) -> str | None:
    """The option that a name in metadata means, or the nearest one of a misspelled name; None if none is near."""
    name = normalize_name(given)
    return None if name in TOOLS_METADATA else next(iter(difflib.get_close_matches(name, METADATA_OPTIONS, n=1)), None)


def normalize_name(name: str) -> str:
    """A name as options are written: `Infer_FPS` is `infer-fps`."""
    return name.strip().lower().replace("_", "-")
