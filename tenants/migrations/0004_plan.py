from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_deletion")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="plan",
            field=models.CharField(blank=True, db_default="", default="", max_length=30),
        ),
    ]
