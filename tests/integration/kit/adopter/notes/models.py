from django.db import models


class Note(models.Model):
    text = models.TextField()
    answers = models.ForeignKey("self", models.CASCADE, null=True)
    letters = models.GeneratedField(
        expression=models.functions.Length("text"),
        output_field=models.IntegerField(),
        db_persist=True,
    )
