"""The commands for a deployed pipeline: they show its jobs and act on them."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import batched, islice
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from videoinfer.backfill import Action, carry_out, parse_s3_uri, plan_backfill
from videoinfer.browser import open_page
from videoinfer.cancelling import cancel_job, describe_bill, describe_work
from videoinfer.dead_letters import discard as discard_letters
from videoinfer.dead_letters import read_dead_letters, release
from videoinfer.dead_letters import redrive as redrive_letters
from videoinfer.display import Display, errors_for_people
from videoinfer.doctor import examine
from videoinfer.errors import CommandError, WrongUsage
from videoinfer.exit_codes import ExitCode
from videoinfer.findings import Finding
from videoinfer.job_downloads import JobFile, download_files, find_files
from videoinfer.job_history import read_job_history
from videoinfer.job_link import find_link, make_link
from videoinfer.job_logs import read_job_logs
from videoinfer.job_requests import check_upload, describe_plan, plan_retry, send_requests
from videoinfer.job_texts import (
    LETTER_HEADINGS,
    compose_facts,
    compose_letter_row,
    compose_list,
    compose_note,
    describe_action,
    describe_letter,
    format_local,
    name_letter,
    refuse_results,
    to_json,
)
from videoinfer.job_waiting import follow_job
from videoinfer.ledger_view import Item, Selection, name_job
from videoinfer.listed_keys import list_key
from videoinfer.option_flags import encode_options, parse_settings, takes_upload_options
from videoinfer.output_folder import open_output_folder
from videoinfer.own_command import spell_command
from videoinfer.pipeline_stack import find_stack
from videoinfer.processes import uninterrupted
from videoinfer.redelivery import redeliver_jobs
from videoinfer.terminal import Console
from videoinfer.uploading import check_keys, plan_uploads, send
from videojobs.foreign_text import file_name, word_for_command
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.uploads import Upload
from videojobs.jobs.uploads_queue import RECEIVES_MAX

commands = typer.Typer()

StackName = Annotated[
    str, typer.Option("--stack", help="The pipeline's stack.", envvar="VIDEOINFER_STACK", metavar="NAME")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
JobName = Annotated[
    str,
    typer.Argument(
        help="A job's id or the beginning of it, or the key or S3 URI of its video.", metavar="JOB", show_default=False
    ),
]

DEFAULT_STACK = "videoinfer"

WATCH_SECONDS = 5

_GOES_ON = "What was requested goes on: `videoinfer jobs` lists the jobs."
"""What to say when a command is interrupted that makes jobs, or starts deliveries, one after the other."""

_BACKFILL_BATCH = 10
"""Videos that a backfill handles before it prints them."""


@commands.command()
def jobs(
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only jobs that failed and were neither retried nor replaced since.")
    ] = False,
    running: Annotated[bool, typer.Option("--running", help="Only jobs that have not ended.")] = False,
    unanswered: Annotated[
        bool, typer.Option("--unanswered", help="Only jobs that may have been billed twice.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Maximum number of jobs.", min=1)] = 20,
    watch: Annotated[bool, typer.Option("--watch", help="Show the list anew every few seconds, until Ctrl-C.")] = False,
    stack: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first.

    Example: videoinfer jobs --failed
    """
    with errors_for_people():
        if failed + running + unanswered > 1:
            raise WrongUsage("Give one of --failed, --running and --unanswered.")
        if watch and as_json:
            raise WrongUsage("--watch is for people, --json for programs: give one of them.")
        selection: Selection = "failed" if failed else "running" if running else "all"
        deployed = find_stack(stack)
        table, display = deployed.ledger, Display(Console())

        def read() -> tuple[list[Item], bool]:
            found = table.list_unanswered(deployed.uploads_bucket) if unanswered else table.list_jobs(selection)
            return list(islice(found, limit)), next(found, None) is not None

        if watch:
            with display.refreshing() as refresh:
                while True:
                    refresh(*compose_list(read()[0], datetime.now(UTC), display.width))
                    time.sleep(WATCH_SECONDS)
        items, is_cut = read()
        if as_json:
            display.text(to_json(items))
        elif not items:
            display.text("There are none.")
        else:
            display.columns(*compose_list(items, datetime.now(UTC), display.width))
            if is_cut:
                display.text(
                    f"These are the newest {limit}. There are more: --limit {10 * limit} lists up to {10 * limit}."
                )


