"""What must be true of everything that has happened, as a table of named checks over plain values.

Owns the checks that simulations, fault tests on real servers and `chukan audit verify` share. Promises that every
check is pure, that those of SAFETY hold of any committed state (and of the part of it that concerns some exchanges),
and that those of AT_REST hold once nothing is under way. Leaves collecting the values to whoever has them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from broker.rules import checkpoint, cosignature, exchange, merkle
from broker.rules.blocking import is_current, project, shown_digest
from broker.rules.exchange import OPEN, State
from broker.rules.identity import jst_date
from broker.rules.leaves import leaf_of, origin_of_log
from broker.rules.numbers import find_individual_numbers
from broker.rules.reasons import SUCCESS
from broker.rules.records import FORGOTTEN, detail_refusal, forgotten, whole
from broker.rules.signing import public_key_from_bytes
from broker.tables import (
    Checkpoint,
    CodeBinding,
    CopyRecord,
    Cosignature,
    Exchange,
    Inquiry,
    LogFork,
    LogHead,
    LogRecord,
    NetworkCode,
    NetworkExchange,
    PairHead,
    Provision,
    WitnessDuty,
    WitnessedLog,
)
from schemas.records import HoldConfirmed, InquiryAnswered, InquiryForwarded, Party, ProvisionRecorded

Source = tuple[str, int]
NETWORK_OPEN = frozenset({"ISSUED", "USED"})
NETWORK_FINAL = frozenset({"RETURNED", "COMPLETED", "EXPIRED"})
LOCALLY_ENDED = frozenset({State.REJECTED_LOCAL})
CARRIES_NUMBERS = re.compile(r"^(juki\.[0-9a-z]+\.identities|vrs\.[0-9a-z]+\.requests)$")
KEEPS_CODES = "network_codes"
CODE = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")

# The provider decides on its own copy of the list, and alone knows its copies, its flag and its operator.
SHARED_FIELDS = (
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
    "answer_digest",
    "sealed_digest",
)


class Violation(NamedTuple):
    """A check that failed: its name, on what, and what was seen."""

    check: str
    subject: str
    text: str


class Leaf(NamedTuple):
    """A row of a log and the record in it, with all that was not erased of it."""

    row: LogRecord
    record: ProvisionRecorded

    @property
    def erased(self) -> bool:
        """Whether the detail is gone, so that its fields say nothing."""
        return forgotten(self.record, self.row.detail)


class Standing(NamedTuple):
    """Where one shard of one service stands. `outbox`: numbers of the batches it keeps for publishing."""

    service: str
    shard: int
    epoch: int
    batch: int
    offsets: Mapping[Source, int]
    outbox: tuple[int, ...] = ()


class Text(NamedTuple):
    """Bytes that lie somewhere: the topic or the table, and the bytes."""

    place: str
    data: bytes


PARTIES = frozenset(Party)


class History(NamedTuple):
    """What has happened, or all of it that concerns some exchanges. Messages are given as often as they were said.

    ends: the next offset of each partition that is read. texts: what is scanned for numbers and codes.
    """

    inquiries: Sequence[Inquiry] = ()
    exchanges: Sequence[Exchange] = ()
    network_exchanges: Sequence[NetworkExchange] = ()
    provisions: Sequence[Provision] = ()
    copies: Sequence[CopyRecord] = ()
    bindings: Sequence[CodeBinding] = ()
    codes: Sequence[NetworkCode] = ()
    leaves: Sequence[Leaf] = ()
    other_leaves: Sequence[LogRecord] = ()
    heads: Sequence[LogHead] = ()
    pair_heads: Sequence[PairHead] = ()
    checkpoints: Sequence[Checkpoint] = ()
    duties: Sequence[WitnessDuty] = ()
    cosignatures: Sequence[Cosignature] = ()
    witnessed: Sequence[WitnessedLog] = ()
    forks: Sequence[LogFork] = ()
    answers: Sequence[InquiryAnswered] = ()
    forwarded: Sequence[InquiryForwarded] = ()
    confirmations: Sequence[HoldConfirmed] = ()
    standings: Sequence[Standing] = ()
    ends: Mapping[Source, int] = {}
    texts: Sequence[Text] = ()


def other_leaves(rows: Iterable[LogRecord]) -> tuple[LogRecord, ...]:
    """Rows of logs that are no party's record of an exchange: they count in their log and say nothing of exchanges."""
    return tuple(row for row in rows if row.party not in PARTIES)


