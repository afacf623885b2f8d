"""The product."""

from django.apps import AppConfig


class WorkspaceConfig(AppConfig):
    """Tickets and what belongs to them."""

    name = "workspace"
    atoll_home = "tenant"

    def ready(self) -> None:
        """Let files go with their rows and mails have their links; register the system checks."""
        from tenants.mail import register_link
        from workspace import checks
        from workspace.files_of_rows import watch_rows
        from workspace.services import notices

        watch_rows()
        register_link(notices.LINK_KIND, notices.make_ticket_link)
        checks.register()
