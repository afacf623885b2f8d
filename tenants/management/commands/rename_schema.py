"""`rename_schema`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: schemas keep their names; see rename_tenant."
    why = (
        "A schema is called as its tenant's id, which is never changed: keys, files and roles "
        "carry it."
    )
    instead = "What people see is the slug: `manage.py rename_tenant SLUG NEW_SLUG` changes it."
