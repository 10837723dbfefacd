"""The audit of one Merkle log: whole logs pass, and each way to tamper with one is found where it was done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from forging import rewritten

from broker.keys import InstitutionKeys
from broker.rules import merkle
from broker.rules.checks import History, Violation
from broker.rules.erasure import CERTIFICATE, ERASURES
from broker.rules.leaves import STAFF, leaf_of, origin_of_log
from broker.rules.records import SALT_BYTES, record_of, split
from broker.tables import Checkpoint, LogFork, LogHead, LogRecord, PairHead, WitnessedLog
from schemas.codec import encode
from schemas.records import DataErased, OperationRecorded, Outcome, Party
from services.audit.logs import (
    COSIGNED,
    ERASED,
    FORKS,
    GAPS,
    HEADS,
    LEAVES,
    ROOTS,
    SIGNATURES,
    LogAuditor,
    of_witnesses,
)

OWNER = "9900123210600000"
COUNTERPARTS = ("9900123211400000", "9900123212200000")
KEYS = InstitutionKeys(b"\x07" * 32)


class Log(NamedTuple):
    """A log as it lies in the tables."""

    rows: list[LogRecord]
    head: LogHead
    pairs: list[PairHead]
    checkpoints: list[Checkpoint]


def parts(number: int) -> tuple[bytes, bytes]:
    """Body and detail of the number-th record."""
    return split(
        record_of(
            Party.INQUIRER,
            OWNER,
            f"{OWNER}-{number:020d}",
            inquirer_name="刈谷市",
            provider_institution_code=COUNTERPARTS[number % 2],
            provider_name="豊田市",
            requested_at=number,
            affair_code="JM01000000016002",
            procedure_code="JT99000000000001",
            spi_name_code="TM99000000000001",
            outcome=Outcome.OK,
        ),
        bytes([number]) * SALT_BYTES,
    )


def log(size: int = 9, signed: Sequence[int] = (4, 9)) -> Log:
    """A whole log of so many records, signed at these sizes."""
    rows = []
    for number in range(size):
        counterpart, pair = COUNTERPARTS[number % 2], number // 2 + 1
        body, detail = parts(number)
        leaf = leaf_of(number, counterpart, pair, body)
        name = f"{OWNER}-{number:020d}"
        rows.append(LogRecord(OWNER, number, counterpart, pair, name, "INQUIRER", 0, leaf, body, detail))
    frontier = merkle.append_all(merkle.EMPTY_FRONTIER, [row.leaf for row in rows])
    pairs = [PairHead(OWNER, one, len(rows[place::2])) for place, one in enumerate(COUNTERPARTS)]
    notes = [sign(rows, at) for at in signed]
    return Log(rows, LogHead(OWNER, size, merkle.to_bytes(frontier), 0), pairs, notes)


def sign(rows: Sequence[LogRecord], size: int, signer: str = OWNER) -> Checkpoint:
    """The checkpoint over the first records."""
    root = merkle.root([row.leaf for row in rows[:size]])
    note = KEYS.sign_checkpoint(signer, origin_of_log(OWNER), size, root)
    return Checkpoint(OWNER, size, note, 0)


def audited(one: Log, batch: int = 3) -> LogAuditor:
    """The auditor after all of it."""
    auditor = LogAuditor(OWNER, KEYS.signing(OWNER).public_key, one.checkpoints)
    for first in range(0, len(one.rows), batch):
        auditor.feed(one.rows[first : first + batch])
    auditor.finish(one.head, one.pairs)
    return auditor


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_a_whole_log_passes(batch: int) -> None:
    """However the rows arrive, every leaf, root and signature is recomputed and nothing is found."""
    auditor = audited(log(), batch)

    assert auditor.found == []
    assert auditor.size == auditor.signed == 9
    assert auditor.looked_at == {LEAVES: 9, GAPS: 9, ROOTS: 2, SIGNATURES: 2, HEADS: 1, ERASED: 0}


def test_an_empty_log_passes() -> None:
    """An institution that never took part has nothing to prove."""
    auditor = LogAuditor(OWNER, KEYS.signing(OWNER).public_key, [])
    auditor.finish(None, [])

    assert auditor.found == []


def changed_body(one: Log) -> Log:
    """Another record in the place of one."""
    one.rows[5] = one.rows[5]._replace(body=parts(6)[0])
    return one


def changed_body_and_leaf(one: Log) -> Log:
    """Another record, and the stored hash made to fit."""
    row = one.rows[5]._replace(body=parts(5)[0][:-1] + b"\x02")
    one.rows[5] = row._replace(leaf=leaf_of(row.sequence, row.counterpart, row.pair_sequence, row.body))
    return one


def changed_detail(one: Log) -> Log:
    """Another detail than the body vouches for."""
    one.rows[5] = one.rows[5]._replace(detail=parts(6)[1])
    return one


def damaged_detail(one: Log) -> Log:
    """Bytes that are no detail."""
    one.rows[1] = one.rows[1]._replace(detail=b"\x00")
    return one


def removed_row(one: Log) -> Log:
    """A record is gone."""
    del one.rows[3]
    return one


def removed_tail(one: Log) -> Log:
    """The last record is gone, and the heads made to fit."""
    last = one.rows.pop()
    frontier = merkle.append_all(merkle.EMPTY_FRONTIER, [row.leaf for row in one.rows])
    pairs = [pair._replace(last=pair.last - (pair.counterpart == last.counterpart)) for pair in one.pairs]
    return one._replace(head=LogHead(OWNER, 8, merkle.to_bytes(frontier), 0), pairs=pairs)


def other_signer(one: Log) -> Log:
    """A checkpoint that another institution signed."""
    one.checkpoints[1] = sign(one.rows, 9, COUNTERPARTS[0])
    return one


def moved_checkpoint(one: Log) -> Log:
    """A good note under another size."""
    one.checkpoints[0] = one.checkpoints[0]._replace(size=5)
    return one


def renamed_row(one: Log) -> Log:
    """The row claims to be another exchange's."""
    one.rows[2] = one.rows[2]._replace(exchange_id=f"{OWNER}-{77:020d}")
    return one


