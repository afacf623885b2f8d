"""What adoption refuses.

TenantError
└── AdoptionError
    ├── NothingToAdopt
    ├── AdministratorMayNot
    ├── CannotAdopt
    ├── TakeOverFailed
    ├── AdoptionChanged
    ├── AdoptionsTakeTurns
    ├── SchemaInUse
    └── AlreadyTakenOver
"""

from tenants.errors import TenantError


class AdoptionError(TenantError):
    """A schema cannot be taken into the platform."""

    code = "adoption"


class NothingToAdopt(AdoptionError):
    """There is no such schema, or it is a tenant's already."""

    code = "adoption.nothing"

    def __init__(self, shard: str, schema: str, why: str) -> None:
        self.schema = schema
        super().__init__(
            f"Schema {schema[:80]!r} on {shard} cannot be adopted: {why}. Nothing was changed."
        )


class AdministratorMayNot(AdoptionError):
    """The connection that was given has not the rights that an adoption takes."""

    code = "adoption.may_not"

    def __init__(self, shard: str, user: str, why: str) -> None:
        self.shard = shard
        super().__init__(
            f"{user!r} may not look at {shard} as an adoption must: {' '.join(why.split())}. "
            "Nothing was changed; give the connection string of a superuser."
        )


class CannotAdopt(AdoptionError):
    """A schema holds what must be mended first."""

    code = "adoption.refused"

    def __init__(self, schema: str, problems: tuple[str, ...]) -> None:
        self.schema = schema
        self.problems = problems
        told = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"Schema {schema!r} cannot be adopted as it is:\n{told}\nNothing was changed. Mend "
            "these (docs/how-to/adopt-from-django-tenants.md), then run it again."
        )


class TakeOverFailed(AdoptionError):
    """The server refused a step of the take-over."""

    code = "adoption.failed"
    retryable = True

    def __init__(self, schema: str, doing: str, why: str) -> None:
        self.schema = schema
        super().__init__(
            f"Taking {schema!r} over failed while {doing}: {' '.join(why.split())} It was one "
            "transaction, so the schema is as it was. Mend the cause and run the same command "
            "again, or take the claim back with --undo."
        )


class AdoptionsTakeTurns(AdoptionError):
    """Another schema of the same database is being taken over."""

    code = "adoption.turns"
    retryable = True

    def __init__(self, schema: str) -> None:
        super().__init__(
            "Another schema of this database is being taken over, and both would wait for each "
            f"other's locks on shared tables. {schema!r} is as it was; run the same command again."
        )


class SchemaInUse(AdoptionError):
    """Somebody works with the schema that is to be taken over."""

    code = "adoption.in_use"
    retryable = True

    def __init__(self, schema: str) -> None:
        self.schema = schema
        super().__init__(
            f"Somebody works with tables of {schema!r} (pg_stat_activity says who). Stop the old "
            "application for this tenant first: what it writes during the take-over would be lost. "
            "Nothing was changed; run the same command again."
        )


class AlreadyTakenOver(AdoptionError):
    """An adoption is past the point from which it can be taken back."""

    code = "adoption.taken_over"

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"The schema of {slug!r} is taken over, and is the only copy of its data: undoing "
            "would drop it. Nothing was changed. Finish it with the same adopt_tenant command; to "
            "go back for good, restore the dump that you made before."
        )


class AdoptionChanged(AdoptionError):
    """The schema changed since it was looked at."""

    code = "adoption.changed"
    retryable = True

    def __init__(self, schema: str) -> None:
        super().__init__(
            f"Schema {schema!r} changed while its adoption was being planned. Nothing was changed; "
            "run the same command again."
        )
