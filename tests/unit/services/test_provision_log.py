"""情報提供等記録管理: three records an exchange that agree, logs that prove themselves, and nothing of any content."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from factories import (
    ANJO,
    ATTACHED_HOME,
    KARIYA,
    KEYS,
    NOW,
    TOYOTA,
    WORLD,
    Story,
    asks,
    asks_fee,
    decided,
    kind,
    service,
    store_of,
    told,
)

from broker.decision import Decision
from broker.errors import PeerFault
from broker.rules import checkpoint, merkle
from broker.rules.leaves import leaf_of, origin_of_log
from broker.rules.records import SALT_BYTES, record_of, whole
from broker.tables import Checkpoint, CosignedLog, LogHead, LogRecord, PairHead
from broker.topics import LANES, lane_of
from schemas.codec import MAXIMUM_MESSAGE_BYTES, decode, encode
from schemas.records import (
    CheckpointDue,
    OperationRecorded,
    Outcome,
    Party,
    ProvisionRecorded,
    RecordEntry,
    RecordsSubmitted,
)
from services.common import CHECKPOINT_MS, ENTRIES_AT_MOST, counterpart_of, entry_of, submit_records
from services.network import NETWORK_CODE
from services.world import HOUSEHOLD, LOCAL_TAX, VACCINATION

LOG = service("provision_log")
SHARED = (
    "exchange_id",
    "transaction_serial_number",
    "inquirer_institution_code",
    "inquirer_name",
    "provider_institution_code",
    "provider_name",
    "requested_at",
    "provided_at",
    "affair_code",
    "procedure_code",
    "spi_name_code",
    "spi_items",
    "outcome",
    "rule",
    "non_disclosure_code",
    "permit_id",
    "list_version",
    "row_id",
    "answer_digest",
    "sealed_digest",
)
"""What Article 23 asks of every party, and what proves that all three speak of the same answer."""


async def many(story: Story) -> None:
    """Inquiries of everybody to everybody, good and bad, in several kinds."""
    for n in range(story.plan.residents):
        await story.ask(
            asks(n=n),
            asks_fee(kind(HOUSEHOLD, n=n), kind(LOCAL_TAX, n=n), n=n, record_identification_number=f"F{n}"),
            asks(kind(n=n, period_to="20200101"), n=n, record_identification_number=f"P{n}"),
        )
    await story.pass_time(seconds=2 * CHECKPOINT_MS / 1000)


@pytest.fixture(scope="module")
def country() -> Story:
    """A country after many exchanges."""
    return told(many)


def by_exchange(story: Story) -> dict[str, dict[str, ProvisionRecorded]]:
    found: dict[str, dict[str, ProvisionRecorded]] = defaultdict(dict)
    for record in story.records():
        assert record.party.value not in found[record.exchange_id]
        found[record.exchange_id][record.party.value] = record
    return found


def test_three_records_of_an_answer_agree(country: Story) -> None:
    """Inquirer, network and provider keep the same of an answered exchange, each in its own log (Article 23)."""
    answered = [records for records in by_exchange(country).values() if len(records) == 3]

    assert len(answered) == 3 * country.plan.residents
    for records in answered:
        for field in SHARED:
            assert len({getattr(record, field) for record in records.values()}) == 1, field
        owners = {party: record.institution_code for party, record in records.items()}
        assert owners == {
            "INQUIRER": records["NETWORK"].inquirer_institution_code,
            "NETWORK": NETWORK_CODE,
            "PROVIDER": records["NETWORK"].provider_institution_code,
        }


def test_refusals_are_recorded_without_a_time_of_provision(country: Story) -> None:
    """A refused request leaves the records of those who took part, and no time of provision (「提供があれば」)."""
    refused = [records for records in by_exchange(country).values() if len(records) == 2]

    assert len(refused) == country.plan.residents
    for records in refused:
        assert set(records) == {"INQUIRER", "NETWORK"}
        assert {(r.provided_at, r.outcome, r.rule) for r in records.values()} == {
            (0, Outcome.NOT_PERMITTED, "CONSENT_MISSING")
        }


def test_records_hold_no_value(country: Story) -> None:
    """A record names items and never what they say."""
    values = {
        WORLD.items_of(WORLD.resident(n), name)[place].value.encode()
        for n in range(country.plan.residents)
        for name, place in ((VACCINATION, 3), (VACCINATION, 4), (HOUSEHOLD, 1))
    }

    assert len(values) > country.plan.residents
    for row in country.rows(LogRecord):
        assert not [value for value in values if value in row.body + row.detail]


def test_records_hold_no_number_of_the_person(country: Story) -> None:
    """Neither integrated number nor linkage code is in a record: the exchange id is what ties records together."""
    people = [WORLD.resident(n) for n in range(country.plan.residents)]
    numbers = {n.encode() for person in people for n in (person.home_number, person.previous_number)}
    codes = {WORLD.code_of(person, one).encode() for person in people for one in (person.home, person.previous)}

    for row in country.rows(LogRecord):
        assert not [text for text in numbers | codes if text in row.body + row.detail]


def test_pair_sequences_have_no_gap(country: Story) -> None:
    """Between a log's owner and each counterpart the records are numbered from 1 without a gap, as the head says."""
    pairs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in country.rows(LogRecord):
        pairs[row.institution_code, row.counterpart].append(row.pair_sequence)

    assert len(pairs) > 6
    assert all(sequence == list(range(1, len(sequence) + 1)) for sequence in pairs.values())
    assert {(row.institution_code, row.counterpart): row.last for row in country.rows(PairHead)} == {
        pair: len(sequence) for pair, sequence in pairs.items()
    }


