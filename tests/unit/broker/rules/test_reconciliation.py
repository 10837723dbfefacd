"""The verdicts on one exchange, as truth tables: what the records must show for each, and what shows nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from broker.rules.permits import LIFE_MS
from broker.rules.reconciliation import (
    LATE_MS,
    MEANINGS,
    SKEW_MS,
    Case,
    Permitted,
    Seen,
    Verdict,
    judged,
    table,
)
from broker.rules.records import record_of
from schemas.records import Outcome, Party, ProvisionRecorded

INQUIRER, PROVIDER = "9900123210600000", "9900123211400000"
NAME = f"{INQUIRER}-20260401000000000100"
AT = 1_775_001_600_000
END = AT + 60 * 86_400_000
OWNERS = {Party.INQUIRER: INQUIRER, Party.NETWORK: "0" * 16, Party.PROVIDER: PROVIDER}
PERMIT = Permitted("p1", "COMPLETED", AT + 10 + LIFE_MS)


def record(party: Party, outcome: Outcome = Outcome.OK, rule: str = "", permit_id: str = "p1") -> ProvisionRecorded:
    """One party's record of an exchange that was answered at once, or ended otherwise."""
    answered = outcome is Outcome.OK
    return record_of(
        party,
        OWNERS[party],
        NAME,
        inquirer_name="刈谷市",
        provider_institution_code=PROVIDER,
        provider_name="豊田市",
        requested_at=AT,
        affair_code="JM01000000016002",
        procedure_code="JT99000000000001",
        spi_name_code="TM99000000000001",
        outcome=outcome,
        rule=rule,
        provided_at=AT + 100 if answered else 0,
        spi_items=("1", "2") if answered else (),
        permit_id=permit_id,
        list_version=1 if party is Party.PROVIDER else 2,
        row_id="16-2-1" if permit_id else "",
        answer_digest=b"a" if answered else b"",
    )


def ended(
    outcome: Outcome, rule: str, *parties: Party, permitted: Permitted | None = PERMIT, permit_id: str = "p1"
) -> Case:
    """All these parties recorded the same ending."""
    seen = tuple(Seen(record(party, outcome, rule, permit_id), AT + 200) for party in parties)
    return Case(NAME, seen, permitted)


ANSWERED = ended(Outcome.OK, "", *Party)
REFUSED = ended(Outcome.NOT_PERMITTED, "NOT_IN_FORCE", Party.INQUIRER, Party.NETWORK, permitted=None, permit_id="")
LOCAL = ended(Outcome.NO_CODE, "CODE_MISSING", Party.INQUIRER, permitted=None, permit_id="")
UNUSED = Case(
    NAME,
    (
        Seen(record(Party.INQUIRER, Outcome.CANCELLED, "WITHDRAWN"), AT + 200),
        Seen(record(Party.NETWORK, Outcome.EXPIRED, "PERMIT_EXPIRED"), AT + LIFE_MS + 200),
    ),
    PERMIT._replace(state="EXPIRED"),
)


def without(case: Case, *parties: Party) -> Case:
    """The case with these parties' records not there."""
    return case._replace(seen=tuple(seen for seen in case.seen if seen.record.party not in parties))


def altered(case: Case, party: Party, change: Callable[[Seen], Seen]) -> Case:
    """The case with one party's record changed."""
    return case._replace(seen=tuple(change(seen) if seen.record.party is party else seen for seen in case.seen))


def wrote(**fields: object) -> Callable[[Seen], Seen]:
    """Something else stands in a record."""
    return lambda seen: seen._replace(record=seen.record._replace(**fields))  # type: ignore[arg-type]


def recorded_at(at: int) -> Callable[[Seen], Seen]:
    """It was taken down at another time."""
    return lambda seen: seen._replace(recorded_at=at)


def verdicts(case: Case, as_of: int = END) -> tuple[Verdict, ...]:
    """The verdicts, long after."""
    return judged(case, as_of).verdicts


# ── nothing is wrong ─────────────────────────────────────────────────────────────────────────────────────────────

