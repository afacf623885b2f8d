"""`dumpdata`: Django's, for one tenant."""

from django.core.management.commands import dumpdata

from tenants.replaced_commands import RunsAsOwner


class Command(RunsAsOwner, dumpdata.Command):
    help = "Print the data of the tenant in scope, or with --database control that of control."
    command = "dumpdata"
    control_by_name = True
