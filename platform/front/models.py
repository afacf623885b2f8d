"""Who wants a workspace, whose address is known where, and how often somebody asked."""

import uuid

from django.db import models
from django.db.models.functions import Lower, Now

from front.states import HOLDING, SignUpState
from tenants.models import CONTROL, Tenant

__all__ = ["CONTROL", "KnownAddress", "SignUp", "Tally"]


class SignUp(models.Model):
    """Somebody's way to a workspace, from the form to the first sign-in.

    Kept in control, as there is no tenant yet. Deleted some weeks after it came to an end.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=150)
    slug = models.CharField(max_length=63)
    state = models.CharField(
        max_length=30,
        choices=[(state.value, state.name) for state in SignUpState],
        default=SignUpState.WAITING,
    )
    token_hash = models.CharField(max_length=64, unique=True)
    """SHA-256 of what stands in the confirmation link."""
    token_until = models.DateTimeField()
    asked_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    mailed_at = models.DateTimeField(null=True, blank=True)
    """When the confirmation link was last sent."""
    confirmed_at = models.DateTimeField(null=True, blank=True)
    tenant = models.ForeignKey(
        Tenant, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    tries = models.PositiveSmallIntegerField(default=0)
    """How often provisioning was begun."""
    try_after = models.DateTimeField(null=True, blank=True)
    """When a failed one is tried again; None: not by itself any more."""
    beat_at = models.DateTimeField(null=True, blank=True)
    """When a task last said that it is working on it."""
    last_error = models.TextField(default="", blank=True)
    """For operators; never shown to the person."""
    told_at = models.DateTimeField(null=True, blank=True)
    """When the mail "your workspace is ready" was sent."""
    entered_at = models.DateTimeField(null=True, blank=True)
    """When they were first handed over to the workspace."""

    class Meta:
        ordering = ["-asked_at"]
        indexes = [models.Index(fields=["state", "changed_at"], name="sign_up_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["slug"],
                condition=models.Q(state__in=[str(state) for state in HOLDING]),
                name="one_sign_up_holds_a_slug",
            ),
            # Sending the form twice is one sign-up.
            models.UniqueConstraint(
                fields=["email", "slug"],
                condition=models.Q(state=str(SignUpState.WAITING)),
                name="one_waiting_sign_up_for_the_same",
            ),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(tenant__isnull=False),
                name="one_sign_up_per_tenant",
            ),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="sign_up_email_in_lower_case"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slug}: {self.state}"


class KnownAddress(models.Model):
    """That one member of one tenant has the address with this digest: for "find my workspace".

    The address itself is the tenant's data and not here. A row without a digest is what is left
    of a member who went, so that a late message cannot bring them back.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    user = models.UUIDField()
    digest = models.CharField(max_length=64, blank=True, db_index=True)
    """Keyed hash of the normalised address; empty when the member is there no more."""
    message = models.PositiveBigIntegerField(default=0)
    """Number of the tenant's outbox message that said so; older ones change nothing."""

    class Meta:
        verbose_name_plural = "known addresses"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="one_address_per_member")
        ]

    def __str__(self) -> str:
        return f"{self.user} of {self.tenant_id}"


class Tally(models.Model):
    """How often one visitor, or one address, has asked for something in one span of time."""

    kind = models.CharField(max_length=30)
    who = models.CharField(max_length=64)
    """Keyed hash of an IP address or e-mail address; control keeps neither for this."""
    since = models.DateTimeField(db_index=True)
    times = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.UniqueConstraint(fields=["kind", "who", "since"], name="one_tally_per_span")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.times}"
