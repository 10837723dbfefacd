"""ワクチン接種記録システム in the in-memory country: its five functions, its closed areas, what it keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from country import EVERYBODY
from factories import ATTACHED_HOME, KEYS, NOW, WORLD, Story, asks
from factories import told as told_of

from broker.errors import OwnFault
from broker.rules import certificate, vaccination
from broker.rules.identity import jst_date
from broker.rules.numbers import synthetic_individual_number
from broker.tables import (
    TABLE_OF,
    VrsArea,
    VrsBulk,
    VrsCertificate,
    VrsCheckpoint,
    VrsDose,
    VrsLogHead,
    VrsPerson,
    VrsReceipt,
    VrsRecord,
    VrsVoucher,
)
from schemas.codec import encode
from schemas.records import (
    CertificateKind,
    VrsBulkInquired,
    VrsCertificateRequested,
    VrsDoseRead,
    VrsDoseTaken,
    VrsEligible,
    VrsEligibleRegistered,
    VrsFlag,
    VrsFlagSet,
    VrsInquired,
    VrsReplied,
)
from services.asking import heard
from services.vrs import records, routes
from services.vrs.areas import Areas
from services.vrs.export import COLUMNS, line_of
from services.vrs.records import Log
from services.vrs.service import BASIS, PROVIDED_ITEMS, Vrs

RESIDENT = WORLD.resident(ATTACHED_HOME)
HOME, PREVIOUS = RESIDENT.home, RESIDENT.previous
LOCAL = {code: local for local, code, _ in WORLD.codes}
THIRD = next(code for code in LOCAL if code not in (HOME, PREVIOUS))
NUMBER = RESIDENT.individual_number
STRANGER = synthetic_individual_number(9_000_001)
OPERATOR = "OP001"
VOUCHER = "0000000123"
AREAS = Areas(KEYS.vrs)


def told(scene: Any) -> Story:
    """The scene in a country where the city's two systems run as well."""
    return told_of(scene, names=EVERYBODY)


def eligible(number: str = NUMBER, voucher: str = VOUCHER, place: int = 1, **changes: Any) -> VrsEligible:
    """One line of the CSV."""
    row = VrsEligible(place, number, f"8{voucher:0>14}", "1", voucher, "刈谷あおい", "19800102", "2")
    return row._replace(**changes)


def registers(*rows: VrsEligible, city: str = PREVIOUS, name: str = "R1", **changes: Any) -> VrsEligibleRegistered:
    """A city registers these lines."""
    return VrsEligibleRegistered(city, name, LOCAL[city], rows or (eligible(),), OPERATOR)._replace(**changes)


def reads(
    dose: int = 1, day: str = "20230501", city: str = PREVIOUS, voucher: str = VOUCHER, **changes: Any
) -> VrsDoseRead:
    """A tablet of a city reads a voucher."""
    line = vaccination.ocr_line("1", dose, LOCAL[city], voucher)
    made = VrsDoseRead(
        city, f"D{dose}.{voucher}", line, dose, day, "模擬製薬1", f"LOT{dose}", "M1", "模擬", "市役所", "医師", "TAB1"
    )
    return made._replace(**changes)


def inquires(name: str = "Q1", **changes: Any) -> VrsInquired:
    """The new home asks the previous municipality."""
    return VrsInquired(HOME, name, NUMBER, LOCAL[PREVIOUS], True, True, OPERATOR)._replace(**changes)


def applies(name: str = "C1", **changes: Any) -> VrsCertificateRequested:
    """The person applies for a certificate at the previous municipality."""
    made = VrsCertificateRequested(PREVIOUS, name, NUMBER, CertificateKind.DOMESTIC, True, True, OPERATOR)
    return made._replace(**changes)


async def one_by_one(story: Story, *messages: Any) -> None:
    """Each message once everything before it has come to rest: different topics have no order among them."""
    for message in messages:
        await story.ask(message)
    await story.pass_time(seconds=10)  # for VRS to sign


