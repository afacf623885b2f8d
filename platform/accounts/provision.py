"""What a new tenant's people begin with; hooked in through TENANT_PROVISION_STEPS."""

from django.db import transaction

from accounts.models import User
from accounts.services.member_address import tell_address
from tenants.directory.types import Entry
from tenants.services.types import ProvisionRequest


def first_admin(entry: Entry, request: ProvisionRequest) -> None:
    """Make the tenant's first admin, if the request names one.

    Runs in the tenant's scope.

    Transaction: opens one.
    Idempotent: an account that is there keeps its password, since its owner may have changed it
        between a crash and the second run.
    """
    if not request.admin_email:
        return
    email = User.objects.normalize_email(request.admin_email)
    with transaction.atomic():
        if not User.objects.filter(email=email).exists():
            tell_address(User.objects.create_superuser(email, request.admin_password))
