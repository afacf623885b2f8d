"""Whether a subdomain can be had."""

import re
from typing import Final

from front.conf import front_settings
from front.errors import SlugNotFree
from front.models import CONTROL, SignUp
from front.services.limits import MINUTE, Limit, count
from front.states import HOLDING
from front.types import Answer, Availability
from tenants.errors import DomainTaken, InvalidSlug, SlugQuarantined
from tenants.services.asking import check_free, host_of_slug
from tenants.slugs import LONGEST, RESERVED, check_slug

_CHARACTERS: Final = re.compile(r"[a-z0-9-]*")


def look_up(slug: str, *, visitor: str | None) -> Answer:
    """Answer a visitor who is still typing.

    Raises:
        TooOften: nothing was looked up.
    """
    count(Limit("look", front_settings().looks_per_minute, MINUTE), visitor)
    return availability_of(slug)


def availability_of(slug: str, *, but_for: SignUp | None = None) -> Answer:
    """Whether `slug` can be had now, as far as control says.

    `but_for` is a sign-up that may hold it itself.
    """
    try:
        check_slug(slug)
        host = host_of_slug(slug)
    except InvalidSlug:
        return _impossible(slug)
    held = SignUp.objects.using(CONTROL).filter(slug=slug, state__in=HOLDING)
    if but_for is not None:
        held = held.exclude(pk=but_for.pk)
    try:
        check_free(slug, (host,))
    except SlugQuarantined:
        return Answer(
            slug,
            Availability.RESTING,
            "This address belonged to somebody until lately and rests for a while. "
            "Please choose another.",
        )
    except DomainTaken:
        return _taken(slug)
    if held.exists():
        return _taken(slug)
    return Answer(slug, Availability.FREE, f"{host} is free.")


def check_can_be_had(slug: str) -> None:
    """Raise unless `slug` is free.

    Raises:
        SlugNotFree: with the reason.
    """
    answer = availability_of(slug)
    if not answer.is_free:
        raise SlugNotFree(answer)


def _taken(slug: str) -> Answer:
    return Answer(
        slug, Availability.TAKEN, "Somebody has this address already. Please choose another."
    )


def _impossible(slug: str) -> Answer:
    """Why, in words for people who have never heard of slugs."""
    if slug in RESERVED:
        return Answer(
            slug, Availability.RESERVED, "This address is reserved. Please choose another."
        )
    if not slug:
        why = "Please choose an address."
    elif len(slug) > LONGEST:
        why = f"At most {LONGEST} characters, please."
    elif not _CHARACTERS.fullmatch(slug):
        why = "Only small letters a to z, digits and hyphens, please."
    elif not slug[0].isalpha():
        why = "It has to begin with a letter."
    elif "--" in slug:
        why = "Two hyphens cannot stand together."
    elif slug.endswith("-"):
        why = "It cannot end with a hyphen."
    else:
        return Answer(
            slug, Availability.RESERVED, "This address is reserved. Please choose another."
        )
    return Answer(slug, Availability.INVALID, why)
