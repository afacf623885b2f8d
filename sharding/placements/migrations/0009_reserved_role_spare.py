"""Which reserved ids have a schema already."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column with a default of the database's own: the old release goes on writing rows."""

    dependencies = [("placements", "0008_shard_capacity")]

    operations = [
        migrations.AddField(
            "reservedrole",
            "spare",
            models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
    ]
