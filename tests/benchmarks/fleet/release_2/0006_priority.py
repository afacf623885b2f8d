from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bench_fleet", "0005_unique")]
    operations = [
        migrations.AddField("record12", "priority", models.IntegerField(default=0, db_index=True)),
    ]
