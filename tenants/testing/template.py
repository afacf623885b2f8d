"""The template databases: prepared, migrated, with the tenants that tests use."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from psycopg import sql

from sharding.registry import current
from sharding.registry.toml_file import write_registry
from sharding.registry.types import Registry
from sharding.schemas.connections import admin_connection
from tenants.testing.databases import Administrator
from tenants.testing.naming import servers_of
from tenants.testing.types import ANOTHER_SHARD, FIRST, SAME_SHARD, Servers

_FORM: Final = "1"
"""Grows when what the kit puts into a template changes."""

# As docs/how-to/deploy.md says; the logins are there, and rights on a database are made elsewhere.
_CONTROL_RIGHTS: Final = """
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    ALTER SCHEMA public OWNER TO {own};
    GRANT USAGE ON SCHEMA public TO {web};
    ALTER DEFAULT PRIVILEGES FOR ROLE {own} IN SCHEMA public
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {web};
    ALTER DEFAULT PRIVILEGES FOR ROLE {own} IN SCHEMA public
        GRANT USAGE, SELECT ON SEQUENCES TO {web}
"""

Tell = Callable[[str], None]


def use(registry: Registry, file: Path) -> None:
    """Make `registry` the one of this process, of its children, and of who reads it again."""
    write_registry(file, registry)
    os.environ[current.ENVIRONMENT_VARIABLE] = str(file)
    current.install(registry)


def shape() -> str:
    """Names all that a template is made of: another text, another template."""
    from django.conf import settings
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    migrations = loader.disk_migrations
    digest = hashlib.sha256(_FORM.encode())
    for key in sorted(migrations):
        digest.update(repr(key).encode())
        digest.update(_source(migrations[key]))
    digest.update(repr(sorted(getattr(settings, "TENANT_PROVISION_STEPS", ()))).encode())
    digest.update(settings.ATOLL_BASE_DOMAIN.encode())
    return digest.hexdigest()[:16]


def _source(migration: Any) -> bytes:
    import sys

    file = sys.modules[migration.__module__].__file__
    return Path(file).read_bytes() if file else b""


def build(servers: Servers, registry: Registry, file: Path, tell: Tell) -> None:
    """Make every template database anew, by the product's own services.

    The registry of this process is the templates' from then on.
    """
    from migrations_tools.services.control import ControlRequest, migrate_control

    assert registry.control is not None, "without one there is nothing to test"
    for server in servers_of(registry):
        Administrator(servers, server).make()
    _prepare_control(servers, registry)
    use(registry, file)
    migrate_control(ControlRequest(), tell=tell)
    for name in registry.shards:
        _prepare_shard(servers, registry, name, file)
    shards = sorted(registry.shards)
    _provision(FIRST, shards[0], tell)
    _provision(SAME_SHARD, shards[0], tell)
    for shard in shards[1:2]:
        _provision(ANOTHER_SHARD, shard, tell)


def _prepare_control(servers: Servers, registry: Registry) -> None:
    control = registry.control
    assert control is not None, "build() has looked"
    statement = sql.SQL(_CONTROL_RIGHTS).format(
        own=sql.Identifier(control.own.user), web=sql.Identifier(control.web.user)
    )
    with admin_connection("control", Administrator(servers, control).conninfo) as connection:
        connection.execute(statement)


def _prepare_shard(servers: Servers, registry: Registry, name: str, file: Path) -> None:
    from sharding.placements.services.adding import AddShardRequest, add_shard

    server = registry.shards[name]
    add_shard(
        AddShardRequest(
            name=name,
            admin_conninfo=Administrator(servers, server).conninfo,
            direct=server.direct,
            pooled=server.pooled,
            passwords={},
            registry_path=file,
        )
    )


def _provision(slug: str, shard: str, tell: Tell) -> None:
    from tenants.services.provision import provision_tenant
    from tenants.services.types import ProvisionRequest

    request = ProvisionRequest(slug=slug, name=f"{slug.title()} tenant", shard=shard)
    provision_tenant(request, tell=tell)
