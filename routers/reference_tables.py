"""What holds for reference models and no others: their tables' names, and that rows stay."""

from collections.abc import Iterable, Iterator, Sequence
from functools import wraps
from typing import Any, Final

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error
from django.db import models
from django.db.models.deletion import Collector

from routers.errors import ReferenceRowsStay
from routers.homes import Home, NoHome, home_of

PREFIX: Final = "ref_"
_MARK: Final = "_atoll_reference"

Model = type[models.Model]


def check_reference_tables(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Whatever is installed, tables of many-to-many fields included."""
    return list(misnamed(apps.get_models(include_auto_created=True)))


def misnamed(known: Iterable[Model]) -> Iterator[CheckMessage]:
    """Reference tables without the prefix, which are not published; others with it."""
    for model in known:
        try:
            is_reference = home_of(model) is Home.REFERENCE
        except NoHome:
            continue  # told by routers.E001
        table = model._meta.db_table
        if is_reference and not table.startswith(PREFIX):
            yield Error(
                f"{model._meta.label} is a reference model and is stored in {table!r}: it is not "
                "published, and a tenant's table of that name would hide it.",
                hint=f'Meta.db_table = "{PREFIX}…".',
                obj=model,
                id="routers.E005",
            )
        elif not is_reference and table.startswith(PREFIX):
            yield Error(
                f"{model._meta.label} is no reference model and is stored in {table!r}: it would "
                "be published to every shard, or hide a reference table.",
                hint="Give the model another db_table.",
                obj=model,
                id="routers.E006",
            )


def keep_reference_rows() -> None:
    """Let deleting reference rows say what to do instead.

    Django would look for what refers to them in control, where tenants' tables are not, and fail
    with "relation does not exist".

    Idempotent.
    """
    real = Collector.collect
    if hasattr(real, _MARK):
        return

    @wraps(real)
    def collect(self: Collector, objs: Any, *args: Any, **kwargs: Any) -> None:
        model = getattr(objs, "model", None) or next((type(one) for one in objs), None)
        if model is not None and _is_reference(model):
            raise ReferenceRowsStay(model._meta.label)
        real(self, objs, *args, **kwargs)

    setattr(collect, _MARK, True)
    Collector.collect = collect  # type: ignore[method-assign]


def _is_reference(model: Any) -> bool:
    try:
        return home_of(model) is Home.REFERENCE
    except NoHome:
        # Django's record of migrations, which loses a row when one is taken back.
        return False
