"""What control knows: shards, where tenants are, ids made ahead, processes, and who did what."""

import secrets
import uuid

from django.db import models
from django.db.models.functions import Now

from sharding import scope
from sharding.placements.states import PlacementState, ShardState
from sharding.pools.breaker import Hold

CONTROL = "control"


def new_generation() -> str:
    """A random value; as part of every cache key of a tenant, a new one forgets them all."""
    return secrets.token_hex(8)


class Shard(models.Model):
    """One database that holds tenants. Its address is in the registry, under the same name."""

    name = models.CharField(max_length=30, primary_key=True)
    state = models.CharField(
        max_length=30,
        choices=[(state.value, state.name) for state in ShardState],
        default=ShardState.PREPARING,
    )
    registry_version = models.PositiveBigIntegerField(default=0)
    """The registry in which its address last changed; a process with an older one reads again."""
    weight = models.FloatField(default=1.0)
    """Its share of new tenants, in comparison with the others'."""
    role_cap = models.PositiveIntegerField(null=True, blank=True)
    """Overrides how many tenant roles this PostgreSQL version bears."""
    capacity_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    """What its disk has for tenants; None: nobody said, so its weight decides."""
    capacity_load = models.FloatField(null=True, blank=True)
    """How many statements its server bears at a time, day and night; None likewise."""
    moves_at_once = models.PositiveSmallIntegerField(default=2, db_default=2)
    """So many moves to it and from it a rebalance has under way at a time."""
    labels = models.JSONField(default=list, db_default=[], blank=True)
    """What it has that tenants may need, such as a region; sorted."""
    version = models.PositiveIntegerField(default=0)
    """PostgreSQL's version number when it was last prepared."""
    collation = models.TextField(default="")
    cluster = models.TextField(default="")
    """The server's system identifier; with `database` it says which database this is."""
    database = models.TextField(default="")
    held_since = models.DateTimeField(null=True, blank=True)
    """Since when an operator keeps the breakers of all processes open; None: nobody does."""
    held_reason = models.TextField(default="", blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "database"],
                condition=~models.Q(cluster=""),
                name="one_shard_per_database",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def hold(self) -> Hold | None:
        """That an operator keeps it closed."""
        return None if self.held_since is None else Hold(self.held_reason, self.held_since)


class Placement(models.Model):
    """Where one tenant lives, who may change that now, and how often it was changed."""

    tenant_id = models.CharField(max_length=31, primary_key=True)
    shard = models.ForeignKey(Shard, on_delete=models.PROTECT, related_name="placements")
    schema = models.CharField(max_length=31)
    state = models.CharField(
        max_length=30,
        choices=[(state.value, state.name) for state in PlacementState],
        default=PlacementState.CREATING,
    )
    epoch = models.PositiveBigIntegerField(default=1)
    arrived_epoch = models.PositiveBigIntegerField(default=0, db_default=0)
    """The epoch at which a move brought it to this shard; a copy there that was opened at an
    earlier one is from before the tenant was away. 0: it was born here."""
    generation = models.CharField(max_length=32, default=new_generation)
    lease_holder = models.TextField(default="", blank=True)
    lease_purpose = models.TextField(default="", blank=True)
    lease_token = models.PositiveBigIntegerField(default=0)
    """Grows with every taking; what is done under an older one is void."""
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shard", "schema"], name="one_tenant_per_schema")
        ]
        indexes = [models.Index(fields=["created_at"], name="placements_by_age")]

    def __str__(self) -> str:
        return f"{self.tenant_id} on {self.shard_id}"

    def to_scope(self) -> scope.Placement:
        """What running code must know of it."""
        return scope.Placement(
            tenant_id=self.tenant_id,
            shard=self.shard_id,
            schema=self.schema,
            epoch=self.epoch,
            generation=self.generation,
        )


class ReservedRole(models.Model):
    """A tenant id whose role was made ahead on one shard. Ids are never used twice."""

    name = models.CharField(max_length=31, primary_key=True)
    shard = models.ForeignKey(Shard, null=True, on_delete=models.PROTECT, related_name="+")
    """None: it was removed, and the id was used there."""
    made_at = models.DateTimeField(null=True, blank=True)
    """None: written down, and perhaps not made on the server yet."""
    used_by = models.TextField(default="", blank=True)
    """For whom it was taken, such as a slug."""
    placed_at = models.DateTimeField(null=True, blank=True)
    """When it became a placement; from then on it is nobody else's for ever."""
    spare = models.CharField(max_length=32, default="", db_default="", blank=True)
    """The key of what a spare schema of this name was made of; empty: there is none."""

    class Meta:
        indexes = [
            models.Index(
                fields=["shard", "used_by"],
                condition=models.Q(placed_at=None),
                name="reserved_role_free",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} on {self.shard_id}"


class Process(models.Model):
    """One running process, as it says itself every few seconds."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=30)
    host = models.TextField()
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now(), db_index=True)
    registry_version = models.PositiveBigIntegerField(default=0)
    last_announcement = models.PositiveBigIntegerField(default=0)
    """Every announcement up to this id was taken in."""
    breakers = models.JSONField(default=dict, blank=True)
    """Of each server that has a breaker in this process: state, reason, since, opened."""
    pools = models.JSONField(default=dict, db_default={}, blank=True)
    """Of the servers that it asks: connections open and idle, threads waiting, given up."""
    gates = models.JSONField(default=dict, db_default={}, blank=True)
    """Of each tenant whose gate is closed here: by which announcement, how much is under way."""

    class Meta:
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return f"{self.kind} {self.host}:{self.pid}"


class Announcement(models.Model):
    """Something that processes should hear of soon. No correctness rests on their hearing it."""

    at = models.DateTimeField(db_default=Now(), db_index=True)
    kind = models.CharField(max_length=60)
    subject = models.TextField()
    body = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class AuditEntry(models.Model):
    """Who did what to what, when, and how it was before and after."""

    at = models.DateTimeField(db_default=Now(), db_index=True)
    actor = models.TextField()
    action = models.CharField(max_length=60)
    subject = models.TextField(db_index=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            # By their beginning, whatever the database's collation: `operator:`, `tenant.`
            models.Index(fields=["actor"], name="audit_by_actor", opclasses=["text_pattern_ops"]),
            models.Index(
                fields=["action"], name="audit_by_action", opclasses=["varchar_pattern_ops"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at} {self.actor} {self.action} {self.subject}"


class ReferenceSnapshot(models.Model):
    """All reference tables as control had them at one moment; what shards carry is one of these.

    Never changed: a version has one content for ever, whoever brings it to which shard.
    """

    version = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=64)
    """Of `body`: what has not changed gets no new version."""
    body = models.JSONField()
    """A list of tables: name, columns, keys, and the rows as the text of a JSON array."""
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"reference snapshot {self.version}"
