"""`remove_stale_contenttypes`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: a migration does that."
    why = (
        "Content types have the same ids in all tenants; taking one away in a single tenant "
        "sets them apart."
    )
    instead = "Remove them in a data migration, which reaches every tenant."
