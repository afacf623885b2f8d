"""What each process's pools hold, in its row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column of a table that is swept by itself."""

    dependencies = [("placements", "0005_shard_held")]

    operations = [
        migrations.AddField(
            "process", "pools", models.JSONField(blank=True, db_default={}, default=dict)
        ),
    ]
