"""24 tables; each has text, numbers, a unique key, an index, a foreign key to the one before."""

from typing import Any

from django.db import models

TABLES = 24


def fields_of(number: int) -> dict[str, Any]:
    """The fields of table `number`, for the model and for the migration that makes it."""
    fields: dict[str, Any] = {
        "code": models.CharField(max_length=40, unique=True),
        "title": models.CharField(max_length=200),
        "body": models.TextField(blank=True, default=""),
        "amount": models.DecimalField(max_digits=12, decimal_places=2, default=0),
        "at": models.DateTimeField(db_index=True),
    }
    if number > 1:
        fields["before"] = models.ForeignKey(
            f"bench_fleet.Record{number - 1}",
            models.CASCADE,
            null=True,
            related_name=f"after_{number}",
        )
    return fields


def _model(number: int) -> type[models.Model]:
    names = {"__module__": __name__, "__qualname__": f"Record{number}"}
    return type(f"Record{number}", (models.Model,), names | fields_of(number))


MODELS = [_model(number) for number in range(1, TABLES + 1)]
