"""What an application has run where a tenant is made, comes or is gone: settings name it."""

from collections.abc import Callable, Iterable

from django.utils.module_loading import import_string

from sharding import scope
from sharding.pools.outages import as_sentence, without_rows
from tenants.directory.source import ask_control
from tenants.directory.types import IdKey
from tenants.services.types import ProvisionRequest

Tell = Callable[[str], None]
Failure = Callable[[str], Exception]
"""What to raise for the reason that a step has not run."""


def run_steps_of(
    tenant_id: str,
    paths: Iterable[str],
    request: ProvisionRequest,
    *,
    tell: Tell,
    failure: Failure,
) -> None:
    """Run the steps at these dotted paths with a tenant's entry and the request, in its scope.

    Raises:
        UnknownTenant: control knows no tenant of this id.
        what `failure` makes of the reason: as `run_steps`.
    """
    entry = ask_control(IdKey(tenant_id))
    if entry is None:
        raise scope.UnknownTenant(tenant_id)
    run_steps(paths, entry, request, place=entry.placement, tell=tell, failure=failure)


def run_steps(
    paths: Iterable[str],
    *told: object,
    place: scope.Placement | None,
    tell: Tell,
    failure: Failure,
) -> None:
    """Run the steps at these dotted paths one by one, with `told`, in the scope of `place`.

    place: None where nobody's scope is meant.

    Raises:
        what `failure` makes of the reason: a step has not run; those after it were not begun.
    """
    for path in paths:
        tell(f"running {path}")
        try:
            step: Callable[..., None] = import_string(path)
            with scope.enter(place):
                step(*told)
        except Exception as error:
            # Anybody's code, so any error: what it means here is that the step has not run.
            why = f"{path}: {type(error).__name__}: {as_sentence(without_rows(error))}"
            raise failure(why) from error
