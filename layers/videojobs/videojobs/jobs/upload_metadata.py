"""The options in an upload's metadata, and the limits that the stack's owner sets for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Self

from videojobs.errors import InvalidOption

OPTION_MEANINGS: Mapping[str, str] = {
    "infer-fps": "Frames to sample from each second.",
    "models": "The models, as JSON in the API's shape.",
    "model-id": "One model in short form.",
    "model-version": "Its version.",
    "inference-type": "Its type, such as object-detection.",
    "confidence": "Its minimum confidence; for YOLOv5 and YOLOv7, its minimum objectness.",
    "input-mode": "How the API gets the video: presigned or upload.",
    "annotate": "Whether an annotated video is made too: true or false.",
    "track": "Whether predictions get track IDs: true or false.",
    "classes": "The classes that count, separated by commas.",
    "min-confidence": "The lowest confidence that counts, or as JSON one for each class.",
    "regions": "Named polygons and lines, as JSON.",
    "recorded-at": "When the video was recorded, or the pattern of that time in its key.",
    "notify-when": "Conditions for sending the notice, as JSON.",
    "dataset-frames": "The frames of a dataset: all, 'every N', uncertain or events.",
}
"""The options in an upload's metadata, and what the help of commands says about each."""

METADATA_OPTIONS = tuple(OPTION_MEANINGS)

METADATA_MAX_BYTES = 2048
"""The most that names and values may have together, in UTF-8.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

_SHORT_WORD = 7
"""Options with at most this many letters are like many other words."""

SHORT_FORM = ("model-id", "model-version", "inference-type", "confidence")
"""The options that are one model together. They can't be combined with `models`."""

_MODEL_OPTIONS = {"models", "model-id", "model-version"}
"""The options that choose a model. The others change the one that the stack has chosen."""

MODELS_MAX = 8
"""How many models one upload may ask for, as many as the engine takes by default. Each is billed for every frame."""

TOOLS_METADATA = frozenset(
    (
        *("mtime", "atime", "ctime", "btime", "md5chksum"),  # rclone, and tools with the same names for a file's times
        *("uid", "gid", "mode", "xattr"),  # s3fs, and Hadoop's S3A
        *("file-mtime", "file-atime", "file-owner", "file-group", "file-permissions", "file-acl"),  # AWS DataSync
        *("user-agent", "user-agent-id"),  # AWS Storage Gateway
        *("s3cmd-attrs", "mc-attrs", "sha256", "s3b-last-modified"),  # s3cmd, MinIO's mc, S3 Browser
    )
)
"""Names that upload tools set on their own. They are neither options nor mistakes."""


