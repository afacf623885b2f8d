"""`sqlsequencereset`: Django's, for one tenant."""

from django.core.management.commands import sqlsequencereset

from tenants.replaced_commands import NeedsTenant


class Command(NeedsTenant, sqlsequencereset.Command):
    help = "Print the SQL that sets the sequences right; for the tenant in scope."
    command = "sqlsequencereset"
