"""Prints the fault table: `python -m tests.faults`."""

import sys

from tests.faults.run import run_all
from tests.faults.table import print_table


def main() -> None:
    rows = run_all()
    print_table(rows)
    surprises = [f"{row.case}, {row.injected}: {surprise}" for row in rows for surprise in row.surprises]
    print("\n".join(["", f"{len(rows)} cases, {len(surprises)} surprises", *surprises]))
    sys.exit(bool(surprises))


if __name__ == "__main__":
    main()
