"""What control keeps of what tenants cost, of what operators want for them, and of rebalances."""

from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models.functions import Now

from sharding.rebalance.states import ENDS, RebalanceState, StepState

CONTROL = "control"
BUCKET_MINUTES: Final = 5
BUCKET: Final = timedelta(minutes=BUCKET_MINUTES)
HOUR_MINUTES: Final = 60


class TenantUse(models.Model):
    """What one tenant has used in one span of time: five minutes, or later an hour."""

    tenant_id = models.CharField(max_length=31)
    begins = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(default=BUCKET_MINUTES)
    requests = models.PositiveBigIntegerField(default=0)
    statements = models.PositiveBigIntegerField(default=0)
    microseconds = models.PositiveBigIntegerField(default=0)
    """How long its statements were waited for, all together."""
    rows_written = models.PositiveBigIntegerField(default=0)
    """As its shard counts them; between two looks at it."""
    bytes = models.PositiveBigIntegerField(null=True, blank=True)
    """Of its schema when the hour was summed up."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["minutes", "begins", "tenant_id"], name="one_use_per_tenant_and_span"
            )
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} from {self.begins}"


class TenantRate(models.Model):
    """How much of its shard one tenant uses, smoothed over a day and over a week.

    Each is an exponentially weighted mean that began at nothing when the tenant was first seen;
    `sharding.rebalance.smoothing` corrects for that. It goes with the tenant from shard to shard.
    """

    tenant_id = models.CharField(max_length=31, primary_key=True)
    seen_since = models.DateTimeField()
    day_requests = models.FloatField(default=0)
    """Per second, as rows; statements: how many at a time."""
    day_statements = models.FloatField(default=0)
    day_rows = models.FloatField(default=0)
    week_requests = models.FloatField(default=0)
    week_statements = models.FloatField(default=0)
    week_rows = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"what {self.tenant_id} uses"


class TenantSize(models.Model):
    """What a shard said of one tenant's schema when it was last looked at."""

    tenant_id = models.CharField(max_length=31, primary_key=True)
    shard = models.CharField(max_length=30)
    """Another one than where it is: it has moved, and is counted anew."""
    arrived_epoch = models.PositiveBigIntegerField(default=0)
    """Of its placement then; another one, and it was away meanwhile."""
    generation = models.TextField(default="")
    """Of its server's counters; another one, and they have begun anew."""
    counted = models.PositiveBigIntegerField(default=0)
    """Rows inserted, changed and deleted since then."""
    rows = models.PositiveBigIntegerField(default=0)
    """That are there, as the server believes."""
    bytes = models.PositiveBigIntegerField(null=True, blank=True)
    """Of its tables with indexes and TOAST; None: never measured since it came."""
    sized_at = models.DateTimeField(null=True, blank=True)
    counted_when_sized = models.BigIntegerField(default=0)
    """-1: its counters have begun anew since."""

    def __str__(self) -> str:
        return f"size of {self.tenant_id} on {self.shard}"


class UseClock(models.Model):
    """Up to when use was folded into the rates. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    folded_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"folded until {self.folded_until}"


class ShardHolding(models.Model):
    """What the tenants of one shard cost together, as it was counted when use was folded last.

    Who places a tenant reads this, and counts those that were placed since.
    """

    shard = models.CharField(max_length=30, primary_key=True)
    tenants = models.PositiveIntegerField()
    """All that were placed there until `counted_until`."""
    measured = models.PositiveIntegerField()
    """Of how many `bytes` and `load` are the sums."""
    bytes = models.FloatField()
    load = models.FloatField()
    counted_until = models.DateTimeField()
    """Of all rows the same."""

    def __str__(self) -> str:
        return f"what {self.shard} holds"


class ShardLook(models.Model):
    """When one shard's counters were last read."""

    shard = models.CharField(max_length=30, primary_key=True)
    at = models.DateTimeField()
    seconds = models.FloatField(default=0)
    """How long that took on the shard."""
    schemas = models.PositiveIntegerField(default=0)
    sized = models.PositiveIntegerField(default=0)
    """How many of them were measured."""
    waiting = models.PositiveIntegerField(default=0)
    """How many are to be measured in later rounds."""

    def __str__(self) -> str:
        return f"{self.shard} at {self.at}"


class Pin(models.Model):
    """The one shard on which a tenant may be, or what its shard must have."""

    tenant_id = models.CharField(max_length=31, primary_key=True)
    shard = models.CharField(max_length=30, blank=True)
    """Empty: any that has the labels."""
    labels = models.JSONField(default=list, db_default=[], blank=True)
    """Sorted; empty: it is pinned to the shard."""
    reason = models.TextField(default="", blank=True)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.where}"

    @property
    def where(self) -> str:
        """Where the tenant may be, as people read it after `is pinned`."""
        return f"to {self.shard}" if self.shard else f"to shards with {', '.join(self.labels)}"


class KeptApart(models.Model):
    """That a tenant is in a group whose tenants are on shards of their own."""

    tenant_id = models.CharField(max_length=31, primary_key=True)
    group = models.CharField(max_length=60, db_index=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "kept apart"

    def __str__(self) -> str:
        return f"{self.tenant_id} in {self.group}"


class Rebalance(models.Model):
    """A plan, and how far it is carried out."""

    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.name) for state in RebalanceState],
        default=RebalanceState.PROPOSED,
    )
    asked = models.JSONField(default=dict)
    """Its options, for those who go on with it and plan anew."""
    asked_by = models.TextField(default="", blank=True)
    plan = models.JSONField(default=dict)
    """The newest plan, as the planner told it."""
    plans = models.PositiveIntegerField(default=1)
    """How often it was planned: once, and again each time that the world had changed."""
    world_key = models.TextField(default="", blank=True)
    """Of shards, pins and groups when it was planned; another one, and it is planned anew."""
    holder = models.TextField(default="", blank=True)
    """Machine, process and a random part of the worker at it."""
    held_until = models.DateTimeField(null=True, blank=True)
    said = models.TextField(default="", blank=True)
    """What it does now, or why it does nothing, in a sentence."""
    made_at = models.DateTimeField(db_default=Now())
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=~models.Q(state__in=sorted(ENDS)),
                name="one_live_rebalance",
            )
        ]

    def __str__(self) -> str:
        return f"rebalance {self.pk}"


class RebalanceStep(models.Model):
    """One move of a rebalance. Written down before anything of it is done."""

    rebalance = models.ForeignKey(Rebalance, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveIntegerField()
    plan = models.PositiveIntegerField(default=1)
    """Of which of its plans it is."""
    tenant_id = models.CharField(max_length=31)
    source = models.CharField(max_length=30)
    target = models.CharField(max_length=30)
    reason = models.CharField(max_length=30)
    bytes = models.PositiveBigIntegerField(default=0)
    load = models.FloatField(default=0)
    planned = models.JSONField(default=dict)
    """All of it, as the planner told it; it is checked by this before it is begun."""
    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.name) for state in StepState],
        default=StepState.WAITING,
    )
    tries = models.PositiveSmallIntegerField(default=0)
    move_id = models.BigIntegerField(null=True, blank=True)
    pause_ms = models.FloatField(null=True, blank=True)
    said = models.TextField(default="", blank=True)
    """Why it was skipped, failed or is held."""
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["rebalance", "number"], name="one_step_per_number")
        ]
        indexes = [models.Index(fields=["tenant_id", "-rebalance"], name="steps_of_tenant")]

    def __str__(self) -> str:
        return f"{self.rebalance_id}.{self.number}: {self.tenant_id} to {self.target}"