@dataclass(frozen=True)
class MetadataLimits:
    """What an upload's metadata may set. The stack's own options and routes are not limited.

    Attributes:
        infer_fps: The maximum.
        models: The allowed models, as `model_id` (in any version) or `model_id/model_version`; `*` at the end of an ID
            or a version matches any rest of it.
        names: The options that may be set, and other names that are ignored.
        ignores_others: Whether all names are ignored that are neither options nor misspelled ones, because an owner's
            bucket has metadata of other programs.
    """

    infer_fps: float
    models: Sequence[str]
    names: frozenset[str]
    ignores_others: bool = False

    @classmethod
    def parse(
        cls, max_infer_fps: float, allowed_models: str, allowed_metadata: str, *, ignores_others: bool = False
    ) -> Self:
        """Reads the limits from the stack's parameters, whose lists are separated by commas."""
        names = frozenset(map(normalize_name, _split(allowed_metadata)))
        return cls(max_infer_fps, _split(allowed_models), names, ignores_others)

    def select(self, metadata: Mapping[str, str]) -> dict[str, str]:
        """Returns the options in an upload's metadata; `infer_fps` means `infer-fps`.

        Args:
            metadata: Names without `x-amz-meta-`.

        Raises:
            InvalidOption: A name is not an option, or uploads may not set it.
        """
        options: dict[str, str] = {}
        for given, value in metadata.items():
            name = normalize_name(given)
            if name not in METADATA_OPTIONS:
                self._check_name(given)
            elif name not in self.names:
                raise InvalidOption(f"{name}: uploads may not set it. The stack's AllowedMetadata lists what they may.")
            elif name in options:
                raise InvalidOption(f"{name}: it is set twice, once as {given}.")
            else:
                options[name] = value
        return options

    def check(self, metadata: Mapping[str, str], infer_fps: float, models: Iterable[tuple[str, str]]) -> None:
        """Raises InvalidOption if options that `metadata` has set exceed the limits.

        Args:
            models: IDs and versions.
        """
        if "infer-fps" in metadata and infer_fps > self.infer_fps:
            limit = f"the maximum for uploads ({self.infer_fps:g}: MaxInferFps)"
            raise InvalidOption(f"infer_fps: {infer_fps:g} is above {limit}.")
        models = list(models)
        if "models" in metadata and len(models) > MODELS_MAX:
            raise InvalidOption(f"models: uploads may ask for at most {MODELS_MAX} models, not {len(models)}.")
        if _MODEL_OPTIONS & metadata.keys():
            for model_id, version in models:
                if not self._allows(model_id, version):
                    raise InvalidOption(f"models: uploads may not use {model_id}/{version} (AllowedModels).")

    def ignores(self, given: str) -> bool:
        """Returns whether uploads may have a name that is not an option."""
        name = normalize_name(given)
        if name in METADATA_OPTIONS:
            return False
        is_foreign = self.ignores_others and not is_misspelled(given)
        return is_foreign or name in self.names or name in TOOLS_METADATA

    def _check_name(self, given: str) -> None:
        if self.ignores(given):
            return
        close = find_option(given)
        meant = f"did you mean {close}?" if close else f"the options are {', '.join(METADATA_OPTIONS)}."
        raise InvalidOption(f"{given}: there is no such option; {meant} AllowedMetadata can allow other names.")

    def _allows(self, model_id: str, version: str) -> bool:
        entries = [entry.partition("/") for entry in self.models]
        return any(
            _matches(wanted_id, model_id) and (not slash or _matches(wanted_version, version))
            for wanted_id, slash, wanted_version in entries
        )


ANY_METADATA = MetadataLimits(float("inf"), ("*",), frozenset(METADATA_OPTIONS))
"""The stack sets no limits."""


def override(metadata: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    """Returns an upload's metadata with other values for `options`, whose names are in the spelling of options."""
    return {**{name: value for name, value in metadata.items() if normalize_name(name) not in options}, **options}


def _matches(wanted: str, name: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def _split(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (entry.strip() for entry in text.split(","))))


def find_option(given: str) -> str | None:
    """Returns the option that a name in metadata means, which may be misspelled, or in singular; None if it is none."""
    name = normalize_name(given)
    if name in METADATA_OPTIONS or name in TOOLS_METADATA:
        return name if name in METADATA_OPTIONS else None
    return next((it for it in METADATA_OPTIONS if name in _list_forms(it) or _is_slip(name, it)), None)


def is_misspelled(given: str) -> bool:
    """Returns whether a name is an option with one slip of the keyboard. Other forms of its word, such as `model` and
    `class`, are names that other programs use too.
    """
    name = normalize_name(given)
    return any(_is_slip(name, it) and name not in _list_forms(it) for it in METADATA_OPTIONS)


def _list_forms(option: str) -> tuple[str, ...]:
    return option.removesuffix("s"), option.removesuffix("es"), f"{option}s", f"{option}d"


def _is_slip(name: str, option: str) -> bool:
    """Returns whether one character is missing, added or wrong, or two are swapped. In a short word a wrong character,
    or another first one, makes other words: `truck`, `rack`, `glasses`.
    """
    start = len([*takewhile(lambda pair: pair[0] == pair[1], zip(name, option, strict=False))])
    given, meant = name[start:], option[start:]
    if given == meant or (start == 0 and len(option) <= _SHORT_WORD):
        return False
    is_swapped = given[:2] == meant[1::-1] and given[2:] == meant[2:]
    is_wrong = len(option) > _SHORT_WORD and given[1:] == meant[1:]
    return is_swapped or is_wrong or given[1:] == meant or given == meant[1:]


def normalize_name(name: str) -> str:
    """Returns a name in the spelling of options: `infer-fps` for `Infer_FPS`."""
    return name.strip().lower().replace("_", "-")
