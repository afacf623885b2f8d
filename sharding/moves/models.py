"""The journal of moves: how far each is, what happened in it, and what it owes on which shard."""

from django.db import models
from django.db.models.functions import Now

from sharding.moves.core.states import ENDS, MoveState
from sharding.moves.core.steps import Mode
from sharding.moves.types import DebtKind

CONTROL = "control"


class Move(models.Model):
    """One tenant on its way from one shard to another."""

    tenant_id = models.CharField(max_length=31)
    source = models.CharField(max_length=30)
    target = models.CharField(max_length=30)
    mode = models.CharField(
        max_length=20, choices=[(mode.value, mode.name) for mode in Mode], default=Mode.BLOCK
    )
    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.name) for state in MoveState],
        default=MoveState.PLANNED,
    )
    turns = models.PositiveIntegerField(default=0)
    """How often its ends have changed places: `source` and `target` are as they are now."""
    soak_ends_at = models.DateTimeField(null=True, blank=True)
    """Then somebody finishes it; None while it does not soak."""
    token = models.PositiveBigIntegerField(default=0)
    """Of whoever works on it; a mover with an older one changes nothing more."""
    mover = models.TextField(default="", blank=True)
    """Machine, process and a random part: the holder of the tenant's lease."""
    asked = models.JSONField(default=dict)
    """Its options, for those who go on with it."""
    asked_by = models.TextField(default="", blank=True)
    abort_asked_at = models.DateTimeField(null=True, blank=True)
    """Its mover turns back as soon as it sees this, if it can."""
    control_identity = models.TextField(default="", blank=True)
    """Which server control was when it began, and on which timeline."""
    result = models.JSONField(default=dict)
    """Pause, bytes, rows, what the comparison of the copies said."""
    last_error = models.TextField(default="", blank=True)
    started_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id"],
                condition=~models.Q(state__in=sorted(ENDS)),
                name="one_live_move_per_tenant",
            )
        ]
        indexes = [models.Index(fields=["tenant_id", "-id"], name="moves_of_tenant")]

    def __str__(self) -> str:
        return f"move {self.pk} of {self.tenant_id} from {self.source} to {self.target}"


class MoveEvent(models.Model):
    """Something that is about to happen in a move, or has. Never changed."""

    move = models.ForeignKey(Move, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now())
    step = models.CharField(max_length=30)
    said = models.CharField(max_length=20)
    """`begun`, `done`, `failed`, or the state that the move came into."""
    facts = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.move_id}: {self.step} {self.said}"


class MoveDebt(models.Model):
    """What a move has to take away on a shard. Written down before there is anything to take."""

    move = models.ForeignKey(Move, on_delete=models.CASCADE, related_name="debts")
    shard = models.CharField(max_length=30)
    kind = models.CharField(max_length=20, choices=[(kind.value, kind.name) for kind in DebtKind])
    made_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["move", "shard", "kind"], name="one_debt_of_a_kind_per_shard"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.shard}"