def test_both_sides_of_a_pair_count_the_same(country: Story) -> None:
    """Of answered exchanges the inquirer has as many with a provider as the provider with that inquirer."""
    answered = [r for r in country.records() if r.outcome is not Outcome.NOT_PERMITTED]
    there = [(r.institution_code, counterpart_of(r)) for r in answered if r.party is Party.INQUIRER]
    back = [(counterpart_of(r), r.institution_code) for r in answered if r.party is Party.PROVIDER]

    assert sorted(there) == sorted(back)


def test_checkpoints_are_signed_over_exactly_the_leaves_below(country: Story) -> None:
    """Every checkpoint verifies with its institution's public key and has the root of the leaves it covers."""
    leaves: dict[str, list[bytes]] = defaultdict(list)
    for row in country.rows(LogRecord):
        assert row.leaf == leaf_of(row.sequence, row.counterpart, row.pair_sequence, row.body)
        assert row.sequence == len(leaves[row.institution_code])
        leaves[row.institution_code].append(row.leaf)
    newest = {}
    for row in country.rows(Checkpoint):
        origin = origin_of_log(row.institution_code)
        public = country.keys.institutions.signing(row.institution_code).public_key
        found = checkpoint.verify(row.note, origin, public)
        assert (found.origin, found.size) == (origin, row.size)
        assert found.root == merkle.root(leaves[row.institution_code][: row.size])
        newest[row.institution_code] = row.size

    assert newest == {owner: len(kept) for owner, kept in leaves.items()}
    assert set(newest) == {NETWORK_CODE, KARIYA, TOYOTA, ANJO}
    assert all(row.checkpoint_due_at == 0 for row in country.rows(LogHead))


def test_checkpoint_of_another_institution_does_not_verify(country: Story) -> None:
    """A note is worth nothing under another institution's key."""
    row = next(row for row in country.rows(Checkpoint) if row.institution_code == KARIYA)
    public = country.keys.institutions.signing(TOYOTA).public_key

    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.verify(row.note, origin_of_log(KARIYA), public)


# ── one decision ─────────────────────────────────────────────────────────────────────────────────────────────────


def record(n: int = 0, owner: str = KARIYA, party: Party = Party.INQUIRER, items: int = 1) -> ProvisionRecorded:
    return record_of(
        party,
        owner,
        f"{KARIYA}-{n:020d}",
        inquirer_name="刈谷市",
        provider_institution_code=TOYOTA,
        provider_name="豊田市",
        requested_at=NOW,
        affair_code="JM01000000016002",
        procedure_code="JT99000000000001",
        spi_name_code=VACCINATION,
        outcome=Outcome.OK,
        spi_items=tuple(f"{place:014d}" for place in range(items)),
    )


SALT = b"\x05" * SALT_BYTES


def joined(kept: RecordEntry | LogRecord) -> ProvisionRecorded:
    """The record as it was said, before it was split."""
    return whole(kept.body, kept.detail)._replace(detail_digest=b"")


def submitted(*records: ProvisionRecorded) -> RecordsSubmitted:
    return RecordsSubmitted(lane_of(records[0].institution_code), tuple(entry_of(one, SALT) for one in records))


@pytest.mark.parametrize(
    ("party", "expected"),
    [
        (Party.INQUIRER, TOYOTA),
        (Party.PROVIDER, KARIYA),
        (Party.NETWORK, f"{KARIYA}>{TOYOTA}"),
    ],
)
def test_counterpart(party: Party, expected: str) -> None:
    """A party's counterpart is the other one; the network's is the pair."""
    assert counterpart_of(record(party=party)) == expected


