"""Host names in one form: what a browser sends, and what an admin types."""

import ipaddress
import re
from functools import lru_cache
from typing import Final

import idna

from tenants.errors import InvalidDomain, InvalidHost

LONGEST_NAME: Final = 253
_LONGEST_HEADER: Final = LONGEST_NAME + len(".:65535")
_HIGHEST_PORT: Final = 65535
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PORT: Final = re.compile(r":[0-9]{1,5}")
_BRACKETED: Final = re.compile(r"\[([0-9a-fA-F:.]{2,45})\](:[0-9]{1,5})?")


@lru_cache(maxsize=4096)
def normalise_host(header: str) -> str:
    """The host that a Host header names: lower case, no port, no trailing dot.

    An IPv6 address comes back in brackets, in its shortest form.

    Raises:
        InvalidHost: it is none. Two Host headers arrive joined by a comma, and are none either.
    """
    if not header:
        raise InvalidHost(header, "it is empty")
    if len(header) > _LONGEST_HEADER:
        raise InvalidHost(header, f"it is {len(header)} characters long")
    if not header.isascii():
        raise InvalidHost(header, "names in other scripts are sent as xn--…")
    if header.startswith("["):
        return _ipv6(header)
    name, colon, port = header.partition(":")
    if colon and not _is_port(colon + port):
        raise InvalidHost(header, "what follows the colon is no port")
    name = name.lower().removesuffix(".")
    why = _why_no_name(name)
    if why:
        raise InvalidHost(header, why)
    return name


def normalise_domain(typed: str) -> str:
    """The form in which a domain that somebody typed is stored and looked up.

    Names in other scripts become `xn--…`, as browsers send them.

    Raises:
        InvalidDomain: it is no name that a tenant can be reached by.
    """
    if len(typed) > LONGEST_NAME + 1:
        raise InvalidDomain(typed, f"it is longer than {LONGEST_NAME} characters")
    name = typed.strip().lower().removesuffix(".")
    if ":" in name or "/" in name:
        raise InvalidDomain(typed, "give the bare name, without scheme, port and path")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise InvalidDomain(typed, f"as an international name it is wrong ({error})") from error
    why = _why_no_name(name)
    if why:
        raise InvalidDomain(typed, why)
    if _is_address(name):
        raise InvalidDomain(typed, "an address is no name")
    if "." not in name:
        raise InvalidDomain(typed, "it has no dot")
    return name


def _why_no_name(name: str) -> str:
    if not name:
        return "it is empty"
    if len(name) > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} characters"
    for label in name.split("."):
        if not label:
            return "two dots stand together"
        if not _LABEL.fullmatch(label):
            return f"{label[:70]!r} is none of its parts: 1 to 63 letters, digits and inner hyphens"
    return ""


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text[1:]) <= _HIGHEST_PORT


def _ipv6(header: str) -> str:
    match = _BRACKETED.fullmatch(header)
    if match is None:
        raise InvalidHost(header, "what stands in the brackets is no IPv6 address")
    if match[2] and not _is_port(match[2]):
        raise InvalidHost(header, "what follows the colon is no port")
    try:
        return f"[{ipaddress.IPv6Address(match[1]).compressed}]"
    except ipaddress.AddressValueError as error:
        raise InvalidHost(header, "what stands in the brackets is no IPv6 address") from error


def _is_address(name: str) -> bool:
    # A last part of digits only: every resolver takes that for an address, complete or not.
    return name.rpartition(".")[2].isdigit()
