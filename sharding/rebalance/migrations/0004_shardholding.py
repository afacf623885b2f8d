"""What the tenants of each shard cost together, for placing new ones."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A table that only the new release writes; while it is empty, tenants are counted."""

    dependencies = [("rebalance", "0003_pin_labels")]

    operations = [
        migrations.CreateModel(
            "ShardHolding",
            fields=[
                ("shard", models.CharField(max_length=30, primary_key=True, serialize=False)),
                ("tenants", models.PositiveIntegerField()),
                ("measured", models.PositiveIntegerField()),
                ("bytes", models.FloatField()),
                ("load", models.FloatField()),
                ("counted_until", models.DateTimeField()),
            ],
        ),
    ]
