"""The app that holds what tenants cost, what operators want of their places, and rebalances."""

from django.apps import AppConfig


class RebalanceConfig(AppConfig):
    """Label `rebalance`; all of its tables are in the control database."""

    name = "sharding.rebalance"
    label = "rebalance"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "control"

    def ready(self) -> None:
        """Register the system checks, and what heartbeat, lists and placing ask for."""
        from sharding.placements import ports
        from sharding.placements.services.processes import with_each_beat
        from sharding.rebalance import checks  # noqa: F401
        from sharding.rebalance.services.holdings import measured_holdings
        from sharding.rebalance.services.reporting import fullness
        from sharding.rebalance.services.telling_use import tell_use

        with_each_beat(tell_use)
        ports.register_fullness(fullness)
        ports.register_holdings(measured_holdings)