def reply(story: Story, name: str) -> VrsReplied:
    """The one reply to a request."""
    (found,) = [one for one in story.said(VrsReplied) if one.request_id == name]
    return found  # type: ignore[no-any-return]


def taken(story: Story) -> dict[str, tuple[bool, list[str]]]:
    """What the tablets heard, by request."""
    return {one.request_id: (one.accepted, [e.error_id for e in one.errors]) for one in story.said(VrsDoseTaken)}


def log_of(story: Story, city: str) -> Log:
    """A city's log as it stands."""
    mine = {
        kind: [row for row in story.rows(kind) if row.institution_code == city]
        for kind in (VrsRecord, VrsCheckpoint, VrsLogHead)
    }
    return Log(city, tuple(mine[VrsRecord]), next(iter(mine[VrsLogHead]), None), tuple(mine[VrsCheckpoint]))


def verified(story: Story, city: str) -> records.Judged:
    """A city's log, verified with VRS's public key."""
    return records.judged(log_of(story, city), KEYS.vrs.log.public_key)


# ── 1 registration ───────────────────────────────────────────────────────────────────────────────────────────────


def test_each_row_has_its_own_result() -> None:
    """Good rows are registered; each other one is told with its place, field and reason; no reply repeats a number."""
    rows = (
        eligible(),
        eligible(STRANGER, "12", 2),
        eligible(STRANGER[:-1] + str((int(STRANGER[-1]) + 1) % 10), "0000000002", 3),
        eligible("123456789018", "0000000003", 4),
        eligible(synthetic_individual_number(9_000_002), VOUCHER, 5),
        eligible(synthetic_individual_number(9_000_003), "0000000005", 6, birth_date="20230230"),
        eligible(synthetic_individual_number(9_000_004), "0000000006", 7),
    )
    story = told(lambda story: one_by_one(story, registers(*rows)))
    said = reply(story, "R1")

    assert (said.outcome.value, said.accepted_rows) == ("PARTIAL", 2)
    assert [(e.field, e.error_id) for e in said.errors] == [
        ("rows[1].voucher_number", "SIM-E851"),
        ("rows[2].individual_number", "SIM-E102"),
        ("rows[3].individual_number", "SIM-E707"),
        ("rows[4]", "SIM-E867"),
        ("rows[5].birth_date", "SIM-E102"),
    ]
    assert sorted(row.voucher_number for row in story.rows(VrsVoucher)) == ["0000000006", VOUCHER]
    assert [row.institution_code for row in story.rows(VrsArea)] == [PREVIOUS]


def test_a_city_registers_for_itself_alone() -> None:
    """The code in the message must be the sender's own, and the message must lie on the sender's own topic."""
    foreign = registers(name="R3", city=HOME)

    async def scene(story: Story) -> None:
        await one_by_one(story, registers(name="R2", local_government_code=LOCAL[THIRD]))
        story.send(foreign, topic=story.topics.destination(registers()).topic)
        await story.settle()

    story = told(scene)

    assert reply(story, "R2").rule == "NOT_OWN_CODE"
    assert [row.rule for row in story.set_aside()] == ["FOREIGN_SENDER"]
    assert story.rows(VrsPerson) == []


def test_somebody_elses_voucher_is_refused() -> None:
    """A voucher number belongs to one person for ever; the same person may get further ones."""
    other = eligible(STRANGER)
    again = eligible(voucher="0000000124")
    story = told(lambda story: one_by_one(story, registers(), registers(other, name="R2"), registers(again, name="R3")))

    assert [e.error_id for e in reply(story, "R2").errors] == ["SIM-E855"]
    assert reply(story, "R3").outcome.value == "ACCEPTED"
    assert len(story.rows(VrsPerson)) == 1


def test_a_request_said_twice_happens_once() -> None:
    """The same name and content is a repeat; with other content it is refused."""
    changed = registers(eligible(STRANGER, "0000000124"))
    story = told(lambda story: one_by_one(story, registers(), registers(), changed))

    assert [one.outcome.value for one in story.said(VrsReplied)] == ["ACCEPTED", "REFUSED"]
    assert len(story.rows(VrsPerson)) == len(story.rows(VrsReceipt)) == 1


