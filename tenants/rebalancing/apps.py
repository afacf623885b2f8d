"""The app that brings rebalancing's commands and tasks. It has no tables."""

from django.apps import AppConfig


class RebalancingConfig(AppConfig):
    """Label `rebalancing`."""

    name = "tenants.rebalancing"
    label = "rebalancing"
    atoll_home = "control"

    def ready(self) -> None:
        """Tell rebalancing how a tenant is moved, and what people call it."""
        from sharding.rebalance.ports import register_mover, register_tenants
        from tenants.rebalancing.mover import KnownTenants, TenantMover

        register_mover(TenantMover())
        register_tenants(KnownTenants())
