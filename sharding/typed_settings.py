"""Read Django settings of ours into typed values; every one that is wrong is told, by its name.

Settings are Python, where anything can stand in the place of anything: a word for a number, 0 for
a limit (which then locks everybody out), "False" for False, one host for a list of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Value = TypeVar("Value")

MOST: Final = 1_000_000_000
"""No count is larger. Whoever means "without a limit" means less than this."""
HINT: Final = "Mend it, or leave it out: docs/reference/settings.md has the defaults."
LONGEST: Final = timedelta(days=36_500)
"""Added to a date of today it still is one."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One setting that says what it cannot.

    Attributes:
        wanted: what it could be, to be read after "it must be".
    """

    setting: str
    value: object
    wanted: str

    @property
    def shown(self) -> str:
        """The value; not all of it, since a long list would bury the sentence."""
        return repr(self.value)[:80]

    def __str__(self) -> str:
        return f"{self.setting} is {self.shown}; it must be {self.wanted}."


class InvalidSettings(ImproperlyConfigured):
    """Settings say what they cannot.

    Mend each of them, or leave it out: docs/reference/settings.md has the defaults.
    """

    code: ClassVar[str] = "settings.invalid"
    retryable: ClassVar[bool] = False

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(f"{' '.join(map(str, mistakes))} {HINT}")


def mistakes_of(read: Callable[[], object]) -> tuple[Mistake, ...]:
    """What is wrong with the settings that `read` reads, for a system check; most often nothing."""
    try:
        read()
    except InvalidSettings as error:
        return error.mistakes
    return ()


class SettingsReader:
    """Reads settings inside a `with` block, and raises at its end for all that are wrong.

    Raises:
        InvalidSettings: at the end of the block.
    """

    def __init__(self) -> None:
        self._mistakes: list[Mistake] = []

    def __enter__(self) -> "SettingsReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if error is None and self._mistakes:
            raise InvalidSettings(self._mistakes)

    def whole(self, name: str, default: int, *, least: int = 1) -> int:
        """A count."""
        wanted = f"a whole number from {least} to {MOST}"
        return self._read(name, default, wanted, lambda value: _whole(value, least))

    def whole_or_none(self, name: str, *, least: int = 1) -> int | None:
        """A count, or none: what it then is follows from others."""
        wanted = f"a whole number from {least} to {MOST}, or None"
        return self._read(
            name, None, wanted, lambda value: None if value is None else _whole(value, least)
        )

    def part(self, name: str, default: float) -> float:
        """A part of a whole, from 0 to 1."""

        def read(value: object) -> float:
            if isinstance(value, bool):
                raise TypeError
            part = float(value)  # type: ignore[arg-type]
            if not 0 <= part <= 1:
                raise ValueError
            return part

        return self._read(name, default, "a number from 0 to 1", read)

    def seconds(self, name: str, default: float) -> timedelta:
        """A time, said in seconds."""
        return self._time(name, default, "seconds")

    def minutes(self, name: str, default: float) -> timedelta:
        """A time, said in minutes."""
        return self._time(name, default, "minutes")

    def hours(self, name: str, default: float) -> timedelta:
        """A time, said in hours."""
        return self._time(name, default, "hours")

    def days(self, name: str, default: float, *, may_be_none: bool = False) -> timedelta:
        """A time, said in days. `may_be_none`: 0 makes sense."""
        return self._time(name, default, "days", may_be_none=may_be_none)

    def flag(self, name: str, default: bool) -> bool:
        """True or False, and no text that only looks like it."""
        return self._read(name, default, "True or False", lambda value: _of(bool, value))

    def text(self, name: str, default: str, *, one_of: tuple[str, ...] = ()) -> str:
        """A text; with `one_of`, one of these."""
        wanted = f"one of {', '.join(one_of)}" if one_of else "a text"

        def read(value: object) -> str:
            text = _of(str, value)
            if one_of and text not in one_of:
                raise ValueError
            return text

        return self._read(name, default, wanted, read)

    def texts(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Several texts. One alone would be taken for a list of its letters."""

        def read(value: object) -> tuple[str, ...]:
            if not isinstance(value, list | tuple | set | frozenset):
                raise TypeError
            return tuple(_of(str, each) for each in value)

        return self._read(name, default, "a list of texts", read)

    def texts_by_name(self, name: str, default: dict[str, str]) -> dict[str, str]:
        """Texts, each by a text."""

        def read(value: object) -> dict[str, str]:
            pairs = _of(dict, value).items()
            return {_of(str, key): _of(str, each) for key, each in pairs}

        return self._read(name, default, "a dictionary of texts", read)

    def folder(self, name: str, default: Path | None) -> Path | None:
        """A folder's path, or none."""

        def read(value: object) -> Path | None:
            if not isinstance(value, str | Path | None):
                raise TypeError
            return Path(value) if value else None

        return self._read(name, default, "a path, or empty", read)

    def port(self, name: str, default: str) -> str:
        """A port, or nothing."""

        def read(value: object) -> str:
            text = str(value)
            if text and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
                raise ValueError
            return text

        return self._read(name, default, "a port from 1 to 65535, or empty", read)

    def written(self, name: str, default: str, wanted: str, parse: Callable[[str], Value]) -> Value:
        """What `parse` makes of a text; it raises ValueError for one that it cannot read."""
        return self._read(name, default, wanted, lambda value: parse(_of(str, value)))

    def _time(
        self, name: str, default: float, unit: str, *, may_be_none: bool = False
    ) -> timedelta:
        least = "from 0" if may_be_none else "above 0"

        def read(value: object) -> timedelta:
            if isinstance(value, bool):
                raise TypeError
            time = timedelta(**{unit: float(value)})  # type: ignore[arg-type]
            if not timedelta(0) <= time <= LONGEST or not (time or may_be_none):
                raise ValueError
            return time

        return self._read(name, default, f"a number of {unit} {least}, at most a century", read)

    def _read(self, name: str, default: Any, wanted: str, read: Callable[[object], Value]) -> Value:
        value = getattr(settings, name, default)
        try:
            return read(value)
        except (TypeError, ValueError, OverflowError):
            self._mistakes.append(Mistake(name, value, wanted))
            return read(default)


def _whole(value: Any, least: int) -> int:
    number = int(value)
    if isinstance(value, bool) or not least <= number <= MOST or number != float(value):
        raise ValueError
    return number


def _of(wanted: type[Value], value: object) -> Value:
    if not isinstance(value, wanted):
        raise TypeError
    return value
