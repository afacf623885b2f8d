"""`delete_tenant`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: only unfinished tenants are taken back."
    why = "Deleting would drop a schema of the database that `default` happens to be."
    instead = (
        "`manage.py suspend_tenant SLUG` closes a tenant; `manage.py create_tenant SLUG "
        "--undo` takes an unfinished one back."
    )
