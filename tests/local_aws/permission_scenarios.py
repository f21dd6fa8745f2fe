"""What the functions need permissions for. At least one scenario needs each permission outside NOT_TRIED."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from itertools import count
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from tests.digest_story import make_notice
from tests.local_aws.pipelines import DeployedPipeline, find_resource
from tests.local_aws.role_trials import WORKS, RoleTrials, Row, Scenario, describe_error, judge_url
from tests.stand_ins.api_gateway import make_event
from tests.stand_ins.video_inference_api import Answer, StandInApi
from tests.stand_ins.videos import VideoSpec, make_video
from videoengine.job_requests import ModelRequest
from videoengine.jobs import Job as EngineJob
from videoengine.jobs import JobsTable, JobStatus
from videoengine.object_keys import results_key, upload_key
from videoinfer.local.deployments import Engine
from videoinfer.local.embedded_aws import EmbeddedAws, local_session
from videoinfer.model_packages import LocalModel
from videojobs.delivery_progress import Progress
from videojobs.errors import ApiUnavailable
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.options import Options
from videojobs.jobs.uploads import FIRST_ATTEMPT, Upload, read_requests
from videojobs.notices.pending_notices import PendingNotices
from videojobs.notices.share_links import SharedJob, ShareLinks
from videojobs.results.bucket import PART_BYTES

MODEL = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
RESULTS = json.dumps({"frame_offset": [0], "time_offset": [0.0], "hands": [{"predictions": [{"class": "Rock"}]}]})

DIGEST = {"NOTICES": "digest"}

NO_WORK = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}

_NOT_THERE = "without it S3 says 403, not 404, of what is not there; the embedded AWS says 404"

NOT_TRIED: Mapping[str, str] = {
    "s3:AbortMultipartUpload": "an upload of many parts that fails half way is given up",
    "s3:ListMultipartUploadParts": "the embedded AWS lets everyone list parts",
    "s3:ListBucket on UploadsBucket": _NOT_THERE,
    "s3:ListBucket on ResultsBucket": _NOT_THERE,
    "sqs:ReceiveMessage": "Lambda reads the queue with it, the function does not",
    "sqs:DeleteMessage": "Lambda reads the queue with it, the function does not",
    "sqs:GetQueueAttributes": "Lambda reads the queue with it, the function does not",
    "dynamodb:GetItem on IdempotencyTable": "Powertools reads what DynamoDB did not hand back with a refusal",
}
"""Permissions that no scenario needs, and why they are granted."""


@dataclass(frozen=True)
class PipelineScenarios:
    """The pipeline's functions, on a deployed stack in which nothing runs by itself.

    Attributes:
        api: The pipeline's API.
        numbers: Numbers for new keys.
        video: The content of each upload.
    """

    aws: EmbeddedAws
    pipeline: DeployedPipeline
    api: StandInApi
    numbers: Iterator[int] = field(default_factory=count)
    video: bytes = field(default_factory=lambda: make_video(VideoSpec(frames=4)))

    def __iter__(self) -> Iterator[Scenario]:
        yield Scenario("create_job", self.land, self._judge_creation)
        yield Scenario("create_job", lambda: self.land(versioned=False), self._judge_creation)
        yield Scenario("create_job", self.delete, _expect_status("rejected"))
        yield Scenario("create_job", self.land_after_a_crash, self._judge_creation)
        yield Scenario("create_job", self.delete, _expect_status("rejected"), DIGEST)
        yield Scenario("create_job", self.land_while_the_api_is_down, _judge_postponement)
        yield Scenario(
            "check_job",
            lambda: {**self.make_job().to_input(), "check": {"polls": 0}, "poll_seconds": 60},
            _expect("status", "done"),
        )
        yield Scenario("deliver_results", self.finish, _expect("status", "delivered"))
        yield Scenario("deliver_results", self.redeliver, _expect("status", "delivered"))
        yield Scenario("deliver_results", self.finish_what_broke_off, _expect("status", "delivered"))
        yield Scenario("annotate_video", self.deliver, _expect("status", "annotated"))
        yield Scenario("annotate_video", lambda: self.deliver(versioned=False), _expect("status", "annotated"))
        yield Scenario("annotate_video", self.deliver_of_deleted, _expect("status", "failed"))
        yield Scenario("make_dataset", self.deliver_for_dataset, _expect("status", "made"))
        yield Scenario("make_dataset", lambda: self.deliver_for_dataset(versioned=False), _expect("status", "made"))
        yield Scenario("make_dataset", self.deliver_of_deleted, _expect("status", "failed"))
        yield Scenario("record_media", self.annotate, _expect("status", "recorded"))
        yield Scenario("record_media", self.make_dataset, _expect("status", "recorded"))
        yield Scenario("open_share_link", self.share, _judge_redirect)
        yield Scenario("open_share_link", lambda: self.share("video"), _judge_redirect)
        yield Scenario("open_share_link", lambda: self.share("video", versioned=False), _judge_redirect)
        yield Scenario("report_failure", self.fail, _expect("status", "failed"))
        yield Scenario("deliver_results", self.finish, _expect("status", "delivered"), DIGEST)
        yield Scenario("record_media", self.annotate, _expect("status", "recorded"), DIGEST)
        yield Scenario("report_failure", self.fail, _expect("status", "failed"), DIGEST)
        yield Scenario("send_digest", self.collect, _expect("status", "collected"))
        yield Scenario("send_digest", self.take_over, _expect("status", "collected"))
        yield Scenario("send_digest", self.conclude, _expect("status", "concluded"))

    @property
    def s3(self) -> Any:
        return self.aws.clients.s3

    def put_upload(self, *, versioned: bool = True) -> Upload:
        """Uploads a new video; an unversioned one is from before the bucket's versioning."""
        key, bucket = f"matrix/{next(self.numbers)}.mp4", self.pipeline.pipeline.uploads_bucket
        put = self.s3.put_object(Bucket=bucket, Key=key, Body=self.video)
        return Upload(
            bucket=bucket,
            key=key,
            size_bytes=len(self.video),
            etag=put["ETag"].strip('"'),
            version_id=put["VersionId"] if versioned else None,
        )

    def land(self, *, versioned: bool = True) -> Any:
        """S3's event about a new video, for which the API creates a job."""
        upload = self.put_upload(versioned=versioned)
        self.api.creation = Answer({"job_id": str(uuid.uuid4()), "message": ""})
        described = {"key": upload.key, "size": upload.size_bytes, "eTag": upload.etag, "versionId": upload.version_id}
        record = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": "2026-11-02T08:15:30.000Z",
            "s3": {"bucket": {"name": upload.bucket}, "object": {n: v for n, v in described.items() if v is not None}},
        }
        return {"Records": [record]}

    def delete(self) -> Any:
        """S3's event about a video that was deleted."""
        event = self.land(versioned=False)
        s3 = event["Records"][0]["s3"]
        self.s3.delete_object(Bucket=s3["bucket"]["name"], Key=s3["object"]["key"])
        return event

    def land_after_a_crash(self) -> Any:
        """S3's event about a video for which an earlier invocation ended while it created the job."""
        event = self.land()
        upload = next(read_requests(event)).upload
        self._ledger.record(upload, FIRST_ATTEMPT, status="creating")
        return event

    def land_while_the_api_is_down(self) -> Any:
        """A message of the uploads queue in Lambda's event, while the API is down."""
        sqs, url = self.aws.clients.sqs, self.pipeline.pipeline.uploads_queue_url
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(self.land()))
        self.api.creation = Answer({}, 503)
        [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, VisibilityTimeout=3600)["Messages"]
        sent = str(round(datetime.now(UTC).timestamp() * 1000))
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": sent},
            "eventSource": "aws:sqs",
        }
        return {"Records": [record]}

    def make_job(self, *, versioned: bool = True) -> Job:
        """A job that the API has created and that the ledger has recorded."""
        options = Options.parse({"models": [MODEL], "infer_fps": 5, "input_mode": "presigned"})
        upload = self.put_upload(versioned=versioned)
        job = Job.begin(upload, FIRST_ATTEMPT, str(uuid.uuid4()), options, now=datetime.now(UTC), deadline_seconds=3600)
        self._ledger.record(upload, FIRST_ATTEMPT, status="running", options=options.to_dict(), **job.to_values())
        return job

    def finish(self) -> Any:
        """The event of a job that is done."""
        return {**self.make_job().to_input(), "check": {"polls": 1}}

    def finish_what_broke_off(self) -> Any:
        """A job whose first part of results an earlier invocation has stored: white space, which JSON allows."""
        job, bucket = self.make_job(), self.pipeline.pipeline.results_bucket
        self.api.results = b" " * PART_BYTES + RESULTS.encode()
        place = {"Bucket": bucket, "Key": f"results/{job.upload.key}/{job.job_id}/results.json"}
        upload_id = self.s3.create_multipart_upload(**place)["UploadId"]
        self.s3.upload_part(**place, UploadId=upload_id, PartNumber=1, Body=self.api.results[:PART_BYTES])
        self._ledger.record(job.upload, FIRST_ATTEMPT, delivery=Progress(upload_id=upload_id).to_item())
        return {**job.to_input(), "check": {"polls": 1}}

    def deliver(self, *, versioned: bool = True) -> Any:
        """A job that has its results in the bucket, but no other output."""
        job = self.make_job(versioned=versioned)
        key = f"results/{job.upload.key}/{job.job_id}/results.json"
        self.s3.put_object(Bucket=self.pipeline.pipeline.results_bucket, Key=key, Body=RESULTS.encode())
        return {**job.to_input(), "check": {"polls": 1}}

    def redeliver(self) -> Any:
        """The event of a redelivery."""
        return {**self.deliver(), "redelivery": True}

    def annotate(self) -> Any:
        """A job whose annotated video exists."""
        event = self.deliver()
        folder = f"results/{event['upload']['key']}/{event['job_id']}"
        for name, body in (("annotated.mp4", b"video"), ("summary.json", b"{}"), ("job.json", b"{}")):
            self.s3.put_object(Bucket=self.pipeline.pipeline.results_bucket, Key=f"{folder}/{name}", Body=body)
        state = {**event, "annotation": {"status": "annotated", "gigabyte_seconds": 1.5, "left_out": 0}}
        return {"output": "annotation", "state": state}

    def deliver_for_dataset(self, *, versioned: bool = True) -> Any:
        """A job that has its results in the bucket, and requests a dataset."""
        event = self.deliver(versioned=versioned)
        return {**event, "options": {**event["options"], "dataset_frames": "all"}}

    def make_dataset(self) -> Any:
        """A job whose dataset exists."""
        event = self.deliver_for_dataset()
        folder = f"results/{event['upload']['key']}/{event['job_id']}"
        for name in ("dataset.zip", "dataset/data.yaml", "summary.json", "job.json"):
            self.s3.put_object(Bucket=self.pipeline.pipeline.results_bucket, Key=f"{folder}/{name}", Body=b"{}")
        state = {**event, "dataset": {"status": "made", "gigabyte_seconds": 1.5, "left_out": 0}}
        return {"output": "dataset", "state": state}

    def deliver_of_deleted(self) -> Any:
        """A job whose results exist, but whose video was deleted."""
        event = self.deliver_for_dataset(versioned=False)
        self.s3.delete_object(Bucket=event["upload"]["bucket"], Key=event["upload"]["key"])
        return event

    def share(self, name: str = "", *, versioned: bool = True) -> Any:
        """A request for a share link's page, or for the file `name` behind it."""
        upload = Upload(**self.deliver(versioned=versioned)["upload"])
        secret = self.aws.clients.secretsmanager.get_secret_value(SecretId=f"{self.pipeline.stack}/share-key")
        links = ShareLinks(secret["SecretString"], "https://share.example.com")
        link = links.make(SharedJob(upload.upload_id, FIRST_ATTEMPT), datetime.now(UTC), days=1)
        return make_event("GET", f"{urlsplit(link.url).path}/{name}")

    def fail(self) -> Any:
        """The event of a job that failed."""
        check = {"status": "failed", "polls": 1, "reason": "The GPU is on fire."}
        return {**self.make_job().to_input(), "check": check}

    def collect(self) -> Any:
        """The event of an execution that begins a digest about one notice."""
        self._pending.add(*make_notice(next(self.numbers)), FIRST_ATTEMPT)
        return {"step": "collect", "execution": f"{self._digests}:{uuid.uuid4()}", "tries": 0}

    def take_over(self) -> Any:
        """The same event, after an execution that claimed the notice and is no longer recorded."""
        event = self.collect()
        self._claim(f"{self._digests}:{uuid.uuid4()}")
        return event

    def conclude(self) -> Any:
        """The event of an execution that has sent a digest."""
        event = self.collect()
        self._claim(event["execution"])
        return {"step": "conclude", "execution": event["execution"]}

    def _claim(self, execution: str) -> None:
        self._pending.begin(execution, 0, datetime.now(UTC))
        self._pending.claim(list(self._pending.read()), execution, 0)

    @cached_property
    def _digests(self) -> str:
        """The beginning of the ARNs of the executions that send digests."""
        machine = find_resource(self.aws, self.pipeline, "NoticesDigestStateMachine")
        return machine.replace(":stateMachine:", ":execution:")

    @cached_property
    def _pending(self) -> PendingNotices:
        dynamodb = local_session().resource("dynamodb", endpoint_url=self.aws.endpoint_url)
        return PendingNotices(dynamodb.Table(find_resource(self.aws, self.pipeline, "PendingNoticesTable")))

    @cached_property
    def _ledger(self) -> Ledger:
        dynamodb = local_session().resource("dynamodb", endpoint_url=self.aws.endpoint_url)
        return Ledger(dynamodb.Table(self.pipeline.pipeline.jobs_table))

    def _judge_creation(self, app: ModuleType, answer: Any) -> str:
        """Checks that the job runs, and that the API can read the video."""
        result = _expect_status("running")(app, answer)
        asked = [body for _, path, _, body in self.api.requests if path.rstrip("/") == "/videoinfer" and body]
        return result if result != WORKS else judge_url(json.loads(asked[-1])["input_url"])


