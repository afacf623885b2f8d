"""What sharding.schemas refuses.

SchemaError
├── ServerUnreachable
├── PreparationFailed
│   └── NotFitToBeShard
├── RoleCapReached
├── NoSuchRole
├── ForeignSchema
├── SpareUnlikeImage
├── SchemaMissing
├── WrongPhase
├── SchemaInUse
├── ReferenceUnprepared
├── ReferenceKeyChanged
├── ReferenceRowInUse
├── ReferenceBusy
└── GlobalIdsUnknown
"""

from typing import ClassVar

from sharding.pools.outages import as_sentence


class SchemaError(Exception):
    """A schema or its server is not as it must be."""

    code: ClassVar[str] = "schemas"
    retryable: ClassVar[bool] = False


class ServerUnreachable(SchemaError):
    """A server did not answer in time, or refused the connection."""

    code = "schemas.unreachable"
    retryable = True

    def __init__(
        self, server: str, endpoint: str, reason: str, *, at_first_look: bool = False
    ) -> None:
        self.server = server
        self.endpoint = endpoint
        self.reason = " ".join(reason.split())
        then = (
            "Nothing was changed; check the address."
            if at_first_look
            else "Nothing was changed there since the last step that succeeded; run the same "
            "command again when it is back."
        )
        super().__init__(f"{as_sentence(self.what)} {then}")

    @property
    def what(self) -> str:
        """Which server, and why, without what to do."""
        return f"{self.server} ({self.endpoint}) cannot be reached: {self.reason}"


class PreparationFailed(SchemaError):
    """A step that turns a database into a shard did not succeed."""

    code = "schemas.preparation_failed"

    def __init__(self, server: str, step: str, reason: str) -> None:
        self.server = server
        self.step = step
        super().__init__(
            f"{server}: step {step!r} failed: {as_sentence(reason)} Steps before it are "
            "done and stay; mend the cause and run the same command again."
        )


class NotFitToBeShard(PreparationFailed):
    """The database cannot serve as this shard; nothing was changed."""

    code = "schemas.not_fit"

    def __init__(self, server: str, reasons: tuple[str, ...]) -> None:
        self.server = server
        self.step = "look"
        self.reasons = reasons
        SchemaError.__init__(
            self,
            f"{server} cannot be used as a shard: " + " ".join(reasons) + " Nothing was changed.",
        )


class RoleCapReached(SchemaError):
    """A server holds as many tenant roles as it can bear."""

    code = "schemas.role_cap"

    def __init__(self, server: str, roles: int, cap: int) -> None:
        self.server = server
        self.roles = roles
        self.cap = cap
        super().__init__(
            f"{server} holds {roles} tenant roles and bears {cap}: every new one makes all its "
            "sessions rebuild their memberships. Place the tenant on another shard, or add one "
            "with `manage.py add_shard`."
        )


class NoSuchRole(SchemaError):
    """A schema was to be made for a role that the server does not have."""

    code = "schemas.no_role"

    def __init__(self, server: str, role: str) -> None:
        self.server = server
        self.role = role
        super().__init__(
            f"{server} has no role {role!r}. Roles are made ahead: take a tenant id from "
            "reserve_tenant_id, or call make_roles first."
        )


class ForeignSchema(SchemaError):
    """A schema of this name is there, and was not made by create_schema."""

    code = "schemas.foreign"

    def __init__(self, server: str, schema: str) -> None:
        self.server = server
        self.schema = schema
        super().__init__(
            f"{server} has a schema {schema!r} without a row in atoll.tenant_schema, so it is not "
            "ours to fill. Look at it with `manage.py devstack psql`; tenant ids are never used "
            "twice, so take a new one."
        )


class SpareUnlikeImage(SchemaError):
    """A spare schema was made of an image and has another structure than the image says."""

    code = "schemas.spare_unlike_image"

    def __init__(self, server: str, schema: str, *, found: str, wanted: str) -> None:
        self.server = server
        self.schema = schema
        super().__init__(
            f"Spare schema {schema} of {server} has structure {found[:12]}, and the image that it "
            f"was made of says {wanted[:12]}. It is dropped by the next `manage.py make_spares`; "
            "build the image again: `manage.py build_image --force`."
        )


class SchemaMissing(SchemaError):
    """A schema that should be there is not."""

    code = "schemas.missing"

    def __init__(self, server: str, schema: str) -> None:
        self.server = server
        self.schema = schema
        super().__init__(f"{server} has no tenant schema {schema!r}. Nothing was changed.")


class WrongPhase(SchemaError):
    """A schema is not in the phase that this change starts from."""

    code = "schemas.wrong_phase"

    def __init__(self, schema: str, *, found: str, wanted: str) -> None:
        self.schema = schema
        self.found = found
        super().__init__(
            f"Schema {schema!r} is {found}, and this needs {wanted}. Nothing was changed."
        )


class SchemaInUse(SchemaError):
    """Somebody works with a table that was to be dropped or locked, for longer than we wait."""

    code = "schemas.in_use"
    retryable = True

    def __init__(self, server: str, schema: str, doing: str) -> None:
        self.server = server
        self.schema = schema
        super().__init__(
            f"{server}: {doing} {schema!r} waited too long for a lock that somebody else holds "
            "(pg_locks says who). What was done so far stays done; run it again later."
        )


class ReferenceUnprepared(SchemaError):
    """A shard was prepared before there were reference tables."""

    code = "schemas.reference_unprepared"

    def __init__(self, server: str) -> None:
        self.server = server
        super().__init__(
            f"{server} lacks what reference tables need. Run `manage.py add_shard {server}` with "
            "the arguments of its first run: it does what is not done yet."
        )


class ReferenceKeyChanged(SchemaError):
    """The primary key of a reference table is not what it was."""

    code = "schemas.reference_key_changed"

    def __init__(self, table: str, *, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        self.table = table
        super().__init__(
            f"The key of {table} was ({', '.join(before)}) and is ({', '.join(after)}). Keys of "
            "reference tables never change, because tenants' rows hold them: make a new table, let "
            "tenants' models refer to it, and drop the old one."
        )


class ReferenceRowInUse(SchemaError):
    """Tenants' rows refer to what a snapshot leaves out."""

    code = "schemas.reference_in_use"

    def __init__(self, server: str, detail: str) -> None:
        self.server = server
        super().__init__(
            f"{server} refused the snapshot: {as_sentence(detail)} Nothing was changed there. Put "
            "what is missing back in control, retired, and publish again; `retire_reference "
            "--delete` asks every shard first."
        )


class ReferenceBusy(SchemaError):
    """Somebody works with a reference table for longer than publishing waits."""

    code = "schemas.reference_busy"
    retryable = True

    def __init__(self, server: str) -> None:
        self.server = server
        super().__init__(
            f"{server}: publishing waited too long for locks on reference tables that others hold "
            "(pg_locks says who). Nothing was changed there; the next publishing tries again."
        )


class GlobalIdsUnknown(SchemaError):
    """A shard's reference tables do not say which ids content types and permissions have."""

    code = "schemas.ids_unknown"
    retryable = True

    def __init__(self, database: str, table: str) -> None:
        super().__init__(
            f"Database {database} has no table reference.{table}, so nobody can say which ids are "
            "right. Nothing was changed. Bring the shard in step: `manage.py migrate`, then "
            "`manage.py publish_reference`."
        )
