"""Each verb against one running installation, as it is typed: what is printed, and the exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from broker.config import Config
from broker.rules import numbers
from services.installation import Installation
from services.world import HOUSEHOLD, LOCAL_TAX, VACCINATION, Resident, World

LIMIT_SECONDS = 90
RESIDENTS = 60


class Typed:
    """A running installation and the verbs typed at it."""

    def __init__(self, directory: Path, registry: str) -> None:
        self.directory = directory
        self.registry = registry
        installation = Installation(directory, Config())
        plan = installation.plan()
        assert plan is not None
        self.world = World(plan, installation.keys)
        self.extra: dict[str, str] = {}
        self._next = 0

    def resident(self) -> Resident:
        """Somebody no test has used yet."""
        self._next += 1
        assert self._next <= RESIDENTS
        return self.world.resident(self._next - 1)

    def given(self) -> dict[str, str]:
        """The settings that lead to the same parts without the note."""
        parts = json.loads((self.directory / "run" / "running.json").read_text(encoding="utf-8"))["parts"]
        return {
            "CHUKAN_KAFKA_BOOTSTRAP": parts["bootstrap"],
            "CHUKAN_KAFKA_USER": parts["admin_user"],
            "CHUKAN_KAFKA_PASSWORD": parts["admin_password"],
            "CHUKAN_POSTGRES_DSN": parts["dsn"],
            "CHUKAN_MASTER_SECRET_FILE": str(self.directory / "secrets" / "master"),
        }

    def run(self, *arguments: str, code: int = 0, given: bool = False) -> str:
        """What the verb printed; an assertion when it ended with another code."""
        more = self.given() if given else {}
        done = subprocess.run(
            [sys.executable, "-m", "services", *arguments],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "CHUKAN_DATA_DIR": str(self.directory),
                "NO_COLOR": "1",
                "CI": "1",
                **more,
                **self.extra,
            },
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def session(self, path: Path) -> Iterator[None]:
        """What is typed here is typed with the session in this file."""
        self.extra = {"CHUKAN_SESSION_FILE": str(path)}
        try:
            yield
        finally:
            self.extra = {}

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """The object the verb printed with --json."""
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", code=code))
        assert found["schema_version"] == 1
        return found

    def ask(self, *arguments: str) -> dict[str, Any]:
        """The first kind of an inquiry's answer."""
        kind: dict[str, Any] = self.json("inquiry", "send", *arguments)["kinds"][0]
        return kind

    def hold(self, resident: Resident) -> str:
        """The exchange that waits for a person, about a resident whose copy was just blocked."""
        self.json("copy", "flag", "--institution", resident.previous, "--person", resident.previous_number)
        kind = self.ask("--resident", str(resident.number))
        assert kind["outcome"] == "HELD"
        return str(kind["exchange_id"])

    def sql(self, statement: str) -> None:
        """Somebody with the database's password meddles."""
        note = json.loads((self.directory / "run" / "running.json").read_text(encoding="utf-8"))

        async def meddle() -> None:
            connection = await asyncpg.connect(note["parts"]["dsn"], timeout=10)
            try:
                await connection.execute(statement, timeout=10)
            finally:
                await connection.close(timeout=5)

        asyncio.run(meddle())


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    """`chukan up` in the background, ended by SIGTERM."""
    directory = tmp_path_factory.mktemp("up") / "installation"
    for place in (directory.parent, *directory.parent.parents[:2]):
        place.chmod(place.stat().st_mode | 0o111)
    command = [
        sys.executable,
        "-m",
        "services",
        "up",
        "--data-dir",
        str(directory),
        "--residents",
        str(RESIDENTS),
        "--institutions",
        "8",
    ]
    log = directory.parent / "up.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text(encoding="utf-8")
        yield Typed(directory, json.loads(line)["registry"])
    finally:
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        code = process.wait(60)
        process.stdout.close()
    assert code == 0
    assert time.monotonic() - started < 25
    assert not (directory / "run" / "running.json").exists()


def test_the_note_is_for_its_owner_alone(typed: Typed) -> None:
    """The passwords of the running parts lie in a file of mode 0600."""
    assert (typed.directory / "run" / "running.json").stat().st_mode & 0o777 == 0o600


