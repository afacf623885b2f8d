"""From the public host into a new workspace."""

from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now
from django.urls import reverse

from accounts.models import User
from accounts.services.first_sign_in import welcome_path
from front.errors import LinkVoid, NotReady
from front.models import CONTROL, SignUp
from front.states import SignUpState
from sharding import scope
from tenants.links import tenant_url
from tenants.services.finding import placement_of
from tenants.states import TenantState


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
    if row.tenant is None or row.tenant.state == TenantState.DELETED:
        raise LinkVoid
    with scope.enter(placement_of(row.tenant)):
        admin = User.objects.filter(email=User.objects.normalize_email(row.email)).first()
        if admin is None or admin.has_usable_password():
            # Named outright: the page that asks is one of the public host.
            path = reverse("accounts:sign_in", urlconf=settings.ROOT_URLCONF)
        else:
            path = welcome_path(admin)
        address = tenant_url(path)
    SignUp.objects.using(CONTROL).filter(pk=sign_up, entered_at=None).update(entered_at=Now())
    return address
