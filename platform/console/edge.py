"""What all commands about operators have in common."""

import json
from contextlib import AbstractContextManager
from typing import Any, Final

from django.core.management.base import OutputWrapper

from console.errors import ConsoleError, InvalidOperator, UnknownOperator
from console.models import TotpDevice
from console.services.factors import address_of, secret_of
from sharding.placements import telling
from sharding.placements.telling import Exit, ExitCodes

_CODES: Final[ExitCodes] = {
    ConsoleError: Exit.FAILED,
    InvalidOperator: Exit.USAGE,
    UnknownOperator: Exit.USAGE,
}


def errors_told() -> AbstractContextManager[None]:
    """Turn what the services raise into CommandError; see `sharding.placements.telling`."""
    return telling.errors_told(_CODES)


def tell_factor(stdout: OutputWrapper, device: TotpDevice, *, password: str, as_json: bool) -> None:
    """Say an operator's secrets, which nobody is told again."""
    told: dict[str, Any] = {
        "email": device.user.email,
        "secret": secret_of(device),
        "address": address_of(device),
    }
    if password:
        told["password"] = password
    if as_json:
        stdout.write(json.dumps(told, indent=2))
        return
    if password:
        stdout.write(f"Password: {password}")
    stdout.write(
        f"Secret for an app with codes: {told['secret']}\n"
        f"The same as an address:       {told['address']}\n"
        "This is shown once. Signing in takes the password and a code."
    )
