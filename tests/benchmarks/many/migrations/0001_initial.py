from django.db import migrations, models

from tests.benchmarks.many.models import NUMBER, fields_of


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name=f"Small{number}",
            fields=[("id", models.BigAutoField(primary_key=True)), *fields_of().items()],
        )
        for number in range(1, NUMBER + 1)
    ]
