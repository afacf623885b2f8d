"""Files, each in its tenant's own folder (STORAGES)."""

from pathlib import Path

from django.core.files.storage import FileSystemStorage

from routers.storage_paths import tenant_folder


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
