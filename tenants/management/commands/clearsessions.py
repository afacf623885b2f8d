"""`clearsessions`: Django's, for one tenant."""

from django.contrib.sessions.management.commands import clearsessions

from tenants.replaced_commands import NeedsTenant


class Command(NeedsTenant, clearsessions.Command):
    help = "Delete the expired sessions of the tenant in scope."
    command = "clearsessions"
