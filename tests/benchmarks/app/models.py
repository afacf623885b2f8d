"""What the two views read."""

from typing import ClassVar

from django.db import models


class Article(models.Model):
    title = models.CharField(max_length=200)
    body = models.TextField()
    published = models.BooleanField(default=True)

    objects: ClassVar[models.Manager["Article"]] = models.Manager()

    def __str__(self) -> str:
        return self.title


class Remark(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="remarks")
    text = models.CharField(max_length=200)

    objects: ClassVar[models.Manager["Remark"]] = models.Manager()

    def __str__(self) -> str:
        return self.text
