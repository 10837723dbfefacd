"""接種証明書 as a SMART Health Card: what is certified, signed so that anybody can check it without asking anybody.

Owns the form: a minified FHIR bundle in a verifiable credential, deflated, as a JWS with ES256, spelt in digits for a
QR code (SMART Health Cards Framework 1.x). Promises pure functions; the signature is deterministic (RFC 6979), so
deciding twice gives the same bytes. Leaves who may have one, and on what application, to VRS.

Vaccine codes are the simulator's own (`VACCINE_SYSTEM`): the real cards' code table is not part of our sources.
"""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

PREFIX = "shc:/"
ONE_CODE_CHARACTERS = 1195  # of the JWS: what a version-22 QR code holds (the framework's limit for one code)
LONGEST_TEXT = 20_000
LARGEST_PAYLOAD = 65_536
TYPES = (
    "https://smarthealth.cards#health-card",
    "https://smarthealth.cards#immunization",
    "https://smarthealth.cards#covid19",
)
ISSUER = "https://vrs.chukan.invalid/issuer"
VACCINE_SYSTEM = "https://chukan.invalid/vaccine-type"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
_SIDE = 32


class CertificateError(ValueError):
    """The text is no card, or not one that this key signed."""


class Certified(NamedTuple):
    """One dose on a certificate."""

    dose_date: str  # YYYYMMDD
    vaccine_type: str
    lot_number: str
    maker: str


def private_key_of(secret: bytes) -> ec.EllipticCurvePrivateKey:
    """The P-256 key that 32 secret bytes stand for."""
    return ec.derive_private_key(int.from_bytes(secret, "big") % (ORDER - 1) + 1, ec.SECP256R1())


def jwk_of(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The public key as JSON Web Key (RFC 7517) with its thumbprint (RFC 7638) as `kid`."""
    numbers = key.public_numbers()
    x, y = (_spelt(side.to_bytes(_SIDE, "big")) for side in (numbers.x, numbers.y))
    thumbprint = sha256(_compact({"crv": "P-256", "kty": "EC", "x": x, "y": y})).digest()
    return {"kty": "EC", "kid": _spelt(thumbprint), "use": "sig", "alg": "ES256", "crv": "P-256", "x": x, "y": y}


def claims_of(
    name: str, birth_date: str, performer: str, doses: Sequence[Certified], at: int, passport: Mapping[str, str]
) -> dict[str, Any]:
    """What is certified. birth_date: YYYYMMDD; at: milliseconds since 1970 UTC; passport: empty for use at home."""
    patient: dict[str, Any] = {"resourceType": "Patient", "name": [{"text": name}], "birthDate": _day(birth_date)}
    if passport:
        patient["name"] = [{"text": name}, {"text": passport["roman_name"]}]
        patient["identifier"] = [{"type": {"text": "PPN"}, "value": passport["passport_number"]}]
        patient["address"] = [{"country": passport["nationality"]}]
    entries = [patient, *(_immunization(dose, performer) for dose in doses)]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"resource:{place}", "resource": one} for place, one in enumerate(entries)],
    }
    subject = {"fhirVersion": "4.0.1", "fhirBundle": bundle}
    return {"iss": ISSUER, "nbf": at // 1000, "vc": {"type": list(TYPES), "credentialSubject": subject}}


def _immunization(dose: Certified, performer: str) -> dict[str, Any]:
    return {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": VACCINE_SYSTEM, "code": dose.vaccine_type or dose.maker}]},
        "patient": {"reference": "resource:0"},
        "occurrenceDateTime": _day(dose.dose_date),
        "performer": [{"actor": {"display": performer}}],
        "lotNumber": dose.lot_number,
    }


def signed(claims: Mapping[str, Any], key: ec.EllipticCurvePrivateKey) -> str:
    """The claims as compact JWS: header, deflated payload, signature r || s."""
    header = {"zip": "DEF", "alg": "ES256", "kid": jwk_of(key.public_key())["kid"]}
    deflate = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    payload = deflate.compress(_compact(claims)) + deflate.flush()
    text = f"{_spelt(_compact(header))}.{_spelt(payload)}"
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(SHA256(), deterministic_signing=True)))
    return f"{text}.{_spelt(r.to_bytes(_SIDE, 'big') + s.to_bytes(_SIDE, 'big'))}"


def numeric(jws: str) -> str:
    """`shc:/` and two digits a character: the character's code less 45."""
    return PREFIX + "".join([f"{ord(letter) - 45:02d}" for letter in jws])


def jws_of(text: str) -> str:
    """The JWS behind `shc:/` and digits; CertificateError when it is none."""
    digits = text.removeprefix(PREFIX)
    whole = text.startswith(PREFIX) and len(text) <= LONGEST_TEXT and len(digits) % 2 == 0
    if not (whole and digits.isascii() and digits.isdigit()):
        raise CertificateError("a card is shc:/ and an even number of digits")
    return "".join([chr(int(digits[place : place + 2]) + 45) for place in range(0, len(digits), 2)])


def opened(text: str, key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    """The claims of a card that this key signed; otherwise CertificateError says what is wrong."""
    parts = jws_of(text).split(".")
    if len(parts) != 3:
        raise CertificateError("a card has three parts")
    header_bytes, payload, signature = (_unspelt(part) for part in parts)
    header = _json(header_bytes)
    if header.get("alg") != "ES256" or header.get("zip") != "DEF" or header.get("kid") != jwk_of(key)["kid"]:
        raise CertificateError("the card was not signed with this key")
    if len(signature) != 2 * _SIDE:
        raise CertificateError("the signature has 64 bytes")
    r, s = (int.from_bytes(side, "big") for side in (signature[:_SIDE], signature[_SIDE:]))
    try:
        key.verify(encode_dss_signature(r, s), f"{parts[0]}.{parts[1]}".encode(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise CertificateError("the signature does not fit the card") from None
    inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        plain = inflate.decompress(payload, LARGEST_PAYLOAD)
    except zlib.error:
        raise CertificateError("the payload is not deflated") from None
    return _json(plain)


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise CertificateError("not JSON") from None
    if not isinstance(found, dict):
        raise CertificateError("not a JSON object")
    return found


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _day(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def _spelt(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unspelt(text: str) -> bytes:
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError):
        raise CertificateError("not base64url") from None
    if _spelt(data) != text:  # the decoder skips foreign characters and ignores unused low bits
        raise CertificateError("not the one base64url spelling")
    return data
