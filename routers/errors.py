"""What routing refuses.

ScopeError
└── ReferenceIsReadOnly
NoHome (routers.homes)
"""

from sharding.scope import ScopeError


class ReferenceIsReadOnly(ScopeError):
    """Reference rows are written in the control database and published from there."""

    code = "routers.reference_read_only"

    def __init__(self, label: str) -> None:
        super().__init__(
            f"{label} is a reference table, which tenants only read. Write it in control scope."
        )