def leaves(rows: Iterable[LogRecord]) -> tuple[Leaf, ...]:
    """Rows of logs with their records decoded, other leaves left out; Undecodable for bytes that are no record."""
    return tuple(Leaf(row, whole(row.body, row.detail)) for row in rows if row.party in PARTIES)


# ── inquiries and their answers ──────────────────────────────────────────────────────────────────────────────────


def one_outcome_an_inquiry(history: History) -> list[Violation]:
    """A kind has a state of the table, an outcome exactly when it is final; an inquiry counts its open kinds."""
    name, found = "one_outcome_an_inquiry", []
    kinds: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
    for row in history.exchanges:
        kinds[row.institution_code, row.record_identification_number].append(row)
        if row.state not in State.__members__:
            found.append(Violation(name, row.exchange_id, f"{row.state} is no state"))
        elif (row.state in OPEN) == bool(row.outcome):
            found.append(Violation(name, row.exchange_id, f"state {row.state} with outcome {row.outcome or 'none'}"))
    for inquiry in history.inquiries:
        rows = kinds[inquiry.institution_code, inquiry.record_identification_number]
        still_open = sum(row.state in OPEN for row in rows)
        if len(rows) != inquiry.kinds or still_open != inquiry.open_kinds:
            text = f"{len(rows)} kinds and {still_open} open; counted {inquiry.kinds} and {inquiry.open_kinds}"
            found.append(Violation(name, inquiry.record_identification_number, text))
        if (inquiry.open_kinds == 0) != (inquiry.answered_at > 0):
            text = f"{inquiry.open_kinds} kinds open, answered at {inquiry.answered_at}"
            found.append(Violation(name, inquiry.record_identification_number, text))
    return found


def one_answer_an_inquiry(history: History) -> list[Violation]:
    """An inquiry is answered with one content, however often it is said, and the content is what was decided."""
    name, found = "one_answer_an_inquiry", []
    answers: dict[tuple[str, str], InquiryAnswered] = {}
    for answer in history.answers:
        key = (answer.inquirer_institution_code, answer.record_identification_number)
        if answers.setdefault(key, answer) != answer:
            found.append(Violation(name, key[1], "answered twice with different content"))
    decided = {
        (row.institution_code, row.record_identification_number): row for row in history.inquiries if row.answered_at
    }
    outcomes = {row.exchange_id: row.outcome for row in history.exchanges}
    for key, answer in answers.items():
        if key not in decided:
            found.append(Violation(name, key[1], "answered without a decision"))
        for kind in answer.kinds:
            exchange_id = f"{key[0]}-{kind.transaction_serial_number}"
            if outcomes.get(exchange_id) != kind.outcome:
                text = f"told {kind.outcome}, decided {outcomes.get(exchange_id)}"
                found.append(Violation(name, exchange_id, text))
    return found


# ── permits ──────────────────────────────────────────────────────────────────────────────────────────────────────


def no_answer_without_permit(history: History) -> list[Violation]:
    """Whatever left a provider left under the permit that the network issued for this exchange and saw used."""
    name, found = "no_answer_without_permit", []
    network = {row.exchange_id: row for row in history.network_exchanges}
    for _, record in history.leaves:
        if record.party is not Party.PROVIDER or record.outcome not in SUCCESS:
            continue
        row = network.get(record.exchange_id)
        if row is None or row.state not in ("USED", "COMPLETED"):
            found.append(Violation(name, record.exchange_id, f"answered, network: {row.state if row else 'nothing'}"))
        elif not record.permit_id or row.permit_id != record.permit_id:
            found.append(Violation(name, record.exchange_id, "answered under another permit than was issued"))
    found += [
        Violation(name, asked.exchange_id, "received without a permit")
        for asked in history.exchanges
        if asked.outcome in SUCCESS and not asked.permit_id
    ]
    return found


