"""`flush`: Django's, for one tenant."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import flush

from sharding.placements.telling import Exit
from tenants.edge import errors_told
from tenants.replaced_commands import RunsAsOwner, need_tenant
from tenants.services.finding import find_tenant


class Command(RunsAsOwner, flush.Command):
    help = "Delete all data of the tenant in scope. Asks first."
    command = "flush"

    def execute(self, *args: Any, **options: Any) -> Any:
        """Ask, then run Django's without its own question, which would name a whole shard.

        Raises:
            CommandError: no tenant is in scope, or the answer was no.
        """
        if options["interactive"]:
            self._ask()
        return super().execute(*args, **{**options, "interactive": False})

    def _ask(self) -> None:
        place = need_tenant(self.command)
        with errors_told():
            slug = find_tenant(place.tenant_id).slug
        question = (
            f"Delete ALL data of the tenant {slug} ({place.tenant_id}, on shard {place.shard}), "
            f"and of no other? Type {slug} to go on: "
        )
        try:
            answer = input(question)
        except EOFError:
            raise CommandError(
                "No terminal to ask on; nothing was changed. Say --no-input.",
                returncode=Exit.USAGE,
            ) from None
        if answer.strip() != slug:
            raise CommandError("Nothing was changed.")
