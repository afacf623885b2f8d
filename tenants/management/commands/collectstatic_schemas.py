"""`collectstatic_schemas`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: static files are everybody's."
    why = "It collects static files per schema; here they belong to the release."
    instead = "`manage.py collectstatic` does it once."
