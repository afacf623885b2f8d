"""`test`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: see pytest."
    why = "Django's runner makes test databases by means that know neither control nor shards."
    instead = "Run pytest: Atoll brings a plugin for it (docs/how-to/testing.md)."
