from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=20)


class Book(models.Model):
    shelf = models.ForeignKey(Shelf, models.CASCADE)
    title = models.CharField(max_length=20)
    pages = models.IntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["title"], name="book_by_title")]
