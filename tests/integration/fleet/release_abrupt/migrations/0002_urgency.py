from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]

    operations = [migrations.AddField("message", "urgency", models.IntegerField(default=3))]