@commands.command()
def wait(job: JobName, stack: StackName = DEFAULT_STACK, as_json: AsJson = False) -> None:
    """Wait for the end of a job. The exit code says how it ended: 0 done, 4 failed, 5 overdue, 6 rejected, 7 cancelled.

    Ctrl-C ends only the command, not the job. A video that was just uploaded need not have a job yet.

    Example: videoinfer wait line-3/belt.mp4
    """
    with errors_for_people("The job goes on: `videoinfer wait` waits for it again, `videoinfer cancel` ends it."):
        deployed = find_stack(stack)
        display = Display(Console())
        with Display(Console(quiet=as_json)).execution() as execution:
            for item in follow_job(deployed.ledger, job):
                note = compose_note(item)
                execution.news(datetime.now(UTC), f"{item['status']}: {note}" if note else item["status"])
                execution.progress(item.get("progress"))
        if as_json:
            display.text(to_json(item))
        else:
            words = f"{list_key(item['key'])}: {item['status']}"
            if item["status"] == "done":
                answer = f". {item['answer']}" if item.get("answer") else ""
                display.finding("ok", f"{words}{answer}", f"videoinfer open {name_job(item)}")
            else:
                display.finding("warning", words, f"videoinfer show {name_job(item)}")
        if item["status"] != "done":
            raise typer.Exit(code=ExitCode[item["status"].upper()])


@commands.command("open")
def open_report(job: JobName, stack: StackName = DEFAULT_STACK, as_json: AsJson = False) -> None:
    """Open the report of a job in the browser, and print its link. Without a terminal, only print it.

    The link is a new one. Whoever has it sees the video and its results, for the stack's ShareLinkDays.

    Example: videoinfer open line-3/belt.mp4
    """
    with errors_for_people():
        deployed = find_stack(stack)
        item, _ = deployed.ledger.find_job(job)
        if not item.get("results_location"):
            raise CommandError(refuse_results(item, "report"))
        link = make_link(deployed, item)
        console = Console()
        display = Display(console)
        display.text(to_json(asdict(link)) if as_json else link.url)
        if console.is_terminal and not as_json:
            open_page(link.url, display)


