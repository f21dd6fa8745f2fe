"""An operator's commands on a deployed pipeline: what they print, and what they change."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.local_aws.operator_stage import FAILED, RUNNING, STACK, Stage, fail_one, set_stage
from tests.local_aws.pipelines import API_KEY
from tests.stand_ins.video_inference_api import RESULTS, Answer
from tests.waiting import wait_until
from videoinfer.exit_codes import ExitCode
from videoinfer.local.embedded_aws import EmbeddedAws, local_session
from videoinfer.repository import ROOT
from videoinfer.upload_progress import UploadedVideo


@pytest.fixture(scope="module")
def deployed(aws: EmbeddedAws) -> Iterator[Stage]:
    with set_stage(aws) as stage:
        yield stage


@pytest.fixture
def stage(deployed: Stage) -> Stage:
    """A pipeline whose API answers correctly unless a test sets something else."""
    deployed.api.statuses = [deployed.api.done()]
    deployed.api.results = RESULTS
    deployed.api.requests.clear()
    return deployed


def test_jobs_are_listed_and_shown(stage: Stage) -> None:
    failing, failed = fail_one(stage, "list/fails.mp4")
    fine = stage.upload("list/fine.mp4")
    done = stage.pipeline.wait_for_job(fine)

    listed = stage.read("jobs")
    assert [(item["key"], item["status"]) for item in listed[:2]] in (
        [("list/fine.mp4", "done"), ("list/fails.mp4", "failed")],
        [("list/fails.mp4", "failed"), ("list/fine.mp4", "done")],  # within one second
    )
    assert "list/fine.mp4" not in stage.run("jobs", "--failed").output
    assert "The GPU is on fire." in stage.run("jobs", "--failed").output
    assert stage.read("jobs", "--running") == []

    for name in (failed["job_id"], failed["upload_id"], "list/fails.mp4", f"s3://{failing.bucket}/list/fails.mp4"):
        assert stage.read("show", name)["job_id"] == failed["job_id"]
    shown = stage.run("show", done["job_id"]).output
    assert "Check Job: done (poll 1)" in shown
    assert "Deliver Results: delivered" in shown
    assert done["results_location"] in shown


def test_a_video_is_uploaded_waited_for_opened_logged_and_downloaded(stage: Stage, tmp_path: Path) -> None:
    video = tmp_path / "belt.mp4"
    video.write_bytes(b"video")
    stage.api.creation = Answer({"job_id": "job-of-an-upload", "message": ""})
    [sent] = stage.read("upload", str(video), "--to", "sent/", "--infer-fps", "3")
    assert "exists, and is not replaced" in stage.run("upload", str(video), "--to", "sent/").output

    waited = stage.run("wait", sent["upload_id"])
    assert waited.exit_code == 0, waited.output
    job = stage.read("wait", "job-of-an-upl")
    assert (job["key"], job["options"]["infer_fps"]) == ("sent/belt.mp4", 3)

    link = stage.run("open", "job-of-an-upload").output.strip()
    assert requests.get(f"{link}/results.json", timeout=30).content == RESULTS
    link = stage.read("show", "sent/belt.mp4")["link"]
    assert requests.get(f"{link}/results.json", timeout=30).content == RESULTS
    logged = stage.run("logs", "sent/belt.mp4").output
    assert "create_job  INFO The job has been created" in logged
    assert "deliver_results  INFO" in logged
    downloaded = stage.read("download", "sent/belt.mp4", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out" / "results.json").read_bytes() == RESULTS
    assert set(downloaded["files"]) == {path.name for path in (tmp_path / "out").iterdir()}
    assert "detections.parquet" in downloaded["files"]


def test_a_failure_is_waited_for_and_its_video_runs_again_with_other_options(stage: Stage) -> None:
    upload, failed = fail_one(stage, "again/options.mp4")
    assert stage.run("wait", failed["job_id"]).exit_code == ExitCode.FAILED
    stage.api.creation = Answer({"job_id": f"{failed['job_id']}-again", "message": ""})

    said = stage.run("retry", "again/options.mp4", "--set", "infer-fps=2").output

    assert "which the API bills: 2 frames of each second" in " ".join(said.split())
    waited = stage.run("wait", f"{failed['upload_id']}-2")
    assert waited.exit_code == 0, waited.output
    assert stage.find(upload)["options"]["infer_fps"] == 2


def test_a_missing_job_is_an_error(stage: Stage) -> None:
    result = stage.run("show", "no-such.mp4")

    assert result.exit_code == 1
    assert "The ledger has no job no-such.mp4" in result.output


def test_a_missing_stack_is_named_with_what_to_do(stage: Stage) -> None:
    result = stage.run("jobs", "--stack", "nowhere")

    assert result.exit_code == 1
    assert "There is no stack nowhere in us-east-1: give its name with --stack or VIDEOINFER_STACK" in result.output


def test_a_failed_job_is_retried_without_another_upload(stage: Stage) -> None:
    upload, failed = fail_one(stage, "retry/one.mp4")
    stage.api.creation = Answer({"job_id": f"{failed['job_id']}-again", "message": ""})

    result = stage.run("retry", failed["job_id"])

    assert result.exit_code == 0, result.output
    assert "retry/one.mp4: attempt 2 is in the queue" in result.output
    job = stage.wait_for_status(upload, "done")
    assert (job["attempt"], job["job_id"]) == (2, f"{failed['job_id']}-again")
    assert stage.read("show", "retry/one.mp4")["attempts"] == 2
    again = stage.run("retry", "retry/one.mp4")
    assert again.exit_code == 3
    assert "it has its results" in again.output


def test_all_failed_jobs_are_retried_once(stage: Stage) -> None:
    for number in (1, 2):
        fail_one(stage, f"retry/{number}.mp4")
    failed = stage.read("jobs", "--failed")
    assert {"retry/1.mp4", "retry/2.mp4"} <= {item["key"] for item in failed}
    stage.api.requests.clear()

    for _ in range(2):
        assert stage.run("retry", "--failed").exit_code == 0
    wait_until(lambda: stage.read("jobs", "--failed") == stage.read("jobs", "--running") == [])

    assert stage.api.count("POST", "/videoinfer") == len(failed)


def test_a_job_whose_video_was_replaced_is_not_retried(stage: Stage) -> None:
    _, failed = fail_one(stage, "retry/replaced.mp4")
    stage.wait_for_status(stage.upload("retry/replaced.mp4"), "done")

    assert "retry/replaced.mp4" not in [item["key"] for item in stage.read("jobs", "--failed")]
    result = stage.run("retry", failed["job_id"])
    assert result.exit_code == 3
    assert "a newer upload with this key has replaced its video" in result.output
    assert stage.api.count("POST", "/videoinfer") == 2


def test_retry_requires_a_selection(stage: Stage) -> None:
    assert "Give the jobs to retry, or --failed for all failed ones." in stage.run("retry").output


def test_a_cancelled_job_is_no_longer_waited_for(aws: EmbeddedAws, stage: Stage) -> None:
    stage.api.statuses = [RUNNING]
    upload = stage.upload("cancel/running.mp4")
    wait_until(lambda: stage.find(upload).get("polls", 0) > 0)
    job = stage.find(upload)
    assert "running 42 %" in stage.run("jobs", "--running").output
    assert "Progress    42 %" in stage.run("show", "cancel/running.mp4").output

    assert "it has no results yet: its status is running" in stage.run("redeliver", "cancel/running.mp4").output
    result = stage.run("cancel", "cancel/running.mp4")

    assert result.exit_code == 0, result.output
    assert f"it finishes job {job['job_id']} and bills all of it: 5 frames of each second" in result.output
    assert stage.find(upload)["status"] == "cancelled"
    assert "42 %" not in stage.run("show", "cancel/running.mp4").output
    execution = aws.clients.stepfunctions.describe_execution(executionArn=job["execution_arn"])
    assert execution["status"] == "ABORTED"
    # EventBridge sends the event of its end.
    wait_until(lambda: "notice_id" in stage.find(upload))
    assert stage.find(upload)["status"] == "cancelled"
    [notice] = stage.pipeline.take_notices(upload)
    assert notice.subject == "running.mp4: cancelled"

    assert stage.read("cancel", "cancel/running.mp4")["bill"] == "all"


def test_an_upload_that_waits_for_its_job_can_be_cancelled(stage: Stage) -> None:
    stage.api.creation = Answer({}, 503)
    upload = stage.pipeline.upload("cancel/waiting.mp4", b"video")
    stage.wait_for_status(upload, "waiting")

    assert stage.read("cancel", "cancel/waiting.mp4")["bill"] == "nothing"

    stage.api.creation = Answer({"job_id": "too-late", "message": ""})
    stage.pipeline.announce_again(upload)
    assert stage.find(upload)["status"] == "cancelled"


def test_a_job_that_ended_cannot_be_cancelled(stage: Stage) -> None:
    upload, _ = fail_one(stage, "cancel/failed.mp4")

    result = stage.run("cancel", upload.key)

    assert result.exit_code == 1
    assert "The job of cancel/failed.mp4 has already ended: its status is failed." in result.output


def test_dead_letters_are_listed_with_their_reason_and_sent_back(stage: Stage) -> None:
    assert stage.run("dead-letters").output == "There are none.\n"
    stage.api.creation = Answer({}, 503)
    upload = stage.pipeline.upload("dead/letter.mp4", b"video")
    stage.wait_for_status(upload, "waiting")
    queue_url = stage.pipeline.pipeline.dead_letter_queue_url
    # As SQS does after a hundred tries.
    stage.pipeline.clients.sqs.send_message(QueueUrl=queue_url, MessageBody=stage.pipeline.compose_event(upload))

    for _ in range(2):
        [letter] = stage.read("dead-letters")
        assert letter["job_requests"][0]["upload"]["key"] == "dead/letter.mp4"
        assert letter["why"] == "waiting: The Video Inference API answered 503."
    assert "dead/letter.mp4" in stage.run("dead-letters").output

    stage.api.creation = Answer({"job_id": "job-of-a-dead-letter", "message": ""})
    assert "dead/letter.mp4: back in the uploads queue" in stage.run("dead-letters", "--redrive").output
    assert stage.wait_for_status(upload, "done")["job_id"] == "job-of-a-dead-letter"
    assert stage.read("dead-letters") == []


def test_a_dead_letter_is_given_up(stage: Stage) -> None:
    stage.api.creation = Answer({}, 503)
    upload = stage.pipeline.upload("dead/unwanted.mp4", b"video")
    stage.wait_for_status(upload, "waiting")
    queue_url = stage.pipeline.pipeline.dead_letter_queue_url
    stage.pipeline.clients.sqs.send_message(QueueUrl=queue_url, MessageBody=stage.pipeline.compose_event(upload))
    assert find_words(stage)["problem"] == ["Dead letters, uploads that failed 100 times: 1."]

    assert stage.run("cancel", "dead/unwanted.mp4").exit_code == 0
    assert "dead/unwanted.mp4: deleted" in stage.run("dead-letters", "--discard").output

    assert find_words(stage)["problem"] == []


def test_an_unreadable_dead_letter_stays_until_it_is_discarded(stage: Stage) -> None:
    queue_url = stage.pipeline.pipeline.dead_letter_queue_url
    stage.pipeline.clients.sqs.send_message(QueueUrl=queue_url, MessageBody="Hello?")

    assert "left in the dead-letter queue. Neither S3 nor videoinfer" in stage.run("dead-letters", "--redrive").output
    [letter] = stage.read("dead-letters")
    assert letter["job_requests"] == []
    assert "deleted" in stage.run("dead-letters", "--discard").output
    assert stage.read("dead-letters") == []


def test_earlier_videos_become_jobs_once(stage: Stage) -> None:
    """The videos are in the uploads bucket as if they had been uploaded before its notifications, which are off for a
    moment.
    """
    s3, bucket = stage.pipeline.clients.s3, stage.pipeline.pipeline.uploads_bucket
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    upload = stage.upload("before/old.mp4")
    stage.pipeline.upload("before/notes.txt", b"text")
    queues = {"QueueConfigurations": notifications["QueueConfigurations"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=queues)  # type: ignore[arg-type]

    source = f"s3://{bucket}/before/"
    assert "Jobs that would be requested: 1. Left out: 1." in stage.run("backfill", source, "--dry-run").output
    result = stage.run("backfill", source)
    assert result.exit_code == 0, result.output
    assert "before/old.mp4: job requested" in result.output
    assert "before/notes.txt: The Video Inference API does not take files that end in .txt" in result.output
    stage.wait_for_status(upload, "done")
    assert "before/old.mp4: It already has a job, which is done." in stage.run("backfill", source).output
    assert stage.api.count("POST", "/videoinfer") == 1


def test_videos_of_another_bucket_are_copied_with_their_options(stage: Stage) -> None:
    s3, bucket = stage.pipeline.clients.s3, stage.pipeline.pipeline.uploads_bucket
    s3.create_bucket(Bucket="archive")
    s3.put_object(Bucket="archive", Key="2024/old.mp4", Body=b"video", Metadata={"infer-fps": "2"})

    lines = stage.run("backfill", "s3://archive/2024", "--json").output.splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["copy"]

    copy = UploadedVideo(bucket, "2024/old.mp4", s3.head_object(Bucket=bucket, Key="2024/old.mp4")["VersionId"])
    job = stage.wait_for_status(copy, "done")
    assert job["options"]["infer_fps"] == 2
    assert "The uploads bucket already has this video." in stage.run("backfill", "s3://archive/2024").output

    s3.put_object(Bucket="archive", Key="2024/old.mp4", Body=b"Video")
    for options in (["--dry-run"], []):
        result = stage.run("backfill", "s3://archive/2024", *options)
        assert result.exit_code == 3
        assert f"s3://{bucket}/2024/old.mp4 is another object than s3://archive/2024/old.mp4" in result.output
    assert s3.head_object(Bucket=bucket, Key="2024/old.mp4")["VersionId"] == copy.version_id


def test_the_end_of_a_job_is_an_event_on_the_bus(aws: EmbeddedAws, stage: Stage) -> None:
    """It is sent with the functions' own permissions, which the embedded AWS enforces."""
    events = local_session().client("events", endpoint_url=aws.endpoint_url)
    queue_url = aws.clients.sqs.create_queue(QueueName="ends")["QueueUrl"]
    attributes = aws.clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    bucket = stage.pipeline.pipeline.uploads_bucket
    pattern = {"source": ["videoinfer"], "detail": {"upload": {"bucket": [bucket]}}}
    events.put_rule(Name="ends", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="ends", Targets=[{"Id": "1", "Arn": attributes["QueueArn"]}])

    fail_one(stage, "event/failed.mp4")
    stage.pipeline.wait_for_job(stage.pipeline.upload("event/notes.txt", b"text"))
    job = stage.pipeline.wait_for_job(stage.upload("event/done.mp4"))
    events.delete_rule(Name="ends", Force=True)

    answer = aws.clients.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
    details = [json.loads(message["Body"])["detail"] for message in answer["Messages"]]
    by_key = {key: detail for detail in details if (key := detail["upload"]["key"]).startswith("event/")}
    assert {key: detail["status"] for key, detail in by_key.items()} == {
        "event/failed.mp4": "failed",
        "event/notes.txt": "rejected",
        "event/done.mp4": "done",
    }
    assert by_key["event/done.mp4"]["results_location"] == job["results_location"]
    assert by_key["event/failed.mp4"]["reason"] == "The GPU is on fire."


