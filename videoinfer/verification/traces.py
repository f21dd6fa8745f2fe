"""Everything that a verification creates in an account: sends it, finds it, and removes it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import batched
from secrets import token_hex
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from videoinfer.aws_errors import describe_error
from videoinfer.cancelling import stop_execution
from videoinfer.ledger_view import Item
from videoinfer.pipeline_stack import PipelineStack
from videoinfer.verification.verdicts import Verdict, ok, wrong
from videojobs.errors import ChangeRefused
from videojobs.jobs.ledger import Ledger, format_time
from videojobs.jobs.media_outputs import MediaOutput
from videojobs.jobs.states import ENDED_STATES
from videojobs.jobs.uploads import FIRST_ATTEMPT, Upload
from videojobs.jobs.workflow import locate_execution
from videojobs.result_files import RESULTS_PREFIX, TABLES, locate_output

REASON = "videoinfer verify ended before the job did."

_BATCH = 1000
"""Maximum objects in one call of S3's DeleteObjects."""


@dataclass(kw_only=True)
class Traces:
    """What one verification creates in the account. All names are derived from `name` and `prefix`, so that everything
    can be found after an interruption.

    Attributes:
        prefix: The prefix of all uploads' keys.
        uploads: The uploads so far.
        queries: The ids of Athena's queries. Athena stores an output for each.
    """

    stack: PipelineStack
    name: str
    prefix: str
    uploads: list[Upload] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    _removed: Counter[str] = field(default_factory=Counter)
    _left: list[str] = field(default_factory=list)
    _tables: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, stack: PipelineStack) -> Self:
        """Chooses unique names. Creates nothing yet."""
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(4)}"
        return cls(
            stack=stack, name=f"videoinfer-verify-{run}", prefix=f"{stack.uploads_prefix}videoinfer-verify/{run}/"
        )

    @property
    def queue_names(self) -> tuple[str, str]:
        """The names of the queue of notices and of the queue of events."""
        return f"{self.name}-notices", f"{self.name}-events"

    def compose_arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in the stack's account and region."""
        _, partition, _, region, account, _ = self.stack.notices_topic_arn.split(":", 5)
        return f"arn:{partition}:{service}:{region}:{account}:{resource}"

    def find_item(self, upload: Upload) -> Item | None:
        """The upload's item in the ledger, or None."""
        return next(self.stack.ledger.read_all([{"upload_id": upload.upload_id, "attempt": FIRST_ATTEMPT}]), None)

    def send(self, name: str, body: bytes, metadata: dict[str, str]) -> Upload:
        """Uploads a file as `name` under the prefix."""
        bucket, key = self.stack.uploads_bucket, f"{self.prefix}{name}"
        answer = self.stack.clients.s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
        self._add_upload(key, len(body), answer["ETag"], answer.get("VersionId"))
        return self.uploads[-1]

    def _add_upload(self, key: str, size_bytes: int, quoted_etag: str, version_id: str | None) -> None:
        etag, bucket = quoted_etag.strip('"'), self.stack.uploads_bucket
        # S3's lists give "null" to objects without a version, and its events leave it out.
        known_version = version_id if version_id != "null" else None
        upload = Upload(bucket=bucket, key=key, size_bytes=size_bytes, etag=etag, version_id=known_version)
        if upload not in self.uploads:
            self.uploads.append(upload)

    def find_ended(self, upload: Upload) -> Item | None:
        """The upload's item once its job has ended."""
        item = self.find_item(upload)
        return item if item and item["status"] in ENDED_STATES else None

    def find_reported(self, upload: Upload) -> Item | None:
        """The upload's item once notice and event of its end are sent, or can't be, because its execution is over."""
        return self._find_last(upload, self.find_ended(upload), "event_id")

    def find_with(self, upload: Upload, output: MediaOutput) -> Item | None:
        """The upload's item once a notice says whether there is a media output, or its execution is over."""
        return self._find_last(upload, self.find_item(upload), output.notice_id)

    def _find_last(self, upload: Upload, item: Item | None, name: str) -> Item | None:
        """The item once it has the attribute, or can't get it any more, because its execution is over."""
        if item is None or name in item:
            return item
        # The execution may have set it since the item was read.
        return self.find_item(upload) if self._is_over(item) else None

    def remove(self) -> Verdict:
        """Removes everything. If one thing can't be removed, it continues, and the verdict names that thing."""
        for what, step in self._list_steps():
            try:
                self._removed[what] += step()
            except (BotoCoreError, ClientError) as error:
                self._left.append(f"Not removed: {what}s. {describe_error(error)}")
        removed = ", ".join(
            f"{count} {what}{'s' if count > 1 else ''}" for what, count in self._removed.items() if count
        )
        words = f"removed {removed or 'nothing'}; execution histories, logs and metrics remain"
        return wrong(" ".join([*self._left, words])) if self._left else ok(words)

    def _list_steps(self) -> Iterator[tuple[str, Callable[[], int]]]:
        """What to remove, and functions that remove it and return the number. Jobs come first, as they create more."""
        yield "upload", self._find_uploads
        for upload in self.uploads:
            yield "ledger item", partial(self._end_job, upload)
        yield "subscription", self._unsubscribe
        yield "rule", self._remove_rule
        for name in self.queue_names:
            yield "queue", partial(self._remove_queue, name)
        results = self.stack.results_bucket
        yield "object", partial(self._remove_objects, results, f"{RESULTS_PREFIX}{self.prefix}")
        for key in self._tables:
            yield "object", partial(self._remove_objects, results, key)
        for query in self.queries:
            yield "object", partial(self._remove_objects, results, f"queries/{query}")
        yield "object", partial(self._remove_objects, self.stack.uploads_bucket, self.prefix)

    def _find_uploads(self) -> int:
        """Adds the uploads in the bucket that `send` could not remember, because it was interrupted."""
        bucket = self.stack.uploads_bucket
        pages = self.stack.clients.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=self.prefix)
        for page in pages:
            for version in page.get("Versions", []):
                self._add_upload(version["Key"], version["Size"], version["ETag"], version["VersionId"])
        return 0

    def _end_job(self, upload: Upload) -> int:
        """Removes the upload's item from the ledger, or cancels its job if the job has not ended."""
        item = self.find_item(upload)
        if item and "job_id" in item:
            self._tables += [locate_output(upload.key, item["job_id"], item["created_at"], name) for name in TABLES]
        if item and self._is_over(item):
            key = {"upload_id": {"S": item["upload_id"]}, "attempt": {"N": str(item["attempt"])}}
            self.stack.clients.dynamodb.delete_item(TableName=self.stack.jobs_table, Key=key)
            return 1
        self._cancel(upload)
        return 0

    def _is_over(self, item: Item) -> bool:
        """Whether nothing will change the item any more."""
        arn = item.get("execution_arn")
        if arn is None:
            return item["status"] in ENDED_STATES and "event_id" in item
        return self.stack.clients.stepfunctions.describe_execution(executionArn=arn)["status"] != "RUNNING"

    def _cancel(self, upload: Upload) -> None:
        """Cancels a job in any state, also before it is created. Its item remains, because the functions need it."""
        clients = self.stack.clients
        ledger = Ledger(clients.open_table(self.stack.jobs_table))
        with suppress(ChangeRefused):  # the job has ended, but its execution has not
            finished_at = format_time(datetime.now(UTC))
            ledger.record(upload, FIRST_ATTEMPT, status="cancelled", error=REASON, finished_at=finished_at)
        arn = locate_execution(self.stack.state_machine_arn, upload, FIRST_ATTEMPT)
        stop_execution(clients.stepfunctions, arn, REASON)
        self._left.append(f"Cancelled: the job of {upload.key}. Its item remains in the ledger.")

    def _unsubscribe(self) -> int:
        sns = self.stack.clients.sns
        endpoint = self.compose_arn("sqs", self.queue_names[0])
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self.stack.notices_topic_arn)
        ours = [it for page in pages for it in page["Subscriptions"] if it.get("Endpoint") == endpoint]
        for subscription in ours:
            sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        return len(ours)

    def _remove_rule(self) -> int:
        events = self.stack.clients.events
        with suppress(events.exceptions.ResourceNotFoundException):
            events.remove_targets(Rule=self.name, Ids=[self.name])
            events.delete_rule(Name=self.name)
            return 1
        return 0

    def _remove_queue(self, name: str) -> int:
        sqs = self.stack.clients.sqs
        with suppress(sqs.exceptions.QueueDoesNotExist):
            sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
            return 1
        return 0

    def _remove_objects(self, bucket: str, prefix: str) -> int:
        """Removes all versions and delete markers, and returns the number of objects."""
        s3 = self.stack.clients.s3
        keys = set()
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            versions: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            for some in batched(versions, _BATCH, strict=False):
                objects = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in some]
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})  # type: ignore[typeddict-item]
                for error in answer.get("Errors", []):
                    self._left.append(f"Not removed: s3://{bucket}/{error.get('Key')}. {error.get('Message')}")
            keys |= {version["Key"] for version in versions}
        return len(keys)
