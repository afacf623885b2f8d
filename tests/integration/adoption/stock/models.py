"""Books that people own, with labels by generic relation."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Label(models.Model):
    """A word on anything."""

    word = models.CharField(max_length=40)
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    of = GenericForeignKey("content_type", "object_id")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["content_type", "object_id", "word"], name="one_word_once"
            )
        ]


class Shelf(models.Model):
    """Where books stand."""

    name = models.CharField(max_length=40)
    labels = GenericRelation(Label)


class Book(models.Model):
    """A book, and whose it is."""

    title = models.CharField(max_length=200)
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    # Without a constraint, as people do between schemas.
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        db_constraint=False,
        related_name="read",
    )
    labels = GenericRelation(Label)

    class Meta:
        indexes = [
            models.Index(fields=["title"], name="book_title"),
            # Of the new release.
            models.Index(fields=["shelf", "title"], name="book_by_shelf"),
        ]
        permissions = [("lend_book", "May lend books")]
