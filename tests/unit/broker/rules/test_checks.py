"""Each check rejects the history it is for, and only that one does: a green run says what it seems to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import pytest

from broker.rules import checkpoint, checks, cosignature, merkle
from broker.rules.blocking import project, shown_digest
from broker.rules.checks import CHECKS, History, Leaf, Standing, Text, Watcher
from broker.rules.leaves import leaf_of, origin_of_log
from broker.rules.numbers import synthetic_individual_number
from broker.rules.records import SALT_BYTES, record_of, split, whole
from broker.rules.signing import key_pair_from_bytes
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
from schemas.codec import pack_items
from schemas.records import (
    AnsweredKind,
    HoldConfirmed,
    InquiryAnswered,
    InquiryForwarded,
    Item,
    Outcome,
    Party,
    ProvisionRecorded,
)

INQUIRER, PROVIDER, NETWORK = "9900123210600000", "9900123212200000", "0" * 16
AT_MS = 1_790_000_000_000
ANSWERED, REFUSED, LOCAL = (f"{INQUIRER}-2026092100000000{n:02d}00" for n in (1, 2, 3))
KIND, ITEM = "TM99000000000001", "99000100000001"
OWN_CODE, THEIR_CODE = "a" * 64, "b" * 64
KEY = key_pair_from_bytes(b"\x07" * 32).private_key
NUMBER = synthetic_individual_number(0).encode()


# ── a history in which everything is as it must be ───────────────────────────────────────────────────────────────


def exchange(name: str, state: str, outcome: str, permit: str = "") -> Exchange:
    """A kind that has ended."""
    return Exchange(
        name,
        INQUIRER,
        f"Q{name[-4:-2]}",
        0,
        state,
        outcome,
        PROVIDER,
        "000000000000001",
        "JM01000000016002",
        "JT99000000000001",
        KIND,
        "///",
        "1",
        "KENKO/OP001",
        OWN_CODE,
        AT_MS,
        AT_MS + 1,
        permit,
        1 if permit else 0,
        "row" if permit else "",
        b"",
    )


def record(party: Party, owner: str, name: str, outcome: Outcome, **more: Any) -> ProvisionRecorded:
    """One party's record."""
    return record_of(
        party,
        owner,
        name,
        inquirer_name="刈谷市",
        provider_institution_code=PROVIDER,
        provider_name="豊田市",
        requested_at=AT_MS,
        affair_code="JM01000000016002",
        procedure_code="JT99000000000001",
        spi_name_code=KIND,
        outcome=outcome,
        **more,
    )


SALT = b"\x05" * SALT_BYTES


def leaves_of(*records: ProvisionRecorded) -> tuple[Leaf, ...]:
    """The records in their owners' logs, in this order."""
    sizes: dict[str, int] = {}
    pairs: dict[tuple[str, str], int] = {}
    found = []
    for one in records:
        counterpart = {
            Party.INQUIRER: PROVIDER,
            Party.PROVIDER: INQUIRER,
            Party.NETWORK: f"{INQUIRER}>{PROVIDER}",
        }[one.party]
        owner, (body, detail) = one.institution_code, split(one, SALT)
        place, pair = sizes.get(owner, 0), pairs.get((owner, counterpart), 0) + 1
        sizes[owner], pairs[owner, counterpart] = place + 1, pair
        leaf = leaf_of(place, counterpart, pair, body)
        where = (owner, place, counterpart, pair, one.exchange_id, one.party.value)
        found.append(Leaf(LogRecord(*where, AT_MS, leaf, body, detail), whole(body, detail)))
    return tuple(found)


def signed(owner: str, leaves: tuple[Leaf, ...]) -> Checkpoint:
    """A checkpoint over an owner's whole log."""
    hashes = [leaf.row.leaf for leaf in leaves if leaf.row.institution_code == owner]
    text = checkpoint.format_checkpoint(origin_of_log(owner), len(hashes), merkle.root(hashes))
    return Checkpoint(owner, len(hashes), checkpoint.sign(text, origin_of_log(owner), KEY), AT_MS)


