"""The generator's appointments, and the messages that peer and floor are given."""

from __future__ import annotations

import pytest

from broker.keys import Keys
from broker.tables import TABLE_OF, Exchange, Inquiry, LogRecord, NetworkExchange, Provision
from broker.topics import Topics
from schemas.codec import decode
from services.bench import floor, peer
from services.bench.floor_app import KINDS, SAID, STEPS, Samples, sources_of
from services.bench.load import due_at, due_by, prepare
from services.world import Plan, World

WORLD = World(Plan(institutions=6, residents=20), Keys(bytes(32)))


@pytest.mark.parametrize("rate", [40.0, 333.0, 2100.0])
def test_an_inquiry_is_sent_at_its_appointment_and_not_before(rate: float) -> None:
    """Just after its moment an inquiry counts as due, just before it does not."""
    for place in (0, 1, 7, 999):
        moment = due_at(100.0, place, rate)

        assert due_by(moment + 1e-6, 100.0, rate, 1000) == place + 1
        assert due_by(moment - 1e-6, 100.0, rate, 1000) == place


def test_nothing_is_due_before_the_beginning_and_no_more_than_there_is() -> None:
    """The ends of a load."""
    assert due_by(99.9, 100.0, 40.0, 10) == 0
    assert due_by(1000.0, 100.0, 40.0, 10) == 10


def test_at_no_rate_all_are_due_at_once() -> None:
    """A backlog: everything at the first moment."""
    assert due_at(100.0, 9_999, 0.0) == 100.0
    assert due_by(100.0, 100.0, 0.0, 10_000) == 10_000


def test_a_late_generator_does_not_move_the_appointments() -> None:
    """Latency counts from the moment due: after a stall of a second, forty are due and each keeps its own moment."""
    waiting = due_by(101.0, 100.0, 40.0, 1000)

    assert waiting == 41
    assert due_at(100.0, waiting - 1, 40.0) == 101.0
    assert due_at(100.0, 0, 40.0) == 100.0


def test_inquiries_go_where_the_system_hears_them() -> None:
    """Prepared messages lie on the inquirer's own topic, with the key its answer will carry."""
    inquiry = WORLD.inquiry(3, 1_790_000_000_000)

    (found,) = prepare([inquiry], Topics(2, frozenset(WORLD.attached)))

    assert found.topic == f"institution.{inquiry.inquirer_institution_code}.requests"
    assert found.key == inquiry.record_identification_number.encode()
    assert decode(found.value) == inquiry


def test_the_peer_is_asked_the_same() -> None:
    """The same bytes under the same key; one institution's inquiries keep to one partition."""
    inquiries = [WORLD.inquiry(number, 1_790_000_000_000) for number in range(20)]

    found = [peer.prepare(inquiry, "peer", 10) for inquiry in inquiries]

    assert [decode(one.value) for one in found] == inquiries
    assert len({one.key for one in found}) == len(inquiries)
    places = {(i.inquirer_institution_code, one.partition) for i, one in zip(inquiries, found, strict=True)}
    assert len(places) == len({code for code, _ in places})


def test_the_floor_moves_what_an_exchange_says() -> None:
    """Every message that is said is heard by exactly one step, save the answer, which leaves."""
    heard = [step.hears for step in STEPS]

    assert sorted(heard) == sorted(set(SAID) - {"InquiryAnswered"})
    assert sorted(step.record for step in STEPS if step.record) == ["INQUIRER", "NETWORK", "PROVIDER"]


def test_the_floor_reads_every_topic_once() -> None:
    """Two shards read disjoint sources that together are all of them."""
    codes = list(WORLD.attached)
    services = ("inquiry", "network", "provision", "records")

    found = [source for shard in (0, 1) for service in services for source in sources_of(service, shard, codes, 2)]

    assert len(found) == len(set(found)) == len(codes) + 2 * (len(STEPS) - 1) + 2


def test_samples_survive_their_file() -> None:
    """What one process writes, another reads: bytes, headers and rows."""
    values = {"text": "a", "bigint": 7, "boolean": True, "bytea": b"\xff"}
    rows = {kind: kind._make(values[of] for of in TABLE_OF[kind].types) for kind in KINDS}
    samples = Samples({"InquiryRequested": (b"\x00\x01", (("ce_id", b"a"), ("cause", b"b 1 2")))}, rows)

    found = Samples.read(samples.written())

    assert found == samples
    assert floor.prepare(7, list(WORLD.attached), found).value == b"\x00\x01"


def test_the_floors_exchanges_are_told_apart() -> None:
    """No two exchanges share a key, though their bytes are the same."""
    samples = Samples({"InquiryRequested": (b"x", ())}, {})

    found = [floor.prepare(place, list(WORLD.attached), samples) for place in range(100)]

    assert len({one.key for one in found}) == 100
    assert {len(one.key) for one in found} == {37}


def test_the_floor_writes_the_tables_of_an_exchange() -> None:
    """The tables whose rows come with every exchange, and no other."""
    assert set(KINDS) == {Exchange, Inquiry, NetworkExchange, Provision, LogRecord}


def test_the_peer_gets_what_it_is_measured_with_and_a_warm_up() -> None:
    """Each of its ways is warmed up with inquiries of its own."""
    assert peer.needed(2000) == len(peer.WORKERS) * 2500
