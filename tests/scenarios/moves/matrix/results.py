"""What came of each cell, in a file: a run that was cut off is gone on with.

A result counts only as long as neither moves nor the matrix have changed since.
"""

import hashlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[4]
FILE: Final = ROOT / ".bench" / "moves-matrix.jsonl"
RESUME: Final = "MOVES_MATRIX_RESUME"
"""Set in the environment: cells that passed already are left out."""
_CODE: Final = (
    "sharding/moves",
    "sharding/placements",
    "sharding/schemas",
    "tenants/moving",
    "tests/faults",
    "tests/scenarios/moves/matrix",
)


@dataclass(frozen=True, slots=True)
class Result:
    """One cell, played to its end.

    Attributes:
        ended: the state of its move.
        seconds: from the fault to the end of recovery.
    """

    cell: str
    point: str
    fault: str
    ended: str
    seconds: float
    at: str
    machine: str
    code: str


def code() -> str:
    """A digest of what the results are of."""
    found = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


def keep(cell: str, point: str, fault: str, *, ended: str, seconds: float) -> None:
    """Add one."""
    FILE.parent.mkdir(exist_ok=True)
    at = time.strftime("%Y-%m-%d", time.gmtime())
    machine = f"{os.cpu_count()} cores, {platform.system()}"
    one = Result(cell, point, fault, ended, round(seconds, 1), at, machine, code())
    with FILE.open("a") as file:
        file.write(json.dumps(asdict(one)) + "\n")


def kept() -> dict[str, Result]:
    """The newest of each cell, whatever the code was."""
    if not FILE.exists():
        return {}
    lines = FILE.read_text().splitlines()
    return {one.cell: one for one in (Result(**json.loads(line)) for line in lines)}


def passed_already(cell: str) -> bool:
    """Whether it need not be played again, since somebody goes on with a run that was cut off."""
    found = kept().get(cell) if os.environ.get(RESUME) else None
    return found is not None and found.code == code()
