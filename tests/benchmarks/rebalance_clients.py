"""Clients of many tenants at once: `python -m … FILE`, the plans on stdin, until stdin ends.

Each tenant has those of `make bench-move`; they begin one after the other, so that their requests
are spread over the time between two of one client.
"""

import asyncio
import gc
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.move_clients import Answer, Clients


async def ask(plans: Sequence[dict[str, Any]]) -> list[Answer]:
    """Until standard input ends."""
    everybody = [Clients(plan) for plan in plans]

    async def begin(at: int) -> None:
        await asyncio.sleep(at / len(plans) / plans[at]["per_second"])
        await everybody[at].run()

    await asyncio.gather(*(begin(at) for at in range(len(plans))))
    return [answer for clients in everybody for answer in clients.answers]


def main() -> None:
    plans = json.loads(sys.stdin.buffer.readline())
    # A pause to collect garbage would look like a slow server.
    gc.disable()
    answers = asyncio.run(ask(plans))
    lines = (json.dumps(asdict(one)) + "\n" for one in answers)
    Path(sys.argv[1]).write_text("".join(lines))


if __name__ == "__main__":
    main()
