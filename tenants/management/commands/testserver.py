"""`testserver`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: see runserver."
    why = "It makes a test database by Django's means, which know neither control nor shards."
    instead = "`manage.py demo` starts servers of its own."
