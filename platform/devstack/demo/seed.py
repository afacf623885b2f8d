"""Makes the demo's tenants where they are missing: `python -m devstack.demo.seed`.

A process of its own, with the settings of the running demo, so that tenants are made in exactly
the way in which an operator makes them. Reads `[{slug, name, shard, email, password}, …]` from its
input.
"""

import json
import sys
from dataclasses import dataclass

import django


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tenant that shall be there, and the password that its admin shall have."""

    slug: str
    name: str
    shard: str
    email: str
    password: str


def main() -> None:
    """Provision what is missing, set the passwords, and leave a few tickets."""
    django.setup()
    for each in json.load(sys.stdin):
        _seed(Wanted(**each))


def _seed(wanted: Wanted) -> None:
    from accounts.models import User
    from sharding import scope
    from tenants.services.provision import provision_tenant
    from tenants.services.types import ProvisionRequest
    from workspace.models import Ticket
    from workspace.services.tickets import open_ticket

    # Idempotent: it finishes what an interrupted start left half made.
    receipt = provision_tenant(
        ProvisionRequest(
            slug=wanted.slug,
            name=wanted.name,
            shard=wanted.shard,
            admin_email=wanted.email,
            admin_password=wanted.password,
        )
    )
    with scope.enter(receipt.placement):
        admin = User.objects.get(email=wanted.email)
        admin.set_password(wanted.password)
        admin.save(update_fields=["password"])
        if not Ticket.objects.exists():
            for title in (f"Welcome to {wanted.name}", "Invite the others", "Try an export"):
                open_ticket(Ticket(title=title), by=admin)


if __name__ == "__main__":
    main()
