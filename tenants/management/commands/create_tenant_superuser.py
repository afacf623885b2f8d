"""`create_tenant_superuser`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: see tenant_command."
    why = "It looks for the tenant's people in the wrong database."
    instead = "`manage.py tenant_command -t SLUG createsuperuser` does it."
