"""Doing once what a program asks for twice, because it did not hear the answer.

Source: the IETF's draft "The Idempotency-Key HTTP Header Field".
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from workspace.errors import KeyUsedOtherwise
from workspace.models import Receipt

KEPT_FOR: Final = timedelta(days=1)


def make_once(key: str, asked: bytes, make: Callable[[], int], *, by: User) -> int:
    """Call `make`, or do not if it was called for this key before; return the key of what it made.

    `key` is what `by`'s program calls this wish, and `asked` says what it is.

    Locks: whoever comes with the same key meanwhile waits for the end of this transaction.
    Transaction: opens its own or joins the caller's, in which `make` writes too: the receipt is
        there if and only if the thing is.

    Raises:
        KeyUsedOtherwise: with this key something else was asked for. Nothing was made.
    """
    name, digest = _hash(by.pk.bytes, key.encode()), _hash(asked)
    with transaction.atomic():
        receipt = Receipt(id=name, digest=digest)
        try:
            with transaction.atomic():
                receipt.save(force_insert=True)
        except IntegrityError:
            known = Receipt.objects.get(pk=name)
            if known.digest != digest:
                raise KeyUsedOtherwise from None
            return known.made
        receipt.made = make()
        receipt.save(update_fields=["made"])
    return receipt.made


def purge_receipts() -> int:
    """Forget receipts older than `KEPT_FOR`; return how many."""
    return Receipt.objects.filter(made_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def _hash(*parts: bytes) -> str:
    # Each with its length: two ways to cut the same bytes are two things.
    return hashlib.sha256(b"".join(b"%d:%s" % (len(part), part) for part in parts)).hexdigest()
