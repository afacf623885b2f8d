"""Makes the tenants of the live part of `make bench-rebalance`, on two shards in turn.

`python -m … FOLDER TENANTS` prints what was made as one JSON list.
"""

import json
import random
import sys
from typing import Any, Final

import django

_SEED: Final = 1
_LARGEST_MB: Final = 40


def main(folder: str, tenants: int) -> list[dict[str, Any]]:
    """Control, both shards, the image, and all tenants, of Pareto sizes from 1 MB on."""
    from tests.benchmarks import systems
    from tests.benchmarks.build_atoll import make_tenants
    from tests.benchmarks.fleet_atoll import prepare
    from tests.benchmarks.move_build import filled
    from tests.fixtures.two_shards import SHARDS

    refused = prepare(folder, *SHARDS)["refused"]
    if refused:
        raise SystemExit(f"There is no image, and every move would be slower: {refused}")
    chance = random.Random(_SEED)
    made = []
    for number in range(1, tenants + 1):
        make_tenants(SHARDS[number % len(SHARDS)], number, number + 1)
        megabytes = min(int(chance.paretovariate(1.3)), _LARGEST_MB)
        made.append(filled(systems.slug(number), megabytes))
        if number % 20 == 0:
            print(f"{number} tenants", file=sys.stderr, flush=True)
    return made


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
