"""What routing refuses.

ScopeError
├── ReferenceIsReadOnly
└── ReferenceRowsStay
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


class ReferenceRowsStay(ScopeError):
    """Reference rows are retired, since tenants on any shard may refer to them."""

    code = "routers.reference_rows_stay"

    def __init__(self, label: str) -> None:
        super().__init__(
            f"{label} is a reference table: tenants on any shard may refer to its rows, so they "
            f"are retired and not deleted. `manage.py retire_reference {label} KEY`; with "
            "--delete it removes a retired row that no shard has a use for."
        )
