from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("bench_fleet", "0004_wider")]
    operations = [
        migrations.AlterUniqueTogether("record4", {("title", "at")}),
    ]
