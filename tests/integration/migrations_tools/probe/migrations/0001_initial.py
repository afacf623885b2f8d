import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A foreign key is deferred SQL: Django records such a migration after its transaction."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Shelf",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=20)),
            ],
        ),
        migrations.CreateModel(
            name="Book",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("title", models.CharField(max_length=20)),
                (
                    "shelf",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="probe.shelf"
                    ),
                ),
            ],
        ),
    ]