def test_an_institution_asks_and_reads_the_answer(typed: Typed) -> None:
    """`inquiry send` with every field given: asked with the institution's own credentials, opened with its own key."""
    resident = typed.resident()
    asked = typed.world.inquiry(resident.number, 0)
    arguments = {
        "--institution": resident.home,
        "--person": resident.home_number,
        "--provider": resident.previous,
        "--affair": asked.affair_code,
        "--procedure": asked.procedure_code,
        "--kind": VACCINATION,
    }
    kind = typed.ask(*(word for pair in arguments.items() for word in pair))

    assert kind["outcome"] == "OK"
    values = {item["code"]: item["value"] for record in kind["records"] for item in record["items"]}
    assert values == {item.code: item.value for item in typed.world.items_of(resident, VACCINATION)}


def test_several_kinds_are_asked_at_once(typed: Typed) -> None:
    """One inquiry, two kinds, two outcomes: what needs consent is refused alone, with what would have allowed it."""
    number = str(typed.resident().number)
    kinds = typed.json("inquiry", "send", "--resident", number, "--kind", HOUSEHOLD, "--kind", LOCAL_TAX)["kinds"]
    given = typed.json("inquiry", "send", "--resident", number, "--kind", HOUSEHOLD, "--kind", LOCAL_TAX, "--consent")

    assert [kind["outcome"] for kind in kinds] == ["OK", "NOT_PERMITTED"]
    assert (kinds[1]["nearest_row_id"], kinds[1]["nearest_attribute"]) == ("18-1", "consent_obtained")
    assert [kind["outcome"] for kind in given["kinds"]] == ["OK", "OK"]


def test_an_ill_formed_inquiry_is_told_field_by_field(typed: Typed) -> None:
    """The message is refused as it stands: the field is named, nothing was started, and the code says so."""
    resident = typed.resident()
    found = typed.json("inquiry", "send", "--resident", str(resident.number), "--person", "12", code=1)

    assert found["kinds"][0]["outcome"] == "INVALID"
    assert found["kinds"][0]["reason_ja"].startswith("integrated_number: ")


def test_who_has_no_credentials_cannot_ask(typed: Typed) -> None:
    """Wrong usage, and the institutions that could ask are named."""
    typed.run("inquiry", "send", "--institution", "9" * 16, code=2)


def test_a_hold_is_listed_shown_and_confirmed(typed: Typed) -> None:
    """What is shown is what leaves: item by item, and by its digest."""
    resident = typed.resident()
    name = typed.hold(resident)
    listed = {one["exchange_id"]: one for one in typed.json("hold", "list")["holds"]}
    shown = typed.json("hold", "show", name)
    done = typed.json("hold", "confirm", name, "--operator", "OP900", "--digest", shown["digest"])

    assert listed[name]["received_at"] < listed[name]["reminder_at"] < listed[name]["expires_at"]
    assert not listed[name]["reminded"]
    values = [item["value"] for record in shown["records"] for item in record["items"]]
    assert values == [item.value for item in typed.world.items_of(resident, VACCINATION)]
    assert (done["state"], done["outcome"]) == ("CLOSED", "OK")
    assert name not in typed.run("hold", "list")
    typed.run("hold", "show", name, code=1)


def test_a_hold_is_refused_with_a_reason(typed: Typed) -> None:
    """The reason stays in the provider's record alone; the inquirer reads that staff refused."""
    name = typed.hold(typed.resident())
    done = typed.json("hold", "refuse", name, "--operator", "OP901", "--reason", "protected", "--note", "模擬")
    kept: list[dict[str, Any]] = []
    deadline = time.monotonic() + 20
    while len(kept) < 3 and time.monotonic() < deadline:
        kept = typed.json("records", "show", name)["records"]

    assert (done["state"], done["outcome"]) == ("CLOSED", "REFUSED")
    assert {one["party"]: one["hold_reason"] for one in kept} == {
        "INQUIRER": "NONE",
        "NETWORK": "NONE",
        "PROVIDER": "PROTECTED",
    }


def test_a_stale_confirmation_lets_nothing_leave(typed: Typed) -> None:
    """The copy changed after the operator looked: exit code 1, the hold stays, and what would leave now can be seen."""
    resident = typed.resident()
    name = typed.hold(resident)
    seen = typed.json("hold", "show", name)["digest"]
    typed.run("copy", "flag", "--institution", resident.previous, "--person", resident.previous_number, "--off")
    done = typed.json("hold", "confirm", name, "--operator", "OP900", "--digest", seen, code=1)
    now = typed.json("hold", "show", name)

    assert done["state"] == "STALE"
    assert done["digest"] == now["digest"] != seen
    typed.run("hold", "confirm", name, "--operator", "OP900", "--digest", now["digest"])


