"""Files, each in its tenant's own folder (STORAGES)."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from django.core.files.storage import FileSystemStorage

from routers.storage_paths import tenant_folder

_TOLD_EVERY: Final = 1000


class TenantStorage(FileSystemStorage):
    """Django's file storage, whose root is the folder of the tenant in scope.

    Names in the database hold no tenant: they mean the same file after the tenant has moved.
    There are no addresses for files: a view looks who asks, and sends them.
    """

    @property
    def location(self) -> str:
        """The folder of the tenant in scope.

        Raises:
            NoTenantInScope: files belong to tenants only.
        """
        return str(Path(self.base_location).resolve() / tenant_folder())

    @property
    def base_url(self) -> None:  # type: ignore[override]
        """None, so that url() raises instead of handing out an address that nobody guards."""
        return

    def delete_all(self, *, tell: Callable[[str], None] = lambda line: None) -> int:
        """Delete every file of the tenant in scope, and its folder; return how many there were.

        For the tenant's purge. Who keeps files elsewhere overrides it.

        Idempotent: what is gone counts as deleted.

        Raises:
            NoTenantInScope: files belong to tenants only.
            OSError: a file cannot be deleted; those before it are gone.
        """
        deleted = 0
        # Links are deleted and never followed: they could lead into another tenant's folder.
        for folder, folders, files in os.walk(self.location, topdown=False, onerror=_unless_gone):
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            for name in (*files, *links):
                (Path(folder) / name).unlink(missing_ok=True)
                deleted += 1
                if deleted % _TOLD_EVERY == 0:
                    tell(f"deleted {deleted} files")
            with suppress(FileNotFoundError):
                Path(folder).rmdir()
        return deleted


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
