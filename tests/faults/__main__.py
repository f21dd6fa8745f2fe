"""Prints the fault table, or the matrix of fault pairs: `python -m tests.faults [--pairs]`."""

import argparse
import sys

from tests.faults.pairs import make_row, print_matrix
from tests.faults.run import run_all, run_all_pairs
from tests.faults.table import Row, print_table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--pairs", action="store_true", help="every pair of the commonest faults")
    rows = list_pairs() if parser.parse_args().pairs else run_all()
    print_table(rows)
    surprises = [f"{row.case}, {row.injected}: {surprise}" for row in rows for surprise in row.surprises]
    print("\n".join(["", f"{len(rows)} cases, {len(surprises)} surprises", *surprises]))
    sys.exit(bool(surprises))


def list_pairs() -> list[Row]:
    """Runs all pairs of faults, prints their matrices, and returns them as one row of the fault table."""
    stories = run_all_pairs()
    for end in ("done", "failed"):
        print_matrix(stories, end)
        print()
    return [make_row(stories)]


if __name__ == "__main__":
    main()