def permits_used_once(history: History) -> list[Violation]:
    """A permit is forwarded with one content, served once, and belongs to one exchange."""
    name = "permits_used_once"
    found = [
        Violation(name, exchange_id, f"{count} provisions")
        for exchange_id, count in Counter(row.exchange_id for row in history.provisions).items()
        if count > 1
    ]
    forwarded: dict[str, InquiryForwarded] = {}
    found += [
        Violation(name, message.exchange_id, "forwarded twice with different content")
        for message in history.forwarded
        if forwarded.setdefault(message.exchange_id, message) != message
    ]
    permits: dict[str, str] = {}
    found += [
        Violation(name, row.exchange_id, "shares its permit with another exchange")
        for row in history.network_exchanges
        if row.permit_id and permits.setdefault(row.permit_id, row.exchange_id) != row.exchange_id
    ]
    return found


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_exchange(history: History) -> dict[str, dict[Party, ProvisionRecorded]]:
    found: dict[str, dict[Party, ProvisionRecorded]] = defaultdict(dict)
    for _, record in history.leaves:
        found[record.exchange_id].setdefault(record.party, record)
    return found


def one_record_a_party(history: History) -> list[Violation]:
    """No party records an exchange twice, and each record says what its party decided."""
    name, found = "one_record_a_party", []
    for (exchange_id, party), count in Counter((r.exchange_id, r.party) for _, r in history.leaves).items():
        if count > 1:
            found.append(Violation(name, exchange_id, f"{count} records of {party}"))
    outcomes = {row.exchange_id: row.outcome for row in history.exchanges}
    provided = {row.exchange_id: row.outcome for row in history.provisions if row.state == "CLOSED"}
    for exchange_id, records in _by_exchange(history).items():
        for party, decided in ((Party.INQUIRER, outcomes), (Party.PROVIDER, provided)):
            record = records.get(party)
            if record is not None and decided.get(exchange_id) != record.outcome:
                text = f"{party} recorded {record.outcome}, decided {decided.get(exchange_id)}"
                found.append(Violation(name, exchange_id, text))
    return found


def records_agree(history: History) -> list[Violation]:
    """The records of an exchange that was answered are the same in everything the law has all parties write down."""
    name, found = "records_agree", []
    erased = {(leaf.record.exchange_id, leaf.record.party) for leaf in history.leaves if leaf.erased}
    for exchange_id, records in _by_exchange(history).items():
        inquirer, provider = records.get(Party.INQUIRER), records.get(Party.PROVIDER)
        answered = [r for r in (inquirer, provider) if r is not None and r.outcome in SUCCESS]
        told = [r for r in records.values() if r.party is not Party.INQUIRER or r.outcome in SUCCESS]
        there = [r for r in told if (exchange_id, r.party) not in erased]
        for field in SHARED_FIELDS if answered else ():
            values = {getattr(record, field) for record in (there if field in FORGOTTEN else told)}
            if len(values) > 1:
                found.append(Violation(name, exchange_id, f"{field}: {len(values)} different values"))
    return found


def records_are_complete(history: History) -> list[Violation]:
    """At rest: ended at home leaves one record, refused by the network two, everything a provider saw three."""
    name, found = "records_are_complete", []
    served = {row.exchange_id for row in history.provisions if row.state != "WITHDRAWN"}
    records = _by_exchange(history)
    for row in history.exchanges:
        wanted = {Party.INQUIRER}
        if row.state not in LOCALLY_ENDED:
            wanted.add(Party.NETWORK)
        if row.exchange_id in served or row.outcome in SUCCESS:
            wanted.add(Party.PROVIDER)
        there = set(records.get(row.exchange_id, {}))
        if there != wanted:
            text = f"{row.state} has records of {_named(there)}, wants {_named(wanted)}"
            found.append(Violation(name, row.exchange_id, text))
    known = {row.exchange_id for row in history.exchanges}
    found += [Violation(name, one, "recorded, but never asked") for one in records if one not in known]
    return found


def _named(parties: Collection[Party]) -> str:
    return ", ".join(sorted(party.value for party in parties)) or "nobody"


