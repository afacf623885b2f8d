"""`manage.py devstack up|down|status|reset|psql|logs`."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from devstack.errors import DevstackError, UnknownLogin, UnknownServer
from devstack.services import bring_up, follow_logs, open_psql, tell_status, wipe
from devstack.services.find_stack import development_stack
from sharding.placements.telling import errors_told


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is no number of lines.")
    return int(text)


class Command(BaseCommand):
    help = "PostgreSQL servers, Redis and PgBouncer for development, on this machine."
    # The servers that checks would ask for are what this command starts.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        up = actions.add_parser("up", help="start what does not run, prepare what is new")
        up.add_argument("--new-ports", action="store_true", help="move stopped servers")
        up.add_argument("--no-pgbouncer", action="store_true", help="no pooler in between")
        actions.add_parser("down", help="shut all servers down; data stays")
        status = actions.add_parser("status", help="what runs, where, as whom")
        status.add_argument("--json", action="store_true", help="the same for programs")
        reset = actions.add_parser("reset", help="shut down and delete all data")
        reset.add_argument("--yes", action="store_true", help="do not ask")
        psql = actions.add_parser("psql", help="a prompt on one server")
        psql.add_argument("name", help="control, alpha, beta, …")
        psql.add_argument("--login", default="superuser", help="web, own, mover or superuser")
        psql.add_argument("--command", "-c", help="run this and end")
        logs = actions.add_parser("logs", help="what servers say")
        logs.add_argument("names", nargs="*", help="of these servers only")
        logs.add_argument("--follow", "-f", action="store_true", help="go on until ctrl-C")
        logs.add_argument("--lines", "-n", type=_count, default=20, help="how many, of each")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            with errors_told():
                getattr(self, f"_{action}")(options)
        except (UnknownServer, UnknownLogin) as error:
            raise CommandError(str(error), returncode=2) from error
        except DevstackError as error:
            raise CommandError(str(error)) from error

    def _up(self, options: dict[str, Any]) -> None:
        stack = development_stack(pgbouncer=False if options["no_pgbouncer"] else None)
        bring_up.bring_up(stack, new_ports=options["new_ports"], tell=self.stderr.write)
        self.stdout.write(tell_status.as_text(tell_status.status_of(stack)))

    def _down(self, options: dict[str, Any]) -> None:
        development_stack().stop()

    def _status(self, options: dict[str, Any]) -> None:
        status = tell_status.status_of(development_stack())
        as_json = options["json"]
        text = json.dumps(tell_status.as_data(status), indent=2) if as_json else None
        self.stdout.write(text or tell_status.as_text(status))

    def _reset(self, options: dict[str, Any]) -> None:
        stack = development_stack()
        if not options["yes"]:
            try:
                answer = input(f"Delete all data in {stack.folder}? Type the word reset: ")
            except EOFError:
                raise CommandError(
                    "No terminal to ask on; nothing was changed. Say --yes.", returncode=2
                ) from None
            if answer.strip() != "reset":
                raise CommandError("Nothing was changed.")
        wipe.wipe(stack)

    def _psql(self, options: dict[str, Any]) -> None:
        open_psql.open_psql(
            development_stack(), options["name"], login=options["login"], text=options["command"]
        )

    def _logs(self, options: dict[str, Any]) -> None:
        stack = development_stack()
        lines = follow_logs.lines_of(
            stack, options["names"], last=options["lines"], follow=options["follow"]
        )
        try:
            for line in lines:
                self.stdout.write(line)
        except KeyboardInterrupt:
            pass
