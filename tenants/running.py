"""Run a Django command in a tenant's scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from sharding.placements.telling import Exit
from sharding.registry.errors import RegistryError
from tenants.command_verdicts import VERDICTS, CommandVerdict
from tenants.errors import ShardNotUsable
from tenants.models import CONTROL, Tenant
from tenants.outages import is_outage
from tenants.services.entering import entered
from tenants.services.finding import find_tenant
from tenants.services.probing import check_answers

OWN_OPTIONS: Final = ("-t", "--tenant", "-s", "--schema")
"""The last two are django-tenants' names; a schema is called as its tenant's id is."""

_INSTEAD: Final = MappingProxyType(
    {"migrate": "migrate_schemas", "dbshell": "dbshell --database control"}
)
"""What to say for commands that by their own name alone would not do what is wanted."""


@dataclass(frozen=True, slots=True)
class Call:
    """A command and what it is given.

    Attributes:
        tenant: slug or id; empty if none was named.
    """

    tenant: str
    command: str
    arguments: tuple[str, ...]


class CommandOfCommands(BaseCommand):
    """A command that runs another: argparse would take that one's options for ours."""

    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        if len(argv) < 3 or argv[2] in ("-h", "--help"):
            self.stdout.write(self.help)
            raise SystemExit(0 if len(argv) > 2 else Exit.USAGE)
        try:
            self.handle(*argv[2:])
        except CommandError as error:
            self.stderr.write(f"{error.__class__.__name__}: {error}")
            raise SystemExit(error.returncode) from error

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("words", nargs="*")


def parse_call(words: Sequence[str]) -> Call:
    """Take our own option out of a command line that otherwise belongs to another command.

    It stands before the command's name, in any form; after it in its long forms only, because the
    short ones may be the command's.

    Raises:
        CommandError: no command is named, the option has no value, or the command works on control
            and would take no notice of the tenant.
    """
    tenant, command, rest = "", "", []
    remaining = iter(words)
    for word in remaining:
        name, equals, value = word.partition("=")
        known = OWN_OPTIONS if not command else tuple(o for o in OWN_OPTIONS if o[:2] == "--")
        if name in known:
            tenant = value if equals else next(remaining, "")
            if not tenant:
                raise CommandError(f"{name} wants a slug or a tenant id.", returncode=2)
        elif not command and not word.startswith("-"):
            command = word
        else:
            rest.append(word)
    if not command:
        raise CommandError("Name the command that shall be run.", returncode=2)
    if VERDICTS.get(command) is CommandVerdict.CONTROL:
        raise CommandError(
            f"`{command}` takes no notice of the tenant in scope: it works on the control database "
            "and on what it is told by name. Nothing was changed. Run it by itself: `manage.py "
            f"{_INSTEAD.get(command, command)} …`.",
            returncode=Exit.USAGE,
        )
    return Call(tenant, command, tuple(rest))


def check_known(call: Call) -> None:
    """Refuse a command that is nowhere once, rather than for every tenant.

    Raises:
        CommandError: there is no such command; if a slug stands in its place, what to say instead.
    """
    if call.command in get_commands():
        return
    why = f"There is no command {call.command!r}. Nothing was changed."
    if call.arguments and call.arguments[0] in get_commands():
        rest = " ".join(call.arguments)
        why += f" If that is a tenant: `manage.py tenant_command -t {call.command} {rest}`."
    raise CommandError(why, returncode=Exit.USAGE)


def run_for(tenant: Tenant, call: Call, prog: str) -> None:
    """Run the command for one tenant, in its scope.

    Raises:
        CommandError: there is no such command, or it raised this.
        ShardHeld: an operator holds the tenant's shard.
    """
    check_known(call)
    command = _load(call.command)
    arguments = [prog, call.command, *call.arguments]
    with entered(tenant):
        parser = command.create_parser(prog, call.command)
        options = vars(parser.parse_args(arguments[2:]))
        positional = options.pop("args", ())
        command.execute(*positional, **options)


def who_is_away(error: BaseException, shard: str) -> str:
    """The server that is to blame for what a tenant of `shard` met: that shard, control, or none.

    Asks them, which takes seconds where one is away.
    """
    if not is_outage(error):
        return ""
    try:
        check_answers(shard)
    except ShardNotUsable:
        return shard
    try:
        Tenant.objects.using(CONTROL).exists()
    except (DatabaseError, RegistryError):
        return CONTROL
    return ""


def named(call: Call) -> Tenant:
    """The tenant that the call names.

    Raises:
        CommandError: it names none.
        UnknownSlug: there is none.
    """
    if not call.tenant:
        raise CommandError(
            f"For which tenant? `manage.py tenant_command -t SLUG {call.command} …`; for all of "
            f"them, `manage.py all_tenants_command {call.command} …`.",
            returncode=2,
        )
    return find_tenant(call.tenant)


def _load(name: str) -> BaseCommand:
    app = get_commands()[name]
    return load_command_class(app, name) if isinstance(app, str) else app
