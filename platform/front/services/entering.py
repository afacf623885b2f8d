"""From the public host into a new workspace."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now
from django.urls import get_urlconf, reverse, set_urlconf

from accounts.models import User
from front.errors import LinkVoid, NotReady
from front.models import CONTROL, SignUp
from front.states import SignUpState
from sharding import scope
from tenants.links import tenant_url
from tenants.services.finding import placement_of


def way_in(sign_up: UUID) -> str:
    """Where somebody whose workspace is ready goes next.

    The first time that is where they set their password: a link that is bound to the tenant and
    good for one use, made on this occasion. Once they have one, it is the sign-in page.

    Transaction: any on control; reads the tenant's shard.

    Raises:
        LinkVoid: the sign-up or its tenant is there no more.
        NotReady: it is still being made.
    """
    row = SignUp.objects.using(CONTROL).filter(pk=sign_up).select_related("tenant").first()
    if row is None:
        raise LinkVoid
    if row.state != SignUpState.READY:
        raise NotReady
    if row.tenant is None:
        raise LinkVoid
    SignUp.objects.using(CONTROL).filter(pk=sign_up, entered_at=None).update(entered_at=Now())
    from accounts.services.first_sign_in import welcome_path

    with scope.enter(placement_of(row.tenant)), _urls_of_tenants():
        admin = User.objects.filter(email=User.objects.normalize_email(row.email)).first()
        if admin is None or admin.has_usable_password():
            return tenant_url(reverse("accounts:sign_in"))
        return tenant_url(welcome_path(admin))


@contextmanager
def _urls_of_tenants() -> Iterator[None]:
    """Let names mean a tenant's pages: this thread is answering on the public host."""
    before = get_urlconf()
    set_urlconf(settings.ROOT_URLCONF)
    try:
        yield
    finally:
        set_urlconf(before)
