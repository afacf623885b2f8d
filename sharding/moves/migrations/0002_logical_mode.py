"""Streams, soaks and turns."""

from django.db import migrations, models

_STATES = [
    ("planned", "PLANNED"),
    ("target_ready", "TARGET_READY"),
    ("copied", "COPIED"),
    ("gated", "GATED"),
    ("fenced", "FENCED"),
    ("switched", "SWITCHED"),
    ("opened", "OPENED"),
    ("verified", "VERIFIED"),
    ("soaking", "SOAKING"),
    ("finishing", "FINISHING"),
    ("done", "DONE"),
    ("aborting", "ABORTING"),
    ("aborted", "ABORTED"),
]
_DEBTS = [
    ("seal", "SEAL"),
    ("drop", "DROP"),
    ("disarm", "DISARM"),
    ("slot", "SLOT"),
    ("publication", "PUBLICATION"),
    ("subscription", "SUBSCRIPTION"),
]


class Migration(migrations.Migration):
    """What logical mode keeps beside what block mode does."""

    dependencies = [("moves", "0001_initial")]

    operations = [
        migrations.AddField("move", "turns", models.PositiveIntegerField(default=0)),
        migrations.AddField("move", "soak_ends_at", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField(
            "move",
            "mode",
            models.CharField(
                choices=[("block", "BLOCK"), ("logical", "LOGICAL")],
                default="block",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            "move",
            "state",
            models.CharField(choices=_STATES, default="planned", max_length=20),
        ),
        migrations.AlterField("movedebt", "kind", models.CharField(choices=_DEBTS, max_length=20)),
    ]
