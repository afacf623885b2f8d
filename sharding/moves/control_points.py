"""Named places in a move at which tests freeze it, to kill it from outside.

Nothing happens at one unless the environment names it. A kill that the victim does itself would
run what a real one does not, so here it only waits.

Source: SPQR's control points.
"""

import os
import time
from pathlib import Path
from typing import Final

VARIABLE: Final = "MOVE_CONTROL_POINT"
"""`<folder>:<name>[,<name>…]`: the process that reaches such a point writes its pid into
`<folder>/<name>`, and goes on when there is `<folder>/<name>.go`."""

_LOOKS_EVERY_S: Final = 0.01


def reach(name: str) -> None:
    """Say that the process is here; wait, if this is where it is to be frozen."""
    folder, _, wanted = os.environ.get(VARIABLE, "").rpartition(":")
    if not folder or name not in wanted.split(","):
        return
    here = Path(folder) / name
    # Whole, or not there: somebody waits for it.
    written = here.with_name(f"{name}.tmp")
    written.write_text(str(os.getpid()), encoding="ascii")
    written.rename(here)
    while not here.with_name(f"{name}.go").exists():
        time.sleep(_LOOKS_EVERY_S)