def blocked_only_by_hand(history: History) -> list[Violation]:
    """While a copy carried the auto-response block, nothing left but what an operator confirmed, digest for digest.
    Of an exchange whose detail is erased nothing can be said."""
    name, found = "blocked_only_by_hand", []
    exchanges = {row.exchange_id: row for row in history.exchanges}
    provisions = {row.exchange_id: row for row in history.provisions}
    persons = {(row.institution_code, row.linkage_code): row.integrated_number for row in history.bindings}
    copies: dict[tuple[str, str, str], list[CopyRecord]] = defaultdict(list)
    for copy in history.copies:
        copies[copy.institution_code, copy.integrated_number, copy.spi_name_code].append(copy)
    confirmed = {(m.exchange_id, m.operator_id, m.confirmed_digest) for m in history.confirmations}
    for leaf in history.leaves:
        record = leaf.record
        if record.party is not Party.PROVIDER or record.outcome not in SUCCESS or leaf.erased:
            continue
        asked, provision = exchanges.get(record.exchange_id), provisions.get(record.exchange_id)
        if asked is None or provision is None:
            found.append(Violation(name, record.exchange_id, "answered, but neither asked nor served"))
            continue
        if not asked.conditions or not provision.linkage_code:
            continue  # what it was about is erased
        owner = provision.institution_code
        person = (owner, persons.get((owner, provision.linkage_code), ""), record.spi_name_code)
        if not all(copy.digest for copy in copies[person]):
            continue  # what it rested on may be erased
        used = _copies_behind(record, copies[person], asked)
        if used is None:
            found.append(Violation(name, record.exchange_id, "rests on copies that never were"))
            continue
        shown = shown_digest(project(used, record.spi_items, ("", ""), "99999999"))
        by_hand = (record.exchange_id, record.operator_id, shown) in confirmed
        if any(copy.auto_response_disabled for copy in used) and not (record.auto_response_disabled and by_hand):
            found.append(Violation(name, record.exchange_id, "left under the block flag without confirmation"))
    return found


def _copies_behind(record: ProvisionRecorded, versions: Sequence[CopyRecord], asked: Exchange) -> list[Any] | None:
    """The versions whose digest stands in the record, as they were current together at some moment; or None."""
    period = (asked.conditions.split("/")[2], asked.conditions.split("/")[3])
    ordered = sorted(versions, key=lambda copy: (copy.record_key, copy.known_from))
    for moment in sorted({copy.known_from for copy in versions}, reverse=True):
        then = [
            copy._replace(known_to=0, publication_to="")
            for copy in ordered
            if copy.known_from <= moment
            and (copy.known_to == 0 or moment < copy.known_to)
            and is_current(copy._replace(known_to=0), period, jst_date(record.provided_at))
        ]
        if sha256(b"".join([copy.digest for copy in then])).digest() == record.copy_digest:
            return then
    return None


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _every_row(history: History) -> list[LogRecord]:
    return [leaf.row for leaf in history.leaves] + list(history.other_leaves)


def logs_without_gaps(history: History) -> list[Violation]:
    """Each log counts its records from 0, each pair from 1, both without a gap, up to where the heads say."""
    name, found = "logs_without_gaps", []
    sequences: dict[str, list[int]] = defaultdict(list)
    pairs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in _every_row(history):
        sequences[row.institution_code].append(row.sequence)
        pairs[row.institution_code, row.counterpart].append(row.pair_sequence)
    sizes = {head.institution_code: head.size for head in history.heads}
    lasts = {(head.institution_code, head.counterpart): head.last for head in history.pair_heads}
    for owner in sizes.keys() | sequences.keys():
        if sorted(sequences[owner]) != list(range(sizes.get(owner, 0))):
            text = f"{len(sequences[owner])} records, the head says {sizes.get(owner, 0)}"
            found.append(Violation(name, owner, text))
    for pair in lasts.keys() | pairs.keys():
        if sorted(pairs[pair]) != list(range(1, lasts.get(pair, 0) + 1)):
            text = f"{len(pairs[pair])} records, the pair's head says {lasts.get(pair, 0)}"
            found.append(Violation(name, "/".join(pair), text))
    return found


def leaves_cover_records(history: History) -> list[Violation]:
    """Each leaf is the hash of its record at its place, the row names the record it holds, and the detail is the one
    that the record vouches for."""
    name = "leaves_cover_records"
    found = [
        Violation(name, f"{row.institution_code}/{row.sequence}", "the leaf is of something else")
        for row in _every_row(history)
        if leaf_of(row.sequence, row.counterpart, row.pair_sequence, row.body) != row.leaf
    ]
    for row, record in history.leaves:
        refusal = detail_refusal(record, row.detail)
        if refusal:
            found.append(Violation(name, f"{row.institution_code}/{row.sequence}", refusal))
        told = (record.institution_code, record.exchange_id, record.party.value)
        if told != (row.institution_code, row.exchange_id, row.party):
            found.append(Violation(name, f"{row.institution_code}/{row.sequence}", "the row names another record"))
    return found


