"""A tenant is pinned to a shard, or to shards with labels."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column with a default of the database's own: the old release goes on pinning.

    It takes a tenant that is pinned to labels for one that is pinned to a shard without a name: its
    moves refuse it, wherever to.
    """

    dependencies = [("rebalance", "0002_step_planned")]

    operations = [
        migrations.AddField(
            "pin", "labels", models.JSONField(blank=True, db_default=[], default=list)
        ),
        migrations.AlterField("pin", "shard", models.CharField(blank=True, max_length=30)),
    ]