def test_a_record_on_the_way_of_another_lane_is_refused() -> None:
    """A log is written in its own lane alone: in another, another shard would write it too."""
    store = store_of()
    said = submitted(record(0))
    astray = said._replace(lane=str((int(said.lane) + 1) % 8))

    with pytest.raises(PeerFault):
        decided(LOG, astray, store)

    assert not store.tables.get(LogRecord)


def test_records_are_appended_in_their_order() -> None:
    """One message or several, the log grows by one leaf a record and its head says how far."""
    together, apart = store_of(), store_of()
    records = [record(n) for n in range(5)]

    decided(LOG, submitted(*records), together)
    for one in records:
        decided(LOG, submitted(one), apart)

    assert together.tables[LogRecord] == apart.tables[LogRecord]
    assert together.tables[LogHead] == apart.tables[LogHead]
    assert together.tables[LogHead][(KARIYA,)].size == 5
    assert [joined(row) for row in together.tables[LogRecord].values()] == records


def test_logs_of_one_lane_do_not_mix() -> None:
    """Two owners in one message: each log has its own leaves and sequence."""
    store = store_of()
    other = next(code for code in map(str, range(10**15, 2 * 10**15)) if lane_of(code) == lane_of(KARIYA))
    foreign = entry_of(record(0), SALT)._replace(institution_code=other)
    said = submitted(record(0), record(1))

    decided(LOG, said._replace(entries=(said.entries[0], foreign, said.entries[1])), store)

    assert sorted(store.tables[LogRecord]) == sorted([(KARIYA, 0), (KARIYA, 1), (other, 0)])


def test_checkpoint_is_due_once() -> None:
    """A log that has grown is signed when its time has come, and not again until it grows."""
    store = store_of()
    decided(LOG, submitted(record()), store)
    due = store.tables[LogHead][(KARIYA,)].checkpoint_due_at

    outcomes = [decided(LOG, CheckpointDue(KARIYA, 1), store, now=NOW + n).outcome for n in range(2)]

    assert due == NOW + CHECKPOINT_MS
    assert outcomes == ["checkpoint_signed", "late"]
    assert decided(LOG, CheckpointDue(ANJO, 1), store).outcome == "late"


def test_later_records_do_not_put_off_the_checkpoint() -> None:
    """A log that keeps growing is signed at its first record's time, not for ever later."""
    store = store_of()
    decided(LOG, submitted(record()), store)

    decided(LOG, submitted(record(1)), store, now=NOW + 4000)

    assert store.tables[LogHead][(KARIYA,)].checkpoint_due_at == NOW + CHECKPOINT_MS


@pytest.mark.parametrize("owner", ["", "刈谷市 ", "9900123210600000\n", "x" * 300])
def test_a_head_of_nobody_is_told_once_and_never_signed(owner: str) -> None:
    """A log's head without an institution's code is a fault that is named, and its timer is put to rest."""
    head = LogHead(owner, 0, merkle.to_bytes(merkle.EMPTY_FRONTIER), NOW)
    store = store_of(head, CosignedLog(owner, 0, 0, NOW, NOW))

    first, second = (decided(LOG, CheckpointDue(owner, 0), store) for _ in range(2))

    assert (first.outcome, first.say, second.outcome) == ("log_of_nobody", (), "late")
    assert "not 16 digits" in first.alarm
    assert store.tables[LogHead][(owner,)] == head._replace(checkpoint_due_at=0)
    assert not store.tables[Checkpoint]


def test_a_head_of_nobody_stops_no_other_log() -> None:
    """In the running country the others' checkpoints go on being signed, whichever log is looked at first."""

    async def scene(story: Story) -> None:
        story.store.put([LogHead("nobody", 0, merkle.to_bytes(merkle.EMPTY_FRONTIER), 1)])
        await story.ask(asks())
        await story.pass_time(seconds=2 * CHECKPOINT_MS / 1000)

    story = told(scene)
    signed = {row.institution_code: row.size for row in story.rows(Checkpoint)}
    heads = {row.institution_code: row for row in story.rows(LogHead)}

    assert heads.pop("nobody").checkpoint_due_at == 0
    assert signed == {code: head.size for code, head in heads.items()}
    assert len(signed) == 3


# ── records on their way ─────────────────────────────────────────────────────────────────────────────────────────