def test_the_dashboard_and_the_alarms_exist(aws: EmbeddedAws, stage: Stage) -> None:
    cloudwatch = local_session().client("cloudwatch", endpoint_url=aws.endpoint_url)

    body = cloudwatch.get_dashboard(DashboardName=STACK)["DashboardBody"]
    shown = [arn for widget in json.loads(body)["widgets"] for arn in widget["properties"].get("alarms", ())]

    assert "${" not in body
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=STACK)["MetricAlarms"]
    assert {alarm["AlarmArn"] for alarm in alarms} == set(shown)


def test_an_end_that_cannot_be_reported_is_kept_and_reported_later(aws: EmbeddedAws, stage: Stage) -> None:
    """An execution fails while nothing may write to the ledger. Lambda would have dropped an asynchronous event."""
    queues = {
        name: aws.clients.cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId=name)[
            "StackResourceDetail"
        ]["PhysicalResourceId"]
        for name in ("ExecutionEndsQueue", "ExecutionEndsDeadLetterQueue")
    }
    sqs = aws.clients.sqs
    stage.api.statuses = [RUNNING]
    upload = stage.upload("unreported.mp4")
    wait_until(lambda: stage.find(upload).get("polls", 0) > 0)
    [mapping] = aws.clients.lambda_.list_event_source_mappings(
        EventSourceArn=sqs.get_queue_attributes(QueueUrl=queues["ExecutionEndsQueue"], AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
    )["EventSourceMappings"]
    aws.clients.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    aws.clients.stepfunctions.stop_execution(executionArn=stage.find(upload)["execution_arn"])
    # As SQS does after 160 tries.
    [message] = sqs.receive_message(QueueUrl=queues["ExecutionEndsQueue"], WaitTimeSeconds=20)["Messages"]
    sqs.send_message(QueueUrl=queues["ExecutionEndsDeadLetterQueue"], MessageBody=message["Body"])
    sqs.delete_message(QueueUrl=queues["ExecutionEndsQueue"], ReceiptHandle=message["ReceiptHandle"])
    [problem] = [words for words in find_words(stage)["problem"] if words.startswith("Ended executions")]
    assert problem.endswith("so their jobs still seem to run: 1.")

    aws.clients.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    # This stands for start-message-move-task.
    sqs.send_message(QueueUrl=queues["ExecutionEndsQueue"], MessageBody=message["Body"])
    sqs.purge_queue(QueueUrl=queues["ExecutionEndsDeadLetterQueue"])

    assert stage.wait_for_status(upload, "failed")["error"].endswith("it has aborted")
    stage.api.statuses = [stage.api.done()]


def find_words(stage: Stage) -> dict[str, list[str]]:
    """The doctor's findings, by level."""
    result = stage.run("doctor", "--json")
    findings = json.loads(result.stdout)
    words: dict[str, list[str]] = {"ok": [], "warning": [], "problem": []}
    for finding in findings:
        words[finding["level"]].append(finding["what"])
    assert result.exit_code == (3 if words["problem"] else 0)
    return words


def test_the_doctor_finds_no_problem_in_a_working_pipeline(stage: Stage) -> None:
    stage.api.statuses = [Answer({"error": "Job not found"}, 404)]

    words = find_words(stage)

    assert words["problem"] == []
    assert f"The API at {stage.api.url} answers and accepts the key." in words["ok"]
    assert "The functions have the permissions that they need." in words["ok"]
    assert "The uploads queue is read." in words["ok"]


def test_the_doctor_says_what_is_wrong_and_how_to_fix_it(aws: EmbeddedAws, stage: Stage) -> None:
    stage.api.statuses = [Answer({"error": "No such key."}, 401)]
    clients, pipeline = aws.clients, stage.pipeline.pipeline
    # The embedded AWS confirms mail subscriptions by itself.
    clients.sns.subscribe(TopicArn=pipeline.notices_topic_arn, Protocol="https", Endpoint="https://127.0.0.1/notices")
    resource = clients.cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="CheckJobFunctionRole")
    role = resource["StackResourceDetail"]["PhysicalResourceId"]
    [policy] = clients.iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = clients.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    clients.iam.delete_role_policy(RoleName=role, PolicyName=policy)
    try:
        problems = find_words(stage)["problem"]
        shown = stage.run("doctor").output
    finally:
        clients.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))

    assert "The API does not accept the key: No such key." in problems
    assert "Notices do not go to https://127.0.0.1/notices: the subscription is not confirmed." in problems
    assert [words for words in problems if words.startswith("CheckJobFunction may not secretsmanager:GetSecretValue")]
    assert f"aws secretsmanager put-secret-value --secret-id {STACK}/api-key" in shown
    assert API_KEY not in shown


