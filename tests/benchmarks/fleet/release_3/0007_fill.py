from django.db import migrations


def fill(apps, editor):
    apps.get_model("bench_fleet", "Record12").objects.filter(priority=0).update(priority=1)


class Migration(migrations.Migration):
    dependencies = [("bench_fleet", "0006_priority")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
