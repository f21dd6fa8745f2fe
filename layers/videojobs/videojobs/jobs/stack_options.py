"""The options of an upload, from its metadata and the stack's parameters, for `create_job` and `videoinfer retry`."""

from collections.abc import Mapping
from dataclasses import dataclass

from videojobs.jobs.options import Options, parse_json, resolve_options
from videojobs.jobs.upload_metadata import MetadataLimits


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """The stack's parameters for uploads' options, unparsed."""

    default_models: str
    default_infer_fps: float
    prefix_routes: str
    input_mode: str
    annotate: str
    max_infer_fps: float
    allowed_models: str
    allowed_metadata: str

    @property
    def limits(self) -> MetadataLimits:
        """What an upload's metadata may set."""
        return MetadataLimits.parse(self.max_infer_fps, self.allowed_models, self.allowed_metadata)

    def resolve(self, key: str, metadata: Mapping[str, str]) -> Options:
        """Returns the options of the upload `key`.

        Args:
            metadata: The object's metadata, names without `x-amz-meta-`.

        Raises:
            InvalidOption: An option is invalid, or the metadata may not set it.
        """
        defaults = {
            "models": parse_json("DefaultModels", self.default_models),
            "infer_fps": self.default_infer_fps,
            "input_mode": self.input_mode,
            "annotate": self.annotate,
        }
        return resolve_options(
            key, metadata, routes=parse_json("PrefixRoutes", self.prefix_routes), defaults=defaults, limits=self.limits
        )