# ── 2 doses, 3 flags ─────────────────────────────────────────────────────────────────────────────────────────────


def test_doses_one_after_the_other_and_beyond_nine() -> None:
    """接種回 is an open number: the tenth is read from a line that ends in the digit 0."""
    days = [f"2023{month:02d}01" for month in range(1, 13)]
    doses = [reads(n, day) for n, day in enumerate(days[:10], 1)]
    story = told(lambda story: one_by_one(story, registers(), *doses))

    assert all(accepted for accepted, _ in taken(story).values())
    assert [row.dose_number for row in story.rows(VrsDose)] == list(range(1, 11))
    assert AREAS.dose_of(story.rows(VrsDose)[9]).dose_date == days[9]


@pytest.mark.parametrize(
    ("dose", "error"),
    [
        (reads(2, "20230501"), "SIM-E857"),
        (reads(1, "20230601", request_id="again"), "SIM-E856"),
        (reads(2, "20240401"), "SIM-E858"),
        (reads(2, "20230601", voucher="9999999999"), "SIM-E854"),
        (reads(2, "20230601", dose_number=3), "SIM-E868"),
        (reads(2, "20230601", ocr_line="1" * 18), "SIM-E852"),
        (reads(2, "20230601", ocr_line=vaccination.ocr_line("1", 2, LOCAL[HOME], VOUCHER)), "SIM-E853"),
        (reads(2, "20230601", ocr_line=vaccination.ocr_line("2", 2, LOCAL[PREVIOUS], VOUCHER)), "SIM-E854"),
        (reads(2, "20230601", lot_number=NUMBER), "SIM-E102"),
    ],
)
def test_a_dose_that_cannot_be_is_refused(dose: VrsDoseRead, error: str) -> None:
    """Order, repetition, day, voucher, line and fields: each has a reason of its own, and nothing is kept."""
    story = told(lambda story: one_by_one(story, registers(), reads(), dose))

    assert taken(story)[dose.request_id] == (False, [error])
    assert len(story.rows(VrsDose)) == 1


@pytest.mark.parametrize("flag", [VrsFlag.MOVED_OUT, VrsFlag.DEAD])
def test_a_flag_ends_new_doses_and_vouchers_and_keeps_the_old(flag: VrsFlag) -> None:
    """After the day of the flag nothing new is taken; what was given stays; NONE takes the flag back."""
    business = eligible().business_person_number
    flagged = VrsFlagSet(PREVIOUS, "F1", business, flag, "20230515", OPERATOR)
    back = flagged._replace(request_id="F2", flag=VrsFlag.NONE)
    unknown = flagged._replace(request_id="F3", business_person_number="1" * 15)
    story = told(
        lambda story: one_by_one(
            story,
            registers(),
            reads(),
            flagged,
            reads(2, "20230514", request_id="before"),
            reads(3, "20230601", request_id="after"),
            registers(eligible(voucher="0000000124"), name="R2"),
            unknown,
            back,
            reads(3, "20230601", request_id="back"),
        )
    )
    tablets = taken(story)

    assert tablets["before"] == tablets["back"] == (True, [])
    assert tablets["after"] == (False, ["SIM-E859"])
    assert [e.error_id for e in reply(story, "R2").errors] == ["SIM-E859"]
    assert reply(story, "F3").rule == "PERSON_UNKNOWN_IN_AREA"
    assert len(story.rows(VrsDose)) == 3


def test_a_dose_is_erased_after_five_years() -> None:
    """The day after it turned five, a dose is gone from the table, and an inquiry finds the person without it."""

    async def scene(story: Story) -> None:
        await one_by_one(story, registers(), reads(day="20210925"), reads(2, "20240301"))
        left = vaccination.expires_at("20210925") - story.clock.now_ms()
        await story.pass_time(seconds=left / 1000 - 60)
        assert len(story.rows(VrsDose)) == 2
        await story.pass_time(seconds=120)
        await one_by_one(story, inquires())

    story = told(scene)

    assert [row.dose_number for row in story.rows(VrsDose)] == [2]
    assert [dose.dose_number for dose in reply(story, "Q1").doses] == [2]


