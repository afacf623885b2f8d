"""Where a workspace is at home: a row of a reference table."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_rows"),
        ("workspace", "0004_receipt"),
    ]

    operations = [
        migrations.AddField(
            model_name="workspacesettings",
            name="country",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.country",
            ),
        ),
    ]
