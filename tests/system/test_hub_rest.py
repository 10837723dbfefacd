"""The hub's REST interface on a real PostgreSQL: numbers and links, who sees what, files, the log.

What would be said to the intermediate server lies in the hub's queue here; the way over Kafka is in test_hub.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from hub_fixtures import HERE, KEYS, PATIENCE_SECONDS, THERE, WORLD, Served, database

from broker.embedded.postgres import EmbeddedPostgres
from broker.rules import copy_file, inquiry_file
from broker.rules.numbers import find_individual_numbers, synthetic_individual_number
from broker.rules.vault import NumberVault
from broker.tables import TABLES
from services.world import (
    HEALTH_SYSTEM,
    INCOMING_RESIDENT,
    ITEMS,
    LAYOUT,
    VACCINATION,
    VACCINATION_AFFAIR,
    business_number,
)

NEW, OTHER, LATER = (synthetic_individual_number(1_000 + n) for n in range(3))
BORN = {"name": "刈谷 あおい", "address": "刈谷市", "birth_date": "19800101", "sex": "2"}


@pytest.fixture(scope="module")
def dsn(postgres_server: EmbeddedPostgres, postgres_template: str) -> Iterator[str]:
    """A database for the whole module."""
    with database(postgres_server, postgres_template, "hub_rest") as name:
        yield name


@pytest.fixture(scope="module")
def served(dsn: str) -> Iterator[Served]:
    """A hub for the whole module; each test has business systems of its own."""
    with Served(dsn) as hub:
        yield hub


async def rows(dsn: str, statement: str, *values: Any) -> list[asyncpg.Record]:
    """What lies in the database."""
    connection = await asyncpg.connect(dsn, timeout=PATIENCE_SECONDS, command_timeout=PATIENCE_SECONDS)
    try:
        return list(await connection.fetch(statement, *values))
    finally:
        await connection.close(timeout=PATIENCE_SECONDS)


def register(client: httpx.Client, business: int, number: str = "", **attributes: str) -> httpx.Response:
    """A person, told by a business system."""
    body: dict[str, Any] = {"business_person_number": f"{business:015d}", "attributes": attributes}
    return client.post("/persons", json=body | ({"individual_number": number} if number else {}))


def resident_of(institution_code: str) -> int:
    """A resident of the world whose home is this institution."""
    return next(n for n in range(WORLD.plan.residents) if WORLD.resident(n).home == institution_code)


def inquiry_of(number: int, **more: Any) -> dict[str, Any]:
    """The body of an inquiry about a resident of the world."""
    resident = WORLD.resident(number)
    return {
        "business_person_number": business_number(number),
        "department_code": "KENKO",
        "operator_id": "OP001",
        "affair_code": VACCINATION_AFFAIR,
        "procedure_code": INCOMING_RESIDENT,
        "kinds": [{"provider_institution_code": resident.previous, "spi_name_code": VACCINATION}],
    } | more


# ── numbers and links (functions 1 and 6) ────────────────────────────────────────────────────────────────────────


def test_a_number_is_made_only_for_a_person_nobody_has(served: Served) -> None:
    """Two systems register one person: one integrated number, two business numbers, each converting its own."""
    with served.client(HERE, "A1") as one, served.client(HERE, "A2") as two:
        first = register(one, 1, NEW, **BORN)
        again = register(one, 1, NEW)
        second = register(two, 9, NEW, **BORN)
        unknown = two.get(f"/persons/{1:015d}")
        found = two.post("/conversions", json={"individual_number": NEW})

    assert (first.status_code, again.status_code, second.status_code) == (201, 200, 200)
    integrated = {answer.json()["person"]["integrated_number"] for answer in (first, again, second)}
    assert len(integrated) == 1
    assert unknown.status_code == 404
    assert found.json()["business_person_number"] == f"{9:015d}"
    assert {found.json()["integrated_number"]} == integrated
    assert all(NEW not in answer.text for answer in (first, again, second, unknown, found))


def test_the_same_number_at_another_institution_is_another_person_there(served: Served) -> None:
    """Institutions share nothing: neither the integrated number nor the knowledge that there is one."""
    with served.client(HERE, "B1") as here, served.client(THERE, "B1") as there:
        register(here, 1, OTHER)
        hidden = there.post("/conversions", json={"individual_number": OTHER})
        made = register(there, 1, OTHER)

    assert hidden.status_code == 404
    assert made.status_code == 201


def test_a_number_outside_the_synthetic_range_is_refused_and_not_repeated(served: Served) -> None:
    """A real person's number typed by mistake goes no further, not even into the refusal."""
    with served.client(HERE, "C1") as client:
        real = register(client, 1, "123456789018")
        damaged = register(client, 1, "123456789012")

    assert (real.status_code, real.json()["rule"]) == (422, "NOT_SYNTHETIC")
    assert (damaged.status_code, damaged.json()["rule"]) == (422, "NUMBER_WRONG")
    assert "123456789018" not in real.text


