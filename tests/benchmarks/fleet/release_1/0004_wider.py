from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bench_fleet", "0003_index")]
    operations = [
        migrations.AlterField("record3", "title", models.CharField(max_length=300)),
    ]
