"""The public host."""

from django.apps import AppConfig


class FrontConfig(AppConfig):
    """Pages for people who are at no tenant yet, and the rows that lead them to one."""

    name = "front"
    default_auto_field = "django.db.models.BigAutoField"
    atoll_home = "control"

    def ready(self) -> None:
        """Take in what tenants tell of their members' addresses."""
        from front import checks  # noqa: F401 - registers itself
        from front.services.known import TOPIC, learn_address
        from tenants.outbox.topics import register_topic

        register_topic(TOPIC, learn_address)