async def test_a_wrong_link_is_found_suspended_corrected_and_registered_anew(served: Served, dsn: str) -> None:
    """A child was linked to the mother's number; when the mother comes, the link stops, is mended, and goes on."""
    mother, child = (synthetic_individual_number(1_100 + n) for n in range(2))
    with served.client(HERE, "D1") as client:
        wrong = register(client, 1, mother, **BORN | {"birth_date": "20100101"}).json()["person"]
        found = register(client, 2, mother, **BORN)
        stopped = client.get(f"/persons/{1:015d}").json()
        asked = client.post("/codes", json={"business_person_number": f"{1:015d}"})
        hasty = client.post(f"/persons/{1:015d}/re-registration")
        mended = client.put(
            f"/persons/{1:015d}/individual-number", json={"individual_number": child, "reason": "家族の番号"}
        )
        goes_on = client.post(f"/persons/{1:015d}/re-registration")
        mothers = register(client, 2, mother, **BORN)
    said = await rows(
        dsn, "select kind, outgoing_id from hub_outgoing where position($1::bytea in body) > 0 order by sequence",
        wrong["integrated_number"].encode(),
    )  # fmt: skip

    assert (found.status_code, found.json()["rule"]) == (409, "ATTRIBUTES_DISAGREE")
    assert stopped["state"] == "SUSPENDED"
    assert (asked.status_code, hasty.status_code) == (409, 409)
    assert mended.json()["state"] == "CORRECTED"
    assert goes_on.json()["state"] == "LINKED"
    assert goes_on.json()["integrated_number"] == wrong["integrated_number"]
    assert mothers.status_code == 201
    kinds = [row["kind"] for row in said]
    assert kinds == ["LinkageSuspensionRequested", "LinkageSuspensionRequested", "CodeAcquisitionRequested"]


def test_attributes_are_shown_by_right_alone(served: Served) -> None:
    """Without the right, a conversion gives numbers and nothing of the person."""
    with served.client(HERE, "E1") as client:
        with_right = register(client, 1, "", **BORN).json()["person"]
    with served.client(HERE, "E1", "persons:read") as client:
        without = client.get(f"/persons/{1:015d}").json()

    assert with_right["attributes"] == BORN
    assert with_right["state"] == "UNNUMBERED"
    assert without["attributes"] is None


