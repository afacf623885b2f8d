from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("outbox", "0001_initial")]

    operations = [
        AddIndexConcurrently("message", models.Index(fields=["tries"], name="outbox_by_tries"))
    ]
