from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("placements", "0004_placement_arrived_epoch"),
    ]

    operations = [
        migrations.AddField(
            model_name="shard",
            name="held_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="shard",
            name="held_reason",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
    ]
