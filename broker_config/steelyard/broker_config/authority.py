"""A certificate authority for development and small installations: one directory of PEM files.

A real deployment may use its own; what the broker needs is that a gateway's certificate has the common name
`<organization>/<gateway>` (see `acl`), ingest's `ingest`, and that the broker's bears its host names.
X.509 profile: RFC 5280; keys are ECDSA P-256, which every TLS stack of a gateway knows.
"""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from steelyard.broker_config.acl import INGEST_IDENTITY, gateway_identity
from steelyard.broker_config.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steelyard.contracts.identifiers import GatewayId, OrganizationId

AUTHORITY_DAYS = 3650
"""Validity of the authority's own certificate."""
LEAF_DAYS = 825
"""Validity of all others, unless asked otherwise."""
CRL_DAYS = 365
"""A revocation list must be made anew before this, or the broker refuses everybody."""
_SKEW = timedelta(minutes=10)
"""Certificates begin this much in the past: a gateway's clock may be behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write `name.crt` and `name.key` (readable by the owner alone); return both paths.

        The certificate comes last and at once: where there is one, there is its key, whenever this was interrupted.
        """
        certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
        _write_secret(key, self.key)
        unfinished = directory / f"{name}.crt.new"
        unfinished.write_bytes(self.certificate)
        unfinished.replace(certificate)
        return certificate, key


class Authority:
    """Signs certificates for one installation.

    Args:
        certificate: the authority's own.
        key: its private key.
    """

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(cls, now: datetime, *, name: str = "Steelyard development authority") -> Authority:
        """A new authority, valid from `now` (aware) for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = _key_usage(signs_certificates=True)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def load(cls, directory: Path) -> Authority:
        """Read `ca.crt` and `ca.key` of `directory`.

        Raises:
            CertificateError: names the file that is missing or not what it should be.
        """
        remedy = "make one with `steelyard broker ca`, or restore the files"
        try:
            certificate = x509.load_pem_x509_certificate((directory / "ca.crt").read_bytes())
            key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            message = f"no usable authority in {str(directory)!r} ({error})"
            raise CertificateError(message, field="directory", value=str(directory), remedy=remedy) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            message = f"{directory / 'ca.key'} is not an elliptic-curve key"
            raise CertificateError(message, field="ca.key", value=type(key).__name__, remedy=remedy)
        return cls(certificate, key)

    def save(self, directory: Path) -> None:
        """Write `ca.crt` and `ca.key` (readable by the owner alone)."""
        Issued(certificate=self.certificate, key=_pem(self._key)).write(directory, "ca")

    @property
    def certificate(self) -> bytes:
        """The authority's certificate (PEM): what clients and broker trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue_server(self, hosts: Sequence[str], now: datetime, *, days: int = LEAF_DAYS) -> Issued:
        """A broker's certificate for `hosts` (names or addresses)."""
        if not hosts:
            raise CertificateError("a broker's certificate needs at least one host name", field="hosts", value=hosts)
        names: list[x509.GeneralName] = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        return self._issue(hosts[0], ExtendedKeyUsageOID.SERVER_AUTH, now, days, names)

    def issue_gateway(
        self, organization: OrganizationId, gateway: GatewayId, now: datetime, *, days: int = LEAF_DAYS
    ) -> Issued:
        """A gateway's certificate: it may write its own frame and status and nothing else."""
        return self._issue(gateway_identity(organization, gateway), ExtendedKeyUsageOID.CLIENT_AUTH, now, days)

    def issue_ingest(self, now: datetime, *, days: int = LEAF_DAYS) -> Issued:
        """Ingest's certificate: it reads every frame and writes every receipt."""
        return self._issue(INGEST_IDENTITY, ExtendedKeyUsageOID.CLIENT_AUTH, now, days)

    def revocation_list(self, revoked: Iterable[bytes], now: datetime) -> bytes:
        """The list (PEM) of `revoked` certificates (PEM each), valid for a year."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - _SKEW)
            .next_update(now + timedelta(days=CRL_DAYS))
        )
        for pem in revoked:
            serial = x509.load_pem_x509_certificate(pem).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - _SKEW).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _issue(
        self,
        common_name: str,
        purpose: x509.ObjectIdentifier,
        now: datetime,
        days: int,
        hosts: Sequence[x509.GeneralName] = (),
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(certificate=certificate.public_bytes(serialization.Encoding.PEM), key=_pem(key))


def make_certificates(
    directory: Path,
    *,
    hosts: Sequence[str],
    gateways: Iterable[tuple[OrganizationId, GatewayId]],
    now: datetime,
) -> tuple[Path, ...]:
    """Make (or extend) a directory of certificates: ca, server, ingest and one per gateway.

    An authority that is there is kept, and so is every certificate that is there: run it again to add a gateway.

    Args:
        directory: made if it is missing, readable by the owner alone.
        hosts: names and addresses by which clients reach the broker.
        gateways: who shall have a certificate; the files are named `<organization>.<gateway>.crt` and `.key`.
        now: the present (aware).

    Returns:
        The certificates that were made anew.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    made: list[Path] = []
    if (directory / "ca.crt").exists():
        authority = Authority.load(directory)
    else:
        authority = Authority.create(now)
        authority.save(directory)
        made.append(directory / "ca.crt")
    if not (directory / "server.crt").exists():
        made.append(authority.issue_server(hosts, now).write(directory, "server")[0])
    if not (directory / "ingest.crt").exists():
        made.append(authority.issue_ingest(now).write(directory, "ingest")[0])
    for organization, gateway in gateways:
        name = f"{organization}.{gateway}"
        if not (directory / f"{name}.crt").exists():
            made.append(authority.issue_gateway(organization, gateway, now).write(directory, name)[0])
    return tuple(made)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_secret(path: Path, content: bytes) -> None:
    # Made unreadable before anything is in it; one that is there loses what it allowed to others.
    path.touch(mode=0o600)
    with contextlib.suppress(PermissionError):
        path.chmod(0o600)
    path.write_bytes(content)
