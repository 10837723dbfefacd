"""The hub on real Kafka and real PostgreSQL, as business systems meet it: from a new person to answers, and a crash.

One installation for the module; its hub is watched as `chukan up` watches it, so that what is killed comes back.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from installation_fixtures import Supervisor, everything_on, query, rows_of, until

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import PostgresStore, connect_pool
from broker.config import Config
from broker.rules import copy_file, inquiry_file
from broker.rules.numbers import synthetic_individual_number
from broker.tables import CodeBinding, HubCopyBatch, HubInquiry, HubOutgoing, Inquiry
from schemas.codec import decode
from schemas.records import CopyBatchOpened, CopySubmitted, InquiryRequested, Item
from services.client import Credentials
from services.installation import Installation
from services.integrated_number import clients, serving
from services.integrated_number.common import SCOPES, Hub
from services.scan import KEEPS_NUMBERS, NUMBER, Scan, scan, scan_tables
from services.up import HUB, System
from services.world import (
    HEALTH_SYSTEM,
    INCOMING_RESIDENT,
    ITEMS,
    LAYOUT,
    VACCINATION,
    VACCINATION_AFFAIR,
    Plan,
    World,
    business_number,
)

PLAN = Plan(seed=11, institutions=3, residents=240, attached=3)
PATIENCE_SECONDS = 40
CHUKAN = (sys.executable, "-m", "services")
OPEN = "select 1 from hub_inquiries where state not in ('ANSWERED', 'REJECTED', 'FETCHED')"
ENDED = ("ANSWERED", "REJECTED", "FETCHED")


class Town:
    """The installation, its first institution, and a business system there that may do everything."""

    def __init__(self, system: System, supervisor: Supervisor) -> None:
        self.system = system
        self.supervisor = supervisor
        self.world: World = system.world
        self.here = self.world.attached[0]
        row, secret = self._with_hub(self._add)
        self.basic = (row.client_id, secret)
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS)
        self.let_in()

    @property
    def url(self) -> str:
        """Where the hub is."""
        return self.system.fleet.hub_url

    async def _add(self, hub: Hub) -> Any:
        return await clients.add(hub, self.here, HEALTH_SYSTEM, "健康", SCOPES)

    def _with_hub(self, work: Any) -> Any:
        async def run() -> Any:
            known = serving.credentials_in(self.system.installation.directory)
            store = PostgresStore(await connect_pool(self.system.parts.dsn, 2))
            try:
                return await work(serving.new_hub(store, known, Config()))
            finally:
                await store.close()

        return asyncio.run(run())

    def let_in(self) -> None:
        """A token, taken by Basic as RFC 6749 prefers."""
        answer = self.http.post("/token", data={"grant_type": "client_credentials"}, auth=self.basic)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def told(self, state: str) -> None:
        """The institution's intermediate server tells this state, and the hub has seen it."""
        query(
            self.system.parts,
            "update institutions set operating_state = $2 where institution_code = $1",
            self.here,
            state,
        )
        until(lambda: self.http.get("/intermediate-server").json()["state"] == state, PATIENCE_SECONDS, state)

    def ended(self, location: str, states: tuple[str, ...] = ENDED) -> dict[str, Any]:
        """An inquiry once it has come to one of these states."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.http.get(location).json()
            return found if found["state"] in states else None

        found: dict[str, Any] = until(look, PATIENCE_SECONDS, f"{location} has not ended")
        return found

    def complete(self, location: str) -> dict[str, Any]:
        """A file once all of it has ended."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.http.get(location).json()
            return found if found["complete"] else None

        found: dict[str, Any] = until(look, PATIENCE_SECONDS, f"{location} is not complete")
        return found

    def residents(self, count: int, after: int = 0) -> list[int]:
        """Residents whose home is here."""
        mine = [n for n in range(after, PLAN.residents) if self.world.resident(n).home == self.here]
        assert len(mine) >= count
        return mine[:count]

    def inquiry(self, number: int, **more: Any) -> dict[str, Any]:
        """An inquiry about a resident at the previous municipality."""
        return {
            "business_person_number": business_number(number),
            "department_code": "KENKO",
            "operator_id": "OP001",
            "affair_code": VACCINATION_AFFAIR,
            "procedure_code": INCOMING_RESIDENT,
            "kinds": [
                {"provider_institution_code": self.world.resident(number).previous, "spi_name_code": VACCINATION}
            ],
        } | more

    def line(self, number: int, **more: str) -> str:
        """The same as a line of a file."""
        resident = self.world.resident(number)
        row = inquiry_file.InquiryRow(
            "01",
            business_number(number),
            "",
            "",
            "KENKO",
            "OP001",
            self.here,
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
        return inquiry_file.line_of(row._replace(**more))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One installation with its hub, for all tests here."""
    installation = Installation(tmp_path_factory.mktemp("hub") / "data", Config(shards=1))
    with System(installation, PLAN, hub=True) as system, Supervisor(system) as supervisor:
        found = Town(system, supervisor)
        with closing(found.http):
            yield found


def test_from_a_new_person_to_an_answer(town: Town) -> None:
    """Registered, numbered, a code over both channels, an inquiry, its answer opened: all by business number."""
    stranger, number = strangers(town, 1)[0], "700000000000001"
    resident = town.world.resident(stranger)

    made = register(town, number, stranger, {})
    code = code_of(town, number)
    asked = town.http.post(
        "/inquiries",
        json=town.inquiry(stranger, business_person_number=number),
    )
    answer = town.ended(asked.headers["Location"])

    assert made.status_code == 201
    assert code["state"] == "ISSUED"
    assert answer["inquiry_status"] == "09"
    assert [kind["outcome"] for kind in answer["kinds"]] == ["OK"]
    wanted = [(item.code, item.value) for item in town.world.items_of(resident, VACCINATION)]
    assert [(one["code"], one["value"]) for one in answer["kinds"][0]["records"][0]["items"]] == wanted
    assert town.http.get(asked.headers["Location"]).json()["state"] == "FETCHED"


def test_a_person_the_register_does_not_know_gets_no_code(town: Town) -> None:
    """The request fails with the rule; nothing waits for ever."""
    number = "700000000000002"
    stranger = synthetic_individual_number(900_000)
    town.http.post("/persons", json={"business_person_number": number, "individual_number": stranger})

    code = code_of(town, number)

    assert (code["state"], code["rule"]) == ("FAILED", "IDENTITY_UNKNOWN")


def test_a_wrong_link_is_mended_everywhere(town: Town) -> None:
    """A child was given the mother's number: linkage stops at the server, the wrong code ends, both get their own."""
    mother, child = strangers(town, 4)[1:3]
    numbers = ("700000000000011", "700000000000012")
    born = [{"birth_date": "20100101", "sex": "1"}, {"birth_date": "19800101", "sex": "2"}]

    wrong = register(town, numbers[0], mother, born[0]).json()["person"]
    first = code_of(town, numbers[0])
    found = register(town, numbers[1], mother, born[1])
    stopped = until(lambda: suspended(town, wrong["integrated_number"]), PATIENCE_SECONDS, "linkage has not stopped")
    refused = town.http.post("/inquiries", json=town.inquiry(mother, business_person_number=numbers[0]))
    town.http.put(
        f"/persons/{numbers[0]}/individual-number",
        json={"individual_number": town.world.resident(child).individual_number, "reason": "家族の番号"},
    )
    town.http.post(f"/persons/{numbers[0]}/re-registration")
    second = code_of(town, numbers[0])
    until(lambda: not suspended(town, wrong["integrated_number"]), PATIENCE_SECONDS, "linkage does not go on")
    register(town, numbers[1], mother, born[1])
    mothers = code_of(town, numbers[1])
    asked = town.http.post("/inquiries", json=town.inquiry(child, business_person_number=numbers[0]))
    answer = town.ended(asked.headers["Location"])

    assert (found.status_code, found.json()["rule"]) == (409, "ATTRIBUTES_DISAGREE")
    assert stopped
    assert (refused.status_code, refused.json()["errors"][0]["error_id"]) == (409, "SIM-E905")
    assert [code["state"] for code in (first, second, mothers)] == ["ISSUED"] * 3
    assert first["request_id"] != second["request_id"]
    assert answer["kinds"][0]["outcome"] == "OK"
    bindings = [
        row for row in rows_of(town.system.parts, CodeBinding)[CodeBinding] if row.institution_code == town.here
    ]
    ended = [row for row in bindings if row.integrated_number == wrong["integrated_number"] and row.valid_to]
    assert len(ended) == 1


def strangers(town: Town, count: int) -> list[int]:
    """Residents the town does not know, with a copy at another municipality."""
    return [
        n
        for n in range(PLAN.residents)
        if town.here not in (town.world.resident(n).home, town.world.resident(n).previous)
    ][:count]


def register(town: Town, number: str, resident: int, attributes: dict[str, str]) -> httpx.Response:
    """A person with this resident's individual number."""
    given = town.world.resident(resident).individual_number
    body = {"business_person_number": number, "individual_number": given, "attributes": attributes}
    return town.http.post("/persons", json=body)


def code_of(town: Town, number: str) -> dict[str, Any]:
    """The code request of a person, once it has ended."""
    town.http.post("/codes", json={"business_person_number": number})

    def look() -> dict[str, Any] | None:
        newest: dict[str, Any] = town.http.get(f"/codes/{number}").json()["codes"][0]
        return newest if newest["state"] in ("ISSUED", "FAILED") else None

    found: dict[str, Any] = until(look, PATIENCE_SECONDS, f"no code for {number}")
    return found


def suspended(town: Town, integrated: str) -> bool:
    """Whether the intermediate server has linkage stopped for a person."""
    where = "select 1 from suspensions where institution_code = $1 and integrated_number = $2"
    return bool(query(town.system.parts, where, town.here, integrated))


def test_inquiries_wait_while_the_server_is_not_online_and_go_when_it_is(town: Town) -> None:
    """MAINTENANCE holds everything; BATCH_ONLY lets files go and holds single inquiries; ONLINE lets all go."""
    one, two = town.residents(2)
    try:
        town.told("MAINTENANCE")
        single = town.http.post("/inquiries", json=town.inquiry(one, request_id="M1")).headers["Location"]
        file = town.http.post("/inquiry-files", content=(town.line(two) + "\r\n").encode()).headers["Location"]
        held = town.http.get("/intermediate-server").json()
        during = rows_of(town.system.parts, Inquiry)[Inquiry]
        town.told("BATCH_ONLY")
        batch = town.complete(file)
        still = town.http.get(single).json()["state"]
    finally:
        town.told("ONLINE")
    answer = town.ended(single)

    assert {row["lane"]: row["messages"] for row in held["waiting"]} == {"BATCH": 1, "ONLINE": 1}
    assert held["sends"] == []
    waiting = (single.removeprefix("/inquiries/"), f"{file.removeprefix('/inquiry-files/')}.1")
    assert not [row for row in during if row.record_identification_number in waiting]
    assert batch["states"] == {"ANSWERED": 1}
    assert still == "WAITING"
    assert answer["kinds"][0]["outcome"] == "OK"


def test_a_hub_that_is_killed_loses_and_doubles_nothing(town: Town) -> None:
    """kill -9 after messages were said and before that was noted: they are said again, and count once."""
    numbers = town.residents(60)
    lines = [town.line(numbers[n % 60], inquirer_operator_id=f"OP{n:03d}") for n in range(300)]
    damaged = [lines[10][:-1], lines[20].replace(business_number(numbers[20]), f"{9:015d}"), "\x00"]
    unknown = town.line(numbers[5], procedure_code="JT99000000000009")
    data = "\r\n".join([*lines, *damaged, unknown, ""]).encode()
    _die_when_something_was_said(town)
    with suppress(httpx.TransportError):  # it may die before it has answered: whoever was not answered asks again
        town.http.post("/inquiry-files", content=data, params={"name": "SKI.csv"})
    _killed_and_back(town)
    location = town.http.post("/inquiry-files", content=data).headers["Location"]
    file = town.complete(location)
    again = town.http.post("/inquiry-files", content=data)
    results = town.http.get(f"{location}/results").text.splitlines()
    report = [line.split(",")[:3] for line in town.http.get(f"{location}/report").text.splitlines()]
    failures = town.http.get(f"{location}/failures").content

    assert (file["lines"], file["damaged"]) == (304, 3)
    assert file["states"] == {"ANSWERED": 301}
    assert again.status_code == 200
    assert Counter(line.split(",")[0] for line in results) == Counter(
        business_number(numbers[n % 60]) for n in range(300)
    )
    assert all(line.split(",")[5:8] == ["09", "01", "OK"] for line in results)
    assert report[:3] == [
        ["301", "period_to", "SIM-E102"],
        ["302", "business_person_number", "SIM-E901"],
        ["303", "line", "SIM-E102"],
    ]
    assert report[3][0] == "304"
    mended = town.http.post("/inquiry-files", content=failures)
    assert mended.json()["lines"] == 4

    name = location.removeprefix("/inquiry-files/")
    taken = [
        row
        for row in rows_of(town.system.parts, Inquiry)[Inquiry]
        if row.record_identification_number.startswith(f"{name}.")
    ]
    said = said_by(town, InquiryRequested, f"{name}.")
    assert len(taken) == 301
    assert len(set(said)) == 301
    assert len(said) > 301, "the crash was to make the hub say something twice"


def test_copies_go_in_parts_and_refused_rows_are_told(town: Town) -> None:
    """A file of sub-copies with a bad row: parts end, the row is told with its line; unchanged lines are not sent."""
    numbers = town.residents(30)
    rows = [copy_row(n) for n in numbers]
    rows[7] = rows[7]._replace(items=rows[7].items[:-1])
    data = "\r\n".join(map(copy_file.line_of, rows)).encode()

    sent = town.http.post("/copy-files", content=data, params={"reason": "FIRST_LOAD"})
    file = town.complete(sent.headers["Location"])
    second = town.http.post("/copy-files", content=data + b"\r\n" + b"x")
    later = town.complete(second.headers["Location"])

    assert [(one["rows"], one["accepted"], one["rejected"], one["state"]) for one in file["parts"]] == [
        (30, 29, 1, "ENDED_WITH_ERRORS")
    ]
    assert [(one["line"], one["error_id"]) for one in file["errors"]] == [(8, "SIM-E608")]
    assert later["unchanged"] == 29
    assert [(one["rows"], one["rejected"]) for one in later["parts"]] == [(1, 1)]
    shown = town.http.get(f"/copies/{VACCINATION}/{business_number(numbers[0])}/H9").json()
    assert (shown["state"], shown["at_server"]) == ("ENDED_WITH_ERRORS", True)


def test_files_go_through_the_folder(town: Town, tmp_path: Path) -> None:
    """In by folder in CP932, out whole: results, failures, a report; the same file again changes nothing."""
    numbers = town.residents(12)
    good = "\r\n".join(town.line(n) for n in numbers)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "SKI_20260924123000123_0001.csv").write_bytes((good + "\r\nbad\r\n").encode("cp932"))
    (tmp_path / "in" / "DBM.csv").write_bytes(copy_file.line_of(copy_row(numbers[0], "F1")).encode("cp932"))
    argv = (*CHUKAN, "hub", "folder", str(tmp_path), "--institution", town.here, "--system", HEALTH_SYSTEM)
    where = ("--data-dir", str(town.system.installation.directory), "--json")
    done = subprocess.run((*argv, *where), capture_output=True, text=True, timeout=90, check=False)

    assert done.returncode == 6, done.stderr
    assert '"complete": true' in done.stdout
    results = (tmp_path / "out" / "SKI_20260924123000123_0001.csv").read_text("cp932").splitlines()
    assert len(results) == 12
    assert (tmp_path / "failed" / "SKI_20260924123000123_0001.csv").read_text("cp932") == "bad\n"
    assert (
        (tmp_path / "failed" / "SKI_20260924123000123_0001.report.csv")
        .read_text("cp932")
        .startswith("13,line,SIM-E102")
    )
    assert sorted(path.name for path in (tmp_path / "done").iterdir()) == ["DBM.csv", "SKI_20260924123000123_0001.csv"]
    assert not list((tmp_path / "in").iterdir())


