"""`create_missing_schemas`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: see create_tenant."
    why = "It would make schemas without role, guards and place, on the control database."
    instead = (
        "`manage.py list_tenants --state provisioning` shows what is unfinished; `manage.py "
        "create_tenant SLUG` as before finishes it."
    )
