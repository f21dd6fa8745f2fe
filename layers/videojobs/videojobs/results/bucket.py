"""The results bucket: reads and writes a job's files in constant memory."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from videojobs.api.client import Readable
from videojobs.logs import logger
from videojobs.s3_errors import is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PIECE_BYTES = 256 * 1024
"""How much is read at a time; parsed, it needs about ten times as much memory."""

PART_BYTES = 5 * 1024 * 1024
"""S3's minimum part size, and the memory of each open file. S3 allows 10,000 parts, so an object may have 50 GB."""


def read_pieces(stream: Readable) -> Iterator[bytes]:
    """Yields the stream's bytes in pieces."""
    while piece := stream.read(PIECE_BYTES):
        yield piece


_PASSING_CODES = frozenset(("RequestTimeout", "RequestTimeTooSkewed", "ExpiredToken", "OperationAborted"))


def may_pass(error: BaseException) -> bool:
    """Returns whether a failed call to AWS may succeed later: after an outage or throttling, not if it is forbidden."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or error.response["Error"]["Code"] in _PASSING_CODES
    return isinstance(error, BotoCoreError)


class ObjectWriter:
    """A writable file that becomes an object in S3 when its context ends; a large one by a multipart upload.

    S3 shows the object only when it is complete. If the context ends with an exception, nothing is stored.

    Attributes:
        failure: The exception that S3 raised, or None: a library between the writer and its caller may raise another.
    """

    def __init__(self, s3: "S3Client", bucket: str, key: str, headers: Mapping[str, str]) -> None:
        self._s3 = s3
        self._place: Mapping[str, Any] = {"Bucket": bucket, "Key": key}
        self._headers: Mapping[str, Any] = headers
        self._content = bytearray()
        self._used = 0
        self._upload_id: str | None = None
        self._parts: list[CompletedPartTypeDef] = []
        self.uri = f"s3://{bucket}/{key}"
        self.size_bytes = 0
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            with self._remembering_failure():
                self._complete()
        elif self._upload_id is not None:
            self._abort(self._upload_id)

    def write(self, content: bytes, /) -> int:
        rest = memoryview(content)
        while rest:
            taken = rest[: PART_BYTES - self._used]
            end = self._used + len(taken)
            if end > len(self._content):  # the buffer grows for the first part, and is reused for the others
                self._content += taken
            else:
                memoryview(self._content)[self._used : end] = taken
            self._used = end
            rest = rest[len(taken) :]
            if end == PART_BYTES:
                with self._remembering_failure():
                    self._send_part()
        self.size_bytes += len(content)
        return len(content)

    def flush(self) -> None:
        """Does nothing: parts are sent when they are full."""

    def tell(self) -> int:
        return self.size_bytes

    def seek(self, *_: int) -> int:
        """Fails. Libraries only check whether the method exists."""
        raise OSError("An object can only be written from its beginning to its end.")

    @property
    def requests(self) -> int:
        """How many requests the upload takes in total."""
        return 1 if self._upload_id is None else len(self._parts) + 2

    def _abort(self, upload_id: str) -> None:
        try:
            self._s3.abort_multipart_upload(**self._place, UploadId=upload_id)
        except (ClientError, BotoCoreError):
            # Log it only, so that the original exception is raised. The bucket's lifecycle rule aborts it after a day.
            logger.warning("A multipart upload could not be aborted.", exc_info=True)

    @contextmanager
    def _remembering_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failure = error
            raise

    def _begin(self) -> str:
        """Begins a multipart upload, and returns its ID."""
        return self._s3.create_multipart_upload(**self._place, **self._headers)["UploadId"]

    def _send_part(self) -> None:
        """Sends the buffer without a copy, and reuses it, because new buffers would fragment the memory."""
        del self._content[self._used :]
        if self._upload_id is None:
            self._upload_id = self._begin()
        number = len(self._parts) + 1
        answer = self._s3.upload_part(
            **self._place,
            UploadId=self._upload_id,
            PartNumber=number,
            Body=self._content,  # type: ignore[arg-type]  # boto3 accepts a bytearray
        )
        self._used = 0
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})

    def _complete(self) -> None:
        if self._upload_id is None:
            self._s3.put_object(**self._place, **self._headers, Body=bytes(self._content))
            self._content = bytearray()
            return
        if self._used:
            self._send_part()
        self._content = bytearray()
        self._s3.complete_multipart_upload(
            **self._place, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
        )


class ResumableWriter(ObjectWriter):
    """A file that keeps its parts if its context ends with an exception, so that another writer can continue.

    It continues after the parts that S3 lists. `size_bytes` includes them from the beginning.

    Args:
        upload_id: The multipart upload to continue. If S3 no longer has it, the file begins again.
        on_begin: Called with the ID of a new upload.
    """

    def __init__(
        self,
        s3: "S3Client",
        bucket: str,
        key: str,
        headers: Mapping[str, str],
        *,
        upload_id: str | None,
        on_begin: Callable[[str], None],
    ) -> None:
        super().__init__(s3, bucket, key, headers)
        self._on_begin = on_begin
        if upload_id is not None:
            self._parts = self._list_parts(upload_id)
            self._upload_id = upload_id if self._parts else None
            self.size_bytes = self.sent_bytes

    @property
    def sent_bytes(self) -> int:
        """How many bytes are stored in parts; another writer continues after them."""
        return len(self._parts) * PART_BYTES

    def _begin(self) -> str:
        upload_id = super()._begin()
        self._on_begin(upload_id)
        return upload_id

    def _list_parts(self, upload_id: str) -> "list[CompletedPartTypeDef]":
        """Returns the first parts that are complete and consecutive."""
        parts: list[CompletedPartTypeDef] = []
        pages = self._s3.get_paginator("list_parts").paginate(**self._place, UploadId=upload_id)
        try:
            for page in pages:
                for part in page.get("Parts", ()):
                    if part["PartNumber"] == len(parts) + 1 and part["Size"] == PART_BYTES:
                        parts.append({"ETag": part["ETag"], "PartNumber": part["PartNumber"]})
        except self._s3.exceptions.NoSuchUpload:
            return []
        return parts

    def _abort(self, upload_id: str) -> None:
        """Does nothing, so that the parts stay."""


class ResultsBucket:
    """The results bucket."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self._s3 = s3
        self.name = name

    def locate(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def write(self, key: str, content_type: str, **headers: str) -> ObjectWriter:
        """Returns a file that writes the object `key`; `headers` have boto3's names, such as `ContentEncoding`."""
        return ObjectWriter(self._s3, self.name, key, {"ContentType": content_type, **headers})

    def resume(
        self, key: str, content_type: str, upload_id: str | None, on_begin: Callable[[str], None]
    ) -> ResumableWriter:
        """Returns a file that writes the object `key`, continuing an interrupted upload."""
        return ResumableWriter(
            self._s3, self.name, key, {"ContentType": content_type}, upload_id=upload_id, on_begin=on_begin
        )

    def has(self, key: str) -> bool:
        """Returns whether the object exists."""
        return self.measure(key) is not None

    def measure(self, key: str) -> int | None:
        """Returns the object's size in bytes, or None if it does not exist."""
        try:
            return self._s3.head_object(Bucket=self.name, Key=key)["ContentLength"]
        except ClientError as error:
            if is_missing(error):
                return None
            raise

    def list_objects(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yields the key and the size in bytes of each object below a prefix."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for entry in page.get("Contents", ()):
                yield entry["Key"], entry["Size"]

    def read(self, key: str) -> Generator[bytes]:
        """Yields the object's bytes in pieces."""
        with closing(self._s3.get_object(Bucket=self.name, Key=key)["Body"]) as body:
            yield from read_pieces(body)

    def copy_stream(self, stream: Readable, writer: ObjectWriter) -> Generator[bytes]:
        """Writes the stream and yields its pieces. The object is complete when all pieces have been consumed."""
        with writer:
            for piece in read_pieces(stream):
                writer.write(piece)
                yield piece

    def read_json(self, key: str) -> Any:
        """Returns the object's parsed JSON, or None if it does not exist."""
        try:
            return json.loads(b"".join(self.read(key)))
        except self._s3.exceptions.NoSuchKey:
            return None

    def save_json(self, key: str, record: Mapping[str, Any]) -> None:
        with self.write(key, "application/json") as file:
            file.write(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False).encode())


def drain(pieces: Iterable[bytes]) -> None:
    """Consumes the remaining pieces."""
    for _ in pieces:
        pass