def test_a_decision_wants_somebody_who_may(typed: Typed) -> None:
    """Nobody, somebody unknown, and somebody with another duty: each refused, and the hold stays; who asked for what is
    in the log of the institution, and the audit finds the log in order."""
    resident = typed.resident()
    name = typed.hold(resident)
    digest = typed.json("hold", "show", name)["digest"]
    for operator in ((), ("--operator", "OP7"), ("--operator", "OP001"), ("--operator", "AD001")):
        typed.run("hold", "confirm", name, "--digest", digest, *operator, code=1)
    done = typed.json("hold", "confirm", name, "--digest", digest, "--operator", "OP900")
    deadline = time.monotonic() + 40
    kept: list[dict[str, Any]] = []
    while not [one for one in kept if one["operation"] == "HOLD_CONFIRM" and one["allowed"]]:
        assert time.monotonic() < deadline, kept
        kept = typed.json("staff", "operations", "--institution", resident.previous)["operations"]

    decisions = [one for one in reversed(kept) if one["subject"] == name]
    assert done["outcome"] == "OK"
    assert [(one["account_id"], one["rule"]) for one in decisions] == [
        ("OP001", "RIGHT_MISSING"),
        ("AD001", "RIGHT_MISSING"),
        ("OP900", ""),
    ]
    assert ("", "LOGIN", "LOGIN_REFUSED") in {(one["account_id"], one["operation"], one["rule"]) for one in kept}
    assert typed.json("audit", "verify")["ok"]


def test_staff_sign_in_and_are_held_to_their_institution(typed: Typed, tmp_path: Path) -> None:
    """From the first administrator to a view: one institution's rows alone, with a session in a file for its owner
    alone; a copy of that file is noticed, and all sessions of the account end."""
    code, other = typed.world.attached[:2]
    password, mine = tmp_path / "password", tmp_path / "sessions" / "mine.json"
    password.write_text("a long pass phrase", encoding="utf-8")
    signed = ("login", "--institution", code, "--account", "OP55", "--password-file", str(password))
    administrator = ("--operator", "AD001", "--institution", code)
    typed.json("staff", "add", "OP55", "--password-file", str(password), *administrator)
    typed.json("staff", "grant", "OP55", "--duty", "INQUIRER", *administrator)
    typed.run("staff", "grant", "AD001", "--duty", "AUDITOR", *administrator, code=1)
    typed.ask("--resident", str(next(n for n in range(RESIDENTS) if typed.world.resident(n).home == code)))
    with typed.session(mine):
        typed.json(*signed)
        stolen = mine.read_bytes()
        who = typed.json("whoami")
        own = typed.json("records", "list")["records"]
        typed.run("records", "list", "--institution", other, code=1)
        typed.run("hold", "list", code=1)
        assert mine.stat().st_mode & 0o777 == 0o600
        kept = mine.read_bytes()
        mine.write_bytes(stolen)
        typed.run("records", "list", code=1)
        mine.write_bytes(kept)
        typed.run("records", "list", code=1)
        typed.run("logout", code=1)
        typed.json(*signed)
        typed.json("logout")
        typed.run("whoami", code=1)

    assert (who["account_id"], who["rights"]) == ("OP55", [{"duty": "INQUIRER", "spi_name_code": "*"}])
    assert {one["institution_code"] for one in own} == {code}


