"""What clients write, so that each acknowledged write can be asked for."""

from typing import ClassVar

from django.db import models


class Entry(models.Model):
    """One write. No unique key: what is written twice is to be seen twice."""

    writer = models.IntegerField()
    number = models.IntegerField()
    said = models.CharField(max_length=100, default="x" * 60)

    objects: ClassVar[models.Manager["Entry"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.writer}:{self.number}"


class Counter(models.Model):
    """How often one writer has written, counted up in the transaction that writes."""

    writer = models.IntegerField(primary_key=True)
    value = models.BigIntegerField(default=0)

    objects: ClassVar[models.Manager["Counter"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.writer}: {self.value}"
