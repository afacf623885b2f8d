from django.db import migrations, models

from tests.benchmarks.fleet.models import TABLES, fields_of


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name=f"Record{number}",
            fields=[("id", models.BigAutoField(primary_key=True)), *fields_of(number).items()],
        )
        for number in range(1, TABLES + 1)
    ]