def checkpoints_match(history: History) -> list[Violation]:
    """Every checkpoint has its log's name and the root of the leaves below its size, so each continues the last."""
    name, found = "checkpoints_match", []
    hashes: dict[str, dict[int, bytes]] = defaultdict(dict)
    for row in _every_row(history):
        hashes[row.institution_code][row.sequence] = row.leaf
    for one in history.checkpoints:
        try:
            told = checkpoint.parse(one.note.partition("\n\n")[0] + "\n")
        except checkpoint.CheckpointError as error:
            found.append(Violation(name, f"{one.institution_code}/{one.size}", str(error)))
            continue
        below = [hashes[one.institution_code].get(place, b"") for place in range(one.size)]
        wanted = checkpoint.Checkpoint(origin_of_log(one.institution_code), one.size, merkle.root(below))
        if told != wanted:
            found.append(Violation(name, f"{one.institution_code}/{one.size}", "signed over other leaves"))
    return found


def cosigned_only_consistent(history: History) -> list[Violation]:
    """A witness cosigned only checkpoints that its log has signed and still keeps as they were, one after the other."""
    name, found = "cosigned_only_consistent", []
    keys = {(duty.institution_code, duty.witness_code): duty.witness_key for duty in history.duties}
    notes = {(one.institution_code, one.size): checkpoint.text_of(one.note) for one in history.checkpoints}
    times: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for one in history.cosignatures:
        place, key = (one.institution_code, one.size), keys.get((one.institution_code, one.witness_code))
        subject = f"{one.institution_code}@{one.size}/{one.witness_code}"
        if place not in notes or key is None:
            text = "is no witness of this log" if key is None else "cosigned a checkpoint that is not kept"
            found.append(Violation(name, subject, text))
            continue
        try:
            signer = cosignature.name_of_witness(one.witness_code)
            time = cosignature.verify(notes[place], one.line, signer, public_key_from_bytes(key))
        except checkpoint.CheckpointError as error:
            found.append(Violation(name, subject, str(error)))
            continue
        if time * 1000 != one.cosigned_at:
            found.append(Violation(name, subject, f"cosigned at {time * 1000}, kept as {one.cosigned_at}"))
        times[one.institution_code, one.witness_code].append((one.size, time))
    for (owner, witness), order in times.items():
        at = [time for _, time in sorted(order)]
        if at != sorted(at):
            found.append(Violation(name, f"{owner}/{witness}", "cosigned a smaller log after a larger"))
    for kept in history.witnessed:
        there = notes.get((kept.institution_code, kept.size))
        if there != checkpoint.text_of(kept.note):
            said = "the log no longer has" if there is None else "the log has another root for"
            subject = f"{kept.institution_code}@{kept.size}/{kept.witness_code}"
            found.append(Violation(name, subject, f"{said} the checkpoint that was cosigned last"))
    return found


def logs_not_forked(history: History) -> list[Violation]:
    """No witness keeps two checkpoints of a log of which one does not continue the other."""
    return [
        Violation(
            "logs_not_forked",
            f"{fork.institution_code}@{fork.size}/{fork.witness_code}",
            f"{fork.rule}: cosigned {_headline(fork.kept_note)}, then shown {_headline(fork.seen_note)}",
        )
        for fork in history.forks
    ]


def _headline(note: str) -> str:
    size, root = [*note.split("\n"), "", ""][1:3]
    return f"{size} {root}"


# ── what must not be seen ────────────────────────────────────────────────────────────────────────────────────────


def no_individual_numbers(history: History) -> list[Violation]:
    """No individual number lies anywhere but on the topics to the resident register."""
    return [
        Violation("no_individual_numbers", place, "holds an individual number")
        for place, data in history.texts
        if not CARRIES_NUMBERS.match(place) and find_individual_numbers(data)
    ]


def codes_apart(history: History) -> list[Violation]:
    """Nothing but the network's own table holds a person's codes of two institutions."""
    found = []
    people = {row.linkage_code.encode(): row for row in history.codes}
    for place, data in history.texts:
        if place == KEEPS_CODES:
            continue
        rows = [people[code] for code in dict.fromkeys(CODE.findall(data)) if code in people]
        persons = Counter(row.internal_id for row in rows)
        if any(count > 1 for count in persons.values()):
            found.append(Violation("codes_apart", place, "holds two codes of one person"))
    return found


