"""Where a model's rows live: with control, with each tenant, or everywhere read-only."""

from enum import StrEnum
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

ATTRIBUTE: Final = "atoll_home"


class Home(StrEnum):
    """The home of a model."""

    CONTROL = "control"
    TENANT = "tenant"
    REFERENCE = "reference"


class NoHome(ImproperlyConfigured):
    """A model says nowhere where its rows live."""

    code = "routers.no_home"

    def __init__(self, label: str) -> None:
        self.label = label
        super().__init__(
            f"{label} has no home. Say `atoll_home = "
            '"control" | "tenant" | "reference"` on the model or its AppConfig; for an app of '
            'somebody else, ATOLL_HOMES = {"app_label": "tenant"} or '
            '{"app_label.model": "control"} in the settings.'
        )


class WrongHome(NoHome):
    """ATOLL_HOMES says of a model that it lives where there is nothing."""

    code = "routers.wrong_home"

    def __init__(self, label: str, said: object) -> None:
        super().__init__(label)
        self.said = said
        self.args = (
            f"ATOLL_HOMES says that the home of {label} is {said!r}. Homes are {', '.join(Home)}.",
        )


_homes: dict[tuple[str, str], Home] = {}
_homes_of_classes: dict[Any, Home] = {}
"""The same for classes that stay: every query asks, and a class is found without making a key."""


def home_of(model: Any) -> Home:
    """The home of `model`, a class; historical models of migrations too.

    Raises:
        NoHome: nobody says.
    """
    known = _homes_of_classes.get(model)
    if known is not None:
        return known
    meta = model._meta
    key = (meta.app_label, meta.model_name)
    home = _homes.get(key)
    if home is None:
        home = _homes[key] = _find(model)
    if meta.apps is apps:
        _homes_of_classes[model] = home
    return home


def home_of_label(app_label: str, model_name: str | None = None) -> Home:
    """The home of a model by name, or of an app as a whole.

    Raises:
        NoHome: nobody says.
    """
    if model_name is None:
        return _home_of_app(app_label, app_label)
    try:
        return home_of(apps.get_model(app_label, model_name))
    except LookupError:
        # It was there when the migration was written.
        return _home_of_app(app_label, f"{app_label}.{model_name}")


def forget_homes() -> None:
    """Look everything up again; for tests that change settings."""
    _homes.clear()
    _homes_of_classes.clear()


def _find(model: Any) -> Home:
    meta = model._meta
    declared = _declared(f"{meta.app_label}.{meta.model_name}")
    if declared is not None:
        return declared
    if meta.auto_created:
        # The table between the two ends of a many-to-many field lives with the field's model.
        return home_of(meta.auto_created)
    own = getattr(model, ATTRIBUTE, None)
    if own is not None:
        return Home(own)
    if model.__module__ == "__fake__":
        return _home_of_historical(meta.app_label, meta.model_name)
    return _home_of_app(meta.app_label, meta.label)


def _home_of_historical(app_label: str, model_name: str) -> Home:
    """A migration's model is a bare copy; the real one of the same name says where it lives."""
    try:
        return _find(apps.get_model(app_label, model_name))
    except LookupError:
        return _home_of_app(app_label, f"{app_label}.{model_name}")


def _home_of_app(app_label: str, asked_for: str) -> Home:
    declared = _declared(app_label)
    if declared is not None:
        return declared
    try:
        config = apps.get_app_config(app_label)
    except LookupError:
        raise NoHome(asked_for) from None
    own = getattr(config, ATTRIBUTE, None)
    if own is None:
        raise NoHome(asked_for)
    return Home(own)


def _declared(name: str) -> Home | None:
    said = getattr(settings, "ATOLL_HOMES", {})
    if not isinstance(said, dict):
        raise WrongHome(name, said)
    homes = {key.lower(): value for key, value in said.items()}
    home = homes.get(name.lower())
    if home is None:
        return None
    try:
        return Home(home)
    except ValueError:
        raise WrongHome(name, home) from None
