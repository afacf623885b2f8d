from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bench_fleet", "0002_note")]
    operations = [
        migrations.AddIndex(
            "record2", models.Index(fields=["title", "at"], name="record2_by_title")
        ),
    ]
