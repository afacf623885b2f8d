"""Adopters' runs, against the databases' servers of the suite: registry and administrator."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

HERE = Path(__file__).parent

# Plugins of this suite's packages that take as long to import as all else together.
_WITHOUT = tuple(
    f"-pno:{name}" for name in ("cacheprovider", "schemathesis", "hypothesispytest", "anyio")
)


@dataclass
class Adopter:
    """An adopter's project in a folder of its own."""

    pytester: pytest.Pytester

    def adds(self, *names: str) -> None:
        for name in names:
            shutil.copy(HERE / "samples" / f"{name}.py", self.pytester.path / f"test_{name}.py")

    def runs(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess(*_WITHOUT, *arguments)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Adopter:
    # Ours, which a process of the adopter's does not have.
    for name in ("DJANGO_SETTINGS_MODULE", "ATOLL_REGISTRY", "ATOLL_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(HERE / "adopter", pytester.path, dirs_exist_ok=True)
    (pytester.path / "__init__.py").unlink()
    pytester.makeini(
        "[pytest]\nDJANGO_SETTINGS_MODULE = shop_settings\npythonpath = .\n"
        "filterwarnings = error\ntimeout = 100\n"
    )
    return Adopter(pytester)


@pytest.fixture
def adopter(project, stack, monkeypatch, passwords) -> Adopter:
    """The project, told of servers by a registry, as in its makers' CI."""
    monkeypatch.setenv("ATOLL_REGISTRY", str(stack.files.registry))
    monkeypatch.setenv("ATOLL_REDIS_URL", stack.redis_url)
    monkeypatch.setenv("ATOLL_TEST_ADMIN", f"user={passwords.user} passfile={passwords.file}")
    return project


@dataclass(frozen=True)
class Passwords:
    user: str
    file: Path


@pytest.fixture(scope="session")
def passwords(stack, tmp_path_factory) -> Passwords:
    file = tmp_path_factory.mktemp("passwords") / "pgpass"
    lines, user = [], ""
    for name in stack.databases:
        admin = conninfo_to_dict(stack.admin_conninfo(name))
        user = str(admin["user"])
        lines.append(f"127.0.0.1:{admin['port']}:*:{user}:{admin['password']}\n")
    file.touch(mode=0o600)
    file.write_text("".join(lines))
    return Passwords(user, file)


@pytest.fixture(scope="session")
def look(stack) -> Callable[..., list[str]]:
    """Ask a server something, as its administrator; answers one column."""

    def ask(name: str, statement: str, dbname: str = "postgres") -> list[str]:
        with psycopg.connect(stack.admin_conninfo(name, dbname), autocommit=True) as connection:
            answer = connection.execute(statement)
            return [row[0] for row in answer] if answer.description else []

    return ask


def _drop_all(stack, look) -> None:
    for name in stack.databases:
        for found in look(name, "SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'"):
            look(name, f'DROP DATABASE "{found}" WITH (FORCE)')


@pytest.fixture(scope="package", autouse=True)
def _nothing_is_left(stack, look) -> Iterator[None]:
    """Tests of this folder keep databases for one another, and none for other folders."""
    yield
    _drop_all(stack, look)


@pytest.fixture
def none_kept(stack, look) -> None:
    """No database of tests is there, whatever the tests before this one have kept."""
    _drop_all(stack, look)
