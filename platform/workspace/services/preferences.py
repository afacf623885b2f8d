"""What a workspace's admins chose for it, as every page asks for it: through the tenant's cache."""

from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Final
from zoneinfo import available_timezones

from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from tenants.catalog.models import Country
from workspace.content_types import Upload
from workspace.errors import LogoRefused
from workspace.logo import LARGEST_LOGO, logo_made_anew
from workspace.models import WorkspaceSettings, logo_path

KEY: Final = "workspace.preferences"
# Bounds how long a choice can be an old one: a reader may put back what it read just before
# another request committed.
KEPT_FOR: Final = timedelta(seconds=60)

LOGO_TYPE: Final = "image/png"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What was chosen, or stands in for it.

    Attributes:
        logo: name of the logo's file; empty for none.
        country: code of the country; empty for none.
    """

    time_zone: str = "UTC"
    logo: str = ""
    country: str = ""


def preferences() -> Preferences:
    """Those of the tenant in scope, at most `KEPT_FOR` old."""
    found = _of_record(cache.get(KEY))
    if found is None:
        row = WorkspaceSettings.objects.filter(pk=WorkspaceSettings.ONLY).first()
        found = _as_chosen(row) if row else Preferences()
        cache.set(KEY, asdict(found), timeout=KEPT_FOR.total_seconds())
    return found


def forget_preferences() -> None:
    """Read anew at the next look. To be called after the commit that changed them."""
    cache.delete(KEY)


def choose_time_zone(name: str) -> None:
    """Show all times in the zone `name`.

    Locks: the row of settings.
    Transaction: opens its own or joins the caller's.

    Raises:
        ValueError: there is no such zone; nothing was changed.
    """
    if name not in available_timezones():
        raise ValueError(f"There is no time zone {name!r}.")
    with transaction.atomic():
        chosen = _row()
        chosen.time_zone = name
        chosen.save(update_fields=["time_zone"])
        transaction.on_commit(forget_preferences)


def choose_country(country: Country | None) -> None:
    """Say where the workspace is at home, or nothing of it.

    Locks: the row of settings.
    Transaction: opens its own or joins the caller's.
    """
    with transaction.atomic():
        chosen = _row()
        chosen.country = country
        chosen.save(update_fields=["country"])
        transaction.on_commit(forget_preferences)


def choose_logo(upload: Upload) -> None:
    """Show the picture in `upload` as the workspace's logo, made anew and small.

    What is kept holds nothing of what was sent but its pixels: no script, no place, no author.

    Locks: the row of settings.
    Transaction: opens its own; must not be called inside one.

    Raises:
        LogoRefused: too large, of too many pixels, or no picture; the logo is what it was.
    """
    picture = _made_anew(upload)
    name = logo_path(WorkspaceSettings(), "logo")
    try:
        with transaction.atomic(durable=True):
            chosen = _row()
            before = chosen.logo.name
            default_storage.save(name, ContentFile(picture))
            chosen.logo.name, chosen.logo_type = name, LOGO_TYPE
            chosen.save(update_fields=["logo", "logo_type"])
            _let_go(before)
    except BaseException:
        # Also what the storage had written when the disk was full.
        default_storage.delete(name)
        raise


def remove_logo() -> None:
    """Show the name alone.

    Locks: the row of settings.
    Transaction: opens its own or joins the caller's.
    """
    with transaction.atomic():
        chosen = _row()
        before = chosen.logo.name
        chosen.logo, chosen.logo_type = "", ""
        chosen.save(update_fields=["logo", "logo_type"])
        _let_go(before)


def _of_record(record: object) -> Preferences | None:
    """What was kept, if all is in it that this release asks for; another one may have kept it."""
    if not isinstance(record, dict):
        return None
    names = {field.name for field in fields(Preferences)}
    if not names <= record.keys():
        return None
    return Preferences(**{name: record[name] for name in names})


def _as_chosen(row: WorkspaceSettings) -> Preferences:
    return Preferences(row.time_zone, row.logo.name or "", row.country_id or "")


def _row() -> WorkspaceSettings:
    WorkspaceSettings.objects.get_or_create(pk=WorkspaceSettings.ONLY)
    return WorkspaceSettings.objects.select_for_update().get(pk=WorkspaceSettings.ONLY)


def _let_go(name: str | None) -> None:
    """After the commit: forget what was chosen before, and its file."""
    transaction.on_commit(forget_preferences)
    if name:
        transaction.on_commit(lambda: default_storage.delete(name), robust=True)


def _made_anew(upload: Upload) -> bytes:
    if not upload.size or upload.size > LARGEST_LOGO:
        raise LogoRefused(f"it must be a picture of at most {LARGEST_LOGO // 2**20} MB")
    return logo_made_anew(upload)
