"""The app that brings rebalancing's commands and tasks. It has no tables."""

from django.apps import AppConfig


class RebalancingConfig(AppConfig):
    """Label `rebalancing`."""

    name = "tenants.rebalancing"
    label = "rebalancing"
    atoll_home = "control"
