"""Whatever anybody puts on a topic: it is refused with a reason, set aside, or harmless; the next message is served."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from installation_fixtures import (
    Read,
    block_every_tenth,
    ends_of,
    everything_on,
    new_consumer,
    new_system,
    now_ms,
    query,
    read_of,
    rows_of,
    settings,
    until,
)

from broker.rules import permits
from broker.rules.reasons import reason_of
from broker.rules.signing import sign_batch
from broker.tables import SetAside
from broker.topics import Topics
from schemas.codec import MAXIMUM_MESSAGE_BYTES, TOPIC, TYPES, decode, decode_all, encode
from schemas.records import (
    HoldConfirmed,
    InquiryAnswered,
    InquiryForwarded,
    InquiryRejected,
    InquiryRequested,
    InquirySent,
    Message,
    Outcome,
    Permit,
    RequestedKind,
)
from services import access
from services.up import System
from services.world import LOCAL_TAX, Resident

SECONDS = 30
Place = tuple[str, int, int]


class Wire:
    """Somebody with a Kafka user who puts bytes on topics and hears what the institutions hear."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.world = system.world
        self.topics = Topics(system.installation.config.shards, frozenset(system.world.attached))
        self.said = 0
        self._producers: dict[str, Producer] = {}
        self._consumer = new_consumer(system.parts)
        self._heard: list[Read] = []
        replies = [f"institution.{owner}.replies" for owner in (*system.world.attached, "shared")]
        ends = ends_of(self._consumer, replies)
        self._consumer.assign([TopicPartition(*source, end) for source, end in ends.items()])

    def close(self) -> None:
        """Nothing more is heard."""
        self._consumer.close()

    def put(
        self,
        user: str,
        topic: str,
        value: bytes | None,
        partition: int = 0,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> Place:
        """These bytes lie there, said by this user; where."""
        if user not in self._producers:
            word = self.system.installation.password(user)
            more = {"message.max.bytes": 4_000_000, "enable.idempotence": True}
            self._producers[user] = Producer(settings(self.system.parts, user, word) | more)
        done: list[Any] = []
        producer = self._producers[user]
        producer.produce(
            topic, value, b"k", partition, on_delivery=lambda *both: done.append(both), headers=list(headers)
        )
        assert producer.flush(SECONDS) == 0
        error, record = done[0]
        if error is not None:
            raise KafkaException(error)
        return read_of(record)[:3]

    def say(self, message: Message, user: str = "") -> Place:
        """A message on its own topic, by default by the institution it belongs to."""
        to = self.topics.destination(message)
        return self.put(user or user_of(to.topic), to.topic, encode(message), to.partition)

    def hear(self, wanted: Callable[[Read, Any], bool], seconds: float = SECONDS) -> Any:
        """The first reply that is wanted, on any institution's topic."""
        deadline = time.monotonic() + seconds
        while True:
            for record in self._heard:
                message = decode(record.value)
                if wanted(record, message):
                    return message
            assert time.monotonic() < deadline, f"no such reply after {seconds:g} s"
            self._heard += [read_of(one) for one in self._consumer.consume(100, 0.2) if one.error() is None]

    def rejection(self, place: Place) -> InquiryRejected:
        """The reply that names this record."""
        found: InquiryRejected = self.hear(
            lambda _, m: isinstance(m, InquiryRejected) and (m.topic, m.partition, m.offset) == place
        )
        return found

    def answer(self, message: InquiryRequested) -> InquiryAnswered:
        """The answer to an inquiry."""
        key = (message.inquirer_institution_code, message.record_identification_number)
        found: InquiryAnswered = self.hear(
            lambda _, m: (
                isinstance(m, InquiryAnswered) and (m.inquirer_institution_code, m.record_identification_number) == key
            )
        )
        return found

    def inquiry(self, resident: Resident) -> InquiryRequested:
        """A permitted inquiry of this resident, with a number nobody has used."""
        self.said += 1
        message = self.world.inquiry(resident.number, now_ms())
        return message._replace(record_identification_number=f"W{self.said:06d}")

    def aside(self, place: Place) -> list[SetAside]:
        """The rows that keep this record, one a service that read it; at least one."""
        found: list[SetAside] = until(
            lambda: [r for r in rows_of(self.system.parts, SetAside)[SetAside] if r[1:4] == place], SECONDS, "set aside"
        )
        return found


def user_of(topic: str) -> str:
    """Who may write on an institution's topic."""
    owner = topic.split(".")[1]
    return access.SIMULATED if owner == "shared" else access.institution_user(owner)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A running installation and a hand on its wires. At the end no service has ever died."""
    with new_system(tmp_path_factory.mktemp("bad"), "packed") as system:
        block_every_tenth(system)
        one = Wire(system)
        yield one
        one.close()
        assert {name: child.returncode for name, child in system.fleet.children.items() if child.returncode} == {}


@pytest.fixture(scope="module")
def resident(wire: Wire) -> Resident:
    """Somebody between two attached institutions, not blocked."""
    everybody = (wire.world.resident(n) for n in range(wire.world.plan.residents) if n % 10 != 8)
    return next(r for r in everybody if {r.home, r.previous} <= set(wire.world.attached))


@pytest.fixture
def own(resident: Resident) -> str:
    """The request topic of the resident's home."""
    return f"institution.{resident.home}.requests"


def served(wire: Wire, resident: Resident) -> bool:
    """Whether the next message is served."""
    message = wire.inquiry(resident)
    wire.say(message)
    return wire.answer(message).kinds[0].outcome is Outcome.OK


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────

BYTES: tuple[tuple[str, Callable[[bytes], bytes | None]], ...] = (
    ("EMPTY", lambda _: None),
    ("EMPTY", lambda _: b""),
    ("NOT_FRAMED", lambda _: b"hello"),
    ("NOT_FRAMED", lambda _: b"\x00\x00\x00"),
    ("NOT_FRAMED", lambda whole: whole[5:]),
    ("UNKNOWN_SCHEMA", lambda whole: b"\x00\x00\x01\x86\x9f" + whole[5:]),
    ("DAMAGED", lambda whole: whole[:30]),
    ("DAMAGED", lambda whole: whole[:5] + b"\xff" * 40),
    ("TRAILING_BYTES", lambda whole: whole + b"\x00"),
    ("OVERSIZED", lambda whole: whole + bytes(MAXIMUM_MESSAGE_BYTES)),
)


@pytest.mark.parametrize(("rule", "broken"), BYTES, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(BYTES)])
def test_what_cannot_be_read_is_set_aside_with_the_reason(
    wire: Wire, resident: Resident, own: str, rule: str, broken: Callable[[bytes], bytes | None]
) -> None:
    """The sender is told the rule and the place of the record, the bytes are kept encrypted, the next is served."""
    value = broken(encode(wire.inquiry(resident)))

    place = wire.put(user_of(own), own, value)
    reply, kept = wire.rejection(place), wire.aside(place)

    assert [error.error_id for error in reply.errors] == [reason_of(rule).error_id]
    assert reply.inquirer_institution_code == resident.home
    assert {row.rule for row in kept} == {rule}
    assert {wire.system.installation.keys.unprotect(row.value) for row in kept} == {value or b""}
    assert served(wire, resident)