WITNESSES = {code: key_pair_from_bytes(bytes([n]) * 32) for n, code in enumerate((INQUIRER, PROVIDER), 20)}


def cosigned(one: Checkpoint, witness: str, time: int = AT_MS // 1000, signer: str = "") -> Cosignature:
    """A witness's line for a checkpoint."""
    name = cosignature.name_of_witness(witness)
    key = WITNESSES[signer or witness].private_key
    line = cosignature.cosign(checkpoint.text_of(one.note), name, key, time)
    return Cosignature(one.institution_code, one.size, witness, line, time * 1000)


def witnessed_by(witness: str, one: Checkpoint) -> WitnessedLog:
    """A witness's state after it cosigned a checkpoint."""
    return WitnessedLog(witness, one.institution_code, one.size, one.note, AT_MS)


COPY = CopyRecord(
    PROVIDER,
    "000000000000002",
    KIND,
    "1",
    AT_MS - 9,
    0,
    "1.0",
    "20260101",
    "",
    "20260101",
    "",
    True,
    "1",
    pack_items([Item(ITEM, "v")]),
    sha256(b"copy").digest(),
    "W1",
)
SHOWN = shown_digest(project([COPY], (ITEM,), ("", ""), "20260921"))
WHAT = {
    "provided_at": AT_MS,
    "spi_items": (ITEM,),
    "permit_id": "permit",
    "answer_digest": b"d" * 32,
    "sealed_digest": b"s" * 32,
}
BASIS = {
    "copy_digest": sha256(COPY.digest).digest(),
    "auto_response_disabled": True,
    "operator_id": "ST01",
}
RECORDS = (
    record(Party.INQUIRER, INQUIRER, ANSWERED, Outcome.OK, **WHAT),
    record(Party.NETWORK, NETWORK, ANSWERED, Outcome.OK, **WHAT),
    record(Party.PROVIDER, PROVIDER, ANSWERED, Outcome.OK, **WHAT, **BASIS),
    record(Party.INQUIRER, INQUIRER, REFUSED, Outcome.NOT_PERMITTED),
    record(Party.NETWORK, NETWORK, REFUSED, Outcome.NOT_PERMITTED),
    record(Party.INQUIRER, INQUIRER, LOCAL, Outcome.NO_CODE),
)
PERMITTED = NetworkExchange(ANSWERED, "COMPLETED", PROVIDER, "a", "p", KIND, False, "1", AT_MS, "permit", 1, "row", 9)
SERVED = Provision("permit", ANSWERED, PROVIDER, "CLOSED", "OK", AT_MS, THEIR_CODE, "", b"", 9, 0, SHOWN, "ST01", "")
FORWARDED = InquiryForwarded(ANSWERED, b"permit", b"proof", THEIR_CODE, "route", False, "1", AT_MS, "", "", "", "")


def answer(name: str, outcome: Outcome) -> InquiryAnswered:
    """What the institution was told."""
    kind = AnsweredKind(PROVIDER, KIND, name.split("-")[1], outcome, "", "", "", "", "", 0, b"", b"")
    return InquiryAnswered(f"Q{name[-4:-2]}", INQUIRER, "", AT_MS, (kind,))


def inquiry(name: str) -> Inquiry:
    """An inquiry of one kind that has ended."""
    return Inquiry(INQUIRER, f"Q{name[-4:-2]}", b"digest", AT_MS, 1, 0, AT_MS)


def good(records: tuple[ProvisionRecorded, ...] = RECORDS) -> History:
    """One inquiry answered after a person looked, one refused by the network, one ended at home."""
    leaves = leaves_of(*records)
    owners = dict.fromkeys(leaf.row.institution_code for leaf in leaves)
    pairs = {(leaf.row.institution_code, leaf.row.counterpart): leaf.row.pair_sequence for leaf in leaves}
    checkpoints = [signed(owner, leaves) for owner in owners]
    return History(
        inquiries=[inquiry(name) for name in (ANSWERED, REFUSED, LOCAL)],
        exchanges=[
            exchange(ANSWERED, "RECEIVED", "OK", "permit"),
            exchange(REFUSED, "PERMIT_DENIED", "NOT_PERMITTED"),
            exchange(LOCAL, "REJECTED_LOCAL", "NO_CODE"),
        ],
        network_exchanges=[PERMITTED],
        provisions=[SERVED],
        copies=[COPY],
        bindings=[CodeBinding(PROVIDER, THEIR_CODE, COPY.integrated_number, 1, 0, 1, "world")],
        codes=[NetworkCode(INQUIRER, OWN_CODE, "person", 1, 0), NetworkCode(PROVIDER, THEIR_CODE, "person", 1, 0)],
        leaves=leaves,
        heads=[LogHead(one.institution_code, one.size, b"", 0) for one in checkpoints],
        pair_heads=[PairHead(*pair, last) for pair, last in pairs.items()],
        checkpoints=checkpoints,
        duties=[
            WitnessDuty(one.institution_code, witness, b"", WITNESSES[witness].public_bytes)
            for one in checkpoints
            for witness in WITNESSES
            if witness != one.institution_code
        ],
        cosignatures=[
            cosigned(one, witness) for one in checkpoints for witness in WITNESSES if witness != one.institution_code
        ],
        witnessed=[
            witnessed_by(witness, one)
            for one in checkpoints
            for witness in WITNESSES
            if witness != one.institution_code
        ],
        answers=[
            answer(ANSWERED, Outcome.OK),
            answer(ANSWERED, Outcome.OK),
            answer(REFUSED, Outcome.NOT_PERMITTED),
            answer(LOCAL, Outcome.NO_CODE),
        ],
        forwarded=[FORWARDED, FORWARDED],
        confirmations=[HoldConfirmed(ANSWERED, PROVIDER, "ST01", SHOWN, AT_MS)],
        standings=[Standing("inquiry", 0, 3, 7, {("a", 0): 5})],
        ends={("a", 0): 5},
        texts=[
            Text("juki.shared.identities", NUMBER),
            Text("inquiry.inquiry_sent", OWN_CODE.encode()),
            Text("network_codes", f"{OWN_CODE} {THEIR_CODE}".encode()),
        ],
    )


GOOD = good()
Bad = Callable[[], History]


def changed(records: dict[int, dict[str, Any]]) -> History:
    """The good history with some records other than they should be, in logs that are sound."""
    return good(tuple(one._replace(**records.get(place, {})) for place, one in enumerate(RECORDS)))


def leaf_changed(place: int, **more: Any) -> tuple[Leaf, ...]:
    """The leaves with another row at one place."""
    leaf = GOOD.leaves[place]
    return (*GOOD.leaves[:place], leaf._replace(row=leaf.row._replace(**more)), *GOOD.leaves[place + 1 :])


def cosigned_instead(one: Cosignature) -> History:
    """The good history with another cosignature in place of the first."""
    assert GOOD.cosignatures[0][:3] == one[:3]
    return GOOD._replace(cosignatures=[one, *GOOD.cosignatures[1:]])


FORK = signed(INQUIRER, leaves_of(*RECORDS[3:], RECORDS[0]))
UNWITNESSED = GOOD._replace(duties=[], cosignatures=[], witnessed=[])
SMALLER = signed(INQUIRER, GOOD.leaves[:1])

BAD: dict[str, list[Bad]] = {
    "one_outcome_an_inquiry": [
        lambda: GOOD._replace(inquiries=[GOOD.inquiries[0]._replace(kinds=2), *GOOD.inquiries[1:]]),
        lambda: GOOD._replace(
            exchanges=[GOOD.exchanges[0], exchange(REFUSED, "ELSEWHERE", "NOT_PERMITTED"), GOOD.exchanges[2]]
        ),
        lambda: GOOD._replace(inquiries=[*GOOD.inquiries[:2], GOOD.inquiries[2]._replace(open_kinds=1)]),
    ],
    "one_answer_an_inquiry": [
        lambda: GOOD._replace(answers=[*GOOD.answers, GOOD.answers[0]._replace(answered_at=AT_MS + 1)]),
        lambda: GOOD._replace(answers=[*GOOD.answers[:3], answer(LOCAL, Outcome.OK)]),
    ],
    "no_answer_without_permit": [
        lambda: GOOD._replace(network_exchanges=[]),
        lambda: GOOD._replace(network_exchanges=[PERMITTED._replace(permit_id="another")]),
    ],
    "permits_used_once": [
        lambda: GOOD._replace(provisions=[SERVED, SERVED._replace(permit_id="again")]),
        lambda: GOOD._replace(forwarded=[FORWARDED, FORWARDED._replace(linkage_code=OWN_CODE)]),
    ],
    "one_record_a_party": [
        lambda: good((*RECORDS, RECORDS[5])),
        lambda: changed({5: {"outcome": Outcome.SUSPENDED}}),
    ],
    "records_agree": [
        lambda: changed({1: {"answer_digest": b"e" * 32}}),
        lambda: changed({0: {"provided_at": AT_MS + 1}}),
    ],
    "records_are_complete": [
        lambda: good(RECORDS[:4] + RECORDS[5:]),
        lambda: good((*RECORDS[:1], *RECORDS[2:])),
    ],
    "blocked_only_by_hand": [
        lambda: GOOD._replace(confirmations=[]),
        lambda: GOOD._replace(confirmations=[GOOD.confirmations[0]._replace(confirmed_digest=b"old")]),
        lambda: changed({2: {"operator_id": ""}}),
        lambda: changed({2: {"copy_digest": b"c" * 32}}),
    ],
    "logs_without_gaps": [
        lambda: GOOD._replace(heads=[GOOD.heads[0]._replace(size=4), *GOOD.heads[1:]]),
        lambda: GOOD._replace(pair_heads=[GOOD.pair_heads[0]._replace(last=4), *GOOD.pair_heads[1:]]),
    ],
    "leaves_cover_records": [
        lambda: GOOD._replace(leaves=leaf_changed(5, body=b"another")),
        lambda: GOOD._replace(leaves=leaf_changed(5, party="NETWORK")),
        lambda: GOOD._replace(leaves=leaf_changed(5, detail=SALT)),
    ],
    "checkpoints_match": [
        lambda: UNWITNESSED._replace(checkpoints=[FORK]),
        lambda: UNWITNESSED._replace(checkpoints=[GOOD.checkpoints[0]._replace(institution_code=PROVIDER)]),
        lambda: UNWITNESSED._replace(checkpoints=[GOOD.checkpoints[0]._replace(note="something else")]),
    ],
    "cosigned_only_consistent": [
        # another history of the same size was cosigned: a fork that only the witness has seen
        lambda: cosigned_instead(cosigned(FORK, PROVIDER)),
        lambda: GOOD._replace(witnessed=[witnessed_by(PROVIDER, FORK)]),
        lambda: cosigned_instead(cosigned(GOOD.checkpoints[0], PROVIDER, signer=INQUIRER)),
        lambda: cosigned_instead(cosigned(GOOD.checkpoints[0], PROVIDER)._replace(cosigned_at=1)),
        lambda: GOOD._replace(duties=GOOD.duties[1:]),
        lambda: GOOD._replace(
            checkpoints=[*GOOD.checkpoints, SMALLER],
            cosignatures=[*GOOD.cosignatures, cosigned(SMALLER, PROVIDER, AT_MS // 1000 + 1)],
        ),
    ],
    "logs_not_forked": [
        lambda: GOOD._replace(
            forks=[
                LogFork(PROVIDER, INQUIRER, 3, "LOG_FORKED", GOOD.checkpoints[0].note, FORK.note, 0, b"", b"", AT_MS)
            ]
        )
    ],
    "everything_cosigned": [lambda: GOOD._replace(cosignatures=GOOD.cosignatures[1:])],
    "no_individual_numbers": [lambda: GOOD._replace(texts=[Text("inquiry.inquiry_sent", b" " + NUMBER + b" ")])],
    "codes_apart": [
        lambda: GOOD._replace(texts=[Text("exchanges", f"'{OWN_CODE}', '{THEIR_CODE}'".encode())]),
    ],
    "nothing_open": [
        lambda: GOOD._replace(network_exchanges=[PERMITTED._replace(state="USED")]),
        lambda: GOOD._replace(heads=[GOOD.heads[0]._replace(checkpoint_due_at=1), *GOOD.heads[1:]]),
    ],
    "everything_said": [
        lambda: GOOD._replace(answers=GOOD.answers[1:-1]),
        lambda: GOOD._replace(standings=[GOOD.standings[0]._replace(outbox=(7,))]),
        lambda: GOOD._replace(ends={("a", 0): 6}),
    ],
}


def test_the_good_history_passes() -> None:
    """What is as it must be is not complained of."""
    assert checks.violations(GOOD) == []


@pytest.mark.parametrize("places", [(0,), (1, 2), range(len(RECORDS))])
def test_what_was_erased_is_not_complained_of(places: Sequence[int]) -> None:
    """Details may go one log at a time: what is left still fits together."""
    leaves = list(GOOD.leaves)
    for place in places:
        row = leaves[place].row._replace(detail=b"")
        leaves[place] = Leaf(row, whole(row.body, row.detail))

    assert checks.violations(GOOD._replace(leaves=leaves)) == []


def test_every_check_has_its_bad_histories() -> None:
    """A check nobody has seen fail proves nothing."""
    assert set(BAD) == {name for name, _ in CHECKS}


@pytest.mark.parametrize(("name", "place"), [(name, place) for name, bad in BAD.items() for place in range(len(bad))])
def test_a_check_alone_rejects_its_bad_history(name: str, place: int) -> None:
    """The violation has the check's name and no other check sees one."""
    found = checks.violations(BAD[name][place]())

    assert {violation.check for violation in found} == {name}


# ── from one look to the next ────────────────────────────────────────────────────────────────────────────────────


def seen(*histories: History) -> set[str]:
    """What a watcher finds over these."""
    watcher = Watcher()
    return {violation.check for history in histories for violation in watcher.see(history)}


def test_a_watcher_is_content_with_the_same_and_with_more() -> None:
    """Whole histories again and again, or a part and then the whole."""
    assert seen(GOOD, GOOD) == set()
    assert seen(GOOD._replace(leaves=GOOD.leaves[:3], checkpoints=[]), GOOD) == set()


@pytest.mark.parametrize(
    ("check", "before", "after"),
    [
        (
            "states_follow_the_table",
            History(exchanges=[exchange(ANSWERED, "EXPIRED", "EXPIRED")]),
            History(exchanges=[exchange(ANSWERED, "RECEIVED", "OK")]),
        ),
        (
            "states_follow_the_table",
            History(network_exchanges=[PERMITTED]),
            History(network_exchanges=[PERMITTED._replace(state="ISSUED")]),
        ),
        (
            "states_follow_the_table",
            History(provisions=[SERVED]),
            History(provisions=[SERVED._replace(state="HELD")]),
        ),
        (
            "said_once_for_all",
            History(answers=[answer(ANSWERED, Outcome.OK)]),
            History(answers=[answer(ANSWERED, Outcome.NO_DATA)]),
        ),
        ("said_once_for_all", GOOD, History(leaves=leaf_changed(0, leaf=b"l" * 32))),
        ("logs_only_grow", History(leaves=GOOD.leaves[:1]), History(leaves=GOOD.leaves[5:])),
        ("checkpoints_match", History(leaves=GOOD.leaves[:1]), History(checkpoints=[GOOD.checkpoints[0]])),
        (
            "positions_only_grow",
            GOOD,
            History(standings=[GOOD.standings[0]._replace(offsets={("a", 0): 4})]),
        ),
        ("positions_only_grow", GOOD, History(standings=[GOOD.standings[0]._replace(epoch=2)])),
        ("positions_only_grow", GOOD, History(standings=[GOOD.standings[0]._replace(batch=6)])),
    ],
)
def test_a_watcher_finds_what_may_not_follow(check: str, before: History, after: History) -> None:
    """States, answers, leaves, checkpoints and positions only ever go on."""
    assert seen(before, after) == {check}
