from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0002_urgency")]

    operations = [
        migrations.AddConstraint(
            "message",
            models.CheckConstraint(
                condition=~models.Q(topic="forbidden"), name="outbox_topic_allowed"
            ),
        )
    ]