# ── 4 inquiry and provision ──────────────────────────────────────────────────────────────────────────────────────


def test_the_previous_municipality_provides_and_both_keep_a_record() -> None:
    """All items of each dose under Article 19(16); a record at either side, signed by VRS, without a value."""
    story = told(lambda story: one_by_one(story, registers(), reads(), reads(2, "20230601"), inquires()))
    said = reply(story, "Q1")
    asked, gave = verified(story, HOME), verified(story, PREVIOUS)

    assert (said.outcome.value, said.basis) == ("FOUND", BASIS)
    assert [(d.dose_number, d.dose_date, d.local_government_code) for d in said.doses] == [
        (1, "20230501", LOCAL[PREVIOUS]),
        (2, "20230601", LOCAL[PREVIOUS]),
    ]
    assert (asked.broken, gave.broken, asked.signed, gave.signed) == ((), (), 1, 1)
    assert [one.party.value for one in (*asked.records, *gave.records)] == ["INQUIRER", "PROVIDER"]
    assert all(one.items == PROVIDED_ITEMS and one.doses == 2 and one.basis == BASIS for one in gave.records)
    assert b"20230501" not in b"".join(row.body for row in story.rows(VrsRecord))


def test_a_wrong_code_matches_nobody_and_leaves_nothing_there() -> None:
    """The municipality that was named by mistake has no row of any kind afterwards; the inquirer has a record."""
    story = told(lambda story: one_by_one(story, registers(), inquires(local_government_code=LOCAL[THIRD])))
    there = [
        (table.row.__name__, row)
        for table in map(TABLE_OF.__getitem__, story.store.tables)
        if table.name.startswith("vrs_")
        for row in story.rows(table.row)
        if row.institution_code == THIRD
    ]

    assert (reply(story, "Q1").outcome.value, reply(story, "Q1").doses) == ("NO_MATCH", ())
    assert there == []
    assert [(one.outcome.value, one.provided_at) for one in verified(story, HOME).records] == [("NO_MATCH", 0)]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"consent_obtained": False}, "CONSENT_NOT_OBTAINED"),
        ({"identity_checked": False}, "IDENTITY_NOT_CHECKED"),
    ],
)
def test_no_inquiry_without_consent_and_identity(changes: dict[str, Any], rule: str) -> None:
    """Nothing leaves, and the refusal is on record at the inquirer (assessment III-2 2(1))."""
    story = told(lambda story: one_by_one(story, registers(), reads(), inquires(**changes)))

    assert (reply(story, "Q1").outcome.value, reply(story, "Q1").rule) == ("REFUSED", rule)
    assert [one.outcome.value for one in verified(story, HOME).records] == ["REFUSED"]
    assert log_of(story, PREVIOUS).rows == ()


def test_consent_is_a_rule_that_can_be_lifted() -> None:
    """As it was from December 2021 (domain 3(g)4); identity is never given up."""
    lenient = Vrs(KEYS.vrs, consent_required=False)

    assert lenient._inquiry_rule(inquires(consent_obtained=False)) == ""
    assert lenient._inquiry_rule(inquires(consent_obtained=False, identity_checked=False)) == "IDENTITY_NOT_CHECKED"