def test_outputs_are_regenerated_without_calling_the_api(stage: Stage) -> None:
    upload = stage.upload("again/belt.mp4")
    job = stage.pipeline.wait_for_job(upload)
    clients, bucket = stage.pipeline.clients, stage.pipeline.pipeline.results_bucket
    place = f"results/again/belt.mp4/{job['job_id']}"
    before = {key: read_object(stage, key) for key in stage.pipeline.list_results(upload)}
    assert f"{place}/results.json" in before
    clients.s3.delete_object(Bucket=bucket, Key=f"{place}/summary.json")
    clients.s3.delete_object(Bucket=bucket, Key=f"{place}/job.json")
    stage.api.requests.clear()

    for wanted in (job["job_id"], f"s3://{bucket}/results/again/"):
        result = stage.run("redeliver", wanted)
        assert result.exit_code == 0, result.output
        assert "again/belt.mp4: delivered again" in result.output

    assert stage.api.requests == []
    assert set(stage.pipeline.list_results(upload)) == set(before)
    for key in (f"{place}/results.json", f"{place}/job.json"):
        assert read_object(stage, key) == before[key]
    notices = "\n".join(notice.text for notice in stage.pipeline.take_notices(upload))
    links = re.findall(r"^Look: (\S+)$", notices, re.MULTILINE)
    assert len(links) == 3
    assert all(requests.get(f"{link}/results.json", timeout=30).content == RESULTS for link in links)


