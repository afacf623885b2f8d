"""Mail: a tenant's goes through its outbox, that of pages without a tenant is sent by their tasks.

A mail is a text template `mail/<template>.txt`; its first line is the subject. It is written when
it is sent, not when it is asked for: what makes a link as good as a password then lies in no
outbox and no queue, and a link that has become pointless in the meantime is not sent at all.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from smtplib import SMTPRecipientsRefused
from typing import Any, Final, cast

from django.conf import settings
from django.core.mail import EmailMessage
from django.template import Context
from django.template.backends.django import Template
from django.template.loader import get_template

from sharding import scope
from tenants.conf import tenant_settings
from tenants.directory.lookup import lookup_id
from tenants.errors import UnknownLink
from tenants.outbox.models import Message
from tenants.outbox.services.publish import publish

log = logging.getLogger(__name__)

TOPIC: Final = "mail"

PRODUCT: Final = "Atoll"
"""Who sends for tenants, where DEFAULT_FROM_EMAIL names nobody."""

LinkMaker = Callable[[str], str | None]
"""Makes the address for what a LateLink names; None when there is nothing to send any more."""


@dataclass(frozen=True, slots=True)
class LateLink:
    """A link that is made at the moment of sending; the template calls it `link`.

    Attributes:
        kind: what `register_link` knows it by.
        subject: what it is about, such as a user's id.
    """

    kind: str
    subject: str


_link_makers: dict[str, LinkMaker] = {}


def register_link(kind: str, make: LinkMaker) -> None:
    """Let `make` make the links of this kind, in the tenant's scope; called in ready()."""
    _link_makers[kind] = make


def queue_mail(
    template: str,
    *,
    to: str,
    context: Mapping[str, Any] | None = None,
    link: LateLink | None = None,
) -> None:
    """Send a mail of the tenant in scope, soon after the commit, at least once.

    `context` is what JSON can say, and no secrets: those are what `link` is for. Each text in it
    becomes one line. The template also knows `workspace`, the tenant's name.

    Transaction: needs one on the tenant's shard; rolled back, nothing is sent.

    Raises:
        NoTenantInScope, NoTransaction: as publish().
        TemplateDoesNotExist: there is no `mail/<template>.txt`.
        UnknownLink: nobody makes links of this kind.
    """
    _template(template)
    if link is not None:
        _maker(link.kind)
    publish(
        TOPIC,
        {
            "template": template,
            "to": to,
            "context": dict(context or {}),
            "link": [link.kind, link.subject] if link is not None else None,
        },
    )


def deliver(message: Message) -> None:
    """Write and send one mail; the handler of the outbox's topic `mail`.

    An address that the mail server refuses for good counts as delivered: mails to others wait
    behind it.

    Raises:
        OSError: the mail server is away or says "later"; smtplib's errors are among these.
    """
    place = scope.tenant("A mail")
    asked = message.payload
    entry = lookup_id(place.tenant_id)
    name = entry.name if entry is not None else ""
    context = {"workspace": name, **asked["context"]}
    if asked["link"] is not None:
        kind, subject = asked["link"]
        context["link"] = _maker(kind)(subject)
        if context["link"] is None:
            log.info("mail %s: its link leads nowhere any more, not sent", message.pk)
            return
    title, body = compose(asked["template"], context)
    _send(title, body, to=asked["to"], name=name, number=f"{place.tenant_id}.{message.pk}")


def deliver_control_mail(title: str, body: str, to: str) -> None:
    """Send one mail that is no tenant's; the caller is a task that may be tried again.

    Raises:
        OSError: as of `deliver`.
    """
    _send(title, body, to=to)


def compose(template: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and text of a mail."""
    # What people typed stands in the subject too: a line break in it would end the subject.
    told = {
        name: " ".join(value.split()) if isinstance(value, str) else value
        for name, value in context.items()
    }
    written = _template(template).template.render(Context(told, autoescape=False))
    title, _, body = written.partition("\n")
    return title.strip(), body.strip() + "\n"


def _send(title: str, body: str, *, to: str, name: str = "", number: str | None = None) -> None:
    headers = {"Auto-Submitted": "auto-generated"}
    if number is not None:
        # The same for each try, so that mailboxes show once what was delivered twice.
        headers["Message-ID"] = f"<{number}@{tenant_settings().base_domain}>"
    own_name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    # A tenant chooses its name: "via" tells readers who it is that sends.
    told = f"{name} via {own_name or PRODUCT}" if name else own_name
    sender = formataddr((" ".join(told.split()), address))
    try:
        EmailMessage(title, body, sender, [to], headers=headers).send()
    except SMTPRecipientsRefused as refused:
        if not all(_is_final(code) for code, _ in refused.recipients.values()):
            raise
        log.warning("The mail server takes no mail for an address: %s", refused.recipients)
    except ValueError as error:
        # Well formed by the rules of forms, and yet no name that a server could have.
        log.warning("No mail can be sent to an address: %s", error)


def _is_final(code: int) -> bool:
    return 500 <= code < 600


def _template(name: str) -> Template:
    return cast(Template, get_template(f"mail/{name}.txt"))


def _maker(kind: str) -> LinkMaker:
    try:
        return _link_makers[kind]
    except KeyError:
        raise UnknownLink(kind) from None
