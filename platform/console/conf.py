"""What can be set about the console."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from django.core.signals import setting_changed

from sharding.typed_settings import SettingsReader


@dataclass(frozen=True)
class ConsoleSettings:
    """Settings of this package.

    Attributes:
        idle: ATOLL_CONSOLE_IDLE_MINUTES. An operator who does nothing for so long is signed out.
        absolute: ATOLL_CONSOLE_SESSION_HOURS. However busy, an operator signs in again after this.
        failures: ATOLL_CONSOLE_FAILURES. So many wrong passwords or codes for one address lock it;
            four times as many lock the network address that they come from.
        locked_for: ATOLL_CONSOLE_LOCKED_MINUTES. How long, from each of these failures.
        patience: ATOLL_CONSOLE_PATIENCE_SECONDS. How long a page waits for shards before it shows
            them as not answering.
        sizes_kept: ATOLL_CONSOLE_SIZES_SECONDS. How old the sizes on a page may be.
    """

    idle: timedelta
    absolute: timedelta
    failures: int
    locked_for: timedelta
    patience: timedelta
    sizes_kept: timedelta


@cache
def console_settings() -> ConsoleSettings:
    """The settings; read once, and again after a test has changed one.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        return ConsoleSettings(
            idle=read.minutes("ATOLL_CONSOLE_IDLE_MINUTES", 30),
            absolute=read.hours("ATOLL_CONSOLE_SESSION_HOURS", 12),
            failures=read.whole("ATOLL_CONSOLE_FAILURES", 5),
            locked_for=read.minutes("ATOLL_CONSOLE_LOCKED_MINUTES", 15),
            patience=read.seconds("ATOLL_CONSOLE_PATIENCE_SECONDS", 1.5),
            sizes_kept=read.seconds("ATOLL_CONSOLE_SIZES_SECONDS", 60),
        )


def _forget(**change: object) -> None:
    console_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="console.conf")
