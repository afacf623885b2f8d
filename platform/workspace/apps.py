"""The product."""

from django.apps import AppConfig


class WorkspaceConfig(AppConfig):
    """Tickets and what belongs to them."""

    name = "workspace"
    atoll_home = "tenant"

    def ready(self) -> None:
        """Let files go with their rows, however a row goes."""
        from workspace.files_of_rows import watch_rows

        watch_rows()
