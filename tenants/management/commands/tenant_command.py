"""`tenant_command`: run any command in the scope of one tenant."""

from typing import Any

from tenants.edge import errors_told
from tenants.running import CommandOfCommands, check_known, named, parse_call, run_for


class Command(CommandOfCommands):
    help = "Run a command for one tenant: tenant_command -t SLUG COMMAND [what it takes …]"

    def handle(self, *words: str, **options: Any) -> None:
        call = parse_call(words or options.get("words", ()))
        check_known(call)
        with errors_told():
            run_for(named(call), call, "manage.py tenant_command")