def sized(wire: Wire, resident: Resident, size: int) -> bytes:
    """An inquiry of exactly so many bytes, its operator's name far too long."""
    message = wire.inquiry(resident)
    more = size - len(encode(message))
    for length in range(more - 4, more + len(message.inquirer_operator_id) + 1):
        value = encode(message._replace(inquirer_operator_id="X" * length))
        if len(value) == size:
            return value
    raise AssertionError(size)


@pytest.mark.parametrize(
    ("over", "rule", "field"),
    [
        (-1, "FIELD_ILL_FORMED", "inquirer_operator_id"),
        (0, "FIELD_ILL_FORMED", "inquirer_operator_id"),
        (1, "OVERSIZED", ""),
    ],
)
def test_the_size_limit_is_exact(wire: Wire, resident: Resident, own: str, over: int, rule: str, field: str) -> None:
    """262,144 bytes are read, and judged by their fields; one more is not."""
    place = wire.put(user_of(own), own, sized(wire, resident, MAXIMUM_MESSAGE_BYTES + over))

    [error] = wire.rejection(place).errors
    assert (error.field, error.error_id) == (field, reason_of(rule).error_id)
    assert served(wire, resident)


def test_kafka_itself_takes_no_more_than_a_mebibyte(resident: Resident, wire: Wire, own: str) -> None:
    """Nobody can fill a topic with records that no consumer would fetch."""
    with pytest.raises(KafkaException) as raised:
        wire.put(user_of(own), own, bytes(1_100_000))

    assert raised.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert served(wire, resident)


# ── who speaks ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_of_another_type_is_refused(wire: Wire, resident: Resident, own: str) -> None:
    """A copy on the request topic, a reply on the request topic: neither is taken for what it is not."""
    copy = encode(wire.world.copy_of(resident, LOCAL_TAX))
    reply = encode(InquiryRejected("", resident.home, own, 0, 0, ()))

    for value in (copy, reply):
        place = wire.put(user_of(own), own, value)
        assert [error.error_id for error in wire.rejection(place).errors] == [reason_of("WRONG_TOPIC").error_id]
        assert {row.rule for row in wire.aside(place)} == {"WRONG_TOPIC"}
    assert served(wire, resident)


