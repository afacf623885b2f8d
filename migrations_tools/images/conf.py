"""What a project may say of images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sharding.typed_settings import SettingsReader

# Django writes down when a migration was applied.
_ALWAYS = {"django_migrations.applied": "now()"}


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Settings of images.

    Attributes:
        expressions: ATOLL_IMAGE_EXPRESSIONS. SQL by `table.column`, for seeds that must differ
            between tenants. It is evaluated for each row of each tenant.
        pg_dump: ATOLL_PG_DUMP. The program; as new as the newest server.
    """

    expressions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(_ALWAYS))
    pg_dump: str = "pg_dump"


def image_settings() -> ImageSettings:
    """Settings as they are now.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        declared = read.texts_by_name("ATOLL_IMAGE_EXPRESSIONS", {})
        return ImageSettings(
            expressions=MappingProxyType({**_ALWAYS, **declared}),
            pg_dump=read.text("ATOLL_PG_DUMP", "") or "pg_dump",
        )