@contextmanager
def at_rest(aws: EmbeddedAws, pipeline: DeployedPipeline) -> Iterator[None]:
    """Stops the stack from processing uploads and messages until the block ends."""
    bucket, queue_url = pipeline.pipeline.uploads_bucket, pipeline.pipeline.uploads_queue_url
    aws.clients.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    queue = aws.clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    [mapping] = aws.clients.lambda_.list_event_source_mappings(EventSourceArn=queue["QueueArn"])["EventSourceMappings"]
    aws.clients.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    # S3 has sent a test event about the notification.
    aws.clients.sqs.purge_queue(QueueUrl=queue_url)
    with idle(aws, pipeline.pipeline.state_machine_arn):
        yield


@contextmanager
def idle(aws: EmbeddedAws, state_machine_arn: str) -> Iterator[None]:
    """Makes executions of the state machine end at once until the block ends."""
    machines = aws.clients.stepfunctions
    definition = machines.describe_state_machine(stateMachineArn=state_machine_arn)["definition"]
    machines.update_state_machine(stateMachineArn=state_machine_arn, definition=json.dumps(NO_WORK))
    try:
        yield
    finally:
        machines.update_state_machine(stateMachineArn=state_machine_arn, definition=definition)


def walk_pipeline(aws: EmbeddedAws, pipeline: DeployedPipeline, api: StandInApi) -> Iterator[Row]:
    """The rows of the pipeline's functions. The stack can't be used for other tests afterwards."""
    api.statuses, api.results = [api.done()], RESULTS.encode()
    with at_rest(aws, pipeline):
        yield from RoleTrials(aws, "pipeline", pipeline.stack).walk(list(PipelineScenarios(aws, pipeline, api)))