def test_nobody_speaks_for_another_institution(wire: Wire, resident: Resident, own: str) -> None:
    """An inquiry in a neighbour's name is set aside on the topic it came from; the neighbour has no inquiry by it."""
    forged = wire.inquiry(resident)._replace(inquirer_institution_code=resident.previous)

    place = wire.put(user_of(own), own, encode(forged))
    reply, kept = wire.rejection(place), wire.aside(place)

    number = forged.record_identification_number
    assert [error.error_id for error in reply.errors] == [reason_of("FOREIGN_SENDER").error_id]
    assert reply.inquirer_institution_code == resident.home
    assert {row.rule for row in kept} == {"FOREIGN_SENDER"}
    assert query(wire.system.parts, "select from inquiries where record_identification_number = $1", number) == []
    assert served(wire, resident)


@pytest.mark.parametrize("rule", ["UNKNOWN_INSTITUTION", "FOREIGN_SENDER"])
def test_the_shared_topic_serves_its_own_only(wire: Wire, resident: Resident, rule: str) -> None:
    """An institution nobody knows, and one that has topics of its own, are set aside; there is nobody to tell."""
    code = "9900999999999999" if rule == "UNKNOWN_INSTITUTION" else resident.home
    forged = wire.inquiry(resident)._replace(inquirer_institution_code=code)

    place = wire.put(access.SIMULATED, "institution.shared.requests", encode(forged))

    assert {row.rule for row in wire.aside(place)} == {rule}
    assert served(wire, resident)


def test_an_institution_on_the_shared_topic_is_served(wire: Wire) -> None:
    """Those without topics of their own are institutions like any other."""
    everybody = (wire.world.resident(n) for n in range(wire.world.plan.residents) if n % 10 != 8)

    assert served(wire, next(r for r in everybody if r.home not in wire.world.attached))


@pytest.mark.parametrize(
    "headers",
    [
        [("traceparent", None)] * 6,
        [("cause", b"inquiry/0 999999 0")] * 6,
        [("traceparent", b"t" * 70_000)],
        [("ce_id", b"\xff\xfe"), ("cause", b"x")],
    ],
)
def test_headers_from_outside_do_no_harm(
    wire: Wire, resident: Resident, own: str, headers: list[tuple[str, bytes | None]]
) -> None:
    """What an institution writes into headers is not believed; its message is served all the same."""
    message = wire.inquiry(resident)

    wire.put(user_of(own), own, encode(message), headers=headers)

    assert wire.answer(message).kinds[0].outcome is Outcome.OK
    assert served(wire, resident)


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_wrong_field_is_named(wire: Wire, resident: Resident) -> None:
    """Missing and ill-formed fields, nested ones too, all at once and by their names."""
    good = wire.inquiry(resident)
    kind = RequestedKind("1234", "", period_from="20261301", answer_within_seconds=-1)
    bad = good._replace(requested_at="", integrated_number="12345", affair_code="JM1", kinds=(*good.kinds, kind))

    reply = wire.rejection(wire.say(bad))

    assert reply.record_identification_number == good.record_identification_number
    assert {error.field for error in reply.errors} == {
        "requested_at",
        "integrated_number",
        "affair_code",
        "kinds[1].provider_institution_code",
        "kinds[1].spi_name_code",
        "kinds[1].period_from",
        "kinds[1].answer_within_seconds",
    }
    assert all(error.error_id and error.reason_ja and error.reason_en for error in reply.errors)
    assert served(wire, resident)


def test_a_repeat_is_dropped_and_another_content_is_an_error(wire: Wire, resident: Resident) -> None:
    """The same record number with the same bytes is said once; with other bytes the sender is told so."""
    message = wire.inquiry(resident)
    wire.say(message)
    first = wire.answer(message)

    wire.say(message)
    reply = wire.rejection(wire.say(message._replace(inquirer_operator_id="OP777")))

    number = message.record_identification_number
    known = query(
        wire.system.parts, "select answered_at from inquiries where record_identification_number = $1", number
    )
    assert [error.field for error in reply.errors] == ["record_identification_number"]
    assert reply.record_identification_number == number
    assert [row[0] for row in known] == [first.answered_at]
    assert served(wire, resident)


# ── permits, with the services' own credentials ──────────────────────────────────────────────────────────────────


class Used(NamedTuple):
    """A finished exchange: what went to the network, and what went on to the provider."""

    sent: InquirySent
    forwarded: InquiryForwarded
    permit: Permit


