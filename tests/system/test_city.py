"""Both city systems on real Kafka and real PostgreSQL, as they are typed: desks, tablets, drift, and who may do what.

One installation lives through the whole file. Afterwards everything is looked through for individual numbers.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from confluent_kafka import TopicPartition
from installation_fixtures import (
    dump,
    everything_on,
    new_consumer,
    new_system,
    now_ms,
    query,
    settings,
    topic_names,
    until,
)

from broker.rules import certificate, vaccination
from broker.rules.checks import CARRIES_NUMBERS
from broker.rules.numbers import find_individual_numbers
from services import access
from services.city_desk import DOSE_COLUMNS, ELIGIBLE_COLUMNS, ITEM_COLUMNS, TARGET_COLUMNS
from services.up import System
from services.world import VACCINATION as VACCINATION_KIND
from services.world import Plan, Resident

LIMIT_SECONDS = 120
PLAN = Plan(seed=11, institutions=4, residents=60, attached=2)


class City:
    """A running installation and what is typed at it."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system, self.world, self.folder = system, system.world, folder
        self.home, self.previous = self.world.attached
        everybody = [self.world.resident(n) for n in range(PLAN.residents)]
        self.movers = [one for one in everybody if (one.home, one.previous) == (self.home, self.previous)]
        self.mine = [one for one in everybody if one.previous == self.previous]
        self.local = {code: local for local, code, _ in self.world.codes}
        self.printed: list[str] = []
        self.session = folder / "session.json"

    def typed(self, *arguments: str, code: int, given: str = "") -> tuple[str, str]:
        """What a verb prints, on both streams."""
        command = [sys.executable, "-m", "services", *arguments, "--json"]
        own = {"CHUKAN_DATA_DIR": str(self.system.installation.directory), "CHUKAN_SESSION_FILE": str(self.session)}
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            input=given,
            env={**os.environ, **own, "NO_COLOR": "1", "CI": "1"},
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        self.printed += [done.stdout, done.stderr]
        return done.stdout, done.stderr

    def run(self, *arguments: str, code: int = 0, given: str = "") -> dict[str, Any]:
        """The object that a verb prints with --json."""
        found: dict[str, Any] = json.loads(self.typed(*arguments, code=code, given=given)[0])
        return found

    def refused(self, *arguments: str, given: str = "") -> str:
        """The rule by which the desk turns a verb away, which then has shown nothing."""
        shown, told = self.typed(*arguments, code=1, given=given)
        assert shown == ""
        return told.split(": ")[0].split()[-1]

    def file(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """A CSV file."""
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([columns, *rows])
        return str(path)

    def items(self, name: str, people: Sequence[Resident], lot: str) -> str:
        """A file of items: these people's vaccination records were corrected."""
        rows = [
            (
                self.world.business_number(one),
                "予防接種",
                "1",
                "実施",
                "20240301",
                "2",
                "20240301",
                "模擬製薬1",
                lot,
                "",
            )
            for one in people
        ]
        return self.file(name, ITEM_COLUMNS, rows)

    def copied(self, person: Resident, lot: str) -> bool:
        """Whether the person's sub-copy holds this lot."""
        statement = (
            "select items from copy_records where integrated_number = $1 and spi_name_code = $2 and known_to = 0"
        )
        rows = query(self.system.parts, statement, person.previous_number, VACCINATION_KIND)
        return any(lot.encode() in row["items"] for row in rows)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """One installation for the file."""
    directory = tmp_path_factory.mktemp("city")
    with new_system(directory, "packed", PLAN, hub=True) as system:
        yield City(system, tmp_path_factory.mktemp("files"))


def test_an_entry_at_the_desk_becomes_the_answer_next_door(city: City) -> None:
    """Targets and items from files, twice: the second time changes nothing; copy and answer show the new value."""
    person = city.movers[0]
    number = city.world.business_number(person)
    target = (number, person.previous_number, person.individual_number, "刈谷みのり", "19800102", "2", "亀城")
    targets, items = city.file("t.csv", TARGET_COLUMNS, [target]), city.items("i.csv", [person], "LOTX")
    desk = ("--institution", city.previous, "--operator", "HK001")

    assert city.run("health", "input", "--targets", targets, *desk)["accepted"] == 1
    for _ in range(2):
        assert city.run("health", "input", "--items", items, *desk)["accepted"] == 1
    until(lambda: city.copied(person, "LOTX"), 20, "the copy follows the original")
    versions = query(
        city.system.parts, "select revision from health_records where integrated_number = $1", person.previous_number
    )
    answer = city.run("inquiry", "send", "--resident", str(person.number))["kinds"][0]
    found = city.run("health", "find", "--business", number, *desk)

    assert sorted(row["revision"] for row in versions) == [1, 2]
    assert "LOTX" in [item["value"] for record in answer["records"] for item in record["items"]]
    assert (found["person"]["name"], found["right"]) == ("刈谷みのり", "HEALTH_INQUIRY")
    assert city.run("audit", "drift", "--institution", city.previous)["ok"]


def test_a_search_by_individual_number_is_a_right(city: City) -> None:
    """Without a number-use affair nothing is looked for; with one the person is found; the number is never shown."""
    person = city.movers[0]
    desk = ("--institution", city.previous, "--operator", "HK001", "--number-file", "-")

    refused = city.run("health", "find", *desk, code=1, given=person.individual_number)
    found = city.run("health", "find", *desk, "--affair", "番号法別表第1 10", given=person.individual_number)

    assert (refused["rule"], refused["person"]) == ("NUMBER_USE_ONLY", None)
    assert found["person"]["integrated_number"] == person.previous_number
    assert person.individual_number not in json.dumps([refused, found])


def test_each_verb_of_the_desk_needs_its_right(city: City) -> None:
    """Nobody, another duty, another institution, a right that was taken away in mid-session: refused, nothing is
    entered or shown, and the log of the institution has it, beside what was allowed."""
    person = city.movers[0]
    number, here = city.world.business_number(person), ("--institution", city.previous)
    secret_number = person.individual_number
    items, cards = city.items("r.csv", [person], "LOTZ"), city.folder / "none.txt"
    cards.write_text("shc:/0000", encoding="ascii")
    (city.folder / "password").write_text("a long pass phrase", encoding="utf-8")
    secret = ("--password-file", str(city.folder / "password"))
    admin = ("--operator", "AD001", *here)
    versions = "select count(*) from health_records where institution_code = $1"
    before = query(city.system.parts, versions, city.previous)[0][0]

    owner = [
        city.refused("health", "input", "--items", items, *here),
        city.refused("vrs", "move", "--business", number, "--flag", "DEAD", "--date", "20240101", *here),
    ]
    without = [
        city.refused("health", "input", "--items", items, "--operator", "OP001", *here),
        city.refused(
            "health", "find", "--number-file", "-", *here, "--operator", "OP900", given=person.individual_number
        ),
        city.refused("health", "extract", "--out", str(city.folder / "no.csv"), "--operator", "HK101", *here),
        city.refused("health", "split", "--transmission", "X", "--operator", "AU001", *here),
        city.refused("vrs", "export", "--out", str(city.folder / "no.csv"), "--operator", "HK101", *here),
        city.refused("vrs", "records", "--operator", "AD001", *here),
        city.refused("vrs", "check", str(cards), "--operator", "OP001", *here),
        city.refused("vrs", "compare", "--resident", str(person.number), "--operator", "HK101"),
    ]
    city.run("staff", "add", "HK77", *secret, *admin)
    city.run("staff", "grant", "HK77", "--duty", "HEALTH_INQUIRY", "--kind", VACCINATION_KIND, *admin)
    city.run("login", "--account", "HK77", *secret, *here)
    found = city.run("health", "find", "--business", number, *here)
    by_number = city.refused("health", "find", "--number-file", "-", *here, given=secret_number)
    abroad = city.refused("health", "find", "--business", number, "--institution", city.home)
    city.session.rename(city.folder / "kept.json")
    city.run("staff", "revoke", "HK77", "--duty", "HEALTH_INQUIRY", "--kind", VACCINATION_KIND, *admin)
    (city.folder / "kept.json").rename(city.session)
    revoked = city.refused("health", "find", "--business", number, *here)
    city.run("logout")
    city.session.unlink(missing_ok=True)

    assert (owner, without) == (["NOT_SIGNED_IN"] * 2, ["RIGHT_MISSING"] * 8)
    assert (found["operator"], by_number) == ("HK77", "RIGHT_MISSING")
    assert (abroad, revoked) == ("OTHER_INSTITUTION", "RIGHT_MISSING")
    assert not (city.folder / "no.csv").exists()
    assert query(city.system.parts, versions, city.previous)[0][0] == before
    kept = until(lambda: of_account(city, "HK77", 7), 40, "the operations are recorded")
    assert kept == [
        ("LOGIN", True, ""),
        ("HEALTH_INQUIRY", True, ""),
        ("HEALTH_INQUIRY", True, ""),
        ("NUMBER_USE", False, "RIGHT_MISSING"),
        ("HEALTH_INQUIRY", False, "OTHER_INSTITUTION"),
        ("HEALTH_INQUIRY", False, "RIGHT_MISSING"),
        ("LOGOUT", True, ""),
    ]
    assert city.run("audit", "verify")["ok"]


def of_account(city: City, account: str, count: int) -> list[tuple[str, bool, str]]:
    """What somebody did by the institution's log, oldest first, once there is so much of it."""
    kept = city.run("staff", "operations", "--institution", city.previous, "--operator", "AU001")["operations"]
    mine = [(one["operation"], one["allowed"], one["rule"]) for one in reversed(kept) if one["account_id"] == account]
    return mine if len(mine) >= count else []


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_an_extract_holds_no_number_and_no_small_cell(city: City, name: str) -> None:
    """Records are pseudonyms, totals hide small cells; DuckDB reads both files again."""
    desk = ("--institution", city.previous, "--operator", "HK001", "--out", str(city.folder / name))
    people = {text for one in city.mine for text in (one.individual_number, one.previous_number)}
    people |= {city.world.business_number(one) for one in city.mine}

    raw = city.run("health", "extract", "--level", "records", *desk)
    records = duckdb.sql(f"select * from '{city.folder / name}'").fetchall()
    totals = city.run("health", "extract", "--level", "totals", *desk)
    cells = duckdb.sql(f"select n, suppressed from '{city.folder / name}'").fetchall()

    assert raw["rows"] == len(records) >= len(city.mine)
    assert not people & {str(value) for row in records for value in row}
    assert (totals["rows"], totals["suppressed"]) == (len(cells), sum(hidden for _, hidden in cells))
    assert totals["suppressed"] > 0
    assert all((n is None) == hidden and (n is None or n >= 10) for n, hidden in cells)


def test_the_stuck_transmission_is_seen_within_minutes(city: City) -> None:
    """Announced with 380,000 rows it does not leave; the next correction waits behind it; an answer is stale; drift
    says who, what, since when and which answer; split, everything arrives and the stale answer stays on the list."""
    behind = city.movers[-1]
    desk = ("--institution", city.previous, "--operator", "HK001")
    announced = {"transmission_id": "AIZU", "row_count": 380_000}
    before = city.run("audit", "drift", "--institution", city.previous)["institutions"][0]["stale_answers"]
    started = now_ms()
    announce(city, announced)
    entered = city.run("health", "input", "--items", city.items("b.csv", [behind], "LOTY"), *desk)
    answer = city.run("inquiry", "send", "--resident", str(behind.number))["kinds"][0]
    until(lambda: has_record(city, answer["exchange_id"]), 20, "the provider's record is kept")

    seen = city.run("audit", "drift", "--institution", city.previous, code=1)["institutions"][0]

    assert entered["queued"] == 1
    assert (seen["queue"]["stuck"], seen["queue"]["rows"]) == ("AIZU", 1)
    (difference,) = seen["differences"]
    assert (difference["integrated_number"], difference["state"]) == (behind.previous_number, "OLDER")
    assert started <= difference["since"] <= now_ms()
    assert (before, seen["stale_answers"]) == (0, 1)
    assert [one["exchange_id"] for one in seen["stale"]] == [answer["exchange_id"]]
    city.run("health", "split", "--transmission", "AIZU", *desk)
    until(lambda: city.copied(behind, "LOTY"), 20, "what waited has arrived")
    after = city.run("audit", "drift", "--institution", city.previous, code=1)["institutions"][0]
    assert (after["records_apart"], after["queue"]["stuck"], after["stale_answers"]) == (0, "", 1)
    aborted = "select count(*) from copy_batches where batch_id = 'AIZU'"
    assert query(city.system.parts, aborted)[0][0] == 0  # the intermediate server never opened it


def announce(city: City, transmission: dict[str, Any]) -> None:
    """A transmission is opened, and nothing of it entered."""
    from confluent_kafka import Producer

    from schemas.codec import encode
    from schemas.records import HealthTransmissionOpened

    user = access.institution_user(city.previous)
    producer = Producer(settings(city.system.parts, user, city.system.installation.password(user)))
    message = HealthTransmissionOpened(city.previous, operator_id="OP001", **transmission)
    producer.produce(f"health.{city.previous}.entries", encode(message), b"AIZU", 0)
    assert producer.flush(20) == 0
    rows = "select state from health_transmissions where transmission_id = $1"
    until(lambda: query(city.system.parts, rows, transmission["transmission_id"]), 20, "the transmission is known")


def has_record(city: City, exchange_id: str) -> bool:
    """Whether the provider's record of an exchange lies in its log."""
    statement = "select 1 from log_records where exchange_id = $1 and party = 'PROVIDER'"
    return bool(query(city.system.parts, statement, exchange_id))


def test_the_five_functions_of_vrs(city: City) -> None:
    """Register with row results, a tablet's dose, an inquiry between cities, a flag, a certificate that verifies, an
    extract without numbers, and records of both cities that verify."""
    person = city.movers[1]
    desk = ("--operator", "HK001", "--institution", city.previous)
    rows = [
        (person.individual_number, "8" * 15, "1", "0000000101", "刈谷あおい", "19800102", "2"),
        ("123456789012", "7" * 15, "1", "0000000102", "刈谷かえで", "19800102", "2"),
    ]
    line = vaccination.ocr_line("1", 3, city.local[city.previous], "0000000101")
    doses = [(line, "3", "20230601", "模擬製薬1", "LOT1", "M1", "模擬", "市役所", "医師"), ("1" * 18, *["3"] * 8)]

    registered = city.run("vrs", "register", city.file("e.csv", ELIGIBLE_COLUMNS, rows), *desk, code=6)
    venue = ("--operator", "HK101", "--institution", city.previous)
    tablet = city.run("vrs", "dose", city.file("d.csv", DOSE_COLUMNS, doses), *venue, code=6)
    asked = city.run(
        *("vrs", "query", "--institution", city.home, "--operator", "HK001", "--consent", "--identity"),
        *("--previous", city.local[city.previous], "--number-file", "-"),
        given=person.individual_number,
    )
    wrong = city.run(
        *("vrs", "query", "--institution", city.home, "--operator", "HK001", "--consent", "--identity"),
        *("--previous", city.local[city.home], "--resident", str(person.number)),
        code=1,
    )
    moved = city.run("vrs", "move", "--business", "8" * 15, "--flag", "MOVED_OUT", "--date", "20240101", *desk)
    picture = city.folder / "card.svg"
    card = city.run(
        *("vrs", "certificate", "--resident", str(person.number), "--application", "--identity"),
        *("--qr", str(picture), *desk),
    )["replies"][0]
    (city.folder / "card.txt").write_text(card["payload"], encoding="ascii")
    checked = city.run("vrs", "check", str(city.folder / "card.txt"))
    exported = city.run("vrs", "export", "--out", str(city.folder / "ledger.csv"), *desk)
    logs = [
        city.run("vrs", "records", "--institution", code, "--operator", "HK001") for code in (city.home, city.previous)
    ]

    assert [(one["outcome"], one["accepted_rows"]) for one in registered["replies"]] == [("PARTIAL", 1)]
    assert registered["replies"][0]["errors"][0]["field"] == "2.individual_number"
    assert [one["accepted"] for one in tablet["replies"]] == [True, False]
    assert [dose["dose_date"] for dose in asked["replies"][0]["doses"]] == ["20230601"]
    assert (wrong["replies"][0]["outcome"], moved["replies"][0]["outcome"]) == ("NO_MATCH", "ACCEPTED")
    assert checked["ok"]
    key = city.system.installation.keys.vrs.certificates.public_key()
    assert certificate.opened(card["payload"], key) == checked["claims"]
    assert picture.read_text(encoding="utf-8").startswith("<?xml")
    assert exported["rows"] == 1
    assert person.individual_number not in (city.folder / "ledger.csv").read_text(encoding="utf-8-sig")
    assert [[one["outcome"] for one in log["records"]] for log in logs] == [["FOUND", "NO_MATCH"], ["FOUND"]]
    assert all(log["ok"] for log in logs)


def test_both_routes_are_compared(city: City) -> None:
    """Which items, on which basis, and whose records: both ways of the law side by side."""
    found = city.run("vrs", "compare", "--resident", str(city.movers[1].number), "--operator", "HK001")

    assert (found["vrs"]["basis"], found["nws"]["basis"]) == ("番号法19条16号", "番号法19条8号 別表第2 16の2")
    assert len(found["vrs"]["records"]) == 2
    assert len(found["nws"]["records"]) == 3
    assert {"接種会場", "医師名"} <= set(found["only_vrs"])
    assert found["only_nws"] == ["接種状況"]


def test_a_tablet_reaches_nothing_but_its_doses(city: City) -> None:
    """Kafka itself refuses the tablet's user every topic on which a number travels, and another city's doses."""
    user = access.tablet_user(city.previous)
    password = city.system.installation.password(user)
    credentials = json.loads(
        (city.system.installation.directory / "credentials" / city.previous / "tablet.json").read_text(encoding="utf-8")
    )

    for topic in (
        f"vrs.{city.previous}.requests",
        f"vrs.{city.previous}.replies",
        f"juki.{city.previous}.identities",
        f"tablet.{city.home}.replies",
    ):
        assert reading(city, topic, user, password) == "TOPIC_AUTHORIZATION_FAILED", topic
    assert reading(city, f"tablet.{city.previous}.replies", user, password) == ""
    assert (credentials["user"], "sealing_private_key" in credentials) == (user, False)


def reading(city: City, topic: str, user: str, password: str) -> str:
    """The name of the error with which Kafka refuses a user a topic, or an empty text when it does not."""
    own = {"sasl.username": user, "sasl.password": password, "group.id": f"tablet.{city.previous}.test"}
    consumer = new_consumer(city.system.parts, **own)
    try:
        error = consumer.list_topics(topic, timeout=20).topics[topic].error
        if error is not None:
            return str(error.name())
        consumer.assign([TopicPartition(topic, 0, 0)])
        record = consumer.poll(20)
    finally:
        consumer.close()
    assert record is not None, topic
    return "" if record.error() is None else str(record.error().name())


def test_numbers_are_nowhere_but_on_their_way_to_vrs(city: City) -> None:
    """After all of this: on VRS's request topics and no other, in no table, no file, in nothing that was printed."""
    records = everything_on(city.system.parts, topic_names(city.system))
    on_topics = {one.topic for one in records for part in (one.value, one.key) if find_individual_numbers(part)}
    in_tables = [place for place, data in dump(city.system.parts) if find_individual_numbers(data)]
    directory = city.system.installation.directory
    files = [*directory.glob("*.json"), *directory.glob("run/*"), *city.folder.glob("*.svg")]
    files += [city.folder / name for name in ("card.txt", "ledger.csv", "out.csv")]
    in_files = [file.name for file in files if find_individual_numbers(file.read_bytes())]

    assert on_topics
    assert all(CARRIES_NUMBERS.match(topic) for topic in on_topics)
    assert (in_tables, in_files) == ([], [])
    assert not [text for text in city.printed if find_individual_numbers(text)]
