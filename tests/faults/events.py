"""The cases with several events, versions or clocks, or with an operator who tries again."""

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from tests.faults.bench import Bench, Story
from tests.faults.cases import RESULTS
from tests.faults.function_host import WireFault
from tests.faults.table import Expected, Group
from tests.stand_ins.faulty_api import Fault, Script, Video
from tests.waiting import wait_until

DAY = 24 * 3600.0
SEND = {"input-mode": "upload"}
BURIAL_RECEIVES = 3
"""How many receives turn the event of a failure into a dead letter here; the template allows more."""

REJECTED = Expected("rejected", ("rejected",), jobs=0, reason="It was deleted before its job could be created.")

type Event = Callable[[Bench], Group]


def run_events(bench: Bench, pool: Executor) -> Iterator[Group]:
    """Runs every case of this file."""
    yield from pool.map(lambda event: event(bench), EVENTS)


def repeat(bench: Bench) -> Group:
    group = Group("an event comes again", "twice more after the job is done")
    story = bench.run(bench.upload("repeated.mp4"))
    for _ in range(2):
        bench.receive(story)
    group.add(story, Expected())
    return group


def come_late(bench: Bench) -> Group:
    """Step Functions already knows the execution's name by then: `ExecutionAlreadyExists`."""
    group = Group("an event comes late", "while the job runs, and after it, when Idempotency has forgotten it")
    story = bench.begin(bench.upload("late.mp4"))
    bench.receive(story)
    forget(bench, story)
    bench.receive(story)
    bench.wait_for(story)
    forget(bench, story)
    bench.receive(story)
    group.add(story, Expected())
    return group


def come_at_once(bench: Bench) -> Group:
    group = Group("an event comes four times at once", "while the API takes its time")
    story = bench.begin(bench.upload("at-once.mp4", Script([Fault(acts=True, delay_seconds=0.3)])))
    event = bench.compose_message(story)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: bench.invoke(story, "create_job", event, seconds=60), range(4)))
    bench.receive(story)
    bench.wait_for(story)
    group.add(story, Expected())
    return group


def come_in_reverse(bench: Bench) -> Group:
    group = Group("events come in reverse", "of two versions of a key, the second first")
    uploads = [bench.upload("reversed.mp4") for _ in range(2)]
    for story in [bench.run(upload) for upload in reversed(uploads)]:
        group.add(story, Expected(notices=("done", "done")))
    return group


def overwrite(bench: Bench) -> Group:
    group = Group("an upload is overwritten", "while its job runs")
    first = bench.begin(bench.upload("overwritten.mp4"))
    bench.receive(first)
    second = bench.run(bench.upload("overwritten.mp4"))
    bench.wait_for(first)
    for story in (first, second):
        group.add(story, Expected(notices=("done", "done")))
    return group


def delete_while_it_waits(bench: Bench) -> Group:
    group = Group("an upload is deleted", "while it waits for the API: a version, or the key by a delete marker")
    for name, by_version in (("version", True), ("marker", False)):
        story = bench.begin(bench.upload(f"deleted-{name}.mp4", Script([Fault(429, {})])))
        bench.receive(story, receives_max=1)
        delete(bench, story, by_version=by_version)
        bench.receive(story)
        group.add(story, REJECTED)
    return group


def delete_while_its_job_runs(bench: Bench) -> Group:
    group = Group("an upload is deleted", "while its job runs")
    story = bench.begin(bench.upload("deleted-later.mp4"))
    bench.receive(story)
    delete(bench, story, by_version=True)
    bench.wait_for(story)
    group.add(story, Expected())
    return group


def delete_before_its_job_is_waited_for(bench: Bench) -> Group:
    group = Group("an upload is deleted", "after create_job died between the ledger and the execution")
    kill = [WireFault("kill before", call="stepfunctions:StartExecution")]
    story = bench.begin(bench.upload("deleted-between.mp4"), {"create_job": [kill]})
    bench.receive(story, receives_max=1)
    delete(bench, story, by_version=True)
    bench.receive(story)
    bench.wait_for(story)
    group.add(story, Expected())
    return group