def test_the_worked_example_runs(town: Town, tmp_path: Path) -> None:
    """The commands of docs/hub.md, as they stand there, against this hub."""
    page = (Path(__file__).parents[2] / "docs" / "hub.md").read_text(encoding="utf-8")
    script = page.partition("<!-- begin example -->\n```bash\n")[2].partition("```")[0]
    one = next(n for n in town.residents(5, 100))
    given = {
        "HUB": town.url,
        "CLIENT_ID": town.basic[0],
        "CLIENT_SECRET": town.basic[1],
        "NUMBER": business_number(one),
        "PROVIDER": town.world.resident(one).previous,
        "PATH": os.environ["PATH"],
    }

    done = subprocess.run(
        ("bash", "-euo", "pipefail", "-c", script),
        env=given,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "JM01000000016002" in script
    assert '"outcome":"OK"' in done.stdout


def test_no_individual_number_lies_where_it_must_not(town: Town) -> None:
    """After all that, tables, logs and topics hold none; one in plain, even in the sealed column, is found."""

    async def looked() -> tuple[Scan, Scan]:
        store = PostgresStore(await connect_pool(town.system.parts.dsn, 2))
        try:
            parts = town.system.parts
            administrator = KafkaAccess(parts.bootstrap, parts.admin_user, parts.admin_password)
            clean = await scan(store, administrator, town.system.installation.directory)
            await store.query(
                "insert into hub_persons select institution_code, '999999999999999', $1::bytea, ''::bytea, "
                "'', '', '', '', 'LINKED', '', 0, 0 from institutions limit 1",
                synthetic_individual_number(1).encode(),
            )
            dirty = Scan()
            async with store.snapshot() as snapshot:
                await scan_tables(dirty, snapshot, lambda *_: None)
            await store.query("delete from hub_persons where integrated_number = '999999999999999'")
            return clean, dirty
        finally:
            await store.close()

    clean, dirty = asyncio.run(looked())

    assert clean.places == []
    assert clean.rows > 1_000
    assert dirty.found[NUMBER] >= 1
    assert all(KEEPS_NUMBERS in place for _, place in dirty.places)


def test_nothing_is_left_waiting(town: Town) -> None:
    """At the end every message has been said and every part has come to its end."""
    parts = town.system.parts
    until(lambda: not query(parts, OPEN), PATIENCE_SECONDS, "something still waits")
    found = rows_of(parts, HubOutgoing, HubInquiry, HubCopyBatch)

    assert found[HubOutgoing] == []
    assert {row.state for row in found[HubInquiry]} <= set(ENDED)
    assert {row.state for row in found[HubCopyBatch]} <= {"ENDED", "ENDED_WITH_ERRORS"}


def copy_row(number: int, key: str = "H9") -> copy_file.CopyRow:
    """A sub-copy the town sends about a resident."""
    values = ("DONE", "1", "20230401", "模擬製薬0", "LOT0001", "")
    items = tuple(
        Item(code, one, "" if one else "NOT_APPLICABLE") for code, one in zip(ITEMS[VACCINATION], values, strict=True)
    )
    days = ("20260101", "", "20260101", "")
    return copy_file.CopyRow(business_number(number), VACCINATION, key, LAYOUT, *days, False, "1", False, items)


def said_by(town: Town, kind: type[Any], start: str) -> list[str]:
    """The names of all messages of a kind on the institution's topics that begin so, each as often as it lies there."""
    names = [f"institution.{town.here}.{topic}" for topic in ("requests", "copies")]
    messages = [decode(record.value) for record in everything_on(town.system.parts, names)]
    assert {type(message) for message in messages} <= {InquiryRequested, CopySubmitted, CopyBatchOpened}
    return [
        m.record_identification_number
        for m in messages
        if isinstance(m, kind) and m.record_identification_number.startswith(start)
    ]


def _die_when_something_was_said(town: Town) -> None:
    """The hub is replaced by one that dies, as by kill -9, after it has said something and before it notes that."""
    fleet = town.system.fleet
    role = next(role for role in fleet.roles if role.name == HUB)
    with town.supervisor.lock:
        fleet.children[HUB].stop(signal.SIGTERM, 20)
        fleet.start_role(role, {"CHUKAN_KILL_POINT": "hub_said:1"})
    until(lambda: fleet.mark(HUB).exists(), PATIENCE_SECONDS, "the hub is not back")


def _killed_and_back(town: Town) -> None:
    """It has died, and another one serves at the same address."""

    def answers() -> bool:
        try:
            return town.http.get("/health").status_code == 200 and not _has_kill_point(town)
        except httpx.TransportError:
            return False

    until(answers, PATIENCE_SECONDS, "no hub has come back")


def _has_kill_point(town: Town) -> bool:
    pid = town.system.fleet.children[HUB].pid
    try:
        return b"CHUKAN_KILL_POINT" in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return True


def test_credentials_hold_the_hub_key_and_lie_privately(town: Town) -> None:
    """The hub's key is the institution's own, in its own file; the hub's process knows no other secret."""
    directory = town.system.installation.directory
    path = directory / "credentials" / town.here / "credentials.json"
    pid = town.system.fleet.children[HUB].pid
    environment = Path(f"/proc/{pid}/environ").read_bytes()

    assert len(Credentials.read(path).hub_key) == 32
    assert os.stat(path).st_mode & 0o077 == 0
    assert b"CHUKAN_MASTER_SECRET" not in environment
    assert b"CHUKAN_KAFKA_PASSWORD" not in environment
