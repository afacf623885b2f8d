"""Find who did what in a long audit: people search by the beginning of both."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("placements", "0002_reference_snapshot"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["actor"], name="audit_by_actor", opclasses=["text_pattern_ops"]
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["action"], name="audit_by_action", opclasses=["varchar_pattern_ops"]
            ),
        ),
    ]