def cancel_at_each_step(bench: Bench) -> Group:
    group = Group("a job is cancelled", "while it waits for the API, while the API is asked, and while it runs")
    waiting = bench.begin(bench.upload("cancelled-waiting.mp4", Script([Fault(429, {})])))
    bench.receive(waiting, receives_max=1)
    bench.cancel(waiting)
    bench.receive(waiting)
    group.add(waiting, Expected("cancelled", ("cancelled",), jobs=0))

    asking = bench.begin(bench.upload("cancelled-asking.mp4", Script([Fault(acts=True, delay_seconds=1)])))
    with ThreadPoolExecutor(1) as pool:
        receiving = pool.submit(bench.receive, asking)
        wait_until(lambda: bool(bench.api.list_calls("create", asking.video)))
        bench.cancel(asking)
        receiving.result()
    assert bench.find_execution(asking) is None
    group.add(asking, Expected("cancelled", ("cancelled",)))

    running = bench.begin(bench.upload("cancelled-running.mp4"))
    bench.receive(running)
    bench.cancel(running)
    bench.wait_for(running)  # as if the execution could not be stopped
    group.add(running, Expected("cancelled", ("cancelled",)))
    return group


def cancel_before_the_api_is_asked(bench: Bench) -> Group:
    group = Group("a job is cancelled", "while its video is sent, and while it waits for its turn")
    sent = bench.upload("cancelled-sending.mp4", Script(sends=[Fault(acts=True, delay_seconds=1)]), SEND)
    sending = bench.begin(sent)
    with ThreadPoolExecutor(1) as pool:
        event = bench.compose_message(sending)
        receiving = pool.submit(bench.invoke, sending, "create_job", event, seconds=900)
        wait_until(lambda: bool(bench.api.list_calls("send", Video(sent.key, ""))))
        bench.cancel(sending)
        receiving.result()
    group.add(sending, Expected("cancelled", ("cancelled",), jobs=0))

    frugal = {**bench.environments["create_job"], "API_REQUESTS_PER_MINUTE": "1"}
    limited = replace(bench, environments={**bench.environments, "create_job": frugal})
    *_, queued = [bench.begin(bench.upload(f"cancelled-queued-{number}.mp4")) for number in range(2)]
    for story in bench.stories[-2:]:
        limited.receive(story, receives_max=1)  # the second waits for a turn, and possibly the first
    bench.cancel(queued)
    bench.receive(queued)
    group.add(queued, Expected("cancelled", ("cancelled",), jobs=0))
    return group


def refuse_connections(bench: Bench) -> Group:
    group = Group("a job is asked for", "no connection: refused, and hanging")
    with socket.socket() as closed, full_backlog() as hanging:
        closed.bind(("127.0.0.1", 0))
        for name, port in (("refused", closed.getsockname()[1]), ("hanging", hanging)):
            fault = WireFault("hurry", call="api:POST", address=f"127.0.0.1:{port}")
            story = bench.run(bench.upload(f"{name}.mp4"), {"create_job": [[fault]]})
            group.add(story, Expected())
            assert "may have" not in story.log
    return group


@contextmanager
def full_backlog() -> Iterator[int]:
    """Yields a port whose backlog is full, so that the next connection hangs."""
    with ExitStack() as sockets:
        address = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0)).getsockname()
        for _ in range(2):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield address[1]


def be_overdue_and_try_again(bench: Bench) -> Group:
    group = Group("a job is overdue, and a person retries it", "it is running when the deadline passes")
    story = bench.begin(bench.upload("overdue.mp4", Script(statuses=[Fault(body={"status": 1})] * 2)))
    bench.receive(story)
    story.clocks["check_job"] = 1.1 * DAY
    bench.wait_for(story)
    story.clocks.clear()
    bench.retry(story)
    group.add(story, Expected(notices=("failed", "done"), jobs=2))
    return group


def be_overdue_while_the_api_is_down(bench: Bench) -> Group:
    group = Group("a job is overdue", "the API is down when the deadline passes")
    story = bench.begin(bench.upload("overdue-down.mp4", Script(statuses=[Fault(503, {})] * 2)))
    bench.receive(story)
    story.clocks["check_job"] = 1.1 * DAY
    bench.wait_for(story)
    group.add(story, Expected("overdue", ("failed",), reason="Not done after 26 h"))
    return group