def test_records_travel_a_lane_at_a_time() -> None:
    """The records of a run leave in one message a lane, in their order; everything else is said where it was."""
    owners = [KARIYA, TOYOTA, ANJO, NETWORK_CODE]
    decisions = [
        Decision("ok", (CheckpointDue(owner, n), record(n, owner, Party.NETWORK))) for n, owner in enumerate(owners * 2)
    ]

    closed = submit_records(bytes, decisions)
    messages = [m for d in closed for m in d.say if isinstance(m, RecordsSubmitted)]
    entries = [entry for message in messages for entry in message.entries]

    assert [d.say[0] for d in closed] == [d.say[0] for d in decisions]
    assert len({m.lane for m in messages}) == len(messages) <= LANES
    assert all(lane_of(entry.institution_code) == m.lane for m in messages for entry in m.entries)
    for owner in owners:
        mine = [joined(entry) for entry in entries if entry.institution_code == owner]
        assert mine == [d.say[1] for d in decisions if d.say[1].institution_code == owner]  # type: ignore[union-attr]
    assert submit_records(bytes, [Decision("late")]) == [Decision("late")]


@pytest.mark.parametrize(("count", "items"), [(ENTRIES_AT_MOST * 2 + 1, 1), (ENTRIES_AT_MOST, 500), (3, 9000)])
def test_records_on_their_way_fit_in_messages(count: int, items: int) -> None:
    """However many records, and items named in them: each message stays below the limit and none is left out."""
    records = [record(n, items=items) for n in range(count)]

    (closed,) = submit_records(bytes, [Decision("ok", tuple(records))])
    messages = [message for message in closed.say if isinstance(message, RecordsSubmitted)]

    assert all(len(encode(message)) <= MAXIMUM_MESSAGE_BYTES for message in messages)
    assert all(len(message.entries) <= ENTRIES_AT_MOST for message in messages)
    assert [joined(entry) for message in messages for entry in message.entries] == records


def test_resident_of_the_stories() -> None:
    """The stories above rest on residents of all three institutions."""
    assert {WORLD.resident(n).home for n in range(24)} == {KARIYA, TOYOTA, ANJO}
    assert WORLD.resident(ATTACHED_HOME).home == KARIYA


def operation(name: str = "a" * 32, owner: str = KARIYA, **more: Any) -> OperationRecorded:
    """What somebody did."""
    made = OperationRecorded(
        lane_of(owner), name, owner, "OP1", "", "HOLD_SHOW", "x", allowed=True, rule="", operated_at=NOW
    )
    return made._replace(**more)


def test_what_staff_did_is_a_leaf_among_the_records() -> None:
    """One log holds both: a sequence together, a pair of its own, the message itself under the leaf, signed alike."""
    store = store_of()
    done = operation()
    decided(LOG, submitted(record(1)), store)
    decided(LOG, done, store)
    decided(LOG, operation("b" * 32, rule="RIGHT_MISSING", allowed=False), store)
    decided(LOG, CheckpointDue(KARIYA, 3), store, now=NOW + CHECKPOINT_MS)
    rows = [store.tables[LogRecord][KARIYA, place] for place in range(3)]
    head = store.tables[LogHead][KARIYA,]

    assert [(row.counterpart, row.pair_sequence, row.party) for row in rows[1:]] == [
        ("STAFF", 1, "STAFF"),
        ("STAFF", 2, "STAFF"),
    ]
    assert (rows[0].party, decode(rows[1].body)) == (Party.INQUIRER, done)
    assert [row.leaf for row in rows] == [
        leaf_of(row.sequence, row.counterpart, row.pair_sequence, row.body) for row in rows
    ]
    assert merkle.root_of(merkle.from_bytes(head.frontier)) == merkle.root([row.leaf for row in rows])
    note = store.tables[Checkpoint][KARIYA, 3].note
    told = checkpoint.verify(note, origin_of_log(KARIYA), KEYS.institutions.signing(KARIYA).public_key)
    assert (told.size, told.root) == (3, merkle.root([row.leaf for row in rows]))


def test_an_operation_said_twice_is_one_leaf() -> None:
    """A producer that repeats itself adds nothing to the log."""
    store = store_of()
    outcomes = [decided(LOG, operation(), store).outcome for _ in range(2)]

    assert outcomes == ["operation_recorded", "repeat"]
    assert list(store.tables[LogRecord]) == [(KARIYA, 0)]


@pytest.mark.parametrize("more", [{"lane": "9"}, {"institution_code": "x"}, {"institution_code": TOYOTA, "lane": "9"}])
def test_an_operation_lies_in_its_logs_lane(more: dict[str, str]) -> None:
    """On another lane another shard would write the same log: it is set aside."""
    with pytest.raises(PeerFault):
        decided(LOG, operation()._replace(**more), store_of())  # type: ignore[arg-type]
