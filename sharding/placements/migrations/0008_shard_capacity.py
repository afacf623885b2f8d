"""How much a shard bears, in its row; ids of a shard that was removed keep no shard."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns of two small tables; code that does not know them goes on."""

    dependencies = [("placements", "0007_process_gates")]

    operations = [
        migrations.AddField(
            "shard", "capacity_bytes", models.PositiveBigIntegerField(blank=True, null=True)
        ),
        migrations.AddField("shard", "capacity_load", models.FloatField(blank=True, null=True)),
        migrations.AddField(
            "shard", "moves_at_once", models.PositiveSmallIntegerField(db_default=2, default=2)
        ),
        migrations.AlterField(
            "reservedrole",
            "shard",
            models.ForeignKey(
                null=True,
                on_delete=models.deletion.PROTECT,
                related_name="+",
                to="placements.shard",
            ),
        ),
    ]
