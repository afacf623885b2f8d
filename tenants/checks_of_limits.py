"""System checks of plans and of what tenants may have at a time."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error

from sharding.pools.conf import slot_settings
from sharding.pools.deadline import STATEMENT_CAP_S
from sharding.typed_settings import mistakes_of
from tenants.conf import tenant_settings


def register() -> None:
    """Tell Django of them."""
    checks.register(check_order_of_deadlines)
    checks.register(check_shares)


def check_order_of_deadlines(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """A heavy statement is ended by the server, a dead server by the client, both in a request."""
    if mistakes_of(tenant_settings):
        return  # tenants.E019 says what is wrong
    conf, cap = tenant_settings(), timedelta(seconds=STATEMENT_CAP_S)
    for plan in conf.plans.values():
        if plan.statement_timeout is not None and plan.statement_timeout >= cap:
            yield Error(
                f"Plan {plan.name} of ATOLL_PLANS lets a statement take "
                f"{plan.statement_timeout_ms} ms, and the client gives the server up after "
                f"{STATEMENT_CAP_S:g} s: heavy statements would be taken for a dead server.",
                hint=f"Less than {STATEMENT_CAP_S:g} s, so that the server itself ends them.",
                id="tenants.E040",
            )
    if conf.request_time <= cap:
        yield checks.Warning(
            f"ATOLL_REQUEST_SECONDS is {conf.request_seconds:g}, and a single statement may wait "
            f"{STATEMENT_CAP_S:g} s for its server.",
            hint=f"More than {STATEMENT_CAP_S:g}, so that a request outlives one statement.",
            id="tenants.W041",
        )


def check_shares(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """No tenant can have all of its shard."""
    if mistakes_of(tenant_settings) or mistakes_of(slot_settings):
        return  # tenants.E019, sharding.E020 or sharding.E023 says what is wrong
    slots = slot_settings()
    of_shard = slots.shard_slots
    if of_shard <= 1:
        return  # no limit, or nothing to share
    for plan in tenant_settings().plans.values():
        share = plan.share(slots.processes)
        if share >= of_shard:
            yield checks.Warning(
                f"A tenant of plan {plan.name} may have {share} requests at a time in each of "
                f"{slots.processes} processes, and its shard has {of_shard} (ATOLL_SHARD_SLOTS): "
                "alone it can keep all others of the shard out.",
                hint="A smaller plan, more processes (ATOLL_PROCESSES, ATOLL_PROCESS_GROUPS), or "
                "more threads (ATOLL_THREADS).",
                id="tenants.W042",
            )
