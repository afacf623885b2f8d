"""`runserver`: Django's; what it looks at for pending migrations is control."""

from django.contrib.staticfiles.management.commands import runserver

from sharding import scope


class Command(runserver.Command):
    def check_migrations(self) -> None:
        # Those of tenants are looked at per tenant; without a scope there is nothing to look at.
        with scope.enter(scope.CONTROL):
            super().check_migrations()
