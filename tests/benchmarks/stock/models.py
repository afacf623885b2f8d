"""Which shard a host's customer is on; in the database `default`."""

from typing import ClassVar

from django.db import models


class Host(models.Model):
    name = models.CharField(max_length=253, primary_key=True)
    shard = models.CharField(max_length=63)

    objects: ClassVar[models.Manager["Host"]] = models.Manager()

    def __str__(self) -> str:
        return self.name
