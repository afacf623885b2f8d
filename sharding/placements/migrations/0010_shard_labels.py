"""What a shard has that tenants may need."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column with a default of the database's own: the old release goes on adding shards."""

    dependencies = [("placements", "0009_reserved_role_spare")]

    operations = [
        migrations.AddField(
            "shard", "labels", models.JSONField(blank=True, db_default=[], default=list)
        ),
    ]
