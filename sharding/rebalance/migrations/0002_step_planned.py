"""A step as the planner told it, in its row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column of a table that nothing has written to yet."""

    dependencies = [("rebalance", "0001_initial")]

    operations = [
        migrations.AddField("rebalancestep", "planned", models.JSONField(default=dict)),
    ]
