"""A vaccination certificate that anybody can check: our own check, and one written from the specification alone."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import Any

import pytest

from broker.rules import certificate
from broker.rules.certificate import CertificateError, Certified

KEY = certificate.private_key_of(bytes(range(32)))
OTHER = certificate.private_key_of(bytes(32))
AT = 1_790_000_000_000
DOSES = (Certified("20230501", "M1", "LOT0001", "模擬製薬1"), Certified("20230801", "", "LOT0002", "模擬製薬2"))
PASSPORT = {"passport_number": "TR1234567", "roman_name": "KARIYA AOI", "nationality": "JPN"}


def card(passport: dict[str, str] | None = None) -> str:
    """A card of two doses."""
    claims = certificate.claims_of("刈谷あおい", "19800102", "刈谷市", DOSES, AT, passport or {})
    return certificate.numeric(certificate.signed(claims, KEY))


def test_what_is_signed_is_what_is_read() -> None:
    """Name, birth date, each dose with day, vaccine, lot and who certifies; the same claims give the same card."""
    claims = certificate.opened(card(), KEY.public_key())

    patient, first, second = [one["resource"] for one in claims["vc"]["credentialSubject"]["fhirBundle"]["entry"]]
    assert (claims["nbf"], claims["iss"]) == (AT // 1000, certificate.ISSUER)
    assert (patient["name"], patient["birthDate"]) == ([{"text": "刈谷あおい"}], "1980-01-02")
    assert (first["occurrenceDateTime"], first["lotNumber"]) == ("2023-05-01", "LOT0001")
    assert second["vaccineCode"]["coding"][0]["code"] == "模擬製薬2"
    assert card() == card()


def test_passport_data_stands_on_cards_for_use_abroad_only() -> None:
    """The overseas kind adds passport data (domain 3(g)11); the one for use at home has none."""
    home, abroad = certificate.opened(card(), KEY.public_key()), certificate.opened(card(PASSPORT), KEY.public_key())

    assert not any(value in json.dumps(home) for value in PASSPORT.values())
    assert all(value in json.dumps(abroad) for value in PASSPORT.values())


def test_a_check_written_from_the_specification_agrees() -> None:
    """SMART Health Cards: pairs of digits plus 45, base64url parts, raw deflate, ES256 over the first two parts, kid as
    the key's thumbprint. Nothing of ours and no library of ours takes part but the published key."""
    published = certificate.jwk_of(KEY.public_key())
    digits = card().partition("shc:/")[2]
    jws = bytes(int(digits[n : n + 2]) + 45 for n in range(0, len(digits), 2)).decode()
    head, body, tail = jws.split(".")

    header, claims = json.loads(raw(head)), json.loads(zlib.decompress(raw(body), -15))
    members = ",".join(f'"{name}":"{published[name]}"' for name in ("crv", "kty", "x", "y"))
    assert header == {"zip": "DEF", "alg": "ES256", "kid": published["kid"]}
    assert raw(published["kid"]) == hashlib.sha256(f"{{{members}}}".encode()).digest()
    assert len(jws) <= certificate.ONE_CODE_CHARACTERS
    assert set(claims["vc"]["type"]) == set(certificate.TYPES)
    point = int.from_bytes(raw(published["x"]), "big"), int.from_bytes(raw(published["y"]), "big")
    assert is_signed(f"{head}.{body}".encode(), raw(tail), point)
    assert not is_signed(f"{head}.{body}x".encode(), raw(tail), point)


def raw(text: str) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# P-256 as FIPS 186-4 gives it; points are pairs, None is the point at infinity.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int] | None


def added(a: Point, b: Point) -> Point:
    """The sum of two points."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope**2 - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(count: int, point: Point) -> Point:
    """A point added to itself."""
    result: Point = None
    while count:
        result = added(result, point) if count & 1 else result
        point, count = added(point, point), count >> 1
    return result


def is_signed(message: bytes, signature: bytes, key: Point) -> bool:
    """ECDSA with SHA-256 (FIPS 186-4 section 6.4), in plain arithmetic."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    digest, inverse = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, N)
    found = added(times(digest * inverse % N, G), times(r * inverse % N, key))
    return found is not None and found[0] % N == r


def test_another_key_does_not_open_it() -> None:
    """A card is believed with the key that signed it and no other."""
    with pytest.raises(CertificateError, match="not signed with this key"):
        certificate.opened(card(), OTHER.public_key())


def changed(place: int, part: bytes) -> str:
    """The card with one of its three parts replaced."""
    parts = certificate.jws_of(card()).split(".")
    parts[place] = base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    return certificate.numeric(".".join(parts))


FORGED: tuple[Any, ...] = (
    changed(1, zlib.compress(b"{}", wbits=-15)),
    changed(2, bytes(64)),
    changed(2, bytes(63)),
    changed(0, b'{"alg":"none"}'),
    changed(0, b"[]"),
    changed(0, b"\xff"),
    "shc:/",
    "shc:/123",
    "shc:/12a4",
    "http:/1234",
    "shc:/" + "1" * 30_000,
    card()[:-2] + "76",
)


@pytest.mark.parametrize("text", FORGED, ids=range(len(FORGED)))
def test_no_forged_or_damaged_card_opens(text: str) -> None:
    """Other content, no signature, another algorithm, or no card at all: each is refused with a reason."""
    with pytest.raises(CertificateError):
        certificate.opened(text, KEY.public_key())
