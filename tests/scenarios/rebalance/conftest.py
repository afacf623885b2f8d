"""What moves' scenarios have: processes that stop at a control point, and tenants."""

from tests.scenarios.moves.conftest import _nothing_remembered, gate, new_tenant, start

__all__ = ["_nothing_remembered", "gate", "new_tenant", "start"]
