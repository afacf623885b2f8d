"""Whether a request for a tenant can be fulfilled, as far as it and control say."""

import unicodedata

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from tenants.conf import tenant_settings
from tenants.errors import (
    DomainTaken,
    InvalidDomain,
    InvalidRequest,
    InvalidSlug,
    SlugQuarantined,
)
from tenants.hosts import normalise_domain
from tenants.models import CONTROL, Domain, RetiredSlug
from tenants.services.types import ProvisionRequest
from tenants.slugs import check_slug

LONGEST_NAME = 150
_CONTROL_CHARACTERS = "C"
"""The first letter of the Unicode categories of what cannot be seen."""


def check_request(request: ProvisionRequest) -> tuple[str, ...]:
    """Look at the request alone; return the tenant's hosts, the primary one first.

    Raises:
        InvalidSlug, InvalidDomain, InvalidRequest: with the reason.
    """
    check_slug(request.slug)
    hosts = [host_of_slug(request.slug)]
    for typed in request.domains:
        domain = normalise_domain(typed)
        check_not_ours(domain)
        if domain not in hosts:
            hosts.append(domain)
    _check_name(request.name)
    _check_admin(request)
    return tuple(hosts)


def host_of_slug(slug: str) -> str:
    """The host that a slug stands for.

    Raises:
        InvalidSlug: that host is one of our own.
    """
    conf = tenant_settings()
    host = f"{slug}.{conf.base_domain}"
    if host in conf.public_hosts | conf.console_hosts:
        raise InvalidSlug(slug, f"{host} is not a tenant's host")
    return host


def check_not_ours(domain: str) -> None:
    """Refuse a further domain that is ours to give: those come with slugs.

    Raises:
        InvalidDomain: it is one of our hosts, or below the base domain.
    """
    conf = tenant_settings()
    if domain in conf.public_hosts | conf.console_hosts:
        raise InvalidDomain(domain, "it is a host of the platform itself")
    if domain == conf.base_domain or domain.endswith(f".{conf.base_domain}"):
        raise InvalidDomain(domain, f"hosts below {conf.base_domain} come with slugs")


def check_free(
    slug: str, hosts: tuple[str, ...], *, tenant_id: str = "", heir_of: str = ""
) -> None:
    """Look into control whether slug and hosts are free, or `tenant_id`'s own.

    A slug that rests because the tenant `heir_of` gave it up is free as well.

    Transaction: any; only a unique constraint decides for good.

    Raises:
        SlugQuarantined, DomainTaken: they are not.
    """
    resting = (
        RetiredSlug.objects.using(CONTROL)
        .filter(slug=slug, until__gt=timezone.now())
        .exclude(tenant_id__in=[tenant_id, heir_of])
        .first()
    )
    if resting is not None:
        raise SlugQuarantined(slug, until=resting.until)
    taken = (
        Domain.objects.using(CONTROL).filter(domain__in=hosts).exclude(tenant_id=tenant_id).first()
    )
    if taken is not None:
        raise DomainTaken(taken.domain, taken.tenant_id)


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise InvalidRequest(f"The name is longer than {LONGEST_NAME} characters.")
    if any(unicodedata.category(each).startswith(_CONTROL_CHARACTERS) for each in name):
        raise InvalidRequest("The name holds characters that cannot be shown.")


def _check_admin(request: ProvisionRequest) -> None:
    if request.admin_password is not None and not request.admin_email:
        raise InvalidRequest("A password without an e-mail address: whose is it?")
    if not request.admin_email:
        return
    try:
        validate_email(request.admin_email)
    except ValidationError as error:
        raise InvalidRequest(f"{request.admin_email[:80]!r} is no e-mail address.") from error
    if request.admin_password is not None:
        try:
            validate_password(request.admin_password)
        except ValidationError as error:
            raise InvalidRequest(f"The password is too weak: {' '.join(error.messages)}") from error
