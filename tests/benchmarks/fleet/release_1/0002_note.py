from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bench_fleet", "0001_initial")]
    operations = [
        migrations.AddField("record1", "note", models.TextField(blank=True, default="")),
    ]
