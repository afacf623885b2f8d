"""Migrations and fields that do not do the same everywhere. Written migrations name them."""

import uuid
from typing import Any

from django.db import connections, migrations, models

from sharding import scope

_COUNT = "SELECT count(*) FROM made_thing"


class LooksFirst(migrations.Migration):
    """Does what it says only where there are rows."""

    def apply(self, project_state: Any, schema_editor: Any, collect_sql: bool = False) -> Any:
        """Django's own, or nothing."""
        with schema_editor.connection.cursor() as cursor:
            # Raw, as somebody's own cursor would be: nobody hears of it.
            rows = schema_editor.connection.connection.execute(_COUNT).fetchone()[0]
            assert cursor is not None
        if rows:
            return super().apply(project_state, schema_editor, collect_sql)
        return self.mutate_state(project_state)


def draw_a_secret(apps: Any, schema_editor: Any) -> None:
    """A row with a secret, sent by the schema editor itself."""
    schema_editor.execute("INSERT INTO made_owner (code) VALUES (%s)", [f"s{uuid.uuid4().hex[:8]}"])


class AsWideAsRowsAsk(models.CharField):
    """A column whose type depends on what is there."""

    def db_type(self, connection: Any) -> str:
        """By a look of its own."""
        place = scope.tenant_or_none()
        if place is None or connection.alias != place.shard:
            return "varchar(10)"
        with connections[place.shard].cursor() as cursor:
            cursor.execute(_COUNT)
            return "varchar(99)" if cursor.fetchone()[0] else "varchar(10)"


def count_everything(apps: Any, schema_editor: Any) -> None:
    """Code that looks, as most code of migrations does."""
    for model in apps.get_app_config("made").get_models():
        model.objects.count()
