"""The development servers for adopters' tests: a second pytest plugin, beside the test kit's.

Imports are inside functions: what the servers need is not installed wherever Atoll is.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tenants.testing.types import Servers, ThrowAway


@pytest.hookimpl(optionalhook=True)
def pytest_atoll_throw_away(folder: Path, kept: bool) -> "ThrowAway | None":
    """Control, alpha, beta and Redis in `folder`."""
    try:
        from devstack.stack import Stack
    except ImportError:
        return None
    # Throw-away in either way: what a crash of the machine takes is made again.
    return ServersForTests(Stack(folder, fsync=False), kept=kept)


class ServersForTests:
    """A stack that several processes of one test run share."""

    def __init__(self, stack: Any, *, kept: bool) -> None:
        self._stack = stack
        self._kept = kept
        self._guardian: Any = None

    def start(self) -> "Servers":
        """Make them run.

        Raises:
            NoServers: they do not start; why.
        """
        from devstack.errors import DevstackError
        from tenants.testing.errors import NoServers
        from tenants.testing.types import Servers

        folder = self._stack.folder
        folder.mkdir(parents=True, exist_ok=True)
        # The servers' account, where it is another than ours, must pass through.
        folder.chmod(0o711)
        try:
            self._stack.start()
        except DevstackError as error:
            raise NoServers(f"The development servers do not start: {error}") from error
        return Servers(
            registry=self._stack.direct_registry(),
            admin_conninfo=self._stack.admin_conninfo,
            redis_url=self._stack.redis_url,
        )

    def guard(self) -> None:
        """Have them thrown away when this process is gone, however it goes. Idempotent."""
        if not self._kept and self._guardian is None:
            from devstack.guardian import Guardian

            self._guardian = Guardian(self._stack)

    def end(self) -> None:
        """Stop them; their files go as well unless they are kept."""
        if self._kept:
            self._stack.stop()
            return
        self._stack.destroy()
        if self._guardian is not None:
            self._guardian.dismiss()
