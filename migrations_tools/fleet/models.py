"""The journal of fleet migrations: who asked for what, and one row per schema and run."""

from django.db import models
from django.db.models.functions import Now

from migrations_tools.fleet.states import RunState, StepState


class FleetRun(models.Model):
    """One fleet migration."""

    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.name) for state in RunState],
        default=RunState.RUNNING,
    )
    holder = models.TextField()
    """Machine, process and a random part; the holder of its tenants' leases as well."""
    asked = models.JSONField(default=dict)
    """Its options, for `--resume`."""
    wanted = models.CharField(max_length=64)
    """Digest of the state that it brings schemas to."""
    summary = models.JSONField(default=dict)
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now())
    """Its last sign of life."""
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"fleet migration {self.pk}"


class FleetStep(models.Model):
    """One schema in one fleet migration. Written before the step, on another connection."""

    run = models.ForeignKey(FleetRun, on_delete=models.CASCADE, related_name="steps")
    tenant_id = models.CharField(max_length=31)
    shard = models.CharField(max_length=30)
    wave = models.CharField(max_length=30)
    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.name) for state in StepState],
        default=StepState.BEGUN,
    )
    way = models.CharField(max_length=20, default="", blank=True)
    """`replay`, `executor`, or both."""
    said = models.TextField(default="", blank=True)
    """Why it failed, or was put off."""
    began_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "tenant_id"], name="one_step_per_schema")
        ]
        indexes = [models.Index(fields=["tenant_id", "-run"], name="fleet_step_of_tenant")]

    def __str__(self) -> str:
        return f"{self.tenant_id} in {self.run_id}: {self.state}"