def test_the_night_asks_every_other_municipality() -> None:
    """Nothing before one o'clock; then every other area is looked through, each that gave something keeps a record,
    and the numbers that waited are gone."""
    numbers = (STRANGER, NUMBER, synthetic_individual_number(9_000_009))
    bulk = VrsBulkInquired(HOME, "B1", numbers, True, True, OPERATOR)

    async def scene(story: Story) -> None:
        await one_by_one(
            story, registers(), reads(), registers(eligible(STRANGER, "0000000777"), city=THIRD, name="R2")
        )
        await one_by_one(story, reads(1, "20230701", city=THIRD, voucher="0000000777"), bulk)
        assert reply(story, "B1").outcome.value == "WAITING"
        await story.pass_time(seconds=(vaccination.night_after(NOW) - NOW) / 1000 - 600)
        assert len(story.rows(VrsBulk)) == 1
        await story.pass_time(seconds=1200)

    story = told(scene)
    _, night = [one for one in story.said(VrsReplied) if one.request_id == "B1"]

    assert night.outcome.value == "FOUND"
    assert sorted((d.row_number, d.local_government_code, d.dose_date) for d in night.doses) == [
        (1, LOCAL[THIRD], "20230701"),
        (2, LOCAL[PREVIOUS], "20230501"),
    ]
    assert story.rows(VrsBulk) == []
    assert {city: [r.party.value for r in verified(story, city).records] for city in (HOME, PREVIOUS, THIRD)} == {
        HOME: ["INQUIRER", "INQUIRER"],
        PREVIOUS: ["PROVIDER"],
        THIRD: ["PROVIDER"],
    }
    assert all(one.is_bulk for one in verified(story, HOME).records)


# ── 5 certificates ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_certificate_certifies_what_the_city_gave() -> None:
    """The municipality's own doses and no others, signed; issued again it says the same; kept under its id."""
    story = told(
        lambda story: one_by_one(
            story,
            registers(),
            reads(),
            registers(eligible(voucher="0000000124"), city=HOME, name="R2"),
            reads(2, "20230801", city=HOME, voucher="0000000124"),
            applies(),
        )
    )
    said = reply(story, "C1")
    claims = certificate.opened(said.payload, KEYS.vrs.certificates.public_key())
    entries = [one["resource"] for one in claims["vc"]["credentialSubject"]["fhirBundle"]["entry"]]
    (kept,) = story.rows(VrsCertificate)

    assert (said.outcome.value, said.issued_on) == ("ISSUED", jst_date(NOW))
    assert [one["occurrenceDateTime"] for one in entries[1:]] == ["2023-05-01"]
    assert entries[1]["performer"] == [{"actor": {"display": WORLD.names[PREVIOUS]}}]
    assert (kept.certificate_id, kept.issued_on, kept.certificate_kind) == (
        said.certificate_id,
        said.issued_on,
        "DOMESTIC",
    )


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"application_received": False}, "NO_APPLICATION"),
        ({"identity_checked": False}, "IDENTITY_NOT_CHECKED"),
        ({"individual_number": STRANGER}, "PERSON_UNKNOWN_IN_AREA"),
        ({"certificate_kind": CertificateKind.OVERSEAS}, "PASSPORT_MISSING"),
        ({"institution_code": HOME}, "PERSON_UNKNOWN_IN_AREA"),
    ],
)
def test_no_certificate_without_ground(changes: dict[str, Any], rule: str) -> None:
    """Only after an application with identity checked, only for whom the municipality knows."""
    story = told(lambda story: one_by_one(story, registers(), reads(), applies(**changes)))

    assert (reply(story, "C1").outcome.value, reply(story, "C1").rule) == ("REFUSED", rule)
    assert reply(story, "C1").payload == ""
    assert story.rows(VrsCertificate) == []


def test_after_a_move_the_own_period_is_still_certified() -> None:
    """A person who moved out may ask where the doses were given; of a dead person nothing is issued."""
    business = eligible().business_person_number
    moved = VrsFlagSet(PREVIOUS, "F1", business, VrsFlag.MOVED_OUT, "20240101", OPERATOR)
    dead = moved._replace(request_id="F2", flag=VrsFlag.DEAD)
    story = told(lambda story: one_by_one(story, registers(), reads(), moved, applies(), dead, applies("C2")))

    assert reply(story, "C1").outcome.value == "ISSUED"
    assert reply(story, "C2").rule == "PERSON_FLAGGED"


