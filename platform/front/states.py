"""States of a sign-up, and the changes that are allowed."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class SignUpState(StrEnum):
    """How far somebody is on the way to a workspace."""

    WAITING = "waiting-for-confirmation"
    """The address is not confirmed. Nothing is held for them, the slug neither."""

    CHOOSING = "choosing"
    """Confirmed, but the slug went to somebody else: they are asked for another."""

    CONFIRMED = "confirmed"
    """The slug is theirs; no task has begun."""

    MAKING = "making"
    """A task provisions the tenant, or was killed while it did."""

    READY = "ready"
    """The tenant is there and open."""

    FAILED = "failed"
    """It did not work. Tried again by itself, up to a limit; the slug stays theirs."""

    EXPIRED = "expired"
    """Never confirmed, or no other slug chosen, in time; or cancelled. Deleted soon."""


SIGN_UP_TRANSITIONS: Mapping[SignUpState, frozenset[SignUpState]] = MappingProxyType(
    {
        SignUpState.WAITING: frozenset(
            {SignUpState.CONFIRMED, SignUpState.CHOOSING, SignUpState.EXPIRED}
        ),
        SignUpState.CHOOSING: frozenset({SignUpState.CONFIRMED, SignUpState.EXPIRED}),
        SignUpState.CONFIRMED: frozenset({SignUpState.MAKING}),
        # MAKING again: a task that was killed is followed by another.
        SignUpState.MAKING: frozenset(
            {SignUpState.MAKING, SignUpState.READY, SignUpState.FAILED, SignUpState.CHOOSING}
        ),
        # A slower task may come to an end after another one gave up. Only a person lets it expire.
        SignUpState.FAILED: frozenset(
            {SignUpState.MAKING, SignUpState.READY, SignUpState.CHOOSING, SignUpState.EXPIRED}
        ),
        SignUpState.READY: frozenset(),
        SignUpState.EXPIRED: frozenset(),
    }
)

HOLDING: Final = (SignUpState.CONFIRMED, SignUpState.MAKING, SignUpState.FAILED)
"""States in which the slug is this sign-up's; afterwards the tenant itself has it."""
