"""A tenant's people, and what lets them in."""

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from accounts.managers import UserManager


class User(AbstractBaseUser, PermissionsMixin):
    """A person inside one tenant.

    The key is a UUID: one secret signs sessions and links of all tenants, and keys that count
    from one in every tenant would make what is signed for one person fit another.
    """

    class Role(models.TextChoices):
        """What a person may do in the product; `accounts.permissions` says what that is."""

        ADMIN = "admin", "Admin"
        AGENT = "agent", "Agent"
        VIEWER = "viewer", "Viewer"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", max_length=254, unique=True)
    name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=6, choices=Role, default=Role.AGENT)
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Empty: the time zone of the workspace.",
    )
    wants_mail = models.BooleanField(
        "Tell me by mail what concerns me",
        default=True,
        db_default=True,
        help_text="Without it you still get links that you ask for.",
    )
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField(auto_now_add=True)
    sign_outs = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="How often this person has ended all sessions; each one carries the number.",
    )

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        ordering = ["email"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="email_in_lower_case"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        """Bring the address into the form that is stored."""
        self.email = type(self).objects.normalize_email(self.email)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must carry to be this person's; another password or number ends it.

        Django's own private hook, since both of its public ones (today's secret, and older ones)
        end here.
        """
        return salted_hmac(
            "accounts.models.User.get_session_auth_hash",
            f"{self.sign_outs}:{self.password}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()

    @property
    def may_write(self) -> bool:
        """Whether this person may change anything, or only look."""
        return self.role != self.Role.VIEWER

    @property
    def may_manage(self) -> bool:
        """Whether this person may change who is here and how the workspace is set up."""
        return self.role == self.Role.ADMIN


class Invitation(models.Model):
    """Somebody was asked by mail to join. Open until accepted or revoked, good until it expires.

    The link's secret is in the mail only; here is its hash.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", max_length=254)
    role = models.CharField(max_length=6, choices=User.Role, default=User.Role.AGENT)
    token_hash = models.CharField(max_length=64, editable=False)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-invited_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="invited_in_lower_case"
            ),
            models.UniqueConstraint(
                fields=["email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation",
            ),
        ]

    def __str__(self) -> str:
        return f"invitation of {self.email}"


class InvitationMail(models.Model):
    """An invitation was mailed. Kept for a day, so that a workspace mails strangers within bounds.

    Invitations themselves cannot tell: one that is sent once more keeps its row.
    """

    id = models.BigAutoField(primary_key=True)
    address_hash = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["address_hash", "at"], name="invitation_mail_by_address"),
            models.Index(fields=["at"], name="invitation_mail_by_time"),
        ]

    def __str__(self) -> str:
        return f"mail {self.pk}"


class SignInAttempt(models.Model):
    """Somebody tried to sign in. Kept for as long as it counts against an address or a place.

    The key grows by one, so that the oldest rows can be dropped by it (services/attempts.py).
    """

    id = models.BigAutoField(primary_key=True)
    address_hash = models.CharField(max_length=64)
    ip = models.GenericIPAddressField(null=True)
    at = models.DateTimeField()
    succeeded = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["address_hash", "at"], name="attempt_by_address"),
            models.Index(fields=["ip", "at"], name="attempt_by_ip"),
            models.Index(fields=["at"], name="attempt_by_time"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk}"


class ApiToken(models.Model):
    """Lets a program act as a member. The secret is shown once; here is its hash."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    secret_hash = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name