def test_the_country_is_counted_and_a_linkage_suspended(typed: Typed) -> None:
    """Both logs count the exchange; a suspended person is neither asked about nor answered for, until resumed; and a
    batch says how far it is."""
    resident = typed.resident()
    at_home = ("--institution", resident.home, "--person", resident.home_number)
    before = typed.json("nws", "statistics", "--by", "outcome")
    typed.json("nws", "suspend", *at_home, "--reason", "模擬")
    stopped = typed.ask("--resident", str(resident.number))
    typed.json("nws", "resume", *at_home)
    typed.json("nws", "resume", *at_home, code=1)
    typed.json(
        *("nws", "suspend", "--institution", resident.previous, "--person", resident.previous_number, "--reason", "x")
    )
    refused = typed.ask("--resident", str(resident.number))
    typed.json("nws", "resume", "--institution", resident.previous, "--person", resident.previous_number)
    answered = typed.ask("--resident", str(resident.number))
    deadline = time.monotonic() + 20
    while typed.json("nws", "statistics", "--by", "outcome")["count"] < before["count"] + 2:
        assert time.monotonic() < deadline
    own = typed.json("system", "statistics", "--institution", resident.home, "--by", "outcome")["rows"]

    assert (stopped["outcome"], stopped["rule"]) == ("SUSPENDED", "PERSON_SUSPENDED_AT_INQUIRER")
    assert (refused["outcome"], refused["rule"]) == ("SUSPENDED", "PERSON_SUSPENDED_AT_PROVIDER")
    assert answered["outcome"] == "OK"
    assert {"OK", "SUSPENDED"} <= {row["outcome"] for row in own}
    assert typed.json("system", "batches", "--institution", resident.home)["batches"] == []


def test_a_server_that_is_down_is_not_asked(typed: Typed) -> None:
    """Declared, told to the institution's own systems, refused by the network, and asked again once it is back; by an
    administrator alone."""
    resident = typed.resident()
    at = ("system", "state", "--institution", resident.previous)
    typed.run(*at, "--set", "DOWN", "--operator", "OP900", code=1)
    down = typed.json(*at, "--set", "MAINTENANCE", "--operator", "AD001")
    refused = typed.ask("--resident", str(resident.number))
    typed.json(*at, "--set", "ONLINE", "--operator", "AD001")
    answered = typed.ask("--resident", str(resident.number))

    assert (down["state"], down["next_change_at"]) == ("MAINTENANCE", 0)
    assert (refused["outcome"], refused["rule"]) == ("UNAVAILABLE", "PROVIDER_DOWN")
    assert answered["outcome"] == "OK"
    assert typed.json(*at)["declared"] == "ONLINE"


def test_keys_rotate_while_answers_come(typed: Typed) -> None:
    """After a rotation and after a revocation the institution opens its answers with what its credentials hold."""
    resident = typed.resident()
    at = ("--institution", resident.home, "--operator", "AD001")
    rotated = typed.json("keys", "rotate", *at)
    first = typed.ask("--resident", str(resident.number))
    revoked = typed.json("keys", "revoke", "1", "--reason", "模擬", *at)
    typed.run("keys", "revoke", "1", "--reason", "模擬", *at, code=1)
    second = typed.ask("--resident", str(resident.number))
    listed = {one["generation"]: one["rule"] for one in typed.json("keys", "list", *at)["keys"]}

    assert (rotated["generations"], revoked["generations"]) == ([1, 0], [2, 0])
    assert (first["outcome"], second["outcome"]) == ("OK", "OK")
    assert first["records"] == second["records"] != []
    assert listed == {0: "", 1: "KEY_REVOKED", 2: ""}


def test_a_person_sees_their_own_affairs(typed: Typed) -> None:
    """By the portal's code alone: the exchange, what the previous municipality holds, a notice; never a code, a number
    or another person's; what is blocked from answers is not shown, and leaves no trace."""
    resident, other = typed.resident(), typed.resident()
    kind = typed.ask("--resident", str(resident.number))
    typed.ask("--resident", str(other.number))
    person = typed.json("portal", "open", "--institution", resident.home, "--person", resident.home_number)["person"]
    again = typed.json("portal", "open", "--institution", resident.previous, "--person", resident.previous_number)
    typed.json(
        *("portal", "notify", "--institution", resident.previous, "--person", resident.previous_number),
        *("--title", "接種のお知らせ", "--operator", "OP900"),
    )
    deadline = time.monotonic() + 20
    while not (seen := typed.json("portal", "records", "--person", person)["records"]):
        assert time.monotonic() < deadline
    held = typed.json("portal", "self", "--person", person)["records"]
    told = typed.json("portal", "notices", "--person", person)["notices"]
    typed.json("copy", "flag", "--institution", resident.previous, "--person", resident.previous_number)
    left = typed.json("portal", "self", "--person", person)["records"]

    assert (again["person"], kind["outcome"]) == (person, "OK")
    assert [one["outcome"] for one in seen] == ["OK"]
    blocked = [one for one in held if one["spi_name_code"] == VACCINATION]
    values = [item["value"] for one in blocked for item in one["items"]]
    assert values == [item.value for item in typed.world.items_of(resident, VACCINATION)]
    assert left == [one for one in held if one not in blocked]
    assert [one["title"] for one in told] == ["接種のお知らせ"]
    for shown in (seen, held, told):
        assert not {resident.home_number, resident.previous_number, person} & set(json.dumps(shown).split('"'))
    typed.run("portal", "open", "--institution", resident.home, "--person", "0" * 15, code=1)
    assert typed.json("portal", "records", "--person", "0" * 64)["records"] == []