# ── at rest ──────────────────────────────────────────────────────────────────────────────────────────────────────


def nothing_open(history: History) -> list[Violation]:
    """At rest: every kind, exchange and hold has ended, every checkpoint is signed."""
    name = "nothing_open"
    found = [Violation(name, row.exchange_id, row.state) for row in history.exchanges if row.state in OPEN]
    found += [
        Violation(name, row.exchange_id, f"network: {row.state}")
        for row in history.network_exchanges
        if row.state not in NETWORK_FINAL
    ]
    found += [
        Violation(name, row.exchange_id, f"provision: {row.state}")
        for row in history.provisions
        if row.state != "CLOSED"
    ]
    found += [
        Violation(name, head.institution_code, "its checkpoint is due")
        for head in history.heads
        if head.checkpoint_due_at
    ]
    return found


def everything_cosigned(history: History) -> list[Violation]:
    """At rest: every log's newest checkpoint carries a cosignature of each of its witnesses."""
    newest: dict[str, int] = {}
    for one in history.checkpoints:
        newest[one.institution_code] = max(one.size, newest.get(one.institution_code, 0))
    there = {one[:3] for one in history.cosignatures}
    return [
        Violation("everything_cosigned", duty.institution_code, f"{duty.witness_code} has not cosigned {size}")
        for duty in history.duties
        if (size := newest.get(duty.institution_code)) is not None
        and (duty.institution_code, size, duty.witness_code) not in there
    ]


def everything_said(history: History) -> list[Violation]:
    """At rest: every inquiry was answered, nothing waits to be published, everything was read."""
    name = "everything_said"
    told = {(m.inquirer_institution_code, m.record_identification_number) for m in history.answers}
    found = [
        Violation(name, row.record_identification_number, "never answered")
        for row in history.inquiries
        if (row.institution_code, row.record_identification_number) not in told
    ]
    for one in history.standings:
        if one.outbox:
            found.append(Violation(name, f"{one.service}/{one.shard}", f"{len(one.outbox)} batches wait"))
        found += [
            Violation(name, f"{one.service}/{one.shard}", f"{topic}/{partition}: {offset} of {end} read")
            for (topic, partition), offset in one.offsets.items()
            if offset != (end := history.ends.get((topic, partition), offset))
        ]
    return found


Find = Callable[[History], list[Violation]]

# Those that look at some exchanges only, and may be run on a part of a history that holds all of these.
OF_EXCHANGES: tuple[tuple[str, Find], ...] = (
    ("one_outcome_an_inquiry", one_outcome_an_inquiry),
    ("one_answer_an_inquiry", one_answer_an_inquiry),
    ("no_answer_without_permit", no_answer_without_permit),
    ("permits_used_once", permits_used_once),
    ("one_record_a_party", one_record_a_party),
    ("records_agree", records_agree),
    ("blocked_only_by_hand", blocked_only_by_hand),
)
SAFETY: tuple[tuple[str, Find], ...] = (
    *OF_EXCHANGES,
    ("logs_without_gaps", logs_without_gaps),
    ("leaves_cover_records", leaves_cover_records),
    ("checkpoints_match", checkpoints_match),
    ("cosigned_only_consistent", cosigned_only_consistent),
    ("logs_not_forked", logs_not_forked),
    ("no_individual_numbers", no_individual_numbers),
    ("codes_apart", codes_apart),
)
AT_REST: tuple[tuple[str, Find], ...] = (
    ("records_are_complete", records_are_complete),
    ("nothing_open", nothing_open),
    ("everything_cosigned", everything_cosigned),
    ("everything_said", everything_said),
)
CHECKS = (*SAFETY, *AT_REST)


def violations(history: History, checks: Sequence[tuple[str, Find]] = CHECKS) -> list[Violation]:
    """Everything that is not as it must be."""
    return [violation for _, find in checks for violation in find(history)]


# ── from one look to the next ────────────────────────────────────────────────────────────────────────────────────


def _reachable() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for state in reversed(tuple(State)):
        seen, waiting = {state}, [state]
        while waiting:
            following = set(exchange.TRANSITIONS.get(waiting.pop(), {}).values()) - seen
            seen |= following
            waiting.extend(following)
        found[state] = frozenset(seen)
    return found


