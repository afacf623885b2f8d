from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("placements", "0003_audit_by_actor_and_action"),
    ]

    operations = [
        migrations.AddField(
            model_name="placement",
            name="arrived_epoch",
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
    ]
