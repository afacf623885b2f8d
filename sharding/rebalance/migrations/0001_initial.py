"""What tenants cost, what operators want for them, and rebalances."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import sharding.rebalance.states


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="KeptApart",
            fields=[
                ("tenant_id", models.CharField(max_length=31, primary_key=True, serialize=False)),
                ("group", models.CharField(db_index=True, max_length=60)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "kept apart",
            },
        ),
        migrations.CreateModel(
            name="Pin",
            fields=[
                ("tenant_id", models.CharField(max_length=31, primary_key=True, serialize=False)),
                ("shard", models.CharField(max_length=30)),
                ("reason", models.TextField(blank=True, default="")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="ShardLook",
            fields=[
                ("shard", models.CharField(max_length=30, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("seconds", models.FloatField(default=0)),
                ("schemas", models.PositiveIntegerField(default=0)),
                ("sized", models.PositiveIntegerField(default=0)),
                ("waiting", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="TenantRate",
            fields=[
                ("tenant_id", models.CharField(max_length=31, primary_key=True, serialize=False)),
                ("seen_since", models.DateTimeField()),
                ("day_requests", models.FloatField(default=0)),
                ("day_statements", models.FloatField(default=0)),
                ("day_rows", models.FloatField(default=0)),
                ("week_requests", models.FloatField(default=0)),
                ("week_statements", models.FloatField(default=0)),
                ("week_rows", models.FloatField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="TenantSize",
            fields=[
                ("tenant_id", models.CharField(max_length=31, primary_key=True, serialize=False)),
                ("shard", models.CharField(max_length=30)),
                ("arrived_epoch", models.PositiveBigIntegerField(default=0)),
                ("generation", models.TextField(default="")),
                ("counted", models.PositiveBigIntegerField(default=0)),
                ("rows", models.PositiveBigIntegerField(default=0)),
                ("bytes", models.PositiveBigIntegerField(blank=True, null=True)),
                ("sized_at", models.DateTimeField(blank=True, null=True)),
                ("counted_when_sized", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="UseClock",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("folded_until", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Rebalance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "PROPOSED"),
                            ("running", "RUNNING"),
                            ("paused", "PAUSED"),
                            ("stopping", "STOPPING"),
                            ("done", "DONE"),
                            ("stopped", "STOPPED"),
                        ],
                        default=sharding.rebalance.states.RebalanceState["PROPOSED"],
                        max_length=20,
                    ),
                ),
                ("asked", models.JSONField(default=dict)),
                ("asked_by", models.TextField(blank=True, default="")),
                ("plan", models.JSONField(default=dict)),
                ("plans", models.PositiveIntegerField(default=1)),
                ("world_key", models.TextField(blank=True, default="")),
                ("holder", models.TextField(blank=True, default="")),
                ("held_until", models.DateTimeField(blank=True, null=True)),
                ("said", models.TextField(blank=True, default="")),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        models.Value(1),
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    sharding.rebalance.states.RebalanceState["DONE"],
                                    sharding.rebalance.states.RebalanceState["STOPPED"],
                                ],
                            ),
                            _negated=True,
                        ),
                        name="one_live_rebalance",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TenantUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tenant_id", models.CharField(max_length=31)),
                ("begins", models.DateTimeField()),
                ("minutes", models.PositiveSmallIntegerField(default=5)),
                ("requests", models.PositiveBigIntegerField(default=0)),
                ("statements", models.PositiveBigIntegerField(default=0)),
                ("microseconds", models.PositiveBigIntegerField(default=0)),
                ("rows_written", models.PositiveBigIntegerField(default=0)),
                ("bytes", models.PositiveBigIntegerField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("minutes", "begins", "tenant_id"),
                        name="one_use_per_tenant_and_span",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RebalanceStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("plan", models.PositiveIntegerField(default=1)),
                ("tenant_id", models.CharField(max_length=31)),
                ("source", models.CharField(max_length=30)),
                ("target", models.CharField(max_length=30)),
                ("reason", models.CharField(max_length=30)),
                ("bytes", models.PositiveBigIntegerField(default=0)),
                ("load", models.FloatField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "WAITING"),
                            ("moving", "MOVING"),
                            ("done", "DONE"),
                            ("skipped", "SKIPPED"),
                            ("failed", "FAILED"),
                            ("held", "HELD"),
                        ],
                        default=sharding.rebalance.states.StepState["WAITING"],
                        max_length=20,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("move_id", models.BigIntegerField(blank=True, null=True)),
                ("pause_ms", models.FloatField(blank=True, null=True)),
                ("said", models.TextField(blank=True, default="")),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "rebalance",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="rebalance.rebalance",
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "indexes": [
                    models.Index(fields=["tenant_id", "-rebalance"], name="steps_of_tenant")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("rebalance", "number"), name="one_step_per_number"
                    )
                ],
            },
        ),
    ]
