"""The journal of moves."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

_STATES = [
    ("planned", "PLANNED"),
    ("target_ready", "TARGET_READY"),
    ("copied", "COPIED"),
    ("gated", "GATED"),
    ("fenced", "FENCED"),
    ("switched", "SWITCHED"),
    ("opened", "OPENED"),
    ("verified", "VERIFIED"),
    ("done", "DONE"),
    ("aborting", "ABORTING"),
    ("aborted", "ABORTED"),
]


class Migration(migrations.Migration):
    """Tables of control."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Move",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tenant_id", models.CharField(max_length=31)),
                ("source", models.CharField(max_length=30)),
                ("target", models.CharField(max_length=30)),
                (
                    "mode",
                    models.CharField(choices=[("block", "BLOCK")], default="block", max_length=20),
                ),
                (
                    "state",
                    models.CharField(choices=_STATES, default="planned", max_length=20),
                ),
                ("token", models.PositiveBigIntegerField(default=0)),
                ("mover", models.TextField(blank=True, default="")),
                ("asked", models.JSONField(default=dict)),
                ("asked_by", models.TextField(blank=True, default="")),
                ("abort_asked_at", models.DateTimeField(blank=True, null=True)),
                ("control_identity", models.TextField(blank=True, default="")),
                ("result", models.JSONField(default=dict)),
                ("last_error", models.TextField(blank=True, default="")),
                ("started_at", models.DateTimeField(db_default=Now())),
                ("changed_at", models.DateTimeField(db_default=Now())),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["tenant_id", "-id"], name="moves_of_tenant"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=~models.Q(state__in=["aborted", "done"]),
                        fields=("tenant_id",),
                        name="one_live_move_per_tenant",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MoveEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=Now())),
                ("step", models.CharField(max_length=30)),
                ("said", models.CharField(max_length=20)),
                ("facts", models.JSONField(blank=True, default=dict)),
                (
                    "move",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="moves.move",
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.CreateModel(
            name="MoveDebt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("shard", models.CharField(max_length=30)),
                (
                    "kind",
                    models.CharField(
                        choices=[("seal", "SEAL"), ("drop", "DROP"), ("disarm", "DISARM")],
                        max_length=20,
                    ),
                ),
                ("made_at", models.DateTimeField(db_default=Now())),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "move",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="debts",
                        to="moves.move",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("move", "shard", "kind"), name="one_debt_of_a_kind_per_shard"
                    ),
                ],
            },
        ),
    ]
