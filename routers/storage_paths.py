"""Where a tenant's files are, below the folder of all files."""

from pathlib import PurePosixPath

from sharding import scope


def tenant_folder() -> PurePosixPath:
    """The folder of the tenant in scope, relative to the folder of all files.

    Raises:
        NoTenantInScope: files belong to tenants only.
    """
    return PurePosixPath("tenants") / scope.tenant("A file").tenant_id
