"""Notes."""

from django.db import models


class Note(models.Model):
    text = models.TextField()

    class Meta:
        permissions = [("read_note", "Can read notes of others")]