def damaged_body(one: Log) -> Log:
    """Bytes that are no record."""
    one.rows[0] = one.rows[0]._replace(body=b"\x00\x00\x00\x00\x00")
    return one


def other_frontier(one: Log) -> Log:
    """A head that stands on something else."""
    return one._replace(head=one.head._replace(frontier=merkle.to_bytes(merkle.EMPTY_FRONTIER)))


@pytest.mark.parametrize(
    ("tamper", "check", "place"),
    [
        (changed_body, LEAVES, f"{OWNER}/5"),
        (changed_body_and_leaf, ROOTS, f"{OWNER}@9"),
        (changed_detail, LEAVES, f"{OWNER}/5"),
        (damaged_detail, LEAVES, f"{OWNER}/1"),
        (removed_row, GAPS, f"{OWNER}/4"),
        (removed_tail, ROOTS, f"{OWNER}@9"),
        (other_signer, SIGNATURES, f"{OWNER}@9"),
        (moved_checkpoint, SIGNATURES, f"{OWNER}@5"),
        (renamed_row, LEAVES, f"{OWNER}/2"),
        (damaged_body, LEAVES, f"{OWNER}/0"),
        (other_frontier, HEADS, OWNER),
    ],
)
def test_tampering_is_found_where_it_was_done(tamper: Callable[[Log], Log], check: str, place: str) -> None:
    """The place that breaks is named, and the check that broke."""
    found = audited(tamper(log())).found

    assert (check, place) in {(one.check, one.subject) for one in found}


def certified(one: Log, sequences: tuple[int, ...]) -> Log:
    """The log with a certificate behind its last record, and the heads made to fit."""
    body = encode(DataErased(OWNER, 1, 1, "RECORD_EXPIRED", "op", sequences))
    place = len(one.rows)
    leaf = leaf_of(place, ERASURES, 1, body)
    one.rows.append(LogRecord(OWNER, place, ERASURES, 1, "erasure-1", CERTIFICATE, 0, leaf, body, b""))
    frontier = merkle.append_all(merkle.EMPTY_FRONTIER, [row.leaf for row in one.rows])
    head = LogHead(OWNER, place + 1, merkle.to_bytes(frontier), 0)
    return one._replace(head=head, pairs=[*one.pairs, PairHead(OWNER, ERASURES, 1)])


def erased(one: Log, sequences: Sequence[int]) -> Log:
    """The log without the details of these records."""
    one.rows[:] = [row._replace(detail=b"") if row.sequence in sequences else row for row in one.rows]
    return one


def test_a_certified_erasure_breaks_nothing() -> None:
    """The leaf covers the body and the body names the detail's digest: a log whose details are gone is as good."""
    assert audited(erased(certified(log(), (2, 3)), (2, 3))).found == []


@pytest.mark.parametrize(
    ("gone", "named", "place"), [((2, 3), (2,), 3), ((2,), (2, 3), 3), ((5,), (), 5)], ids=["more", "less", "none"]
)
def test_erasure_and_certificate_must_agree(gone: tuple[int, ...], named: tuple[int, ...], place: int) -> None:
    """What is gone without a certificate, or there in spite of one, is found."""
    found = audited(erased(certified(log(), named), gone)).found

    assert [(one.check, one.subject) for one in found] == [(ERASED, f"{OWNER}/{place}")]


def test_what_lies_after_the_last_signature_is_counted_as_unsigned() -> None:
    """A report says how much of a log nobody has signed yet."""
    auditor = audited(log(9, signed=(4,)))

    assert auditor.found == []
    assert (auditor.signed, auditor.size) == (4, 9)


