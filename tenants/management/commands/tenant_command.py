"""`tenant_command`: run any command in the scope of one tenant."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.edge import errors_told
from tenants.running import check_known, named, parse_call, run_for


class Command(BaseCommand):
    help = "Run a command for one tenant: tenant_command -t SLUG COMMAND [what it takes …]"
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        # argparse would take the other command's options for ours.
        if len(argv) < 3 or argv[2] in ("-h", "--help"):
            self.stdout.write(self.help)
            raise SystemExit(0 if len(argv) > 2 else 2)
        try:
            self.handle(*argv[2:])
        except CommandError as error:
            self.stderr.write(f"{error.__class__.__name__}: {error}")
            raise SystemExit(error.returncode) from error

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("words", nargs="*")

    def handle(self, *words: str, **options: Any) -> None:
        call = parse_call(words or options.get("words", ()))
        check_known(call)
        with errors_told():
            run_for(named(call), call, "manage.py tenant_command")
