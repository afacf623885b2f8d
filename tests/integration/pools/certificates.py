"""An authority and a server's certificate, made on the spot."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """Files.

    Attributes:
        authority: whose word counts for `certificate`, which is 127.0.0.1's; `key` is its key.
        stranger: another authority.
    """

    authority: Path
    certificate: Path
    key: Path
    stranger: Path


def make_certificates(folder: Path) -> Certificates:
    made = Certificates(*(folder / f"{name}.pem" for name in ("ca", "cert", "key", "stranger")))
    key, stranger, of_server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    made.authority.write_bytes(_pem(_authority("the authority", key)))
    made.stranger.write_bytes(_pem(_authority("a stranger", stranger)))
    local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = _builder("127.0.0.1", "the authority", of_server).add_extension(local, critical=False)
    made.certificate.write_bytes(_pem(signed.sign(key, hashes.SHA256())))
    made.key.write_bytes(
        of_server.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    made.key.chmod(0o600)
    return made


def _authority(name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    rights = x509.BasicConstraints(ca=True, path_length=None)
    builder = _builder(name, name, key).add_extension(rights, critical=True)
    return builder.sign(key, hashes.SHA256())


def _builder(name: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
