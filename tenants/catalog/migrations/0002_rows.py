"""The first rows. What changes later comes by later migrations, or by people in control scope."""

import csv
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

PLANS = (
    ("free", "Free", "0.00", 3),
    ("team", "Team", "49.00", 25),
    ("company", "Company", "199.00", None),
)


def _rows_of(name: str) -> Iterator[dict[str, str]]:
    text = (files(__package__) / name).read_text("utf-8")
    yield from csv.DictReader(text.splitlines())


def _insert(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    country, currency, plan = (
        apps.get_model("catalog", name).objects.using("control")
        for name in ("Country", "Currency", "Plan")
    )
    country.bulk_create(country.model(**row) for row in _rows_of("countries.csv"))
    currency.bulk_create(currency.model(**row) for row in _rows_of("currencies.csv"))
    plan.bulk_create(
        plan.model(
            code=code,
            name=name,
            monthly_price=price,
            currency_id="EUR",
            members=members,
            position=position,
        )
        for position, (code, name, price, members) in enumerate(PLANS)
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [migrations.RunPython(_insert, migrations.RunPython.noop)]
