"""Tables of a tenant, small but with every kind of relation. Their app is not installed."""

from typing import Any, ClassVar

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Tag(models.Model):
    atoll_home = "tenant"
    # Named because mypy knows managers of installed apps only.
    objects: ClassVar[Any] = models.Manager()
    name = models.CharField(max_length=40)

    class Meta:
        app_label = "backend_tests"


class Author(models.Model):
    atoll_home = "tenant"
    objects: ClassVar[Any] = models.Manager()
    name = models.CharField(max_length=40)
    boss = models.ForeignKey("self", models.CASCADE, null=True)

    class Meta:
        app_label = "backend_tests"


class Note(models.Model):
    atoll_home = "tenant"
    objects: ClassVar[Any] = models.Manager()
    text = models.TextField()
    author = models.ForeignKey(Author, models.CASCADE, null=True)
    tags = models.ManyToManyField(Tag)
    remarks = GenericRelation("backend_tests.Remark")

    class Meta:
        app_label = "backend_tests"


class Remark(models.Model):
    atoll_home = "tenant"
    objects: ClassVar[Any] = models.Manager()
    text = models.TextField()
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.BigIntegerField()
    target = GenericForeignKey()

    class Meta:
        app_label = "backend_tests"


MODELS = (ContentType, Tag, Author, Note, Remark)
