from django.db import migrations
from django.db.models.functions import Upper


def in_capitals(apps, schema_editor):
    apps.get_model("outbox", "Message").objects.update(topic=Upper("topic"))


class Migration(migrations.Migration):
    dependencies = [("outbox", "0002_urgency")]

    operations = [migrations.RunPython(in_capitals, migrations.RunPython.noop)]
