"""Prints the answer to each hostile input: `python -m tests.hostile`."""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.hostile.addresses import ADDRESSES, REDIRECTS, HostileAddress
from tests.hostile.answers import answer_address, answer_body, answer_rebinding, answer_redirect, answer_server
from tests.hostile.bodies import BODIES
from tests.hostile.servers import SERVERS
from tests.stand_ins.engine import run_engine
from videoengine.logs import logger


def main() -> None:
    logger.setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, run_engine(Path(folder)) as engine:
        print_table("body", ((body.name, answer_body(engine, body)) for body in BODIES))
        print_table("input_url", ((_show(it), answer_address(engine, it)) for it in ADDRESSES))
        print_table("a redirect to", ((_show(it), answer_redirect(engine, it)) for it in REDIRECTS))
        rebinding = {"a first": False, "a second, for a redirect": True}
        print_table(
            "a name with a public address, then loopback's: asked",
            ((time, answer_rebinding(engine, redirected=redirected)) for time, redirected in rebinding.items()),
        )
        print_table("a server that sends", ((it.name, answer_server(engine, it)) for it in SERVERS))


def print_table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Prints a table in Markdown."""
    print(f"| {title} | gets |\n|---|---|")
    for row in rows:
        print("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |")
    print()


def _show(address: HostileAddress) -> str:
    return f"{address.name}: {address.url!r}"


if __name__ == "__main__":
    main()
