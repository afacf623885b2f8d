"""Names of content types and permissions, and what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, order=True)
class TypeName:
    """Of a content type: its app and its model, in lower case."""

    app_label: str
    model: str

    def __str__(self) -> str:
        return f"{self.app_label}.{self.model}"


@dataclass(frozen=True, slots=True, order=True)
class PermissionOf:
    """A permission by the name of its content type."""

    type: TypeName
    codename: str

    def __str__(self) -> str:
        return f"{self.type} {self.codename}"


@dataclass(frozen=True, slots=True, order=True)
class Rename:
    """A model that a migration gives another name, in lower case."""

    app_label: str
    old: str
    new: str

    @property
    def before(self) -> TypeName:
        """The name until then."""
        return TypeName(self.app_label, self.old)

    @property
    def after(self) -> TypeName:
        """The name from then on."""
        return TypeName(self.app_label, self.new)


@dataclass(frozen=True, slots=True)
class Known:
    """Ids by names: content types by theirs, permissions by content type's id and codename."""

    types: Mapping[TypeName, int] = field(default_factory=lambda: MappingProxyType({}))
    permissions: Mapping[tuple[int, str], int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Names:
    """What is to have ids.

    Attributes:
        renames: in the order in which migrations make them.
        live: the types that models of the code have now.
    """

    types: frozenset[TypeName] = frozenset()
    permissions: frozenset[PermissionOf] = frozenset()
    renames: tuple[Rename, ...] = ()
    live: frozenset[TypeName] = frozenset()