@commands.command()
def download(
    job: JobName,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The folder, a new one or an empty one.",
            metavar="DIR",
            show_default="the video's name",
        ),
    ] = None,
    stack: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Download the outputs of a job, except the report, which needs its link: see `videoinfer open`.

    The folder appears when all files are complete. After an interruption, the same command continues. The exit code is
    3 if a file is no longer in the bucket.

    Example: videoinfer download line-3/belt.mp4 -o belt
    """
    with errors_for_people("The same command continues where it stopped."):
        deployed = find_stack(stack)
        item, _ = deployed.ledger.find_job(job)
        if not item.get("results_location"):
            raise CommandError(refuse_results(item, "outputs"))
        found = list(find_files(deployed.clients.s3, item))
        files = [it for it in found if isinstance(it, JobFile)]
        missing = [it for it in found if isinstance(it, str)]
        if not files:
            raise CommandError(f"The outputs of {list_key(item['key'])} are no longer in the bucket (RetentionDays).")
        place = output or Path(file_name(PurePosixPath(item["key"]).stem) or "outputs")
        display = Display(Console())
        work = f"{item['upload_id']}-{item['attempt']}"
        with open_output_folder(place, resumed=work) as folder:
            total = sum(file.size_bytes for file in files)
            with Display(Console(quiet=as_json)).transfer(f"Downloading to {place}", total) as advance:
                download_files(deployed.clients.s3, files, folder, advance)
            folder.finish()
        if as_json:
            names = [file.name for file in files]
            display.text(to_json({"folder": str(place.resolve()), "files": names, "missing": missing}))
        else:
            display.outputs(place, sorted(file.name for file in files))
            for name in missing:
                display.warn(f"{name} is no longer in the bucket.")
        if missing:
            raise typer.Exit(code=ExitCode.PROBLEMS)


@commands.command()
def show(job: JobName, stack: StackName = DEFAULT_STACK, as_json: AsJson = False) -> None:
    """Show a job and its timeline.

    Example: videoinfer show line-3/belt.mp4
    """
    with errors_for_people():
        deployed = find_stack(stack)
        item, attempts = deployed.ledger.find_job(job)
        timeline = read_job_history(deployed.clients, item)
        link = find_link(deployed, item)
        display = Display(Console())
        if as_json:
            moments = [asdict(moment) for moment in timeline]
            display.text(to_json({**item, "attempts": len(attempts), "link": link, "timeline": moments}))
            return
        display.facts(compose_facts(item, attempts, datetime.now(UTC), link))
        display.heading("Timeline")
        display.facts([(format_local(moment.at), moment.what) for moment in timeline])


@commands.command()
def logs(job: JobName, stack: StackName = DEFAULT_STACK, as_json: AsJson = False) -> None:
    """Print what the functions logged about a job, and failed steps of its execution. `--json` prints whole lines.

    CloudWatch has a new line after some seconds, and keeps it for the stack's RetentionDays.

    Example: videoinfer logs line-3/belt.mp4
    """
    with errors_for_people():
        deployed = find_stack(stack)
        item, _ = deployed.ledger.find_job(job)
        display = Display(Console())
        is_empty = True
        for line in read_job_logs(deployed, item):
            is_empty = False
            if as_json:
                display.text(to_json(asdict(line), indent=None))
            else:
                display.event(format_local(line.at), line.source, line.text)
        if is_empty and not as_json:
            display.text("There are none: they are too new, or older than the stack's RetentionDays.")


@commands.command()
def retry(
    jobs: Annotated[
        list[str] | None,
        typer.Argument(help="Job ids, or keys or S3 URIs of the videos.", metavar="JOB", show_default=False),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Retry all jobs that `videoinfer jobs --failed` lists.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Run with another option than the upload's, for this attempt: see docs/options.md, One upload. May be "
            "given several times. Jobs that have results run again, too.",
            metavar="NAME=VALUE",
            show_default=False,
        ),
    ] = None,
    *,
    stack: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Retry jobs without uploading their videos again. Each retry is a new job, which the API bills.

    The exit code is 3 if a retry is refused, for example because a newer upload has replaced the video.

    Example: videoinfer retry line-3/belt.mp4 --set infer-fps=2
    """
    with errors_for_people(_GOES_ON):
        if bool(jobs) == failed:
            raise WrongUsage("Give the jobs to retry, or --failed for all failed ones.")
        given = parse_settings(settings or [])
        deployed = find_stack(stack)
        table = deployed.ledger
        latest = [table.find_attempts(job)[-1] for job in jobs or []] or list(table.list_jobs("failed"))
        latest_by_upload = {item["upload_id"]: item for item in latest}
        s3, options = deployed.clients.s3, deployed.upload_options
        plans = [
            check_upload(plan_retry(item, deployed.api_url, given), s3, options) for item in latest_by_upload.values()
        ]
        requests = [plan.request for plan in plans if plan.request]
        sent = list(send_requests(deployed.clients.sqs, deployed.uploads_queue_url, requests))
        display = Display(Console())
        if as_json:
            display.text(to_json([describe_plan(plan) for plan in plans]))
        elif not plans:
            display.text("There are no jobs to retry.")
        else:
            options_by_upload = {plan.job["upload_id"]: plan.options for plan in plans}
            for request in sent:
                known = options_by_upload[request.upload.upload_id]
                bill = f", which the API bills: {describe_work(known.to_dict())}" if known else ""
                words = f"{list_key(request.upload.key)}: attempt {request.attempt} is in the queue{bill}"
                display.finding("ok", words, f"videoinfer wait {request.upload.upload_id}-{request.attempt}")
            for plan in plans:
                if plan.refusal:
                    display.warn(f"{list_key(plan.job['key'])}: {plan.refusal}")
        if any(plan.refusal for plan in plans):
            raise typer.Exit(code=ExitCode.PROBLEMS)


