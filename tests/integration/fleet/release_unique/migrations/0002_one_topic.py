from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]

    operations = [
        migrations.AddConstraint(
            "message", models.UniqueConstraint(fields=["topic"], name="outbox_one_topic")
        )
    ]
