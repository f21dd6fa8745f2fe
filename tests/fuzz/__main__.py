"""`python -m tests.fuzz --inputs 4000` runs damaged videos through the engine; exits with 1 if one does harm."""

import argparse
import re
import sys
import time
from collections import Counter

from tests.fuzz.trials import damage, make_files, run_trials

BUGS = "raised", "crashed", "hung", "too large"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="how many files to damage")
    parser.add_argument("--first", type=int, default=0, help="the number of the first, to run one again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", help="write the first file there instead of running it")
    arguments = parser.parse_args()
    files, started = make_files(), time.monotonic()
    if arguments.save:
        with open(arguments.save, "wb") as file:  # noqa: PTH123
            file.write(damage(files, arguments.seed, arguments.first)[1])
        return
    outcomes, reasons, largest = Counter[str](), Counter[str](), 0
    for trial in run_trials(files, arguments.seed, range(arguments.first, arguments.first + arguments.inputs)):
        outcomes[trial.outcome] += 1
        largest = max(largest, trial.memory_bytes)
        if trial.outcome == "refused":
            reasons[re.sub(r"[\d.]+(e[+-]\d+)?", "N", trial.detail)] += 1
        if trial.outcome in BUGS:
            print(f"{trial.outcome}: --seed {arguments.seed} --first {trial.number} ({trial.original})\n{trial.detail}")
    print(f"{outcomes.total()} inputs, seed {arguments.seed}, {time.monotonic() - started:.0f} s")
    print("; ".join(f"{outcome} {outcomes[outcome]}" for outcome in ("done", "refused", *BUGS)))
    print(f"at most {largest / 2**20:.0f} MiB in memory")
    for reason, count in reasons.most_common():
        print(f"{count:6} {reason}")
    sys.exit(any(outcomes[outcome] for outcome in BUGS))


if __name__ == "__main__":
    main()
