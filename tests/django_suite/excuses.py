"""The differences that are wanted: each named, each with its reason, in one file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.django_suite.errors import MalformedExcuses

EXCUSED: Final = Path(__file__).with_name("excused.toml")

_KEYS: Final = {"tests", "reason", "django", "server"}


def read_excuses(path: Path, *, django: str, server: int) -> Mapping[str, str]:
    """Test id → reason, of the excuses that count for this Django ("5.2") and this server (15).

    Raises:
        MalformedExcuses: an excuse without tests or reason, a test excused twice, a strange key.
    """
    excuses: dict[str, str] = {}
    for entry in tomllib.loads(path.read_text("utf-8")).get("excuse", []):
        _check(path, entry)
        if django not in entry.get("django", [django]):
            continue
        if server not in entry.get("server", [server]):
            continue
        for test in entry["tests"]:
            if test in excuses:
                raise MalformedExcuses(f"{path.name} excuses {test} twice.")
            excuses[test] = entry["reason"]
    return excuses


def _check(path: Path, entry: Mapping[str, Any]) -> None:
    if strange := entry.keys() - _KEYS:
        raise MalformedExcuses(f"{path.name} has an excuse with {', '.join(sorted(strange))}.")
    if not entry.get("tests") or not str(entry.get("reason", "")).strip():
        raise MalformedExcuses(f"{path.name}: every excuse needs `tests` and a `reason`: {entry}")