def give_up_a_delivery_and_redeliver_it(bench: Bench) -> Group:
    group = Group(
        "a delivery is given up, and a person redelivers it",
        "past the deadline S3 refuses the results, and the API's storage answers 503",
    )
    refused = [WireFault("refuse", call="s3:", times=100, code="SlowDown", status_code=503)]
    for name, script, faults in (("s3", Script(), [refused]), ("storage", Script(downloads=[Fault(503, b"")]), [])):
        story = bench.begin(bench.upload(f"given-up-{name}.mp4", script), {"deliver_results": faults})
        bench.receive(story)
        story.clocks["deliver_results"] = 1.1 * DAY
        bench.wait_for(story)
        story.clocks.clear()
        bench.redeliver(story)
        group.add(story, Expected(notices=("failed", "done"), results=RESULTS))
    return group


def redeliver_an_output(bench: Bench) -> Group:
    group = Group("an output fails, and a person redelivers it", "S3 forbids all files but the results")
    refused = WireFault(
        "refuse", call="s3:PutObject", after="s3:PutObject", times=2, code="AccessDenied", status_code=403
    )
    forbidden = bench.run(bench.upload("forbidden.mp4"), {"deliver_results": [[refused]]})
    missing = bench.ledger.read(forbidden.upload, forbidden.attempt) or {}
    assert sorted(missing["failed_outputs"]) == ["csv", "webvtt"]
    bench.redeliver(forbidden)
    group.add(forbidden, Expected(notices=("done", "done"), results=RESULTS))
    return group


def bury_a_failure(bench: Bench) -> Group:
    """Uses up the state machine's retries and the queue's receives; then an operator redrives the dead letter."""
    group = Group("the report of a failure fails", "DynamoDB throttles report_failure until its event is a dead letter")
    tries = bench.definition["States"]["Report Failure"]["Retry"][1]["MaxAttempts"] + 1
    throttled = [WireFault("refuse", call="dynamodb:", times=99, code="ProvisionedThroughputExceededException")]
    script = Script(statuses=[Fault(body={"status": 2, "error": "It failed."})])
    story = bench.begin(bench.upload("buried.mp4", script), {"report_failure": [throttled] * (tries + BURIAL_RECEIVES)})
    bench.receive(story)
    body = json.dumps(bench.execute(story))
    for received in bench.pass_by_queue(body, BURIAL_RECEIVES):
        assert not bench.report(story, json.loads(received), 1)
    assert bench.has_dead_letter(body)
    assert bench.report(story, json.loads(body), 1)
    group.add(story, Expected("failed", ("failed",)))
    return group


def skew_clocks(bench: Bench) -> Group:
    group = Group("clocks differ", "ten minutes ahead: that of create_job, check_job, deliver_results")
    for function in ("create_job", "check_job", "deliver_results"):
        story = bench.begin(bench.upload(f"skewed-{function}.mp4"))
        story.clocks[function] = 600
        bench.receive(story)
        bench.wait_for(story)
        group.add(story, Expected())
    return group


EVENTS: tuple[Event, ...] = (
    repeat,
    come_late,
    come_at_once,
    come_in_reverse,
    overwrite,
    delete_while_it_waits,
    delete_while_its_job_runs,
    delete_before_its_job_is_waited_for,
    cancel_at_each_step,
    cancel_before_the_api_is_asked,
    refuse_connections,
    be_overdue_and_try_again,
    be_overdue_while_the_api_is_down,
    give_up_a_delivery_and_redeliver_it,
    redeliver_an_output,
    bury_a_failure,
    skew_clocks,
)


def forget(bench: Bench, story: Story) -> None:
    """Deletes Powertools' idempotency record, as if 15 days had passed since the upload's last event."""
    table = bench.environments["create_job"]["IDEMPOTENCY_TABLE"]
    dynamodb = bench.aws.clients.dynamodb
    for item in dynamodb.scan(TableName=table)["Items"]:
        if story.upload.key in item.get("data", {}).get("S", ""):
            dynamodb.delete_item(TableName=table, Key={"id": item["id"]})


def delete(bench: Bench, story: Story, *, by_version: bool) -> None:
    """Deletes the upload's version, or hides the key with a delete marker."""
    upload = story.upload
    location = upload.location if by_version else {"Bucket": upload.bucket, "Key": upload.key}
    bench.aws.clients.s3.delete_object(**location)
