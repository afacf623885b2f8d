"""The product."""

from django.apps import AppConfig


class WorkspaceConfig(AppConfig):
    """Tickets and their comments."""

    name = "workspace"
    atoll_home = "tenant"