@commands.command()
@takes_upload_options
def upload(
    files: Annotated[list[Path], typer.Argument(help="The videos.", metavar="FILE", show_default=False)],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            help="The key of one video, or with a slash at its end a folder for all.",
            metavar="KEY|FOLDER/",
            show_default="the stack's UploadsPrefix",
        ),
    ] = None,
    replaces: Annotated[
        bool, typer.Option("--replace", help="Replace objects that have the keys. Each new version is another job.")
    ] = False,
    options: Mapping[str, str],
    stack: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Upload videos. Each becomes a job, which the API bills.

    Everything is checked before the first byte is sent: the options, the files, and that no object has their keys.

    Example: videoinfer upload belt.mp4 --to line-3/ --infer-fps 2
    """
    with errors_for_people(_GOES_ON):
        deployed = find_stack(stack)
        s3 = deployed.clients.s3
        plans = plan_uploads(deployed, files, to, encode_options(options))
        if not replaces:
            check_keys(s3, plans)
        display = Display(Console())
        uploads = list[Upload]()
        try:
            for plan in plans:
                size_bytes = plan.upload.size_bytes
                with Display(Console(quiet=as_json)).transfer(f"Uploading {plan.file.name}", size_bytes) as advance:
                    uploads.append(send(s3, plan, advance, replaces=replaces))
                if not as_json:
                    words = f"{uploads[-1].uri} is uploaded. The API bills {describe_work(plan.options.to_dict())}."
                    display.finding("ok", words, f"videoinfer wait {uploads[-1].upload_id}")
        finally:  # also those before an error, since they become jobs
            if as_json:
                display.text(to_json([{**asdict(it), "upload_id": it.upload_id} for it in uploads]))


@commands.command()
def cancel(job: JobName, stack: StackName = DEFAULT_STACK, as_json: AsJson = False) -> None:
    """Cancel a job, and print what the API still bills.

    Example: videoinfer cancel line-3/belt.mp4
    """
    with errors_for_people():
        deployed = find_stack(stack)
        item, _ = deployed.ledger.find_job(job)
        ledger = Ledger(deployed.clients.open_table(deployed.jobs_table))
        bill = cancel_job(deployed.clients.stepfunctions, deployed.state_machine_arn, ledger, item)
        display = Display(Console())
        if as_json:
            display.text(to_json({**item, "status": "cancelled", "bill": bill}))
            return
        display.done(f"{list_key(item['key'])}: cancelled")
        display.warn(describe_bill(item, bill))


@commands.command()
def redeliver(
    wanted: Annotated[
        str,
        typer.Argument(
            help="A job's id, the key or S3 URI of its video, or a prefix of the results bucket for all jobs below it.",
            metavar="JOB|s3://RESULTS_BUCKET/PREFIX",
            show_default=False,
        ),
    ],
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Make annotated videos also for jobs that did not request one.")
    ] = False,
    stack: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Regenerate all outputs of jobs, from their stored results or those that the API still has. Nothing is billed.

    Each job gets a notice, with a new link. The exit code is 3 if one of them can't be delivered.

    Example: videoinfer redeliver s3://RESULTS_BUCKET/results/line-3/
    """
    with errors_for_people(_GOES_ON):
        deployed = find_stack(stack)
        display = Display(Console())
        failures = 0
        for redelivery in redeliver_jobs(deployed, wanted, annotate=annotate):
            failures += redelivery.failure is not None
            if as_json:
                display.text(to_json(asdict(redelivery), indent=None))
            elif redelivery.failure:
                display.warn(f"{list_key(redelivery.job['key'])}: {redelivery.failure}")
            else:
                display.done(f"{list_key(redelivery.job['key'])}: delivered again")
        if failures:
            raise typer.Exit(code=ExitCode.PROBLEMS)