# ── closed areas ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_area_opens_with_its_own_key_alone() -> None:
    """Rows are sealed with the municipality's key and bound to their place: moved or copied, they open nowhere."""
    story = told(lambda story: one_by_one(story, registers(), reads(), registers(city=HOME, name="R2")))
    mine, theirs = sorted(story.rows(VrsPerson), key=lambda row: row.institution_code != PREVIOUS)
    (dose,) = story.rows(VrsDose)

    assert AREAS.person_of(mine).individual_number == NUMBER
    assert mine.number_hash != theirs.number_hash
    assert mine.sealed != theirs.sealed
    for moved in (mine._replace(institution_code=HOME), mine._replace(sealed=theirs.sealed)):
        with pytest.raises(OwnFault, match="does not open"):
            AREAS.person_of(moved)
    with pytest.raises(OwnFault, match="does not open"):
        AREAS.dose_of(dose._replace(dose_number=2))


def test_no_message_of_a_tablet_can_hold_a_number() -> None:
    """What travels on the tablets' topics has no field for an individual number, and one in a text is refused."""
    assert not [name for kind in (VrsDoseRead, VrsDoseTaken) for name in kind._fields if "individual" in name]
    assert not [name for name in VrsReplied._fields if "individual" in name]


def test_the_extract_has_no_number() -> None:
    """CSV for the ledger: the column for the own number stays blank, and no cell is an individual number."""
    story = told(lambda story: one_by_one(story, registers(), reads()))
    line = line_of(story.rows(VrsDose)[0], AREAS, LOCAL[PREVIOUS])

    assert len(line) == len(COLUMNS)
    assert "個人番号" not in COLUMNS
    assert (line[0], line[3:6]) == ("", ("20230501", VOUCHER, LOCAL[PREVIOUS]))
    assert NUMBER not in json.dumps(line)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda log: log._replace(rows=log.rows[1:]),
        lambda log: log._replace(rows=log.rows[:-1]),
        lambda log: log._replace(rows=(log.rows[0]._replace(counterpart=THIRD), *log.rows[1:])),
        lambda log: log._replace(rows=(log.rows[0]._replace(body=log.rows[1].body), *log.rows[1:])),
        lambda log: log._replace(institution_code=PREVIOUS),
        lambda log: log._replace(checkpoints=tuple(c._replace(size=c.size + 1) for c in log.checkpoints)),
    ],
)
def test_a_city_sees_when_its_records_were_meddled_with(spoil: Any) -> None:
    """A record that is gone, changed or moved, and a signature that is about something else, are each told."""
    story = told(lambda story: one_by_one(story, registers(), reads(), inquires(), inquires("Q2")))
    log = log_of(story, HOME)

    assert records.judged(log, KEYS.vrs.log.public_key).broken == ()
    assert records.judged(spoil(log), KEYS.vrs.log.public_key).broken != ()


# ── both routes ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_both_routes_side_by_side() -> None:
    """The same doses by Article 19(16) and by 19(8): VRS lets out more items on consent and identity, leaves two
    records outside NWS; NWS leaves three, carries no individual number, and asked the permission list first."""
    story = told(lambda story: one_by_one(story, registers(), reads(), inquires(), asks()))
    mine = [*verified(story, HOME).records, *verified(story, PREVIOUS).records]
    (nws,) = heard(story.answer(), KEYS.institutions.sealing_private(HOME))
    found = routes.compared(reply(story, "Q1"), mine, nws, story.records())

    assert (found.vrs.basis, found.nws.basis) == (BASIS, routes.NWS_BASIS)
    assert found.both == ("接種回", "接種日", "ワクチンメーカー", "ロット番号", "製品名")
    assert set(found.only_vrs) == {
        "市区町村コード",
        "接種券番号",
        "ワクチン種類",
        "製品名",
        "接種会場",
        "医師名",
    } - set(found.both)
    assert found.only_nws == ("接種状況",)
    assert [party for _, party, _ in found.vrs.records] == ["INQUIRER", "PROVIDER"]
    assert sorted(party for _, party, _ in found.nws.records) == ["INQUIRER", "NETWORK", "PROVIDER"]
    numbered = [
        topic for (topic, _), log in story.broker.logs.items() for one in log if NUMBER.encode() in (one.value or b"")
    ]
    assert set(numbered) == {story.topics.destination(registers()).topic, story.topics.destination(inquires()).topic}
    assert NUMBER.encode() not in encode(asks())
