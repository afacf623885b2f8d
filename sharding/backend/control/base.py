"""The connection to the control database: plain Django, with an address from the registry."""

from typing import Any

from sharding.backend.creation import NoCreation
from sharding.backend.errors import ControlHasNoAddress
from sharding.backend.wrapper import ServerWrapper
from sharding.registry import current as registry


class DatabaseWrapper(ServerWrapper):
    """The control database, as `web`; nothing is bound to a tenant here."""

    creation_class = NoCreation

    def get_connection_params(self) -> dict[str, Any]:
        """Django's.

        Raises:
            ControlHasNoAddress: the registry has none.
            MalformedRegistry: it cannot be read.
        """
        if self.server is None:
            registry.registry()
            raise ControlHasNoAddress(registry.describe_source())
        return super().get_connection_params()
