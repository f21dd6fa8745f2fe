"""What the engine's steps write for each other. `tests.record_forms` runs this with those of the release before."""

import base64
from typing import Any

from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess
from tests.stand_ins.state_machine import StateMachine
from tests.stand_ins.videos import VideoSpec, make_video
from tests.templates import read_definition


def write_forms(engine: EngineInProcess) -> dict[str, Any]:
    """Runs a job. Returns its record before each step and the objects that were there, and the steps' answers.

    The events are those of the definition, which the steps of another release get too.
    """
    forms: dict[str, Any] = {}

    def invoke(function: str, event: Any) -> Any:
        item = engine.dynamodb.get_item(TableName="jobs", Key={"job_id": {"S": job_id}})["Item"]
        listed = engine.s3.list_objects_v2(Bucket=VIDEOS_BUCKET)["Contents"]
        objects = {it["Key"]: engine.s3.get_object(Bucket=VIDEOS_BUCKET, Key=it["Key"])["Body"].read() for it in listed}
        texts = {key: base64.b64encode(content).decode() for key, content in objects.items()}
        answer = engine.invoke(function, event)
        forms[function] = {"event": event, "item": item, "objects": texts, "answer": answer}
        return answer

    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())), infer_fps=5)
    StateMachine(read_definition("engine"), invoke, engine.dynamodb).run({"job_id": job_id})
    return forms