@pytest.fixture(scope="module")
def used(wire: Wire, resident: Resident) -> Used:
    """An inquiry that was served, and its messages as they lie on the internal topics."""
    message = wire.inquiry(resident)
    wire.say(message)
    serial = wire.answer(message).kinds[0].transaction_serial_number
    exchange = f"{resident.home}-{serial}"
    names = [TOPIC[InquirySent], TOPIC[InquiryForwarded]]
    said = [one for record in everything_on(wire.system.parts, names) for one in decode_all(record.value)]
    sent = next(m for m in said if isinstance(m, InquirySent) and m.exchange_id == exchange)
    forwarded = next(m for m in said if isinstance(m, InquiryForwarded) and m.exchange_id == exchange)
    permit = permits.opened(sent.permit)
    assert permit is not None
    return Used(sent, forwarded, permit)


def flipped(data: bytes) -> bytes:
    """The same bytes but for one bit."""
    return data[:-1] + bytes([data[-1] ^ 1])


def signed(wire: Wire, permit: Permit) -> tuple[bytes, bytes]:
    """A permit with a proof that holds: only the network has this key."""
    body = encode(permit)
    return body, sign_batch([body], permits.CONTEXT, wire.system.installation.keys.network_signing)[0]


Misuse = Callable[[Wire, Used, Any], Any]
MISUSES: tuple[tuple[str, Misuse], ...] = (
    ("PERMIT_REUSED", lambda wire, used, m: m),
    ("PERMIT_FORGED", lambda wire, used, m: m._replace(permit_proof=flipped(m.permit_proof))),
    ("PERMIT_FORGED", lambda wire, used, m: m._replace(permit=encode(used.permit._replace(expires_at=2**60)))),
    ("PERMIT_FORGED", lambda wire, used, m: m._replace(permit=b"", permit_proof=b"")),
    ("PERMIT_OTHER_PARTY", lambda wire, used, m: m._replace(exchange_id=flipped(m.exchange_id.encode()).decode())),
)
NETWORK_MISUSES: tuple[tuple[str, Misuse], ...] = (
    *MISUSES,
    (
        "PERMIT_OTHER_PARTY",
        lambda wire, used, m: m._replace(presented_by=used.permit.provider_institution_code),
    ),
)


@pytest.mark.parametrize(("rule", "misuse"), NETWORK_MISUSES)
def test_the_network_takes_no_bad_permit(wire: Wire, resident: Resident, used: Used, rule: str, misuse: Misuse) -> None:
    """Forged, used before, another's: set aside with its rule, and nothing is forwarded."""
    before = forwarded_by(wire)

    place = wire.say(misuse(wire, used, used.sent), access.INTERMEDIATE_SERVER)

    assert [row.rule for row in wire.aside(place)] == [rule]
    assert forwarded_by(wire) == before
    assert served(wire, resident)


def forwarded_by(wire: Wire) -> int:
    """How many inquiries the network has forwarded."""
    return len(everything_on(wire.system.parts, [TOPIC[InquiryForwarded]]))


@pytest.mark.parametrize(("rule", "misuse"), MISUSES)
def test_the_provider_takes_no_bad_permit(
    wire: Wire, resident: Resident, used: Used, rule: str, misuse: Misuse
) -> None:
    """Whoever could write in the network's place would still get nothing out of a provider."""
    before = provisions_in(wire)

    place = wire.say(misuse(wire, used, used.forwarded), access.NETWORK)

    assert [row.rule for row in wire.aside(place)] == [rule]
    assert provisions_in(wire) == before
    assert served(wire, resident)


def provisions_in(wire: Wire) -> int:
    """How many permits were served."""
    return int(query(wire.system.parts, "select count(*) from provisions")[0][0])


def test_an_expired_permit_opens_nothing(wire: Wire, resident: Resident, used: Used) -> None:
    """With a true signature, but past its time: the network returns it and a provider answers without content."""
    old = used.permit._replace(permit_id="e" * len(used.permit.permit_id), issued_at=1, expires_at=2)
    body, proof = signed(wire, old)
    answers = "select outcome from provisions where permit_id = $1"

    wire.say(used.sent._replace(permit=body, permit_proof=proof), access.INTERMEDIATE_SERVER)
    wire.say(used.forwarded._replace(permit=body, permit_proof=proof), access.NETWORK)

    [row] = until(lambda: query(wire.system.parts, answers, old.permit_id), SECONDS, "the provider decides")
    assert row["outcome"] == Outcome.PERMIT_INVALID.value
    assert served(wire, resident)


