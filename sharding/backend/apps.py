"""What of the backend needs models: guards, caches that are keyed by alias, checks."""

from django.apps import AppConfig


class BackendConfig(AppConfig):
    """Has no models; stands in INSTALLED_APPS to be made ready."""

    name = "sharding.backend"
    label = "sharding_backend"
    verbose_name = "Statement-bound backend"

    def ready(self) -> None:
        """Install guards and tenant-keyed caches, register checks."""
        from sharding.backend import checks
        from sharding.backend.content_types import key_content_types_by_tenant
        from sharding.backend.guards import install_guards
        from sharding.backend.stamping import install_stamping

        install_guards()
        install_stamping()
        key_content_types_by_tenant()
        checks.register()
