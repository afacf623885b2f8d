"""Movers that start at once: Django is set up here, and each mover is a fork of this process.

`python -m …` reads a line of JSON per mover, and answers with its pid; and one for each that has
ended, whose pid is kept until then. A mover is a process like
any other: it is killed and frozen by its pid, from outside.
"""

import json
import os
import sys
from pathlib import Path

import django


def main() -> None:
    django.setup()
    # What a command imports is imported once, here.
    from tenants.management.commands import move_tenant, resume_move, rollback_move  # noqa: F401

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        pid = asked.get("ended", 0)
        if pid:
            # Not before we are told: a pid that is free is given to strangers, within minutes.
            os.waitpid(pid, 0)
        else:
            pid = os.fork()
            if pid == 0:
                _be_a_mover(asked)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _be_a_mover(asked: dict) -> None:
    from django.conf import settings
    from django.core.management import ManagementUtility

    settings.ATOLL_MOVE_LEASE_SECONDS = asked["lease_seconds"]
    said = Path(asked["said"])
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, number in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, number)
    os.environ.update(asked["environment"])
    status = 70
    try:
        ManagementUtility(["manage.py", *asked["words"]]).execute()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - the process ends here, and says why
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        ended = said.with_suffix(".ended.tmp")
        ended.write_text(str(status))
        ended.rename(said.with_suffix(".ended"))
        os._exit(status)


if __name__ == "__main__":
    main()