def with_an_operation(operation: OperationRecorded, party: str = STAFF) -> Log:
    """A log of one record and what somebody did, in a row that says this party."""
    one = log(1, signed=())
    body = encode(operation)
    leaf = leaf_of(1, STAFF, 1, body)
    one.rows.append(LogRecord(OWNER, 1, STAFF, 1, "f" * 32, party, 0, leaf, body, b""))
    frontier = merkle.append_all(merkle.EMPTY_FRONTIER, [row.leaf for row in one.rows])
    head = LogHead(OWNER, 2, merkle.to_bytes(frontier), 0)
    return Log(one.rows, head, [*one.pairs[:1], PairHead(OWNER, STAFF, 1)], [sign(one.rows, 2)])


OPERATION = OperationRecorded("3", "f" * 32, OWNER, "OP1", "", "HOLD_SHOW", "x", allowed=True, rule="", operated_at=0)


def test_what_staff_did_is_a_leaf_like_any_other() -> None:
    """Counted, hashed and signed over with the records; told apart by its schema's number."""
    auditor = audited(with_an_operation(OPERATION))

    assert auditor.found == []
    assert auditor.signed == 2


@pytest.mark.parametrize(
    "broken",
    [
        with_an_operation(OPERATION._replace(operation_id="e" * 32)),
        with_an_operation(OPERATION._replace(institution_code=COUNTERPARTS[0])),
        with_an_operation(OPERATION, "PROVIDER"),
    ],
    ids=["another operation", "another owner", "a party of an exchange"],
)
def test_an_operation_under_another_name_is_found(broken: Log) -> None:
    """The row names what it holds."""
    assert {one.check for one in audited(broken).found} == {LEAVES}


# ── what witnesses keep ──────────────────────────────────────────────────────────────────────────────────────────

WITNESS = COUNTERPARTS[0]


def witnessed(rows: Sequence[LogRecord], size: int, signer: str = OWNER) -> WitnessedLog:
    """What a witness keeps after it cosigned the first records."""
    return WitnessedLog(WITNESS, OWNER, size, sign(rows, size, signer).note, 0)


def audited_by(kept: WitnessedLog, one: Log) -> list[Violation]:
    """What is found when a witness's own account is laid beside the log."""
    auditor = LogAuditor(OWNER, KEYS.signing(OWNER).public_key, one.checkpoints, [kept])
    auditor.feed(one.rows)
    auditor.finish(one.head, one.pairs)
    assert auditor.looked_at[COSIGNED] == 1
    return auditor.found


def test_what_a_witness_keeps_is_held_against_the_log() -> None:
    """A log whose own checkpoints and heads were made to fit is still not the one that its neighbour cosigned."""
    before = log().rows
    rows, head = rewritten(before, log().head, 5)
    forged = Log(rows, head, log().pairs, [sign(rows, 9)])

    assert audited_by(witnessed(before, 4), log()) == []

    assert audited(forged).found == []
    found = audited_by(witnessed(before, 9), forged)
    assert {(one.check, one.subject) for one in found} == {(COSIGNED, f"{OWNER}@9/{WITNESS}")}
    assert audited_by(witnessed(before, 4), forged) == []


def test_a_log_that_ends_before_what_was_cosigned_is_found() -> None:
    """The tail may be gone from every table of the log's; the witness remembers how long it was."""
    found = audited_by(witnessed(log().rows, 9), removed_tail(log())._replace(checkpoints=[]))

    assert {(one.check, one.subject) for one in found} == {(COSIGNED, f"{OWNER}@9/{WITNESS}")}


def test_a_witnesss_account_that_the_log_never_signed_is_worth_nothing() -> None:
    """A witness cannot accuse a log with a note of its own making."""
    found = audited_by(witnessed(log().rows, 4, WITNESS), log())

    assert [one.check for one in found] == [COSIGNED]
    assert "SIGNER_ABSENT" in found[0].text


def test_evidence_is_judged_anew() -> None:
    """A kept fork is told with what it is worth to somebody who trusts nobody."""
    one, other = log(), changed_body_and_leaf(log())
    kept, seen = sign(one.rows, 9).note, sign(other.rows, 9).note
    fork = LogFork(WITNESS, OWNER, 9, "LOG_FORKED", kept, seen, 0, b"", b"", 0)
    key = KEYS.signing(OWNER).public_key

    counted, found = of_witnesses(OWNER, key, History(forks=[fork, fork._replace(seen_note=kept)]))

    assert counted[FORKS] == 2
    assert [one.check for one in found] == [FORKS, FORKS]
    assert "proved" in found[0].text
    assert "not proved" in found[1].text


def test_a_log_of_nobody_is_named() -> None:
    """A head under something that is no institution's code is found, since nobody will ever sign it."""
    auditor = LogAuditor("nobody", KEYS.signing("nobody").public_key, [], [])
    auditor.finish(LogHead("nobody", 0, merkle.to_bytes(merkle.EMPTY_FRONTIER), 0), [])

    assert [(one.check, one.subject) for one in auditor.found] == [(HEADS, "nobody")]
