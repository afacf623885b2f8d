"""`createsuperuser`: Django's, for one tenant."""

from django.contrib.auth.management.commands import createsuperuser

from tenants.replaced_commands import NeedsTenant


class Command(NeedsTenant, createsuperuser.Command):
    help = "Make somebody who may do everything in the tenant in scope."
    command = "createsuperuser"