def test_results_that_were_never_stored_are_fetched_without_a_bill(stage: Stage) -> None:
    """As after an abandoned delivery: the job exists, but nothing is in the bucket."""
    upload = stage.upload("again/lost.mp4")
    job = stage.pipeline.wait_for_job(upload)
    clients, bucket = stage.pipeline.clients, stage.pipeline.pipeline.results_bucket
    for key in stage.pipeline.list_results(upload):
        clients.s3.delete_object(Bucket=bucket, Key=key)
    stage.api.requests.clear()

    result = stage.run("redeliver", job["job_id"])

    assert result.exit_code == 0, result.output
    assert stage.api.count("POST", "/videoinfer") == 0
    assert read_object(stage, f"results/again/lost.mp4/{job['job_id']}/results.json") == RESULTS


def test_a_job_whose_results_the_api_lacks_cannot_be_redelivered(stage: Stage) -> None:
    _, job = fail_one(stage, "again/fails.mp4")
    stage.api.statuses = [FAILED]
    result = stage.run("redeliver", job["job_id"])
    assert result.exit_code == 3
    said = " ".join(result.output.split())
    assert "The API says that the job failed: The GPU is on fire." in said
    assert f"as a new job that is billed, run: videoinfer retry {job['job_id']}" in said


def read_object(stage: Stage, key: str) -> bytes:
    bucket = stage.pipeline.pipeline.results_bucket
    return stage.pipeline.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_the_documentation_lists_the_permissions_of_each_command(stage: Stage, request: pytest.FixtureRequest) -> None:
    """Those that the tests above have used, and no others; `verify` has a list of its own."""
    selected = {
        it.originalname for it in request.session.items if isinstance(it, pytest.Function) and it.path == request.path
    }
    if not {name for name in globals() if name.startswith("test_")} <= selected:
        pytest.skip("The whole file has to run.")
    section = (ROOT / "docs" / "operations.md").read_text().split("\n## Permissions\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*`) \| (`.*`) \|$", section, flags=re.MULTILINE)
    documented: dict[str, set[str]] = {}
    for commands, actions in rows:
        for command in re.findall(r"`([a-z-]+)`", commands):
            documented.setdefault(command, set()).update(re.findall(r"`(\w+:\w+)`", actions))
    assert {command: sorted(actions) for command, actions in documented.items()} == {
        command: sorted(actions) for command, actions in stage.actions.items()
    }
