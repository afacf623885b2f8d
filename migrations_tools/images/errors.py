"""What stands between a schema's migrations and an image of it.

ImageRefused
├── NameLeft
├── UnknownStatement
├── LeavesTheSchema
├── BuildsDiffer
└── ReplayDiffers
ImageError
├── NoDump
├── NoShardOfMajor
└── LocalIdsLeft
"""

from typing import ClassVar

from migrations_tools.errors import MigrationToolsError

_EXECUTOR = "Tenants are made by Django's migrations instead, which takes longer."


class ImageError(MigrationToolsError):
    """An image cannot be built."""

    code = "images"


class ImageRefused(ImageError):
    """These migrations have no image; tenants are made by running them."""

    code = "images.refused"
    cause: ClassVar[str] = ""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"{why} {_EXECUTOR}")


class NameLeft(ImageRefused):
    """The name of the template is part of what was dumped, so the script fits no other schema."""

    code = "images.name_left"

    def __init__(self, statement: str) -> None:
        self.statement = _short(statement)
        super().__init__(
            f"The name of the schema itself is part of what migrations made: {self.statement} "
            "Look for current_schema(), for FROM CURRENT, or for a schema's name that was written "
            "out by hand."
        )


class UnknownStatement(ImageRefused):
    """A statement of a kind that is not known to do the same in another schema."""

    code = "images.unknown_statement"

    def __init__(self, statement: str) -> None:
        self.statement = _short(statement)
        super().__init__(f"Nobody knows what this does in another schema: {self.statement}")


class LeavesTheSchema(ImageRefused):
    """Something refers to a schema that a tenant may not use."""

    code = "images.leaves_the_schema"

    def __init__(self, outside: str, statement: str) -> None:
        self.outside = outside
        self.statement = _short(statement)
        super().__init__(
            f"Migrations refer to the schema {outside!r}, where tenants may not go: "
            f"{self.statement} Make it without a schema's name; extensions belong into the schema "
            "`extensions`, before migrations that use them."
        )


class BuildsDiffer(ImageRefused):
    """Two builds of the same migrations do not have the same rows."""

    code = "images.builds_differ"

    def __init__(self, differences: tuple[str, ...]) -> None:
        self.differences = differences
        super().__init__(
            f"Two builds differ, so all tenants would share what must be each one's own: "
            f"{'; '.join(differences[:5])}. If an SQL expression makes that value, declare it: "
            'ATOLL_IMAGE_EXPRESSIONS = {"table.column": "gen_random_uuid()"}.'
        )


class ReplayDiffers(ImageRefused):
    """The script does not make what the migrations made."""

    code = "images.replay_differs"

    def __init__(self, differences: tuple[str, ...]) -> None:
        self.differences = differences
        super().__init__(f"Replayed, the script makes something else: {' '.join(differences[:5])}")


class NoDump(ImageError):
    """pg_dump is not there, or failed."""

    code = "images.no_dump"

    def __init__(self, binary: str, why: str) -> None:
        super().__init__(
            f"{binary} did not do its work: {' '.join(why.split())} Images need a pg_dump that is "
            "as new as the newest server: install the client programs, or say where they are with "
            "ATOLL_PG_DUMP."
        )


class NoShardOfMajor(ImageError):
    """No shard in use runs this PostgreSQL major."""

    code = "images.no_shard"

    def __init__(self, major: int | None, have: tuple[int, ...]) -> None:
        known = ", ".join(map(str, have)) or "none"
        wanted = "No shard is in use" if major is None else f"No shard in use has major {major}"
        super().__init__(
            f"{wanted} (majors there are: {known}). `manage.py list_shards` shows them; "
            "`manage.py add_shard` adds one."
        )


class LocalIdsLeft(ImageError):
    """Content types or permissions got local ids although control knows their names."""

    code = "images.local_ids_left"

    def __init__(self, shard: str, examples: tuple[str, ...]) -> None:
        super().__init__(
            f"{shard}: ids of {', '.join(examples[:5])} are local after allocation. Has the shard "
            "the newest reference tables? `manage.py publish_reference`, then build again."
        )


def _short(statement: str) -> str:
    line = " ".join(statement.split())
    return f"`{line if len(line) <= 160 else line[:160] + ' …'}`."
