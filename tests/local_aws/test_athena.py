"""Athena can query a job's detections as soon as the first job is done."""

import json
import time
from collections import Counter
from typing import Any

import boto3
import pytest

from tests.local_aws.pipelines import API_KEY, DeployedPipeline, deploy
from tests.stand_ins.videos import VideoSpec, make_video
from videoinfer.local.embedded_aws import REGION, EmbeddedAws, tool_environment
from videoinfer.repository import SAMPLE_VIDEO


class Athena:
    """A stack's database, queried in its workgroup."""

    def __init__(self, aws: EmbeddedAws, stack: str) -> None:
        [described] = aws.clients.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        environment = tool_environment(aws)
        self._athena = boto3.client(
            "athena",
            region_name=REGION,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )
        self.database, self._workgroup = outputs["ResultsDatabaseName"], outputs["ResultsWorkGroupName"]

    def query(self, sql: str) -> list[list[str | None]]:
        """The rows of the answer, without the header."""
        started = self._athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": self.database}, WorkGroup=self._workgroup
        )
        deadline = time.monotonic() + 30
        while True:
            status = self._athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
            status = status["QueryExecution"]["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert status["State"] == "SUCCEEDED", status
        answer = self._athena.get_query_results(QueryExecutionId=started["QueryExecutionId"])
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in answer["ResultSet"]["Rows"][1:]]


@pytest.fixture(scope="module")
def done_job(pipeline: DeployedPipeline) -> dict[str, Any]:
    upload = pipeline.upload("athena/clip.mp4", SAMPLE_VIDEO.read_bytes())
    job = pipeline.wait_for_job(upload)
    assert job["status"] == "done", job
    return job


@pytest.fixture(scope="module")
def athena(aws: EmbeddedAws, pipeline: DeployedPipeline) -> Athena:
    return Athena(aws, pipeline.pipeline.state_machine_arn.split(":")[-1].split("-VideoJob")[0])


def test_classes_are_counted_over_all_jobs(athena: Athena, done_job: dict[str, Any]) -> None:
    condition = f"job_id = '{done_job['job_id']}'"
    rows = athena.query(f"SELECT class, count(*) FROM detections WHERE {condition} GROUP BY class")  # noqa: S608
    [counts] = done_job["counts"].values()
    assert {name: int(found or 0) for name, found in rows} == counts
    rows = athena.query("SELECT class, count(*) FROM detections GROUP BY class")
    assert {name for name, _ in rows} >= set(counts)


def test_a_day_is_a_partition(athena: Athena, done_job: dict[str, Any]) -> None:
    condition = f"day = '{done_job['created_at'][:10]}' AND job_id = '{done_job['job_id']}'"
    [[rows]] = athena.query(f"SELECT count(*) FROM frames WHERE {condition}")  # noqa: S608
    assert rows == str(done_job["frames"])
    [[rows]] = athena.query("SELECT count(*) FROM frames WHERE day = '2026-01-01'")
    assert rows == "0"


DOCK = [
    {"name": "table", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]},
    {"name": "middle", "line": [[0.5, 0], [0.5, 1]], "anchor": "center"},
]


def test_entries_are_counted_by_the_hour(athena: Athena, pipeline: DeployedPipeline) -> None:
    """The query in docs/outputs.md, over a video whose time of recording is known."""
    metadata = {"regions": json.dumps(DOCK), "recorded-at": "2026-11-02T08:59:58Z"}
    job = pipeline.wait_for_job(pipeline.upload("athena/dock.mp4", SAMPLE_VIDEO.read_bytes(), metadata))
    assert job["status"] == "done", job
    assert {"events.csv", "events.parquet"} <= job["outputs"].keys()
    [counts] = job["region_counts"].values()
    condition = f"job_id = '{job['job_id']}' AND region = 'table' AND kind = 'entry'"
    # As text, because the embedded AWS's DuckDB needs pytz to return a time with a zone. Athena's timestamps have none.
    hour = "CAST(date_trunc('hour', clock_time) AS varchar)"
    rows = athena.query(f"SELECT {hour}, class, count(*) FROM events WHERE {condition} GROUP BY 1, 2")  # noqa: S608
    assert {str(begun)[11:13] for begun, _, _ in rows} <= {"08", "09"}
    entries: Counter[str] = Counter()
    for _, name, found in rows:
        entries[str(name)] += int(found or 0)
    assert entries == {name: entry["entries"] for name, entry in counts["table"].items()}
    assert sum(entries.values()) > 0
    rows = athena.query(f"SELECT count(*) FROM events WHERE job_id = '{job['job_id']}' AND kind = 'exit' AND at_border")  # noqa: S608
    assert rows == [["0"]]


def test_the_time_of_day_is_a_timestamp_in_utc(athena: Athena, pipeline: DeployedPipeline) -> None:
    body = make_video(VideoSpec(creation_time="2026-11-28T21:00:00Z"))
    recorded = pipeline.wait_for_job(pipeline.upload("athena/recorded.mp4", body))
    in_key = pipeline.wait_for_job(
        pipeline.upload("athena/cam_20261128_230000.mp4", body, {"recorded-at": "cam_%Y%m%d_%H%M%S[Europe/Berlin]"})
    )
    assert recorded["video_recorded_at"] == "2026-11-28T21:00:00+00:00"
    assert in_key["video_recorded_at"] == "2026-11-28T23:00:00+01:00"

    for job, first in ((recorded, "2026-11-28 21:00:00"), (in_key, "2026-11-28 22:00:00")):
        condition = f"job_id = '{job['job_id']}' AND clock_time < timestamp '{first}.100'"
        [[rows, time_offset]] = athena.query(
            f"SELECT count(*), max(time_offset) FROM frames WHERE clock_time >= timestamp '{first}' AND {condition}"  # noqa: S608
        )
        assert (rows, time_offset) == ("1", "0.0")


def test_ddl_accepts_the_database_of_a_stack_with_hyphens_and_capitals(aws: EmbeddedAws) -> None:
    pipeline = deploy(aws, "Belt-Line-7", {"ApiKey": API_KEY})
    athena = Athena(aws, pipeline.stack)
    location = f"s3://{pipeline.pipeline.results_bucket}/notes/"

    athena.query(f"CREATE EXTERNAL TABLE {athena.database}.notes (text string) STORED AS PARQUET LOCATION '{location}'")
    assert athena.query(f"SELECT count(*) FROM {athena.database}.detections") == [["0"]]  # noqa: S608
    athena.query(f"DROP TABLE {athena.database}.notes")
