from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [("squashed", "0001_initial"), ("squashed", "0002_size")]
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Thing",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=20)),
                ("size", models.IntegerField(default=1)),
            ],
        ),
    ]
