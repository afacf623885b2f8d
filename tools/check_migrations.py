"""Run `check_migrations` on a server of its own, which is gone afterwards.

python tools/check_migrations.py [arguments of manage.py check_migrations]
"""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def main() -> None:
    """Start, check, stop; the exit status is the command's."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    import django
    from django.core.management import execute_from_command_line

    django.setup()
    from devstack.guardian import Guardian
    from devstack.prepare import prepare
    from devstack.stack import Stack

    folder = Path(tempfile.mkdtemp(prefix="atoll-check-"))
    # The servers' account, where it is another than ours, must pass through.
    folder.chmod(0o711)
    stack = Stack(folder, shards=("alpha",), redis=False)
    guardian = Guardian(stack)
    try:
        stack.start()
        prepare(stack)
        execute_from_command_line(["manage.py", "check_migrations", *sys.argv[1:]])
    finally:
        stack.destroy()
        guardian.dismiss()


if __name__ == "__main__":
    main()
