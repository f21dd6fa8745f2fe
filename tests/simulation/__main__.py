"""Tells the life of a seed, or runs many.

python -m tests.simulation SEED
python -m tests.simulation soak SEEDS [FIRST_SEED]
python -m tests.simulation mutants SEEDS
"""

import sys
from contextlib import suppress

from tests.simulation.faults import list_faults
from tests.simulation.life import live
from tests.simulation.mutants import hunt_all
from tests.simulation.soak import Soak, tell

SOAK = Soak("python -m tests.simulation", live, list_faults)


def find_mutants(seeds: int) -> bool:
    """Puts bugs back, and tells within how many lives each was found. Returns whether all were."""
    hunts = list(hunt_all(seeds))
    for it in hunts:
        tell(f"{it.story}: {f'found in life {it.lives}: {it.breach}' if it.lives else 'NOT FOUND'}")
    return all(it.lives for it in hunts)


def main() -> int:
    match sys.argv[1:]:
        case ["soak", count, *first]:
            is_fine = SOAK.run(int(first[0]) if first else 0, int(count))
        case ["mutants", count]:
            is_fine = find_mutants(int(count))
        case [seed]:
            is_fine = SOAK.replay(int(seed))
        case _:
            tell(str(__doc__))
            return 2
    return 0 if is_fine else 1


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main())
