"""The project itself, for what Django looks up by app."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """No models; the checks of settings."""

    name = "config"
    verbose_name = "Atoll"

    def ready(self) -> None:
        """Register the checks."""
        from django.core import checks

        from config import checks as ours

        checks.register(ours.check_settings)
        checks.register(ours.check_deployment, checks.Tags.security, deploy=True)
