"""住民基本台帳ネットワーク: an individual number goes in, a token or nothing comes out, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import ANJO, KARIYA, KEYS, NOW, TOYOTA, WORLD, Story, asks, canary, decided, service, store_of, told

from broker.errors import PeerFault
from broker.ports import Outgoing
from broker.rules import numbers
from broker.tables import NetworkCode, ResidentNumber, Suspension
from schemas.codec import encode
from schemas.records import IdentityConfirmed, IdentityNotified, IdentityUnknown
from services.resident_register import number_hash, resident_token

REGISTER = service("resident_register")
PERSON = WORLD.resident(0)
TOPIC = f"juki.{KARIYA}.identities"
NUMBER = "1" * 20


def notified(number: str, by: str = KARIYA) -> IdentityNotified:
    return IdentityNotified(by, NUMBER, number)


def test_known_person_is_confirmed_by_a_token() -> None:
    """The network learns a keyed token of the resident record and nothing that leads back to the number."""
    decision = decided(REGISTER, notified(PERSON.individual_number), store_of(residents=[0]), topic=TOPIC)
    (reply,) = decision.say

    assert reply == IdentityConfirmed(
        KARIYA, NUMBER, resident_token(KEYS.register, numbers.resident_record_code("0000000000"))
    )
    assert PERSON.individual_number.encode() not in encode(reply)
    assert (decision.write, decision.remove) == ((), ())


def test_unknown_person() -> None:
    """A synthetic number of nobody is told as unknown, without the number."""
    (reply,) = decided(REGISTER, notified(PERSON.individual_number), store_of(), topic=TOPIC).say

    assert reply == IdentityUnknown(KARIYA, NUMBER)


def real(eleven: str) -> str:
    return eleven + numbers.individual_number_check_digit(eleven)


REFUSED = (
    ("NOT_SYNTHETIC", notified(real("12345678901")), TOPIC),
    ("NOT_SYNTHETIC", notified(real("99989999999")), TOPIC),
    ("NOT_SYNTHETIC", notified(PERSON.individual_number[:-1] + str(9 - int(PERSON.individual_number[-1]))), TOPIC),
    ("FIELD_ILL_FORMED", notified("9999"), TOPIC),
    ("FIELD_ILL_FORMED", notified("九九九九０００００００１"), TOPIC),
    ("FOREIGN_SENDER", notified(PERSON.individual_number, TOYOTA), TOPIC),
    ("FOREIGN_SENDER", notified(PERSON.individual_number, ANJO), TOPIC),
    ("UNKNOWN_INSTITUTION", notified(PERSON.individual_number, "9900999999900000"), TOPIC),
)


@pytest.mark.parametrize(("rule", "message", "topic"), REFUSED)
def test_refused(rule: str, message: Any, topic: str) -> None:
    """A number outside the synthetic range, an ill-formed one, a foreign sender: set aside, and never repeated."""
    with pytest.raises(PeerFault) as fault:
        decided(REGISTER, message, store_of(residents=[0]), topic=topic)

    assert fault.value.rule == rule
    assert message.individual_number not in str(fault.value)


async def nothing_much(story: Story) -> None:
    """One good inquiry."""
    await story.ask(asks())


LEAKS = (
    ("a number in a message", "network.permit_issued", lambda story: PERSON.individual_number),
    ("a code at an institution", f"institution.{KARIYA}.replies", lambda story: story.exchange().linkage_code),
    (
        "both codes of one person",
        "inquiry.inquiry_sent",
        lambda story: " ".join(row.linkage_code for row in story.rows(NetworkCode) if row.internal_id == first(story)),
    ),
)


def first(story: Story) -> str:
    """The person of the story, as the network names them."""
    codes = {row.linkage_code: row.internal_id for row in story.rows(NetworkCode)}
    return str(codes[story.exchange().linkage_code])


@pytest.mark.parametrize(("name", "topic", "leak"), LEAKS)
def test_canary_sees_a_leak(name: str, topic: str, leak: Callable[[Story], str]) -> None:
    """What judges every story does see a number or a code where none may be."""
    story = told(nothing_much)
    value = leak(story).encode()

    story.broker.append(Outgoing(topic, 0, b"", value, (("ce_id", b"x"),), NOW))

    assert [text.split("/")[0] for text in canary(story)] == [topic]


def test_canary_sees_rows_and_log_lines() -> None:
    """A number in a table or in a log line is found as well."""
    story = told(nothing_much)

    story.store.put([Suspension(KARIYA, PERSON.individual_number, "", 0)])
    story.events = [{"event": "said", "text": PERSON.individual_number}]

    assert [text.split(":")[0] for text in canary(story)] == ["Suspension", "log event said"]


def test_number_is_kept_as_a_keyed_hash_alone() -> None:
    """Twelve digits could be enumerated: without the key nobody can tell whose row it is."""
    (row,) = store_of(residents=[0]).tables[ResidentNumber].values()

    assert row.number_hash == number_hash(KEYS.register, PERSON.individual_number)
    assert row.number_hash != number_hash(bytes(32), PERSON.individual_number)
    assert len(row.resident_token) == 64
    assert resident_token(KEYS.register, "1") != resident_token(bytes(32), "1")
