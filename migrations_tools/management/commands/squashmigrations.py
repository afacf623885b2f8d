"""`squashmigrations`: as in Django, which wants a database to read the graph from."""

from typing import Any

from django.core.management.commands import squashmigrations

from sharding import scope


class Command(squashmigrations.Command):
    def handle(self, **options: Any) -> None:
        # Only the files matter; control is the database that is always there.
        with scope.enter(scope.CONTROL):
            super().handle(**options)
