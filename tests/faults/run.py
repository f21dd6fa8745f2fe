"""Runs every case and makes the fault table, or runs all pairs of the commonest faults."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from tests.faults.bench import HOSTS, Bench, Story, open_bench
from tests.faults.cases import RESULTS, list_cases
from tests.faults.engine import run_engine_faults
from tests.faults.events import run_events
from tests.faults.fetch_parts import run_fetch_cases
from tests.faults.kill_switch import run_switches
from tests.faults.outage import WAIT_SCALE, outlast_the_outage
from tests.faults.pairs import ALL_PAIRS, SOME_PAIRS, PairStory, judge, make_row, run_pairs
from tests.faults.table import Group, Row
from tests.local_aws.pipelines import API_KEY, deploy
from tests.stand_ins.faulty_api import faulty_api
from videoinfer.local.builds import PIPELINE, build
from videoinfer.local.embedded_aws import embedded_aws


def run_all() -> list[Row]:
    """Runs all cases, and some of the pairs as one row."""
    engine_rows = [*run_engine_faults(), *run_fetch_cases()]
    with deployed_bench() as bench, ThreadPoolExecutor(HOSTS + 1) as pool:
        outage = pool.submit(outlast_the_outage, bench.aws, bench.api)  # it mostly waits
        groups = [*run_cases(bench, pool), *run_events(bench, pool), *run_switches(bench, pool)]
        pairs = run_pairs(bench, pool, SOME_PAIRS)
        bench.finish()
        judge(bench, pairs)
        groups.append(outage.result())
        return [*(group.to_row() for group in groups), make_row(pairs), *engine_rows]


def run_all_pairs() -> list[PairStory]:
    """Runs every pair of the commonest faults."""
    with deployed_bench() as bench, ThreadPoolExecutor(HOSTS) as pool:
        pairs = run_pairs(bench, pool, ALL_PAIRS)
        bench.finish()
        judge(bench, pairs)
        return pairs


@contextmanager
def deployed_bench() -> Iterator[Bench]:
    """Opens a bench on an embedded AWS of its own."""
    with embedded_aws(wait_scale=WAIT_SCALE) as aws, faulty_api(RESULTS) as api:
        build([PIPELINE], aws)
        pipeline = deploy(
            aws, "faults", {"ApiUrl": api.url, "ApiKey": API_KEY, "Outputs": "csv,webvtt", "ApiRequestsPerMinute": "0"}
        )
        with open_bench(aws, api, pipeline) as bench:
            yield bench


def run_cases(bench: Bench, pool: Executor) -> Iterator[Group]:
    """Runs the cases with one upload, in parallel."""
    cases = list(list_cases())

    def run(number: int) -> Story:
        case = cases[number]
        return bench.run(bench.upload(f"case-{number}.mp4", case.script, case.metadata, case.video), case.wire)

    for case, story in zip(cases, pool.map(run, range(len(cases))), strict=True):
        group = Group(case.name, case.injected)
        group.add(story, case.expected)
        yield group
