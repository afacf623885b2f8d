"""What the migrations' files said when an image was built."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column with a default of the database's own: the old release goes on writing rows."""

    dependencies = [("images", "0001_initial")]

    operations = [
        migrations.AddField(
            "image",
            "source",
            models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
    ]
