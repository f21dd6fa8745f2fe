"""Tells the life of the engine of a seed, or runs many.

python -m tests.simulation.engine SEED
python -m tests.simulation.engine soak SEEDS [FIRST_SEED]
"""

import sys
from contextlib import suppress

from tests.simulation.engine.faults import list_faults
from tests.simulation.engine.life import live
from tests.simulation.soak import Soak, tell

SOAK = Soak("python -m tests.simulation.engine", live, list_faults)


def main() -> int:
    match sys.argv[1:]:
        case ["soak", count, *first]:
            is_fine = SOAK.run(int(first[0]) if first else 0, int(count))
        case [seed]:
            is_fine = SOAK.replay(int(seed))
        case _:
            tell(str(__doc__))
            return 2
    return 0 if is_fine else 1


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main())