def test_a_list_version_is_published_and_catches_up(typed: Typed) -> None:
    """What `list show` prints is what `list publish` reads; an institution left behind keeps its version until told."""
    late = typed.world.attached[0]
    shown = typed.json("list", "show")
    before = shown["list_version"]
    shown["list"]["rows"].append({**shown["list"]["rows"][0], "row_id": "99-1", "spi_name_code": HOUSEHOLD})
    file = typed.directory.parent / "list.json"
    file.write_text(json.dumps(shown), encoding="utf-8")
    done = typed.json("list", "publish", str(file), "--except", late)
    versions = {one["list_version"]: one for one in typed.json("list", "versions")["versions"]}
    handed = typed.json("list", "distribute")

    assert (done["list_version"], done["added"], done["left_behind"]) == (before + 1, ["99-1"], [late])
    assert versions[before]["holders"] == [late]
    assert versions[before + 1]["at_network"]
    assert handed["distributed"] == [late]
    assert typed.json("list", "distribute")["distributed"] == []
    typed.run("list", "publish", str(typed.directory / "installation.json"), code=2)
    typed.run("list", "show", "--version", "99", code=1)


def test_records_are_found_by_what_one_knows(typed: Typed) -> None:
    """By institution, by exchange, by outcome; newest first, and never a value."""
    resident = typed.resident()
    kind = typed.ask("--resident", str(resident.number))
    refused = typed.json("records", "list", "--outcome", "NOT_PERMITTED")["records"]
    own = typed.json("records", "list", "--institution", resident.home, "--limit", "1")["records"]
    deadline = time.monotonic() + 20
    while len(typed.json("records", "list", "--exchange", kind["exchange_id"])["records"]) < 3:
        assert time.monotonic() < deadline

    assert {one["outcome"] for one in refused} <= {"NOT_PERMITTED"}
    assert [one["institution_code"] for one in own] == [resident.home]
    lot = next(item.value for item in typed.world.items_of(resident, VACCINATION) if item.value.startswith("LOT"))
    assert lot not in typed.run("records", "show", kind["exchange_id"])
    typed.run("records", "show", "nobody-0", code=1)


def test_topics_of_the_installation(typed: Typed) -> None:
    """--all names each institution's own topics, with its own user."""
    code = typed.world.attached[0]
    rows = {row["topic"]: row for row in typed.json("topics", "--all")["topics"]}

    assert rows[f"institution.{code}.replies"]["readers"] == ["intermediate-server", f"institution-{code}"]
    assert rows[f"institution.{code}.replies"]["partitions"] == 1


def test_the_schemas_are_at_our_own_registry(typed: Typed) -> None:
    """Registering with an installation's own endpoint finds every number in its place."""
    done = typed.json("schemas", "register", typed.registry)

    assert {one["how"] for one in done["schemas"]} == {"THERE"}


def test_who_has_no_topics_of_its_own_asks_as_the_simulated_do(typed: Typed) -> None:
    """An institution without credentials of its own is one of the simulated; its copies and inquiries work alike."""
    shared = next(code for code in typed.world.names if code not in typed.world.attached)
    asking = next(one for one in map(typed.world.resident, range(RESIDENTS)) if one.home == shared)
    holding = next(one for one in map(typed.world.resident, range(RESIDENTS)) if one.previous == shared)
    kind = typed.ask("--resident", str(asking.number), "--kind", HOUSEHOLD)
    done = typed.json("copy", "flag", "--institution", shared, "--person", holding.previous_number, "--kind", HOUSEHOLD)

    assert kind["outcome"] == "OK"
    assert kind["records"]
    assert done == {"schema_version": 1, "kind": "copy_flag", "copies": 1, "taken_in": True}


