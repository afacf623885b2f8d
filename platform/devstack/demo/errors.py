"""What goes wrong with the demo, and what to do.

DemoError
├── WebPortTaken
├── DemoRunsAlready
├── ProgramEnded
├── NotReady
└── CheckFailed
"""

import signal
from pathlib import Path
from typing import ClassVar

from devstack.errors import DevstackError


class DemoError(DevstackError):
    """The demo cannot go on."""

    code: ClassVar[str] = "demo"


class WebPortTaken(DemoError):
    """Another program listens where the web server belongs."""

    code = "demo.port_taken"

    def __init__(self, port: int, holder: str) -> None:
        self.port = port
        super().__init__(
            f"Port {port} is taken by {holder}. Stop that program, or choose another port: "
            "ATOLL_DEMO_PORT=8080 make demo (0 takes a free one)."
        )


class DemoRunsAlready(DemoError):
    """A demo of this folder is running."""

    code = "demo.runs_already"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"A demo is running on {folder} already. Stop it (ctrl-C where it runs), or give this "
            "one a folder of its own: manage.py demo --folder ANOTHER --port 0."
        )


class ProgramEnded(DemoError):
    """A program of the demo ended by itself."""

    code = "demo.program_ended"

    def __init__(self, label: str, status: int) -> None:
        self.label = label
        # A status below 0 is the number of the signal that ended the program.
        how = f"ended with status {status}" if status >= 0 else f"was killed ({_signal(-status)})"
        super().__init__(
            f"{label} {how}; its last lines are above. The rest was stopped; start again with "
            "`make demo`."
        )


class NotReady(DemoError):
    """The web server did not answer in time."""

    code = "demo.not_ready"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The web server did not answer within {seconds:.0f} s; what it said is above."
        )


class CheckFailed(DemoError):
    """The running demo did not do what it promises."""

    code = "demo.check_failed"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
