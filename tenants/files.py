"""Sending a tenant's files to whoever may have them. Who may is the view's to decide, before."""

import logging
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Final, cast
from urllib.parse import quote

from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header

from routers.storage_paths import tenant_folder
from tenants.conf import tenant_settings

log = logging.getLogger(__name__)

SHOWN_INLINE: Final = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
"""Types that a browser may show in the page: pictures that can hold no script (no SVG)."""
_SAID: Final = SHOWN_INLINE | {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".txt": "text/plain; charset=utf-8",
    ".zip": "application/zip",
}
# Not what the machine's own list of types says: that differs, and knows HTML and SVG.
_ANYTHING: Final = "application/octet-stream"

FILE_POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""What a file that a browser shows after all may do: nothing, and in no origin of ours."""


def send_private(file: FieldFile, *, name: str, inline: bool = False) -> HttpResponseBase:
    """The response that sends `file` of the tenant in scope under the name `name`.

    A front server sends it where there is one (ATOLL_ACCEL_PREFIX), else this process does.
    `inline` lets the browser show it, if `name` ends like one of `SHOWN_INLINE`; anything else is
    saved. Browsers may keep it for themselves but ask again each time; nobody else may keep it.

    Raises:
        Http404: the file is not there.
        NoTenantInScope: files belong to tenants.
        SuspiciousFileOperation: the name in the database leads out of the tenant's folder.
    """
    path = Path(file.storage.path(file.name or ""))
    if not path.is_file():
        log.error("A file that the database knows is not there: %s", file.name)
        raise Http404
    shown_name = _plain(name)
    suffix = PurePosixPath(shown_name).suffix.lower()
    kind = _SAID.get(suffix, _ANYTHING)
    response = _sent_by_front_server(file, path, kind) or FileResponse(
        file.open("rb"), content_type=kind
    )
    response["Content-Disposition"] = cast(
        str,
        content_disposition_header(
            as_attachment=not (inline and suffix in SHOWN_INLINE), filename=shown_name
        ),
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = FILE_POLICY
    response["Cache-Control"] = "private, no-cache"
    return response


def _sent_by_front_server(file: FieldFile, path: Path, kind: str) -> HttpResponse | None:
    """Tell the front server which file to send; it takes the address for its own use only."""
    prefix = tenant_settings().accel_prefix
    if not prefix:
        return None
    folder = tenant_folder()
    base = Path(cast(FileSystemStorage, file.storage).base_location).resolve() / folder
    inside = folder / path.relative_to(base).as_posix()
    response = HttpResponse(content_type=kind)
    response["X-Accel-Redirect"] = prefix + quote(str(inside))
    return response


def _plain(name: str) -> str:
    """`name` without folders and without what is not seen: line breaks, marks that turn text."""
    last = name.replace("\\", "/").rpartition("/")[2]
    seen = "".join(each for each in last if unicodedata.category(each)[0] != "C")
    return seen.strip() or "file"
