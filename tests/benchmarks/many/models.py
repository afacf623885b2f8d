"""Small tables, each with a sequence, a unique key and an index."""

import os
from typing import Any

from django.db import models

NUMBER = int(os.environ.get("BENCH_MORE_TABLES") or 0)
"""Of these tables."""


def fields_of() -> dict[str, Any]:
    """The fields of each, for the model and for the migration that makes it."""
    return {
        "code": models.CharField(max_length=40, unique=True),
        "at": models.DateTimeField(db_index=True),
    }


def _model(number: int) -> type[models.Model]:
    names = {"__module__": __name__, "__qualname__": f"Small{number}"}
    return type(f"Small{number}", (models.Model,), names | fields_of())


MODELS = [_model(number) for number in range(1, NUMBER + 1)]
