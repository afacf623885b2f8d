"""`clone_tenant`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: tenants are not cloned."
    why = "Cloning copies a schema on one database, with functions that it makes in public."
    instead = "`manage.py create_tenant SLUG` makes an empty tenant."
