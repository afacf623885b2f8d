"""`flush`: Django's, for one tenant."""

from django.core.management.commands import flush

from tenants.replaced_commands import RunsAsOwner


class Command(RunsAsOwner, flush.Command):
    help = "Delete all data of the tenant in scope. Asks first."
    command = "flush"
