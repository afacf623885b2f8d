"""Notes have become memos, which another kind of notes hang on."""

from django.db import models


class Memo(models.Model):
    text = models.TextField()

    class Meta:
        permissions = [("read_note", "Can read notes of others")]


class Note(models.Model):
    memo = models.ForeignKey(Memo, models.CASCADE)