def test_setting_up_again_changes_nothing(typed: Typed) -> None:
    """`init` is safe to repeat: what is there stays."""
    before = typed.json("list", "versions")
    typed.run("init", given=True)

    assert typed.json("list", "versions") == before


def test_a_world_is_made_by_itself(typed: Typed, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`world create` makes a country in a new directory and leaves nothing running."""
    directory = tmp_path_factory.mktemp("world") / "country"
    made = typed.json(
        "world", "create", "--data-dir", str(directory), "--institutions", "3", "--residents", "5", "--attached", "2"
    )

    assert (made["institutions"], made["residents"], len(made["attached"])) == (3, 5, 2)
    assert (directory / "installation.json").exists()
    assert not (directory / "run" / "running.json").exists()


def test_a_second_world_is_refused(typed: Typed) -> None:
    """What is there is never overwritten."""
    typed.run("world", "create", code=3)


def test_settings_alone_lead_to_the_installation(typed: Typed) -> None:
    """Where Kafka and PostgreSQL are given by settings, no note is needed."""
    audit = json.loads(typed.run("audit", "verify", "--json", given=True))

    assert audit["ok"]
    assert audit["records"] > 0


def test_nothing_lies_where_it_must_not(typed: Typed) -> None:
    """After all of the above: no individual number and no two codes of a person, in any topic, table or log."""
    seen = typed.json("scan")

    assert seen["ok"]
    assert seen["messages"] > 50
    assert seen["rows"] > 500
    assert seen["files"] > 5


def test_a_number_in_a_table_is_found(typed: Typed) -> None:
    """The canary: put one where it must not be, and the scan ends with 1 and names the place, not the number."""
    number = numbers.synthetic_individual_number(3)
    typed.sql(f"insert into suspensions values ('x', '{number}', '', 0)")
    try:
        seen = typed.json("scan", code=1)
    finally:
        typed.sql("delete from suspensions where institution_code = 'x'")
        typed.sql("delete from outside_changes where 'x' in (before->>'institution_code', after->>'institution_code')")

    # Where it was put, and the history of what was written by hand.
    assert {one["place"].split(",")[0] for one in seen["found"]} == {"table suspensions", "table outside_changes"}
    assert seen["found"][-1]["place"] == "table suspensions, row 1"
    assert number not in json.dumps(seen)


def test_the_audit_passes_and_breaks_where_somebody_meddled(typed: Typed) -> None:
    """In order it ends with 0; after one byte of one record was changed, with 1 and the record's place."""
    whole = typed.json("audit", "verify")
    row = "institution_code = '0000000000000000' and sequence = 0"
    meddled = "update log_records set body = overlay(body placing '\\x01'::bytea from length(body)) where "
    typed.sql("create table kept as select body from log_records where " + row)
    typed.sql(meddled + row)
    try:
        broken = typed.json("audit", "verify", code=1)
        shown = typed.run("audit", "verify", code=1)
    finally:
        typed.sql("update log_records set body = (select body from kept) where " + row)
        typed.sql("drop table kept")

    assert whole["ok"]
    assert {one["check"] for one in whole["checks"] if one["looked_at"] == 0} <= {"erasures_certified"}
    places = {v["subject"] for one in broken["checks"] for v in one["violations"]}
    assert "0000000000000000/0" in places
    assert "0000000000000000/0" in shown
    typed.run("audit", "verify", "--messages", "1", code=6)


def test_the_past_is_decided_again(typed: Typed, tmp_path: Path) -> None:
    """Nothing flips under the lists then in force; a list without a row takes away what rested on it, and says so."""
    then = typed.json("audit", "redecide")
    shown = typed.json("list", "show", "--version", "1")
    rows = [row for row in shown["list"]["rows"] if row["spi_name_code"] != VACCINATION]
    proposed = tmp_path / "proposed.json"
    proposed.write_text(json.dumps({"format": 1, "rows": rows}), encoding="utf-8")
    impact = typed.json("audit", "redecide", "--list", str(proposed), "--flips", str(tmp_path / "flips"))
    flips = [json.loads(line) for line in (tmp_path / "flips").read_text(encoding="utf-8").splitlines()]

    assert then["ok"]
    assert then["decisions"]["NETWORK"] >= then["decisions"]["PROVIDER"] > 0
    assert impact["flips"] == len(flips) == impact["effects"]["LOSES"] > 0
    assert {(flip["row_id"], flip["change"], flip["spi_name_code"]) for flip in flips} == {
        ("16-2-1", "removed", VACCINATION)
    }
    assert typed.json("audit", "redecide", "--list", "1")["effects"]["LOSES"] == 0
    assert "16-2-1" in typed.run("audit", "redecide", "--list", str(proposed))
    typed.run("audit", "redecide", "--list", "99", code=2)
    typed.run("audit", "redecide", "--on", "20270401", code=2)


def test_the_records_are_matched_run_by_run(typed: Typed, tmp_path: Path) -> None:
    """In order everything agrees or waits; a record that somebody took away is missing at its party, and is back when
    it is back; a second run goes on from the first."""
    state = ("--state", str(tmp_path / "state"))
    whole = typed.json("audit", "reconcile", *state)
    again = typed.json("audit", "reconcile", *state)
    typed.ask("--resident", str(typed.resident().number))
    deadline = time.monotonic() + 30  # records travel a moment after the answer
    while (more := typed.json("audit", "reconcile", *state))["verdicts"]["AGREE"] <= whole["verdicts"]["AGREE"]:
        assert time.monotonic() < deadline
    row = "party = 'PROVIDER' and exchange_id = (select max(exchange_id) from log_records where party = 'PROVIDER')"
    typed.sql(f"create table kept as select * from log_records where {row}")
    typed.sql(f"delete from log_records where {row}")
    try:
        young = typed.json("audit", "reconcile")
        robbed = typed.json("audit", "reconcile", "--late-after", "1", code=1)
    finally:
        typed.sql("insert into log_records select * from kept")
        typed.sql("drop table kept")

    assert whole["exchanges"] == whole["judged"] >= 10
    assert whole["verdicts"]["AGREE"] + whole["waiting"] == whole["exchanges"]
    assert again["judged"] <= whole["waiting"]
    assert more["exchanges"] == whole["exchanges"] + 1
    assert young["verdicts"]["MISSING_AT_PROVIDER"] == 0
    assert robbed["verdicts"]["MISSING_AT_PROVIDER"] == 1


def test_the_past_comes_out_as_it_did(typed: Typed) -> None:
    """After all of the above - holds, lists, flags, refusals - every batch is decided again, with no difference; then
    one byte of one record is changed, and the exchange and the field are named."""
    whole = typed.json("audit", "replay")
    shown = typed.run("audit", "replay", "--outcome", "OK")
    kept = typed.json("records", "list", "--outcome", "OK")["records"]
    asked = next(one["exchange_id"] for one in kept if one["party"] == "PROVIDER")
    row = f"exchange_id = '{asked}' and party = 'PROVIDER'"
    typed.sql("create table kept as select body from log_records where " + row)
    typed.sql("update log_records set body = set_byte(body, 9, get_byte(body, 9) # 1) where " + row)
    try:
        broken = typed.json("audit", "replay", code=1)
        others = typed.json("audit", "replay", "--exchange", "another")
    finally:
        typed.sql("update log_records set body = (select body from kept) where " + row)
        typed.sql("drop table kept")

    assert (whole["identical"], whole["differences"]) == (True, [])
    assert whole["exchanges"] >= 10
    assert whole["messages_compared"] > 50
    assert whole["rows_compared"] > 500
    assert "✓ OK" in shown
    assert {one["exchange_id"] for one in broken["differences"]} == {asked}
    assert {one["what"] for one in broken["differences"]} == {"log_records"}
    assert others["differences"] == []


def test_an_export_is_replayed_and_a_dropped_message_is_named(typed: Typed, tmp_path: Path) -> None:
    """The past on one file comes out the same; without one of its messages, place and exchange are named."""
    typed.json("audit", "replay", "--export", str(tmp_path))
    whole = typed.json("audit", "replay", "--read", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "history.sqlite")) as file, file:
        where = "where topic = 'inquiry.inquiry_sent' order by partition, position limit 1"
        place = file.execute(f"select topic, partition, position, key from messages {where}").fetchone()
        file.execute("delete from messages where (topic, partition, position) = (?, ?, ?)", place[:3])

    broken = typed.json("audit", "replay", "--read", str(tmp_path), code=1)

    assert whole["identical"]
    found = broken["differences"]
    assert [one["where"] for one in found if one["what"] == "message"] == ["{}/{} offset {}".format(*place[:3])]
    assert {one["exchange_id"] for one in found} - {""} == {place[3].decode()}
