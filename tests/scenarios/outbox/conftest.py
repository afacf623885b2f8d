"""The tenants and topics of the integration tests."""

from tests.integration.outbox.conftest import fig, gum, hop, tell, topic

__all__ = ["fig", "gum", "hop", "tell", "topic"]