async def test_the_individual_number_lies_encrypted_and_nowhere_else(served: Served, dsn: str) -> None:
    """Of every table, only the sealed column knows the number, and only with the institution's key."""
    number = synthetic_individual_number(1_200)
    with served.client(HERE, "F1") as client:
        integrated = register(client, 1, number).json()["person"]["integrated_number"]
        client.post("/codes", json={"business_person_number": f"{1:015d}"})
        client.post("/conversions", json={"individual_number": number})
        client.get(f"/persons/{number}")
        client.post("/token", data={"grant_type": "client_credentials", "client_id": number})
    kept = await rows(dsn, "select * from hub_persons where integrated_number = $1", integrated)
    everything = [
        value if isinstance(value, bytes) else str(value).encode()
        for table in TABLES
        for row in await rows(dsn, f"select * from {table.name}")
        for value in row.values()
    ]

    vault = NumberVault(KEYS.institutions.hub(HERE), HERE)
    assert {vault.open(integrated, row["number_sealed"]) for row in kept if row["institution_code"] == HERE} == {number}
    assert len(everything) > 1_000
    assert not any(number.encode() in value or find_individual_numbers(value) for value in everything)


# ── systems and institutions apart (function 9) ──────────────────────────────────────────────────────────────────


def test_a_token_of_one_system_cannot_act_for_another(served: Served) -> None:
    """Neither people, inquiries, files nor copies of another system of the same institution can be seen or used."""
    number = resident_of(HERE)
    line = inquiry_file.line_of(row_of(number))
    with served.client(HERE, HEALTH_SYSTEM) as own, served.client(HERE, "TAX") as other:
        inquiry = own.post("/inquiries", json=inquiry_of(number)).json()["inquiry_id"]
        file = own.post("/inquiry-files", content=line.encode()).json()["file_id"]
        copies = own.post("/copy-files", content=copy_file.line_of(copy_row(number)).encode()).json()["file_id"]
        tried = {
            "person": other.get(f"/persons/{business_number(number)}"),
            "ask": other.post("/inquiries", json=inquiry_of(number)),
            "inquiry": other.get(f"/inquiries/{inquiry}"),
            "file": other.get(f"/inquiry-files/{file}"),
            "results": other.get(f"/inquiry-files/{file}/results"),
            "copies": other.get(f"/copy-files/{copies}"),
            "copy": other.get(f"/copies/{VACCINATION}/{business_number(number)}/1"),
            "code": other.post("/codes", json={"business_person_number": business_number(number)}),
            "suspend": other.put(f"/persons/{business_number(number)}/suspension", json={"reason": "x"}),
        }
        listed = other.get("/inquiries").json()
        seen = own.get(f"/inquiries/{inquiry}")

    assert {name: answer.status_code for name, answer in tried.items()} == dict.fromkeys(tried, 404)
    assert listed == {"inquiries": [], "next_after": ""}
    assert seen.status_code == 200


def test_a_token_of_one_institution_sees_nothing_of_another(served: Served) -> None:
    """The same business system at two institutions: what one did, the other cannot see, and its log shows its own."""
    number = resident_of(HERE)
    with served.client(HERE, HEALTH_SYSTEM) as here, served.client(THERE, HEALTH_SYSTEM) as there:
        inquiry = here.post("/inquiries", json=inquiry_of(number, request_id="G1")).json()["inquiry_id"]
        file = here.post("/inquiry-files", content=inquiry_file.line_of(row_of(number)).encode()).json()["file_id"]
        tried = [there.get(f"/inquiries/{inquiry}"), there.get(f"/inquiry-files/{file}")]
        state = there.get("/intermediate-server").json()
        log = there.get("/operations", params={"limit": 1000}).json()["operations"]

    assert [answer.status_code for answer in tried] == [404, 404]
    assert state["institution_code"] == THERE
    assert len(log) > 1
    assert all(one["client_id"].startswith(THERE) for one in log)


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("persons:read", "POST", "/inquiries"),
        ("inquiries:read", "POST", "/inquiries"),
        ("persons:read", "PUT", f"/persons/{1:015d}/suspension"),
        ("inquiries:write", "GET", "/inquiries"),
        ("persons:write", "GET", f"/persons/{1:015d}"),
        ("state:read", "GET", "/operations"),
    ],
)
def test_a_right_that_was_not_given_is_missed(served: Served, scope: str, method: str, path: str) -> None:
    """Each call needs its own right; the refusal names it."""
    with served.client(HERE, "H1", scope) as client:
        answer = client.request(method, path, json={})

    assert answer.status_code in (403, 422)
    if method == "GET":
        assert answer.json()["rule"] == "SCOPE_MISSING"