REACHABLE = _reachable()
NETWORK_PATHS: Mapping[str, Collection[str]] = {
    "ISSUED": ("ISSUED", "USED", "COMPLETED", "RETURNED", "EXPIRED"),
    "USED": ("USED", "COMPLETED"),
}
PROVISION_PATHS: Mapping[str, Collection[str]] = {"HELD": ("HELD", "CLOSED"), "WITHDRAWN": ("CLOSED",)}


class Watcher:
    """Remembers what it saw and finds what may not follow. Give it whole histories, or what changed since the last.

    It grows with the history it watches: an inquiry and a record cost some hundred bytes.
    """

    def __init__(self) -> None:
        self._states: dict[tuple[str, Hashable], str] = {}
        self._kept: dict[tuple[str, Hashable], Any] = {}
        self._logs: dict[str, merkle.Frontier] = {}
        self._roots: dict[tuple[str, int], bytes] = {}
        self._standings: dict[tuple[str, int], Standing] = {}

    def see(self, history: History) -> list[Violation]:
        """What of this cannot follow what was seen before."""
        found: list[Violation] = []
        for asked in history.exchanges:
            self._step("exchange", asked.exchange_id, asked.state, REACHABLE, found)
        for network in history.network_exchanges:
            self._step("network", network.exchange_id, network.state, NETWORK_PATHS, found)
        for provision in history.provisions:
            self._step("provision", provision.permit_id, provision.state, PROVISION_PATHS, found)
        for answer in history.answers:
            key = (answer.inquirer_institution_code, answer.record_identification_number)
            self._keep("answer", key, answer, found)
        for row in sorted(_every_row(history), key=lambda row: row[:2]):
            self._grow(row, found)
        for one in history.checkpoints:
            self._keep("checkpoint", (one.institution_code, one.size), one.note, found)
            self._compare(one, found)
        for standing in history.standings:
            self._move(standing, found)
        return found

    def _step(
        self, kind: str, key: str, state: str, paths: Mapping[str, Collection[str]], found: list[Violation]
    ) -> None:
        before = self._states.get((kind, key), state)
        if state != before and state not in paths.get(before, ()):
            found.append(Violation("states_follow_the_table", key, f"{kind}: {state} cannot follow {before}"))
        self._states[kind, key] = state

    def _keep(self, kind: str, key: Hashable, value: Any, found: list[Violation]) -> None:
        if self._kept.setdefault((kind, key), value) != value:
            found.append(Violation("said_once_for_all", str(key), f"the {kind} has changed"))

    def _grow(self, row: LogRecord, found: list[Violation]) -> None:
        owner = row.institution_code
        log = self._logs.get(owner, merkle.EMPTY_FRONTIER)
        if row.sequence > log.size:
            found.append(Violation("logs_only_grow", owner, f"record {row.sequence} follows {log.size - 1}"))
        elif row.sequence == log.size:
            self._logs[owner] = merkle.append_all(log, (row.leaf,))
            self._roots[owner, row.sequence + 1] = merkle.root_of(self._logs[owner])
        self._keep("leaf", (owner, row.sequence), row.leaf, found)

    def _compare(self, one: Checkpoint, found: list[Violation]) -> None:
        known = self._roots.get((one.institution_code, one.size))
        told = checkpoint.parse(one.note.partition("\n\n")[0] + "\n")
        if known != told.root or told.size != one.size:
            found.append(Violation("checkpoints_match", f"{one.institution_code}/{one.size}", "another root"))

    def _move(self, standing: Standing, found: list[Violation]) -> None:
        key = (standing.service, standing.shard)
        before = self._standings.get(key, standing)
        if standing.epoch < before.epoch or standing.batch < before.batch:
            text = f"epoch {before.epoch} and batch {before.batch}, then {standing.epoch} and {standing.batch}"
            found.append(Violation("positions_only_grow", "/".join(map(str, key)), text))
        for source, offset in before.offsets.items():
            if standing.offsets.get(source, 0) < offset:
                text = f"{source[0]}/{source[1]}: {offset}, then {standing.offsets.get(source, 0)}"
                found.append(Violation("positions_only_grow", "/".join(map(str, key)), text))
        self._standings[key] = standing
