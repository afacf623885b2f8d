"""Find the image of a state, or say why there is none."""

import threading
from collections.abc import Iterator
from typing import Final

from migrations_tools.images.models import CONTROL, Image
from migrations_tools.sources import source_digest
from migrations_tools.states import wanted_state
from sharding.schemas.services.image_replay import ImageBody

_BETWEEN: Final = b"\x00\x00"
"""Between the pieces of a part: the placeholder is always followed by a dot."""
_PART: Final = b"\x00\x00\x00"
"""Before each part. Bodies of before there were pieces have `_BETWEEN` between their parts."""

# The script of the newest states, so that each new tenant does not fetch it again. By row and
# time, since a row may be built anew.
_bodies: dict[tuple[int, str], ImageBody] = {}
_guard: Final = threading.Lock()
_KEPT: Final = 4


def find_image(digest: str, major: int) -> Image | None:
    """The image of this state on this PostgreSQL major; `body_of` has its script."""
    return (
        Image.objects.using(CONTROL)
        .filter(digest=digest, major=major, refused="")
        .defer("body", "nodes")
        .first()
    )


def find_wanted_image(major: int) -> Image | None:
    """The image of the state that the code wants, if it was built of the migrations as they are.

    One that an older release has built says nothing of their text, and is believed.
    """
    state = wanted_state()
    image = find_image(state.digest, major)
    if image is None or image.source not in ("", source_digest(state)):
        return None
    return image


def why_none(major: int) -> str:
    """Why the state that the code wants has no image, as the end of a sentence."""
    state = wanted_state()
    of_major = Image.objects.using(CONTROL).filter(major=major)
    found = of_major.filter(digest=state.digest).values_list("refused", "source").first()
    if found is not None:
        refused, source = found
        if source not in ("", source_digest(state)):
            return (
                "it is stale: migrations were edited since it was built; "
                "`manage.py build_image` builds it again"
            )
        return f"it was refused: {refused}" if refused else "it was built this moment"
    if of_major.exists():
        return (
            "it is stale: those that were built are of other migrations than the code has; "
            "`manage.py build_image` builds it"
        )
    return f"none was built for PostgreSQL {major}; `manage.py build_image` builds it"


def body_of(image: Image) -> ImageBody:
    """The script of an image, to be replayed."""
    key = (image.pk, image.built_at.isoformat())
    with _guard:
        if key in _bodies:
            return _bodies[key]
    tables, rows, others = _unpacked(bytes(image.body))
    body = ImageBody(
        pieces=(tables, rows, others),
        locks=image.locks,
        digest=image.digest,
        fingerprint=image.fingerprint,
        major=image.major,
    )
    with _guard:
        while len(_bodies) >= _KEPT:
            del _bodies[next(iter(_bodies))]
        _bodies[key] = body
    return body


def packed(body: ImageBody) -> bytes:
    """A script as it is stored."""
    parts = (_BETWEEN.join(one.encode() for one in cut) for cut in body.pieces)
    return b"".join(_PART + part for part in parts)


def _unpacked(stored: bytes) -> Iterator[tuple[str, ...]]:
    if stored.startswith(_PART):
        parts = [part.split(_BETWEEN) for part in stored.removeprefix(_PART).split(_PART)]
    else:
        parts = [[part] for part in stored.split(_BETWEEN)]
    return (tuple(one.decode() for one in part if one) for part in parts)
