"""What the public host forgets of a tenant that is purged; hooked in through TENANT_PURGE_STEPS."""

from django.db import transaction

from front.models import CONTROL, KnownAddress, SignUp
from tenants.services.purge import PurgedTenant


def forget_people(tenant: PurgedTenant) -> None:
    """Forget the addresses of its members, and the sign-up that it was made for.

    Transaction: opens one on control.
    Idempotent.
    """
    with transaction.atomic(using=CONTROL):
        KnownAddress.objects.using(CONTROL).filter(tenant_id=tenant.tenant_id).delete()
        SignUp.objects.using(CONTROL).filter(tenant_id=tenant.tenant_id).delete()
