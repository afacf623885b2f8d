"""`loaddata`: Django's, for one tenant."""

from django.core.management.commands import loaddata

from tenants.replaced_commands import RunsAsOwner


class Command(RunsAsOwner, loaddata.Command):
    help = "Load fixtures into the tenant in scope, or with --database control into control."
    command = "loaddata"
    control_by_name = True
