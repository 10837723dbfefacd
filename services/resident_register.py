"""住民基本台帳ネットワーク / J-LIS: the resident register, outside intermediate server and NWS.

Hears IdentityNotified on the institutions' juki topics, the only ones that carry an individual number. Says
IdentityConfirmed with a keyed token of the resident record, or IdentityUnknown.

Always holds: the individual number is looked up by a keyed hash and written nowhere (domain 3(a)3); numbers outside
the synthetic range are never accepted.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

from broker.decision import Decision
from broker.errors import PeerFault
from broker.facts import Facts
from broker.rules import numbers
from broker.rules.fields import errors_in
from broker.service import Context, Service, on
from broker.tables import Institution, ResidentNumber
from schemas.records import IdentityConfirmed, IdentityNotified, IdentityUnknown
from services.common import sender_checked

NAME = "resident_register"


def number_hash(key: bytes, individual_number: str) -> bytes:
    """The keyed hash an individual number is found by; twelve digits alone could be enumerated."""
    return hmac.new(key, b"individual/" + individual_number.encode(), sha256).digest()


def resident_token(key: bytes, resident_record_code: str) -> str:
    """What the network learns instead of a resident record code: 64 hex digits."""
    return hmac.new(key, b"resident/" + resident_record_code.encode(), sha256).hexdigest()


def service(key: bytes) -> Service:
    """The declaration; `key` is the register's own secret."""

    async def load_notified(messages: Sequence[IdentityNotified], facts: Facts) -> None:
        """The institutions and the residents."""
        await facts.load(Institution, [(m.institution_code,) for m in messages])
        await facts.load(ResidentNumber, [(number_hash(key, m.individual_number),) for m in messages])

    def decide_notified(message: IdentityNotified, facts: Facts, context: Context) -> Decision:
        """Turn the individual number into the resident's token (domain 3(a)3)."""
        sender_checked(message.institution_code, facts, context)
        errors = errors_in(message)
        if errors:
            raise PeerFault("FIELD_ILL_FORMED", "; ".join(f"{one.field}: {one.reason_en}" for one in errors))
        if not numbers.is_synthetic_individual_number(message.individual_number):
            raise PeerFault("NOT_SYNTHETIC", "the number is outside the synthetic range")
        resident = facts.get(ResidentNumber, number_hash(key, message.individual_number))
        if resident is None:
            unknown = IdentityUnknown(message.institution_code, message.acquisition_number)
            return Decision("unknown", (unknown,))
        confirmed = IdentityConfirmed(message.institution_code, message.acquisition_number, resident.resident_token)
        return Decision("confirmed", (confirmed,))

    return Service(NAME, (on(IdentityNotified, load_notified, decide_notified),))
