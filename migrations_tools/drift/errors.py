"""What mending drift refuses.

MigrationToolsError
└── DriftError
    ├── NotLeftOver
    ├── StillInUse
    ├── OpenElsewhere
    └── MoveNotOver
"""

from migrations_tools.errors import MigrationToolsError


class DriftError(MigrationToolsError):
    """What differs cannot be mended in this way."""

    code = "drift"


class NotLeftOver(DriftError):
    """What was to be dropped belongs to somebody, or is not there."""

    code = "drift.not_left_over"

    def __init__(self, shard: str, name: str, why: str) -> None:
        self.shard = shard
        self.name = name
        super().__init__(
            f"{name!r} on {shard} is not left over: {why}. Nothing was changed. "
            f"`manage.py check_drift --shard {shard}` names what is."
        )


class StillInUse(DriftError):
    """A role has rights in another database of the same server."""

    code = "drift.role_in_use"

    def __init__(self, shard: str, name: str) -> None:
        self.shard = shard
        self.name = name
        super().__init__(
            f"The role {name!r} of the server of {shard} has rights or owns something, perhaps in "
            "another database of that server. It stays."
        )


class OpenElsewhere(DriftError):
    """A schema was to be opened while another shard has an open copy of it."""

    code = "drift.open_elsewhere"

    def __init__(self, schema: str, shards: tuple[str, ...]) -> None:
        self.schema = schema
        self.shards = shards
        super().__init__(
            f"Schema {schema!r} is open on {', '.join(shards)} as well, or that could not be "
            "looked at: two open copies would both take writes. Nothing was changed."
        )


class MoveNotOver(DriftError):
    """A schema was to be mended while a move of its tenant has not ended."""

    code = "drift.move_not_over"
    retryable = True

    def __init__(self, schema: str, *, move_id: int, state: str) -> None:
        self.schema = schema
        self.move_id = move_id
        how = (
            f"End its soak with `manage.py finish_move {move_id}`, or go back with `rollback_move`"
            if state == "soaking"
            else f"`manage.py resume_move {move_id}` ends it"
        )
        super().__init__(
            f"Move {move_id} of {schema!r} is {state}, and what is mended in one copy the other "
            f"one would not have. Nothing was changed. {how}, and mend it then."
        )