IN_ORDER = {
    "answered, the provider on an older list": ANSWERED,
    "refused by the network: two records": REFUSED,
    "refused at home: one record": LOCAL,
    "suspended at home: one record": ended(
        Outcome.SUSPENDED, "PERSON_SUSPENDED_AT_INQUIRER", Party.INQUIRER, permitted=None, permit_id=""
    ),
    "returned by the network: two records": ended(
        Outcome.NO_MATCH,
        "PERSON_UNKNOWN_AT_PROVIDER",
        Party.INQUIRER,
        Party.NETWORK,
        permitted=PERMIT._replace(state="RETURNED"),
    ),
    "the same refusal by the provider: three records": ended(Outcome.NO_MATCH, "PERSON_UNKNOWN_AT_PROVIDER", *Party),
    "withdrawn before the permit was used": UNUSED,
    "the inquirer gave up, the provider answered": altered(
        ANSWERED,
        Party.INQUIRER,
        lambda seen: Seen(record(Party.INQUIRER, Outcome.EXPIRED, "DEADLINE_PASSED"), AT + LATE_MS * 3),
    ),
    "a permit presented too late": altered(
        UNUSED,
        Party.INQUIRER,
        lambda seen: Seen(record(Party.INQUIRER, Outcome.PERMIT_INVALID, "PERMIT_EXPIRED"), AT + LIFE_MS),
    ),
    "clocks that differ a little": altered(ANSWERED, Party.NETWORK, recorded_at(AT + 100 - SKEW_MS)),
    "recorded at the very limit": altered(ANSWERED, Party.NETWORK, recorded_at(AT + 100 + LATE_MS)),
    "a provider whose detail is erased": altered(
        ANSWERED,
        Party.PROVIDER,
        wrote(spi_items=(), answer_digest=b"", non_disclosure_code="", inquirer_name="", provider_name=""),
    ),
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_what_is_in_order_agrees(name: str) -> None:
    """Exchanges that end in any of the ways the services know agree, with one, two or three records."""
    assert verdicts(IN_ORDER[name]) == (Verdict.AGREE,)


# ── something is ─────────────────────────────────────────────────────────────────────────────────────────────────

I, N, P = Party.INQUIRER, Party.NETWORK, Party.PROVIDER  # noqa: E741
FAULTS: dict[str, tuple[Case, tuple[Verdict, ...]]] = {
    "no inquirer": (without(ANSWERED, I), (Verdict.MISSING_AT_INQUIRER,)),
    "no inquirer, refused": (without(REFUSED, I), (Verdict.MISSING_AT_INQUIRER,)),
    "no network": (without(ANSWERED, N), (Verdict.MISSING_AT_NETWORK,)),
    "no network, refused": (without(REFUSED, N), (Verdict.MISSING_AT_NETWORK,)),
    "no network, permit unused": (without(UNUSED, N), (Verdict.MISSING_AT_NETWORK,)),
    "no provider": (without(ANSWERED, P), (Verdict.MISSING_AT_PROVIDER,)),
    "two missing": (without(ANSWERED, N, P), (Verdict.MISSING_AT_NETWORK, Verdict.MISSING_AT_PROVIDER)),
    "nobody": (without(ANSWERED, I, N, P), (Verdict.PERMITTED_NOT_RECORDED,)),
    "nobody, permit unused": (without(UNUSED, I, N), (Verdict.PERMITTED_NOT_RECORDED,)),
    "no permit": (ANSWERED._replace(permitted=None), (Verdict.RECORDED_NOT_PERMITTED,)),
    "another permit": (
        ANSWERED._replace(permitted=PERMIT._replace(permit_id="p2")),
        (Verdict.RECORDED_NOT_PERMITTED,),
    ),
    "a permit never forwarded": (
        ANSWERED._replace(permitted=PERMIT._replace(state="ISSUED")),
        (Verdict.RECORDED_NOT_PERMITTED,),
    ),
    "one party names another permit": (
        altered(ANSWERED, P, wrote(permit_id="p2")),
        (Verdict.RECORDED_NOT_PERMITTED,),
    ),
    "provided without naming one": (altered(ANSWERED, I, wrote(permit_id="")), (Verdict.RECORDED_NOT_PERMITTED,)),
    "served though refused": (
        Case(NAME, (*REFUSED.seen, Seen(record(P), AT + 200)), None),
        (Verdict.RECORDED_NOT_PERMITTED,),
    ),
    "behind the network's back": (
        without(ANSWERED, N)._replace(permitted=None),
        (Verdict.RECORDED_NOT_PERMITTED,),
    ),
    "a party twice": (ANSWERED._replace(seen=(*ANSWERED.seen, ANSWERED.seen[0])), (Verdict.CONTENT_DIFFERS,)),
    "provided before asked": (
        ANSWERED._replace(
            seen=tuple(wrote(provided_at=AT - SKEW_MS - 1)(seen) for seen in ANSWERED.seen),
            permitted=PERMIT._replace(expires_at=AT - SKEW_MS - 1 + LIFE_MS + 1),
        ),
        (Verdict.ORDER_DIFFERS,),
    ),
    "recorded before provided": (altered(ANSWERED, N, recorded_at(AT + 99 - SKEW_MS)), (Verdict.ORDER_DIFFERS,)),
    "permitted after provided": (
        ANSWERED._replace(permitted=PERMIT._replace(expires_at=AT + 101 + SKEW_MS + LIFE_MS)),
        (Verdict.ORDER_DIFFERS,),
    ),
    "permitted before asked": (
        ANSWERED._replace(permitted=PERMIT._replace(expires_at=AT - 1 - SKEW_MS + LIFE_MS)),
        (Verdict.ORDER_DIFFERS,),
    ),
    "late": (altered(ANSWERED, P, recorded_at(AT + 101 + LATE_MS)), (Verdict.LATE,)),
    "a refusal recorded late": (altered(REFUSED, N, recorded_at(AT + 201 + LATE_MS)), (Verdict.LATE,)),
    "late and different": (
        altered(altered(ANSWERED, P, recorded_at(AT + 101 + LATE_MS)), P, wrote(affair_code="JM2")),
        (Verdict.CONTENT_DIFFERS, Verdict.LATE),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_verdict_and_no_other(name: str) -> None:
    """A fault gives what it is called, and nothing that only follows from it."""
    case, wanted = FAULTS[name]

    assert verdicts(case) == wanted
    assert len(judged(case, END).reasons) >= len(wanted)


def test_every_verdict_is_met() -> None:
    """The table above knows each verdict of the closed list, and so does the table of meanings."""
    met = {verdict for _, wanted in FAULTS.values() for verdict in wanted} | {Verdict.AGREE}

    assert met == set(Verdict)
    assert [one.verdict for one in MEANINGS] == list(Verdict)


SHARED: dict[str, object] = {
    "transaction_serial_number": "2",
    "inquirer_institution_code": "2",
    "provider_institution_code": "2",
    "requested_at": AT - 1,
    "affair_code": "2",
    "procedure_code": "2",
    "spi_name_code": "2",
    "provided_at": AT + 99,
    "rule": "NOTHING_HELD",
    "outcome": Outcome.NON_DISCLOSED,
    "inquirer_name": "安城市",
    "provider_name": "安城市",
    "spi_items": ("1",),
    "non_disclosure_code": "2",
    "answer_digest": b"b",
}


@pytest.mark.parametrize("party", Party)
@pytest.mark.parametrize("field", SHARED)
def test_what_all_must_write_down_alike(field: str, party: Party) -> None:
    """Whoever writes something else in a field that all three share makes the content differ, and its name is told."""
    found = judged(altered(ANSWERED, party, wrote(**{field: SHARED[field]})), END)

    assert found.verdicts == (Verdict.CONTENT_DIFFERS,)
    assert any(field in reason for reason in found.reasons)


@pytest.mark.parametrize(("field", "value"), [("list_version", 7), ("row_id", "17-1")])
def test_the_basis_is_the_networks_and_the_inquirers(field: str, value: object) -> None:
    """The inquirer has list version and row from the permit; the provider decides on its own copy."""
    for party in (I, N):
        assert verdicts(altered(ANSWERED, party, wrote(**{field: value}))) == (Verdict.CONTENT_DIFFERS,)

    assert verdicts(altered(ANSWERED, P, wrote(**{field: value}))) == (Verdict.AGREE,)


# ── not yet ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_may_still_come_is_not_missing() -> None:
    """Until the limit after the newest record there is no verdict, and the time to look again is told."""
    young = judged(without(ANSWERED, I), AT + 200 + LATE_MS - 1)
    old = judged(without(ANSWERED, I), AT + 200 + LATE_MS)

    assert young == ((), (), AT + 200 + LATE_MS)
    assert old.verdicts == (Verdict.MISSING_AT_INQUIRER,)


@pytest.mark.parametrize(("party", "place"), [(I, 0), (N, 1), (P, 2)])
def test_a_party_that_still_works_on_it_may_take_its_time(party: Party, place: int) -> None:
    """A hold, an open deadline, a permit in use: a record is due only after that party's own end."""
    until = [0, 0, 0]
    until[place] = END
    case = without(ANSWERED, party)._replace(open_until=(until[0], until[1], until[2]))

    assert judged(case, END).due_at == END + LATE_MS
    assert verdicts(case) == ()
    assert verdicts(case, END + LATE_MS) != ()


def test_a_permit_without_any_record_may_still_be_used() -> None:
    """While anybody may go on, a permit alone shows nothing."""
    alone = without(ANSWERED, I, N, P)._replace(permitted=PERMIT._replace(state="USED"), open_until=(0, END, END))

    assert judged(alone, END) == ((), (), END + LATE_MS)


def test_a_certain_fault_does_not_wait_for_a_missing_record() -> None:
    """What already differs is told, and the exchange is looked at again all the same."""
    case = altered(without(ANSWERED, I), P, wrote(affair_code="2"))
    found = judged(case, AT + 300)

    assert found.verdicts == (Verdict.CONTENT_DIFFERS,)
    assert found.due_at == AT + 200 + LATE_MS


def test_the_table_on_the_page_is_the_one_that_decides() -> None:
    """ARCHITECTURE.md shows the table of this module."""
    page = (Path(__file__).parents[4] / "ARCHITECTURE.md").read_text(encoding="utf-8")

    assert f"<!-- begin verdicts -->\n{table()}\n<!-- end verdicts -->" in page, "run: python -m services.docs"
