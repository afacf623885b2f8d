"""What an application has run in a tenant that was just made, or has come: settings name it."""

from collections.abc import Callable, Iterable

from django.utils.module_loading import import_string

from sharding import scope
from sharding.pools.outages import as_sentence, without_rows
from tenants.directory.source import ask_control
from tenants.directory.types import Entry, IdKey
from tenants.services.types import ProvisionRequest

Step = Callable[[Entry, ProvisionRequest], None]
Tell = Callable[[str], None]


def run_steps(
    tenant_id: str,
    paths: Iterable[str],
    request: ProvisionRequest,
    *,
    tell: Tell,
    failure: Callable[[str], Exception],
) -> None:
    """Run the steps at these dotted paths one by one, in the tenant's scope.

    Raises:
        UnknownTenant: control knows no tenant of this id.
        what `failure` makes of the reason: a step has not run; those after it were not begun.
    """
    entry = ask_control(IdKey(tenant_id))
    if entry is None:
        raise scope.UnknownTenant(tenant_id)
    for path in paths:
        tell(f"running {path}")
        try:
            step: Step = import_string(path)
            with scope.enter(entry.placement):
                step(entry, request)
        except Exception as error:
            # Anybody's code, so any error: what it means here is that the step has not run.
            why = f"{path}: {type(error).__name__}: {as_sentence(without_rows(error))}"
            raise failure(why) from error
