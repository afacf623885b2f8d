"""Books with tags and a history."""

from django.db import models
from simple_history.models import HistoricalRecords
from taggit.managers import TaggableManager


class Book(models.Model):
    """Tagged by django-taggit, remembered by django-simple-history."""

    title = models.CharField(max_length=200)

    tags = TaggableManager(blank=True)
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.title
