"""The time zone that a member has chosen."""

from django.utils.functional import SimpleLazyObject, empty

from accounts.models import User
from tenants.realise import running


def own_time_zone() -> str:
    """The name of the zone of the member whose request is answered; empty if there is none.

    Nobody is looked up for it: a page that has not asked who is there shows everybody's times.
    """
    user = getattr(running.get(), "user", None)
    if isinstance(user, SimpleLazyObject) and user.__dict__.get("_wrapped", empty) is empty:
        return ""
    return user.time_zone if isinstance(user, User) else ""
