"""What an archive says of itself: format, versions, structure, tables, sequences, files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

FORMAT: Final = "atoll-tenant"
VERSION: Final = 1
"""Grows when an older reader would restore a newer archive wrongly, and only then."""


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """Whose archive it is. An import gives it another id, and perhaps another slug.

    Attributes:
        domains: all hosts; an import takes those that it is told to take.
    """

    id: str
    slug: str
    name: str
    domains: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True)
class StructureFacts:
    """The structure that the rows fit into.

    Attributes:
        migrations: `app.name` of all that the schema has, in order of their names.
        digest: names that set (`migrations_tools.states`).
        fingerprint: of the schema as it was, on PostgreSQL `major`.
        sha256: of the member that tells the structure part by part.
    """

    migrations: tuple[str, ...]
    digest: str
    fingerprint: str
    major: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table, in the order of the archive.

    Attributes:
        content_hash: of its rows, in whatever order they lie in a table.
        bytes, sha256: of COPY's text, chunks put together and unpacked.
    """

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: int
    content_hash: str
    chunks: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A table whose rows the archive does not carry, and why."""

    table: str
    rows: int
    why: str


@dataclass(frozen=True, slots=True)
class SequenceFacts:
    """How far a sequence is."""

    name: str
    last_value: int
    called: bool


@dataclass(frozen=True, slots=True)
class FilesFacts:
    """The tenant's files.

    Attributes:
        sha256: of `sum size name` of each file, in the order of the archive.
        missing: names that rows refer to and that were gone before the archive was made.
    """

    files: int
    bytes: int
    sha256: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that an archive says of itself. It is its last member: without it, it is cut off.

    Attributes:
        versions: of what made it: atoll, django, postgresql.
    """

    made_at: str
    versions: Mapping[str, str]
    tenant: TenantFacts
    structure: StructureFacts
    tables: tuple[TableFacts, ...]
    left_behind: tuple[LeftBehind, ...]
    sequences: tuple[SequenceFacts, ...]
    files: FilesFacts

    @property
    def total_rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)

    def to_bytes(self) -> bytes:
        """As it lies in the archive."""
        told = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(told, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what to_bytes() has written.

        Raises:
            ValueError: it has not.
        """
        try:
            return cls._from_json(json.loads(data))
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    @classmethod
    def _from_json(cls, told: dict[str, Any]) -> Self:
        return cls(
            made_at=_text(told["made_at"]),
            versions={_text(k): _text(v) for k, v in told["versions"].items()},
            tenant=_made(TenantFacts, told["tenant"]),
            structure=_made(StructureFacts, told["structure"]),
            tables=tuple(_made(TableFacts, one) for one in told["tables"]),
            left_behind=tuple(_made(LeftBehind, one) for one in told["left_behind"]),
            sequences=tuple(_made(SequenceFacts, one) for one in told["sequences"]),
            files=_made(FilesFacts, told["files"]),
        )


def digest_of(manifest: bytes) -> str:
    """Names an archive: every byte of it is summed up in its manifest."""
    return hashlib.sha256(manifest).hexdigest()


def _made(kind: type[Any], told: dict[str, Any]) -> Any:
    """An object of `kind` of exactly its fields, each of its type."""
    readers = {str: _text, int: _count, bool: _flag, tuple[str, ...]: _texts}
    fields = kind.__dataclass_fields__
    if told.keys() != fields.keys():
        raise ValueError(f"{kind.__name__} has {sorted(told)}")
    return kind(**{name: readers[field.type](told[name]) for name, field in fields.items()})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is no number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is neither true nor false")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.40} is no list")
    return tuple(map(_text, value))
