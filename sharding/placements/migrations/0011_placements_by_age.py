"""Placements by when they were made: who asks for the youngest reads no others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """An index of a table in control; sign-ups wait for it, 100,000 rows take a moment."""

    dependencies = [("placements", "0010_shard_labels")]

    operations = [
        migrations.AddIndex(
            "placement", models.Index(fields=["created_at"], name="placements_by_age")
        ),
    ]
