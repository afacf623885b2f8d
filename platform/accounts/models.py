"""A tenant's people."""

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from accounts.managers import UserManager


class User(AbstractBaseUser, PermissionsMixin):
    """A person inside one tenant.

    The key is a UUID: one secret signs sessions and links of all tenants, and keys that count
    from one in every tenant would make what is signed for one person fit another.
    """

    class Role(models.TextChoices):
        """What a person may do in the product."""

        ADMIN = "admin", "Admin"
        AGENT = "agent", "Agent"
        VIEWER = "viewer", "Viewer"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", max_length=254, unique=True)
    name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=6, choices=Role, default=Role.AGENT)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField(auto_now_add=True)

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

    @property
    def may_write(self) -> bool:
        """Whether this person may change anything, or only look."""
        return self.role != self.Role.VIEWER
