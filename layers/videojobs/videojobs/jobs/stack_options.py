"""The options of an upload, from its metadata and the stack's parameters, for `create_job` and `videoinfer retry`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from videojobs.errors import InvalidParameter
from videojobs.jobs.options import Options, parse_parameter, parse_routes, resolve_options
from videojobs.jobs.upload_metadata import MetadataLimits


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """The stack's parameters for uploads' options, unparsed.

    Attributes:
        existing_bucket: Whether uploads lie in the owner's bucket (`ExistingUploadsBucket`): `true` or `false`.
    """

    default_models: str
    default_infer_fps: float
    prefix_routes: str
    input_mode: str
    annotate: str
    track: str
    max_infer_fps: float
    allowed_models: str
    allowed_metadata: str
    existing_bucket: str = "false"

    @property
    def limits(self) -> MetadataLimits:
        """What an upload's metadata may set."""
        ignores_others = self.existing_bucket == "true"
        return MetadataLimits.parse(
            self.max_infer_fps, self.allowed_models, self.allowed_metadata, ignores_others=ignores_others
        )

    def resolve(self, key: str, metadata: Mapping[str, str]) -> Options:
        """Returns the options of the upload `key`.

        Args:
            metadata: The object's metadata, names without `x-amz-meta-`.

        Raises:
            InvalidParameter: A parameter of the stack is invalid.
            InvalidOption: An option in the metadata is invalid, or the metadata may not set it.
        """
        defaults = {
            "models": parse_parameter("DefaultModels", self.default_models),
            "infer_fps": self.default_infer_fps,
            "input_mode": self.input_mode,
            "annotate": self.annotate,
            "track": self.track,
        }
        routes = parse_routes(self.prefix_routes)
        return resolve_options(key, metadata, routes=routes, defaults=defaults, limits=self.limits)

    def resolve_all(self) -> Iterator[Options | InvalidParameter]:
        """Yields the options of uploads without metadata, or why they are rejected: without a prefix, then for each."""
        keys = [""]
        try:
            keys += parse_routes(self.prefix_routes)
        except InvalidParameter as invalid:
            yield invalid
        for key in keys:
            try:
                yield self.resolve(key, {})
            except InvalidParameter as invalid:
                yield invalid
