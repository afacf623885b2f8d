"""Commands of Django and django-tenants that would do the wrong thing on several shards."""

from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sharding import scope
from sharding.backend.session_bound import session_bound

CONTROL = "control"


class RefusedCommand(BaseCommand):
    """Does nothing but say why, and what to say instead; whatever options it is given.

    Attributes:
        why: what it would do here.
        instead: what does the job.
    """

    requires_system_checks: list[str] = []
    why: ClassVar[str]
    instead: ClassVar[str]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """A parser that lets everything pass: options matter no more."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("words", nargs="*")

        def parse_args(args: Any = None, namespace: Any = None) -> Any:
            return parser.parse_known_args(args, namespace)[0]

        parser.parse_args = parse_args  # type: ignore[method-assign]
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse.

        Raises:
            CommandError: always.
        """
        raise CommandError(f"{self.why} Nothing was changed. {self.instead}")


def need_tenant(command: str) -> scope.Placement:
    """The tenant in scope.

    Raises:
        CommandError: there is none; how to get one.
    """
    place = scope.tenant_or_none()
    if place is None:
        raise CommandError(
            f"`{command}` works on one tenant's data, and no tenant is in scope. "
            f"`manage.py tenant_command -t SLUG {command} …` runs it for one tenant, "
            f"`manage.py all_tenants_command {command} …` for all of them."
        )
    return place


class NeedsTenant(BaseCommand):
    """Before a Django command: runs it in a tenant's scope only."""

    # Django would miss the control apps' migrations there, which belong into no tenant's schema.
    requires_migrations_checks = False
    command: ClassVar[str]

    def execute(self, *args: Any, **options: Any) -> Any:
        """Django's; here, because Django looks at migrations before it calls handle().

        Raises:
            CommandError: no tenant is in scope.
        """
        need_tenant(self.command)
        return super().execute(*args, **options)


class RunsAsOwner(BaseCommand):
    """Before a Django command: runs it as the owner of the tenant's tables, bound to the tenant.

    Outside session-bound mode shards take no migrations, and Django then leaves their models out:
    `dumpdata` would print `[]` and `flush` keep every row, without a word.
    """

    command: ClassVar[str]
    control_by_name: ClassVar[bool] = False
    """Whether `--database control` makes it work on the control database instead."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Django's.

        Raises:
            CommandError: no tenant is in scope.
        """
        if self.control_by_name and options.get("database") == CONTROL:
            return super().execute(*args, **options)
        place = need_tenant(self.command)
        with session_bound(place):
            # By its own name: asked about `default`, the router would say no all the same.
            return super().execute(*args, **{**options, "database": place.shard})
