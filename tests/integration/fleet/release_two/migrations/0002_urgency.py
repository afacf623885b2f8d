from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]

    operations = [
        migrations.AddField("message", "urgency", models.IntegerField(db_default=3)),
        migrations.AddIndex("message", models.Index(fields=["urgency"], name="outbox_by_urgency")),
    ]
