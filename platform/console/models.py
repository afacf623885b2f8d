"""Operators, how they prove who they are, and their sessions. Home: control."""

import secrets
import time
import uuid
from typing import Any, ClassVar, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models.functions import Lower, Now
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

CONTROL: Final = "control"


def new_key() -> str:
    """A secret for codes by time: 160 bits, as the standard asks, in hexadecimal digits."""
    return secrets.token_hex(20)


class Operator(AbstractBaseUser):  # type: ignore[django-manager-missing]  # of devices: no types
    """A person who runs the platform. Signs in on the console's host and nowhere else.

    Not the project's user model (AUTH_USER_MODEL): that one's rows live with each tenant.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", max_length=254, unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = models.Manager["Operator"]()

    class Meta:
        ordering = ["email"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="operator_email_in_lower_case"
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def actor(self) -> str:
        """How the audit calls this person."""
        return f"operator:{self.email}"


class TotpDevice(ThrottlingMixin, Device):
    """What shows an operator's codes: an app that knows `key` and the time.

    django-otp's own class of this kind belongs to AUTH_USER_MODEL. A code is good once, and after
    each wrong one the next is looked at later (ThrottlingMixin).
    """

    STEP: ClassVar[int] = 30
    TOLERANCE: ClassVar[int] = 1

    user = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="devices")
    key = models.CharField(max_length=80, default=new_key)
    last_t = models.BigIntegerField(default=-1)
    """The time step of the last code that was right; only later ones are good."""
    created_at = models.DateTimeField(db_default=Now())

    objects = models.Manager["TotpDevice"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(confirmed=True),
                name="one_confirmed_device_per_operator",
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(confirmed=False),
                name="one_new_device_per_operator",
            ),
        ]

    def __str__(self) -> str:
        return f"device of {self.user_id}"

    def verify_token(self, token: Any) -> bool:
        """Whether `token` is this moment's code, a step more or less; if so it is used up.

        Transaction: needs one on control that holds this row's lock, or two requests could use
        one code.
        """
        allowed, _ = self.verify_is_allowed()
        if not allowed:
            return False
        digits = str(token)
        totp = TOTP(bytes.fromhex(self.key), self.STEP)
        totp.time = time.time()
        right = digits.isascii() and digits.isdecimal() and len(digits) == totp.digits
        if right and totp.verify(int(digits), self.TOLERANCE, self.last_t + 1):
            self.last_t = totp.t()
            self.throttle_reset(commit=False)
            self.save(using=CONTROL)
            return True
        self.throttle_increment(commit=True)
        return False

    def get_throttle_factor(self) -> float:
        """Seconds after the first wrong code; each further one doubles them."""
        return 1.0


class RecoveryCode(models.Model):
    """Stands in for a device once. The code itself is kept by the operator only."""

    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["operator", "digest"], name="recovery_code_once")
        ]

    def __str__(self) -> str:
        return f"recovery code of {self.operator_id}"


class OperatorSession(models.Model):
    """A browser that talks to the console. The key is in its cookie, its digest is here."""

    digest = models.CharField(max_length=64, primary_key=True)
    operator = models.ForeignKey(
        Operator, on_delete=models.CASCADE, null=True, related_name="sessions"
    )
    """Who is signed in, or has given the right password and not yet a code."""
    data = models.JSONField(default=dict)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return f"session of {self.operator_id}"


class SignInFailure(models.Model):
    """A wrong password or code: what locks an address. Purged after a day."""

    at = models.DateTimeField(db_default=Now(), db_index=True)
    address = models.CharField(max_length=64)
    """A digest of what was typed as an address: people type passwords there by mistake."""
    ip = models.GenericIPAddressField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["address", "at"], name="sign_in_failure_address"),
            models.Index(fields=["ip", "at"], name="sign_in_failure_ip"),
        ]

    def __str__(self) -> str:
        return f"{self.at} {self.ip}"