def test_an_affair_that_was_not_given_is_refused(served: Served) -> None:
    """Rights go by affair, too (domain 4.6 row 8)."""
    from services.integrated_number import clients

    number = resident_of(HERE)
    row, secret = served.do(
        lambda hub: clients.add(hub, HERE, HEALTH_SYSTEM, "", ["inquiries:write"], ["JM01000000018000"])
    )
    form = {"grant_type": "client_credentials", "client_id": row.client_id, "client_secret": secret}
    token = httpx.post(f"{served.url}/token", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    answer = httpx.post(f"{served.url}/inquiries", json=inquiry_of(number, request_id="A"), headers=headers)

    assert answer.status_code == 422
    assert [error["error_id"] for error in answer.json()["errors"]] == ["SIM-E909"]


def test_who_has_no_token_is_not_let_in(served: Served) -> None:
    """No token, a made-up one, one of a client that was shut out, a wrong secret: 401, and each is in the log."""
    from services.integrated_number import clients

    token = served.token(HERE, "I1")
    served.do(lambda hub: clients.revoke(hub, f"{HERE}.I1"))
    calls = [
        httpx.get(f"{served.url}/inquiries"),
        httpx.get(f"{served.url}/inquiries", headers={"Authorization": "Bearer x"}),
        httpx.get(f"{served.url}/inquiries", headers={"Authorization": f"Bearer {token}"}),
        httpx.post(f"{served.url}/token", data={"grant_type": "client_credentials", "client_id": f"{HERE}.I1"}),
    ]
    noted = served.do(lambda hub: clients.operations(hub, "", hub.now() + 1, 1000))

    assert [answer.status_code for answer in calls] == [401] * 4
    assert [one.status for one in noted[:4]] == [401] * 4
    assert noted[0].client_id == f"{HERE}.I1"


def test_every_call_is_in_the_log(served: Served) -> None:
    """Who, what, about whom, and how it ended; newest first, a page at a time."""
    with served.client(HERE, "J1") as client:
        register(client, 77)
        client.get(f"/persons/{78:015d}")
        log = client.get("/operations", params={"limit": 2}).json()

    shown = [
        (one["client_id"], one["operation"], one["subject"], one["status"], one["rule"]) for one in log["operations"]
    ]
    assert shown == [
        (f"{HERE}.J1", "person", f"{78:015d}", 404, "BUSINESS_NUMBER_UNKNOWN"),
        (f"{HERE}.J1", "register_person", f"{77:015d}", 201, ""),
    ]
    assert log["next_before"] > 0


# ── inquiries and files (functions 3, 7 and 8) ───────────────────────────────────────────────────────────────────


def test_the_same_request_is_the_same_inquiry(served: Served) -> None:
    """A repeat under the system's own name is answered with the first; other content under it is refused."""
    number = resident_of(HERE)
    with served.client(HERE) as client:
        first = client.post("/inquiries", json=inquiry_of(number, request_id="R1"))
        again = client.post("/inquiries", json=inquiry_of(number, request_id="R1"))
        other = client.post("/inquiries", json=inquiry_of(number, request_id="R1", operator_id="OP002"))

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json() == again.json()
    assert first.headers["Location"] == f"/inquiries/{first.json()['inquiry_id']}"
    assert first.json()["state"] == "WAITING"


def row_of(number: int) -> inquiry_file.InquiryRow:
    """A line about a resident of the world."""
    resident = WORLD.resident(number)
    return inquiry_file.InquiryRow(
        "01",
        business_number(number),
        "",
        "",
        "KENKO",
        "OP001",
        resident.home,
        "1",
        VACCINATION_AFFAIR,
        INCOMING_RESIDENT,
        "",
        "",
        resident.previous,
        VACCINATION,
        "0",
        "0",
        "",
        "",
    )


async def test_damaged_lines_are_told_and_the_rest_goes_through(served: Served, dsn: str) -> None:
    """Each damaged line with its field and reason; a number in one is masked; the others are inquired, once."""
    number = resident_of(HERE)
    good = inquiry_file.line_of(row_of(number))
    somebody = synthetic_individual_number(5)
    lines = [
        good,
        good[:-1],
        good.replace(business_number(number), f"{7:015d}"),
        f"01,{somebody}",
        good.replace("TM99", "XX99"),
        inquiry_file.line_of(row_of(number)._replace(inquirer_institution_code=THERE)),
        good,
    ]
    data = "\r\n".join(lines).encode("cp932") + b"\r\n" + b"\x81" + good.encode()[1:] + b"\r\n"
    with served.client(HERE) as client:
        sent = client.post("/inquiry-files", params={"charset": "CP932", "name": "SKI.csv"}, content=data)
        again = client.post("/inquiry-files", params={"charset": "CP932"}, content=data)
        report = client.get(f"/inquiry-files/{sent.json()['file_id']}/report").text
        failures = client.get(f"/inquiry-files/{sent.json()['file_id']}/failures").text
        too_long = client.post("/inquiry-files", content=("x\r\n" * 10_001).encode())
    waiting = await rows(dsn, "select line from hub_inquiries where file_id = $1 order by line", sent.json()["file_id"])

    assert (sent.status_code, again.status_code) == (202, 200)
    assert sent.json()["lines"] == 8
    assert sent.json()["damaged"] == 6
    assert [row["line"] for row in waiting] == [1, 7]
    told = [line.split(",")[:3] for line in report.splitlines()]
    assert told == [
        ["2", "period_to", "SIM-E102"],
        ["3", "business_person_number", "SIM-E901"],
        ["4", "line", "SIM-E102"],
        ["5", "kinds[0].spi_name_code", "SIM-E102"],
        ["6", "inquirer_institution_code", "SIM-E105"],
        ["8", "column[1]", "SIM-E911"],
        ["8", "number_system", "SIM-E102"],
    ]
    assert somebody not in failures
    assert "01,************" in failures
    assert (too_long.status_code, too_long.json()["rule"]) == (422, "TOO_MANY_ROWS")


def copy_row(number: int, value: str = "DONE") -> copy_file.CopyRow:
    """A sub-copy of a resident of the world that its home does not have yet."""
    from schemas.records import Item

    values = (value, "1", "20230401", "模擬製薬0", "LOT0001", "")
    items = tuple(
        Item(code, one, "" if one else "NOT_APPLICABLE") for code, one in zip(ITEMS[VACCINATION], values, strict=True)
    )
    days = ("20260101", "", "20260101", "")
    return copy_file.CopyRow(business_number(number), VACCINATION, "9", LAYOUT, *days, False, "1", False, items)


async def test_only_a_change_is_sent(served: Served, dsn: str) -> None:
    """New, then unchanged, then changed, then gone: REGISTER, nothing, UPDATE, DELETE."""
    number = resident_of(HERE)
    row = copy_row(number)
    path = f"/copies/{VACCINATION}/{business_number(number)}/K1"
    body = {
        "layout_version": row.layout_version,
        "valid_from": row.valid_from,
        "publication_from": row.publication_from,
        "items": [item._asdict() for item in row.items],
    }
    changed = body | {"auto_response_disabled": True}
    with served.client(HERE) as client:
        answers = [client.put(path, json=one) for one in (body, body, changed)] + [client.delete(path)] * 1
        gone = client.delete(path)
        shown = client.get(path)
    said = await rows(
        dsn,
        "select kind from hub_outgoing where kind like 'Copy%' and position('K1'::bytea in body) > 0 order by sequence",
    )

    assert [answer.status_code for answer in answers] == [202, 200, 202, 202]
    assert gone.status_code == 200
    assert shown.json()["at_server"] is False
    assert [row["kind"] for row in said] == ["CopySubmitted"] * 3


async def test_a_copy_file_goes_out_in_numbered_parts(postgres_dsn: str) -> None:
    """Parts of at most so many rows, each opened with its count; unchanged and damaged lines are in none."""
    import hub_fixtures

    from broker.adapters.postgres import PostgresStore, connect_pool
    from broker.rules.charsets import Gaiji
    from services.installation import create_world
    from services.integrated_number import copies
    from services.integrated_number.common import Limits
    from services.integrated_number.inquiry_files import Incoming

    store = PostgresStore(await connect_pool(postgres_dsn, 2))
    try:
        await create_world(store, WORLD)
        hub = hub_fixtures.hub_over(store, Limits(copies_a_part=2))
        people = [
            n for n in range(WORLD.plan.residents) if HERE in (WORLD.resident(n).home, WORLD.resident(n).previous)
        ]
        lines = [copy_file.line_of(copy_row(n)) for n in people[:5]]
        lines.insert(1, "damaged")
        lines.append(lines[0])
        data = "\n".join(lines).encode()
        who = hub_fixtures.caller()

        file, new = await copies.take_in(hub, who, Incoming("DBM.csv", data, "UTF-8", Gaiji.REJECT), "FIRST_LOAD")
        _, again = await copies.take_in(hub, who, Incoming("DBM.csv", data, "UTF-8", Gaiji.REJECT), "FIRST_LOAD")
        found = await copies.standing(hub, who, file.file_id)
    finally:
        await store.close()

    assert (new, again) == (True, False)
    assert [(part.part, part.row_count, part.state) for part in found.parts] == [
        (1, 2, "WAITING"),
        (2, 2, "WAITING"),
        (3, 1, "WAITING"),
    ]
    assert [(line, error.error_id) for line, error in found.errors] == [(2, "SIM-E102"), (7, "SIM-E912")]
    assert [part.batch_id for part in found.parts] == [f"{file.file_id}-{n:04d}" for n in (1, 2, 3)]


def test_a_file_is_converted_and_what_did_not_pass_is_told(served: Served) -> None:
    """外字 are replaced or refused, as asked, and reported with line and column either way."""
    data = "刈谷\r\n".encode("cp932") + b"\xf0\x40\r\n"
    with served.client(HERE, "K1") as client:
        put = client.post("/file-conversions", params={"gaiji": "SUBSTITUTE"}, content=data).json()
        refused = client.post("/file-conversions", params={"gaiji": "REJECT"}, content=data).json()

    assert base64.b64decode(put["content"]).decode() == "刈谷\r\n〓\r\n"
    assert [(one["line"], one["column"], one["seen"]) for one in put["findings"]] == [(2, 1, "U+E000")]
    assert (refused["refused"], refused["content"]) == (True, "")


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    """413 with problem details, whether or not the length was told."""
    with served.client(HERE, "L1") as client:
        told = client.post("/persons", content=b"x" * 300_000)
        streamed = client.post("/persons", content=(b"x" * 30_000 for _ in range(10)))

    assert (told.status_code, streamed.status_code) == (413, 413)
    assert told.json()["rule"] == "BODY_TOO_LARGE"
    assert told.headers["content-type"] == "application/problem+json"


def test_refusals_name_the_field_and_never_the_value(served: Served) -> None:
    """RFC 9457 with every field that is wrong; what was sent is not given back."""
    secret = synthetic_individual_number(3)
    with served.client(HERE, "M1") as client:
        answer = client.post("/persons", json={"business_person_number": secret, "attributes": {"sex": secret}, "x": 1})

    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"business_person_number", "attributes.sex", "x"}
    assert secret not in json.dumps(answer.json())
