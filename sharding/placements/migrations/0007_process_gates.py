"""Whose gates are closed in each process, in its row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column of a table that is swept by itself."""

    dependencies = [("placements", "0006_process_pools")]

    operations = [
        migrations.AddField(
            "process", "gates", models.JSONField(blank=True, db_default={}, default=dict)
        ),
    ]
