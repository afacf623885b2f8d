"""The images that control keeps: what an empty tenant's schema is at one state."""

from typing import Final

from django.db import models
from django.db.models.functions import Now

CONTROL: Final = "control"


class Image(models.Model):
    """A script that makes an empty tenant's tables and seeds, or the reason why there is none."""

    digest = models.CharField(max_length=32)
    """Of the state that it makes (migrations_tools.states)."""
    major = models.PositiveIntegerField()
    """Of PostgreSQL."""
    fingerprint = models.CharField(max_length=32, default="")
    """Of the structure that it makes, on this major."""
    body = models.BinaryField(default=b"")
    """The script in three parts, with NUL in the place of the schema's name: no text column can
    hold that."""
    source = models.CharField(max_length=32, default="", db_default="", blank=True)
    """Of the text of the migrations that it was made by; empty: built by an older release."""
    nodes = models.JSONField(default=list)
    """What it has applied, as `app.name`, in order."""
    statements = models.PositiveIntegerField(default=0)
    locks = models.PositiveIntegerField(default=0)
    """That one replay holds at its end."""
    refused = models.TextField(default="", blank=True)
    """Why there is no script; empty when there is one."""
    checks = models.JSONField(default=dict)
    """What was compared before it was trusted."""
    built_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["digest", "major"], name="one_image_per_state")
        ]

    def __str__(self) -> str:
        return f"{self.digest} for PostgreSQL {self.major}"