@commands.command(
    "dead-letters",
    help=f"List the uploads that failed {RECEIVES_MAX} times, and why.\n\nExample: videoinfer dead-letters --redrive",
)
def dead_letters(
    redrive: Annotated[
        bool, typer.Option("--redrive", help="Send them back to the uploads queue, with all attempts ahead of them.")
    ] = False,
    discard: Annotated[
        bool,
        typer.Option(
            "--discard", help="Delete messages that can't become jobs, such as those of jobs that were cancelled."
        ),
    ] = False,
    stack: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    with errors_for_people(_GOES_ON):
        deployed = find_stack(stack)
        display = Display(Console())
        letters = read_dead_letters(deployed)
        if as_json:
            display.text(to_json([describe_letter(letter) for letter in letters]))
        elif not letters:
            display.text("There are none.")
        elif not (redrive or discard):
            rows = [compose_letter_row(letter) for letter in letters]
            display.columns([LETTER_HEADINGS, *rows], [letter.why for letter in letters])
            display.text(f"\nOnce the cause is fixed: {spell_command('videoinfer dead-letters --redrive')}")
            display.text(
                f"To give one up: {spell_command('videoinfer cancel JOB')}, "
                f"then {spell_command('videoinfer dead-letters --discard')}"
            )
        usable = [letter for letter in letters if letter.is_usable]
        unusable = [letter for letter in letters if not letter.is_usable]
        left = {letter.message_id: letter for letter in letters}
        try:
            for letter in redrive_letters(deployed, usable if redrive else []):
                del left[letter.message_id]
                if not as_json:
                    display.done(f"{name_letter(letter)}: back in the uploads queue")
            for letter in discard_letters(deployed, unusable if discard else []):
                del left[letter.message_id]
                if not as_json:
                    display.done(f"{name_letter(letter)}: deleted")
        finally:
            release(deployed, left.values())
        for letter in left.values():
            if (redrive or discard) and not as_json:
                display.warn(f"{name_letter(letter)}: left in the dead-letter queue. {letter.why}")


@commands.command()
def backfill(
    source: Annotated[str, typer.Argument(help="The S3 prefix of the videos.", metavar="s3://BUCKET/PREFIX")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")] = False,
    stack: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Create jobs for existing videos. Videos in another bucket are copied into the stack's own uploads bucket; with
    ExistingUploadsBucket, nothing is copied.

    Videos that have a job are left out, so the command can be run again. Each video is a job, which the API bills. No
    object in the uploads bucket is replaced: if another video has the key, the exit code is 3.

    Example: videoinfer backfill s3://BUCKET/cameras/ --dry-run
    """
    with errors_for_people(_GOES_ON):
        bucket, prefix = parse_s3_uri(source)
        deployed = find_stack(stack)
        display = Display(Console())
        counts = Counter[Action]()
        for some in batched(plan_backfill(deployed, bucket, prefix), _BACKFILL_BATCH, strict=False):
            if not dry_run:
                carry_out(deployed, some)
            counts.update(candidate.action for candidate in some)
            for candidate in some:
                if as_json:
                    display.text(to_json({**asdict(candidate), "dry_run": dry_run}, indent=None))
                elif candidate.why:
                    display.warn(f"{list_key(candidate.upload.key)}: {candidate.why}")
                else:
                    display.done(
                        f"{list_key(candidate.upload.key)}: {describe_action(candidate.action, dry_run=dry_run)}"
                    )
        if not counts:
            raise CommandError(f"There are no videos below {source}: `aws s3 ls s3://{bucket}/` lists the bucket.")
        if not as_json:
            videos = counts["ask"] + counts["copy"]
            left_out = f"{counts['skip'] + counts['conflict']:,}"
            if counts["conflict"]:
                left_out += f", in conflict with other objects: {counts['conflict']:,}"
            display.text(f"Jobs {'that would be ' if dry_run else ''}requested: {videos:,}. Left out: {left_out}.")
        if counts["conflict"]:
            raise typer.Exit(code=ExitCode.PROBLEMS)


@commands.command("rebuild-ledger")
def rebuild_ledger(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")] = False,
    stack: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Add the jobs that have results in the results bucket to a ledger that has lost them. Nothing is billed or sent.

    What the ledger has stays as it is, so the command can be run again. The exit code is 3 if a job can't be restored.

    Example: videoinfer rebuild-ledger --dry-run
    """
    # Imported here, because the other commands read no results.
    from videoinfer.ledger_rebuild import NOT_IN_THE_BUCKET, plan_rebuild, restore

    with errors_for_people():
        deployed = find_stack(stack)
        ledger = Ledger(deployed.clients.open_table(deployed.jobs_table))
        display = Display(Console())
        counts = Counter[str]()
        for planned in plan_rebuild(deployed):
            job = planned if dry_run else restore(ledger, planned)
            counts[job.action] += 1
            if as_json:
                facts = {name: getattr(job, name) for name in ("key", "job_id", "attempt", "action", "why")}
                display.text(to_json({**facts, "dry_run": dry_run}, indent=None))
            elif job.why:
                display.warn(f"{list_key(job.key)}: {job.why}")
            elif job.action == "restore":
                done = "would be restored" if dry_run else "restored"
                display.done(f"{list_key(job.key)}: attempt {job.attempt} {done} as {job.values['status']}")
        if not as_json:
            restored = f"Jobs {'that would be ' if dry_run else ''}restored: {counts['restore']:,}"
            display.text(f"{restored}. Known: {counts['known']:,}. Left out: {counts['skip']:,}.\n{NOT_IN_THE_BUCKET}")
            videos = word_for_command(f"s3://{deployed.uploads_bucket}/{deployed.uploads_prefix}", "S3_URI")
            display.text(f"Videos without a job: {spell_command(f'videoinfer backfill {videos} --dry-run')}")
        if counts["skip"]:
            raise typer.Exit(code=ExitCode.PROBLEMS)


@commands.command()
def doctor(stack: StackName = DEFAULT_STACK, as_json: AsJson = False) -> None:
    """Check the pipeline (API and key, permissions, subscriptions, quotas), and print how to fix each problem.

    The exit code is 3 if there is a problem; a warning does not change it.

    Example: videoinfer doctor
    """
    with errors_for_people():
        display = Display(Console())
        findings = list[Finding]()
        for finding in examine(find_stack(stack)):
            findings.append(finding)
            if not as_json:
                display.finding(finding.level, finding.what, finding.remedy)
        if as_json:
            display.text(to_json([asdict(finding) for finding in findings]))
        if any(finding.level == "problem" for finding in findings):
            raise typer.Exit(code=ExitCode.PROBLEMS)


@commands.command()
def verify(
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the job to end.", min=1)] = 1800,
    stack: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Test the pipeline: send a video, check everything that results from it, and remove it again.

    The video is a job of 10 frames, which the API bills, and subscribers get its notices. The exit code is 3 if
    anything is wrong.

    Example: videoinfer verify
    """
    # Imported here, so that the other commands do not load the checks.
    from videoinfer.verification.check_runs import Timeouts
    from videoinfer.verification.rows import HEADING, compose_cells, compose_report, compose_total
    from videoinfer.verification.run import Verification, read_clip
    from videoinfer.verification.verdicts import CheckOutcome

    with errors_for_people():
        clip = read_clip()
        verification = Verification(find_stack(stack), clip, Timeouts(job=timeout))
        display = Display(Console())
        outcomes = list[CheckOutcome]()

        def show(outcome: CheckOutcome) -> None:
            outcomes.append(outcome)
            if not as_json:
                display.outcome(outcome.level, compose_cells(outcome), outcome.what)

        if not as_json:
            display.text(HEADING)
        try:
            with display.working("Checking"):
                for outcome in verification.run():
                    show(outcome)
        finally:
            with uninterrupted():
                show(verification.clean_up())
        display.text(to_json(compose_report(outcomes)) if as_json else compose_total(outcomes))
        if any(outcome.level == "wrong" for outcome in outcomes):
            raise typer.Exit(code=ExitCode.PROBLEMS)
