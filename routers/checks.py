"""System checks: every model has a home, and no relation leads out of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import models
from django.utils.module_loading import import_string

from routers.databases import TenantRouter
from routers.homes import Home, NoHome, home_of

Model = type[models.Model]

_STAYS = frozenset({models.PROTECT, models.DO_NOTHING})
"""What may become of a tenant's row when the reference row goes: nothing that we would have to do
in every schema."""


def check_homes(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Whatever is installed, not only what is ours."""
    # Those of many-to-many fields are judged with their field.
    known = list(apps.get_models())
    return [*homeless(known), *crossings(known)]


def check_declared(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """ATOLL_HOMES names homes."""
    declared = getattr(settings, "ATOLL_HOMES", {})
    known = [str(home) for home in Home]
    if isinstance(declared, dict):
        wrong = [f"{name!r}: {home!r}" for name, home in declared.items() if home not in known]
    else:
        wrong = [repr(declared)]
    return [
        Error(
            f"ATOLL_HOMES says {each}, which is no home.",
            hint=f'{{"app_label": "tenant"}} or {{"app_label.model": "control"}}; homes are '
            f"{', '.join(known)}.",
            id="routers.E007",
        )
        for each in wrong
    ]


def check_router(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Nobody answers before the router that decides or raises."""
    first = next(iter(settings.DATABASE_ROUTERS), None)
    router = import_string(first) if isinstance(first, str) else type(first)
    if isinstance(router, type) and issubclass(router, TenantRouter):
        return []
    return [
        Error(
            f"DATABASE_ROUTERS begins with {first!r}, not with routers.databases.TenantRouter: "
            "rows would be looked for where nobody decided.",
            hint='DATABASE_ROUTERS = ["routers.databases.TenantRouter"]. It decides or raises, so '
            "a router after it is never asked.",
            id="routers.E004",
        )
    ]


def homeless(known: Iterable[Model]) -> Iterator[CheckMessage]:
    """Models whose rows could be anywhere."""
    for model in known:
        try:
            home_of(model)
        except NoHome:
            yield Error(
                f"{model._meta.label} has no home: nobody says in which database its rows live.",
                hint='Say `atoll_home = "control"`, "tenant" or "reference" on the model or its '
                "AppConfig; for an app of somebody else, in ATOLL_HOMES.",
                obj=model,
                id="routers.E001",
            )


def crossings(known: Iterable[Model]) -> Iterator[CheckMessage]:
    """Relations whose two ends are in different databases."""
    for model in known:
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
            homes = _homes(model, field.related_model)
            if homes is None or homes[0] is homes[1]:
                continue
            if homes != (Home.TENANT, Home.REFERENCE):
                yield Error(
                    f"{model._meta.label}.{field.name} leads from home {homes[0]} to {homes[1]}: "
                    "no database can keep such a relation.",
                    hint="Keep the id in a plain field, or move one of the two models.",
                    obj=field,
                    id="routers.E002",
                )
            elif not _leaves_the_row_alone(field):
                yield Error(
                    f"{model._meta.label}.{field.name} leads to a reference table, and would "
                    "change rows of every tenant when a row there is deleted.",
                    hint="on_delete=PROTECT or DO_NOTHING; for a many-to-many field in a `through` "
                    "model of its own.",
                    obj=field,
                    id="routers.E003",
                )


def _homes(model: Model, target: Any) -> tuple[Home, Home] | None:
    """Where the relation begins and ends; None if there is none, or an end without a home."""
    # A name instead of a model is one that is not installed, which Django tells (fields.E300).
    if target is None or isinstance(target, str):
        return None
    try:
        return home_of(model), home_of(target)
    except NoHome:
        return None


def _leaves_the_row_alone(field: Any) -> bool:
    if field.many_to_many:
        # The foreign keys of a table that Django makes cascade. Others are judged as what they are.
        return not field.remote_field.through._meta.auto_created
    return field.remote_field.on_delete in _STAYS
