"""The results bucket: where a job's files lie, and how they get there, in constant memory."""

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
"""What is read at a time; parsed, it takes some ten times as much."""

PART_BYTES = 5 * 1024 * 1024
"""Each file that is being written holds as much. It is S3's least, and 10,000 its most: an object may have 50 GB."""


def read_pieces(stream: Readable) -> Iterator[bytes]:
    """The stream's bytes, some at a time."""
    while piece := stream.read(PIECE_BYTES):
        yield piece


_PASSING_CODES = frozenset(("RequestTimeout", "RequestTimeTooSkewed", "ExpiredToken", "OperationAborted"))


def may_pass(error: BaseException) -> bool:
    """Whether a failed call of AWS may succeed later: an outage or throttling, and not that something is forbidden."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or error.response["Error"]["Code"] in _PASSING_CODES
    return isinstance(error, BotoCoreError)


class ObjectWriter:
    """A file that becomes an object when it is left without an exception, in parts when it is large.

    S3 shows the object only when it is whole; of one that is left with an exception nothing stays.

    Attributes:
        failure: What S3 raised, if it did: a library between the writer and its caller may raise something else.
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
            self._give_up(self._upload_id)

    def write(self, content: bytes, /) -> int:
        rest = memoryview(content)
        while rest:
            taken = rest[: PART_BYTES - self._used]
            end = self._used + len(taken)
            if end > len(self._content):  # the first part grows, all others are written over it
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
        """Parts go when they are full."""

    def tell(self) -> int:
        return self.size_bytes

    def seek(self, *_: int) -> int:
        """There for those who ask whether it exists; what is written is gone."""
        raise OSError("An object can only be written from its beginning to its end.")

    @property
    def requests(self) -> int:
        """How many requests it has taken, or will."""
        return 1 if self._upload_id is None else len(self._parts) + 2

    def _give_up(self, upload_id: str) -> None:
        try:
            self._s3.abort_multipart_upload(**self._place, UploadId=upload_id)
        except (ClientError, BotoCoreError):
            # The bucket's lifecycle rule does it after a day; what ends this file is worth more than this error.
            logger.warning("The parts of an upload could not be removed.", exc_info=True)

    @contextmanager
    def _remembering_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failure = error
            raise

    def _begin(self) -> str:
        """Begins an upload in parts, and returns its id."""
        return self._s3.create_multipart_upload(**self._place, **self._headers)["UploadId"]

    def _send_part(self) -> None:
        """Sends what is held as it is held, and keeps the buffer: a copy is as large, and a new one leaves holes."""
        del self._content[self._used :]
        if self._upload_id is None:
            self._upload_id = self._begin()
        number = len(self._parts) + 1
        answer = self._s3.upload_part(
            **self._place,
            UploadId=self._upload_id,
            PartNumber=number,
            Body=self._content,  # type: ignore[arg-type]  # boto3 takes a bytearray
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
    """A file whose parts stay when it is left with an exception, so that another writer can go on behind them.

    Where to go on is what S3 lists of its parts. `size_bytes` begins with what they hold.

    Args:
        upload_id: Of the upload to go on with. If S3 no longer knows it, the file begins anew.
        on_begin: Called with the id of a new upload.
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
        """How many bytes another writer could go on behind."""
        return len(self._parts) * PART_BYTES

    def _begin(self) -> str:
        upload_id = super()._begin()
        self._on_begin(upload_id)
        return upload_id

    def _list_parts(self, upload_id: str) -> "list[CompletedPartTypeDef]":
        """The parts that came one after the other, all of the same size."""
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

    def _give_up(self, upload_id: str) -> None:
        """The parts stay."""


class ResultsBucket:
    """The bucket that results go to."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self._s3 = s3
        self.name = name

    def locate(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def write(self, key: str, content_type: str, **headers: str) -> ObjectWriter:
        """A file to write the object `key` with; `headers` as boto3 names them (`ContentEncoding`)."""
        return ObjectWriter(self._s3, self.name, key, {"ContentType": content_type, **headers})

    def resume(
        self, key: str, content_type: str, upload_id: str | None, on_begin: Callable[[str], None]
    ) -> ResumableWriter:
        """A file to write the object `key` with, behind what an upload that broke off has left."""
        return ResumableWriter(
            self._s3, self.name, key, {"ContentType": content_type}, upload_id=upload_id, on_begin=on_begin
        )

    def has(self, key: str) -> bool:
        """Whether there is such an object."""
        return self.measure(key) is not None

    def measure(self, key: str) -> int | None:
        """How many bytes the object has, or None if there is none."""
        try:
            return self._s3.head_object(Bucket=self.name, Key=key)["ContentLength"]
        except ClientError as error:
            if is_missing(error):
                return None
            raise

    def read(self, key: str) -> Generator[bytes]:
        """The object's bytes, some at a time."""
        with closing(self._s3.get_object(Bucket=self.name, Key=key)["Body"]) as body:
            yield from read_pieces(body)

    def copy_stream(self, stream: Readable, writer: ObjectWriter) -> Generator[bytes]:
        """Writes the stream as it is and hands its pieces on; the object is there when they have all been taken."""
        with writer:
            for piece in read_pieces(stream):
                writer.write(piece)
                yield piece

    def read_json(self, key: str) -> Any:
        """The JSON that the object holds, or None if there is none."""
        try:
            return json.loads(b"".join(self.read(key)))
        except self._s3.exceptions.NoSuchKey:
            return None

    def save_json(self, key: str, record: Mapping[str, Any]) -> None:
        with self.write(key, "application/json") as file:
            file.write(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False).encode())


def drain(pieces: Iterable[bytes]) -> None:
    """Takes what is left."""
    for _ in pieces:
        pass
