"""Let rebalances be carried out, pause and end them, from commands and from the console."""

import logging

from kombu.exceptions import OperationalError as BrokerAway

from sharding.rebalance.services import job
from sharding.rebalance.services.shown import RebalanceLook, show
from sharding.rebalance.states import RebalanceState
from tenants.rebalancing.tasks import carry_on

log = logging.getLogger(__name__)


def approve(number: int, *, plan_id: str) -> RebalanceLook:
    """Have a plan carried out.

    Raises:
        NoRebalance, OtherPlan, WrongRebalanceState: nothing was changed.
    """
    job.approve(number, plan_id=plan_id)
    _wake()
    return show(number)


def pause(number: int | None = None) -> RebalanceLook:
    """Begin nothing new until `resume`.

    Raises:
        NoRebalance, WrongRebalanceState: nothing was changed.
    """
    return _change(number, RebalanceState.PAUSED)


def resume(number: int | None = None) -> RebalanceLook:
    """Go on with one that was paused.

    Raises:
        NoRebalance, WrongRebalanceState: nothing was changed.
    """
    return _change(number, RebalanceState.RUNNING)


def stop(number: int | None = None) -> RebalanceLook:
    """End it after the moves that are under way; a plan that nobody approved is discarded.

    Raises:
        NoRebalance, WrongRebalanceState: nothing was changed.
    """
    return _change(number, RebalanceState.STOPPING)


def _change(number: int | None, to: RebalanceState) -> RebalanceLook:
    row = job.change(job.live_or_refuse().pk if number is None else number, to)
    if to is not RebalanceState.PAUSED:
        _wake()
    return show(row.pk)


def _wake() -> None:
    """Have a worker begin at once; without a broker beat's next round finds it."""
    try:
        carry_on.delay()
    except BrokerAway as error:
        log.warning("The broker does not answer, so it begins a little later: %s", error)
