"""What all commands about operators have in common."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from django.core.management.base import OutputWrapper

from console.errors import ConsoleError, InvalidOperator, UnknownOperator
from console.models import TotpDevice
from console.services.factors import address_of, make_recovery_codes, secret_of
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


def add_recovery_codes(parser: ArgumentParser) -> None:
    """The option of commands that make a second factor."""
    parser.add_argument(
        "--recovery-codes", action="store_true", help="make codes for a lost device as well"
    )


def tell_factor(
    stdout: OutputWrapper, device: TotpDevice, options: Mapping[str, Any], *, password: str
) -> None:
    """Say an operator's secrets, which nobody is told again."""
    told: dict[str, Any] = {
        "email": device.user.email,
        "secret": secret_of(device),
        "address": address_of(device),
    }
    if password:
        told["password"] = password
    if options["recovery_codes"]:
        told["recovery_codes"] = make_recovery_codes(device.user)
    if options["json"]:
        stdout.write(json.dumps(told, indent=2))
        return
    if password:
        stdout.write(f"Password: {password}")
    stdout.write(f"Secret for an app with codes: {told['secret']}")
    stdout.write(f"The same as an address: {told['address']}")
    for code in told.get("recovery_codes", ()):
        stdout.write(f"Recovery code, good once: {code}")
    stdout.write("This is shown once. Signing in takes the password and a code.")