@dataclass(frozen=True)
class ApiScenarios:
    """The answers of the engine's `serve_api`."""

    aws: EmbeddedAws
    engine: Engine
    model: LocalModel
    trials: RoleTrials

    def __iter__(self) -> Iterator[Scenario]:
        sign = self.request("POST", "/video_upload_signed_url", body={"file_name": "a.mp4"})
        yield Scenario("serve_api", lambda: sign, _judge_answer("signed_url", "PUT"))
        yield Scenario("serve_api", self.create, _judge_answer())
        yield Scenario("serve_api", lambda: self.poll(JobStatus.RUNNING), _judge_answer())
        yield Scenario("serve_api", lambda: self.poll(JobStatus.DONE), _judge_answer("output_signed_url"))

    def request(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The event of a request, as API Gateway sends it."""
        parameters = {"api_key": self.engine.api_key, **query}
        content = b"" if body is None else json.dumps(body).encode()
        return make_event(method, path, list(parameters.items()), body=content)

    def create(self) -> Any:
        """A request for a job whose video is never uploaded."""
        key = upload_key(str(uuid.uuid4()), "a.mp4")
        url = f"{self.aws.endpoint_url}/{self.trials.names['VideosBucket']}/{key}?X-Goog-Expires=1"
        return self.request("POST", "/videoinfer", {"input_url": url, "infer_fps": 1, "models": [self._api_model]})

    def poll(self, status: JobStatus) -> Any:
        """A request for the status of a job that was never polled."""
        job_id = str(uuid.uuid4())
        job = EngineJob(
            job_id=job_id,
            infer_fps=Fraction(1),
            models=(ModelRequest("hands", "4", "object-detection", 0.4, 0.3),),
            video_key=upload_key(job_id, "a.mp4"),
            input_url=None,
            created_at=round(datetime.now(UTC).timestamp()),
            status=status,
        )
        JobsTable(self.aws.clients.dynamodb, self.trials.names["JobsTable"]).put(job, 1)
        bucket = self.trials.names["VideosBucket"]
        self.aws.clients.s3.put_object(Bucket=bucket, Key=results_key(job_id), Body=RESULTS.encode())
        return self.request("GET", "/videoinfer", job_id=job_id)

    @property
    def _api_model(self) -> Any:
        return self.model.as_api_model()


def walk_serve_api(aws: EmbeddedAws, stack: str, engine: Engine, model: LocalModel) -> Iterator[Row]:
    """The rows of the engine's API, which records polls as it does on AWS."""
    trials = RoleTrials(aws, "engine", stack, {"POLL_SECONDS_MIN": "60"})
    with idle(aws, engine.state_machine_arn):
        yield from trials.walk(list(ApiScenarios(aws, engine, model, trials)))


def _expect(name: str, value: str) -> Callable[[ModuleType, Any], str]:
    def judge(_app: ModuleType, answer: Any) -> str:
        return WORKS if answer[name] == value else f"{answer[name]}: {answer.get('reason')}"

    return judge


def _expect_status(value: str) -> Callable[[ModuleType, Any], str]:
    """Expects the status of `create_job`'s only result; it returns a list."""
    return lambda app, answer: _expect("status", value)(app, answer[0])


def _judge_postponement(app: ModuleType, answer: Any) -> str:
    """Checks that the message stays in the queue because the API is down, and for no other reason."""
    [(_, error, _)] = app.processor.exceptions
    if isinstance(error, ApiUnavailable) and answer["batchItemFailures"]:
        return WORKS
    return f"the upload waits: {describe_error(error)}"


def _judge_redirect(_app: ModuleType, answer: Any) -> str:
    location = answer["headers"].get("Location")
    return judge_url(location.partition("#")[0]) if location else f"{answer['statusCode']}"


def _judge_answer(url: str = "", method: str = "GET") -> Callable[[ModuleType, Any], str]:
    def judge(_app: ModuleType, answer: Any) -> str:
        body = json.loads(answer["body"])
        if answer["statusCode"] != 200:
            return f"{answer['statusCode']}: {body['error'].partition(';')[0]}"
        return judge_url(body[url], method) if url else WORKS

    return judge