def test_a_held_answer_waits_for_the_right_word(wire: Wire) -> None:
    """Another provider's confirmation and one for another content let nothing out; the right one does."""
    blocked = next(
        r
        for r in (wire.world.resident(n) for n in range(8, 400, 10))
        if r.home in wire.world.attached and r.previous in wire.world.attached
    )
    message = wire.inquiry(blocked)
    wire.say(message)
    held = "select exchange_id, shown_digest from provisions where state = 'HELD'"
    [row] = until(lambda: query(wire.system.parts, held), SECONDS, "it is held")
    right = HoldConfirmed(row["exchange_id"], blocked.previous, "OP1", row["shown_digest"], now_ms())

    for wrong in (
        right._replace(provider_institution_code=blocked.home),
        right._replace(confirmed_digest=flipped(row["shown_digest"])),
        right._replace(exchange_id="nothing"),
    ):
        wire.say(wrong, access.OPERATIONS)
    still = query(wire.system.parts, held)
    wire.say(right, access.OPERATIONS)

    assert len(still) == 1
    assert wire.answer(message).kinds[0].outcome is Outcome.OK


# ── anything at all ──────────────────────────────────────────────────────────────────────────────────────────────

FILLINGS: tuple[tuple[str, int, bytes], ...] = (
    ("", 0, b""),
    ("x", -1, b"x"),
    ("9900123210600000-99999999999999999999999999", 2**62, b"\x00" * 64),
    ("\x00", -(2**62), b"\xff" * 300),
    ("漢" * 5_000, 1, b"\x01\x00\x50"),
)


def filled(kind: type[Any], filling: tuple[str, int, bytes]) -> Any:
    """A message of this type with the same text, number and bytes in every field."""
    return kind(**{name: value_of(hint, filling) for name, hint in get_type_hints(kind).items()})


def value_of(hint: Any, filling: tuple[str, int, bytes]) -> Any:
    """A value of this type."""
    if get_origin(hint) is tuple:
        return (value_of(get_args(hint)[0], filling),)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return next(iter(hint))
    if hasattr(hint, "_fields"):
        return filled(hint, filling)
    plain: dict[Any, Any] = {str: filling[0], int: filling[1], bytes: filling[2], bool: True}
    return plain[hint]


def test_no_message_of_an_institution_kills_a_service(wire: Wire, resident: Resident) -> None:
    """Nonsense in every field of every message, and a NUL in each text of good ones, on the institutions' topics."""
    names = [name for name in TOPIC.values() if name.startswith(("institution.", "juki.")) and "replies" not in name]
    kinds = [kind for kind, name in TOPIC.items() if name in names]
    good = [wire.inquiry(resident), wire.world.copy_of(resident, LOCAL_TAX)]
    values = [encode(filled(kind, filling)) for kind in kinds for filling in FILLINGS]
    values += [encode(one) for message in good for one in with_nul(message)]
    producer = Producer(settings(wire.system.parts))

    for name in dict.fromkeys(name for kind in kinds for name in wire.topics.names(kind)):
        for partition in range(wire.topics.partition_count(name)):
            for value in values:
                producer.produce(name, value, b"k", partition)
    assert producer.flush(SECONDS) == 0

    for _ in range(3):
        assert served(wire, resident)
        time.sleep(1)
    died = {n: c.log_tail(3) for n, c in wire.system.fleet.children.items() if c.returncode is not None}
    assert died == {}, json.dumps(died, indent=1)


def with_nul(message: Any) -> Iterator[Any]:
    """The message with U+0000, which PostgreSQL's texts cannot hold, in each of its texts in turn."""
    for name, value in message._asdict().items():
        if type(value) is str:
            yield message._replace(**{name: value + "\0"})
        elif isinstance(value, tuple):
            for changed in with_nul(value[0]):
                yield message._replace(**{name: (changed, *value[1:])})


def test_no_internal_message_kills_a_service(wire: Wire, resident: Resident) -> None:
    """Nonsense on every topic, by one who may do anything."""
    producer = Producer(settings(wire.system.parts))
    for kind in TYPES.values():
        for filling in FILLINGS[:-1] if TOPIC[kind] else ():
            value = encode(filled(kind, filling))
            for name in wire.topics.names(kind):
                for partition in range(wire.topics.partition_count(name)):
                    producer.produce(name, value, b"k", partition)
    assert producer.flush(SECONDS) == 0

    for _ in range(3):
        assert served(wire, resident)
        time.sleep(1)
    died = {n: c.log_tail(3) for n, c in wire.system.fleet.children.items() if c.returncode is not None}
    assert died == {}, json.dumps(died, indent=1)
