"""The tools behind the verbs: list files, the scan, the doctor, the registry, the demo's judgement."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from broker.envelope import Said, pack
from broker.errors import ConfigurationFault, WorldFault
from broker.rules import numbers
from broker.rules.permission_list import PermissionListError
from broker.topics import Destination
from schemas.codec import SCHEMAS
from schemas.records import Item
from services import doctor, lists_admin, world
from services.demo import Expected, Step
from services.scan import NUMBER, Scan, parts_of, scan_file
from services.schema_admin import Registry
from services.up import SchemaEndpoint

NUMBER_OF_SOMEBODY = numbers.synthetic_individual_number(7)


# ── list files ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_list_file_needs_rows_only() -> None:
    """The version that follows and the moment are filled in; the rows are checked."""
    found = lists_admin.next_list(lists_admin.to_text(world.permission_rows()), newest=4, now=99)

    assert (found.version, found.known_from_ms, len(found.rows)) == (5, 99, len(world.permission_rows()))


def test_the_output_of_list_show_is_a_list_file() -> None:
    """What one version prints, changed and given back, is the next version."""
    shown = {"schema_version": 1, "list": json.loads(lists_admin.to_text(world.permission_rows()))}

    assert lists_admin.next_list(json.dumps(shown), newest=1, now=1).version == 2


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("no json", ""),
        ("[]", ""),
        ('{"list": 3}', "list"),
        ('{"rows": [], "version": 9}', "version"),
        ('{"rows": [{"row_id": "a"}]}', "inquirer_class"),
        ('{"rows": [], "colour": "red"}', "colour"),
    ],
)
def test_a_wrong_list_file_is_told_by_its_field(text: str, field: str) -> None:
    """A version that skips one, a missing or unknown field: named before anything is written."""
    with pytest.raises(PermissionListError) as refused:
        lists_admin.next_list(text, newest=1, now=1)

    assert field in str(refused.value)


# ── the scan ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_number_is_told_by_its_place_and_never_itself() -> None:
    """Whoever reads the report learns where to look, not the number."""
    seen = Scan()
    seen.look("topic t/0@1", f"person {NUMBER_OF_SOMEBODY}".encode())

    assert seen.places == [(NUMBER, "topic t/0@1")]
    assert NUMBER_OF_SOMEBODY not in repr(seen)


def test_the_way_to_the_resident_register_may_carry_numbers() -> None:
    """Channel 1 is the one place where an individual number travels."""
    seen = Scan()
    seen.look("topic juki.x.identities/0@1", NUMBER_OF_SOMEBODY.encode(), numbers_allowed=True)

    assert seen.places == []


def test_two_codes_wait_for_their_owners() -> None:
    """One code is ordinary; two in one place are looked up, wherever codes are not at home."""
    one, two = b"a" * 64, b"b" * 64
    seen = Scan()
    seen.look("one", one + b" " + one)
    seen.look("two", one + b" " + two)
    seen.look("the network's own table", one + b" " + two, codes_allowed=True)

    assert seen.together == {frozenset((one, two)): "two"}


def test_a_batch_in_the_outbox_is_many_places() -> None:
    """Codes of different messages of one batch are not together."""
    said = [Said(Destination("t", 0, b""), "T", "0" * 32, b"", value) for value in (b"a" * 64, b"b" * 64)]

    assert list(parts_of("outbox", {"body": pack(said, 1)})) == [b"a" * 64, b"b" * 64]


def test_files_are_told_by_their_line(tmp_path: Path) -> None:
    """A log line with a number is found where it stands."""
    log = tmp_path / "a.log"
    log.write_text(f"one\ntwo {NUMBER_OF_SOMEBODY} two\n", encoding="utf-8")
    seen = Scan()
    scan_file(seen, log, "a.log")

    assert seen.places == [(NUMBER, "file a.log:2")]


# ── the doctor ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_doctor_looks_where_the_directory_will_be(tmp_path: Path) -> None:
    """A directory that does not exist yet is judged by the nearest one that does."""
    assert doctor.nearest(tmp_path / "a" / "b") == tmp_path
    assert doctor.writing(tmp_path / "a" / "b").ok
    assert doctor.disc(tmp_path / "a").seen.endswith(str(tmp_path))


def test_the_doctor_finds_nothing_wrong_with_itself() -> None:
    """What runs these tests has a Python and ports that can be reached."""
    assert doctor.python().ok
    assert doctor.ports().ok


# ── registries ───────────────────────────────────────────────────────────────────────────────────────────────────


class OtherRegistry(BaseHTTPRequestHandler):
    """A registry that knows nothing; `imports` says whether numbers may be brought along."""

    imports: ClassVar[bool] = False
    given: ClassVar[int] = 0

    def do_PUT(self) -> None:
        """PUT /mode/…"""
        self._body()
        self._answer(200 if self.imports else 422, {})

    def do_POST(self) -> None:
        """POST /subjects/…"""
        body = self._body()
        if not self.path.endswith("/versions"):
            self._answer(404, {"error_code": 40403, "message": "Schema not found"})
        else:
            self._answer(200, {"id": body.get("id", self.given)})

    def _body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return found

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def other_registry(*, imports: bool, given: int = 0) -> Iterator[str]:
    """Its URL while it serves."""
    handler = type("Handler", (OtherRegistry,), {"imports": imports, "given": given})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)


FIRST = SCHEMAS[min(SCHEMAS)]


def test_our_own_registry_has_everything() -> None:
    """Registering twice, or at ourselves, changes nothing and is good."""
    endpoint = SchemaEndpoint("127.0.0.1", 0)
    try:
        done = Registry(endpoint.start()).register_all()
    finally:
        endpoint.stop()

    assert {one.how for one in done} == {"THERE"}
    assert [one.id for one in done] == sorted(SCHEMAS)


@pytest.mark.parametrize(
    ("imports", "given", "how"), [(True, 0, "IMPORTED"), (False, FIRST.id, "GIVEN"), (False, 77, "OTHER_ID")]
)
def test_a_registry_must_know_a_schema_by_our_number(imports: bool, given: int, how: str) -> None:
    """Numbers are imported where that is allowed; a registry that gives another number is of no use and said so."""
    with other_registry(imports=imports, given=given) as url:
        done = Registry(url).register(FIRST)

    assert done.how == how
    assert done.ok == (how != "OTHER_ID")


def test_a_registry_that_is_away_is_away() -> None:
    """No schema is blamed when nobody answers; other URLs are a mistake of whoever typed them."""
    with other_registry(imports=False) as url:
        pass

    with pytest.raises(WorldFault):
        Registry(url).register(FIRST)
    with pytest.raises(ConfigurationFault):
        Registry("file:///etc/passwd")


# ── the demo ─────────────────────────────────────────────────────────────────────────────────────────────────────


def step(**changes: Any) -> Step:
    """An answered step."""
    good = Step("s", "", "", Expected("OK"), "OK", "", kind="TM", items=(("1", (Item("c", "v"),)),))
    return good._replace(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "HELD"},
        {"rule": "X"},
        {"nearest": ("74-1", "procedure_code", "JT")},
        {"items": ()},
        {"expected": Expected("NOT_PERMITTED", "NO_SUCH_COMBINATION", "74-1", "procedure_code")},
    ],
)
def test_the_demo_notices_any_other_end(changes: dict[str, Any]) -> None:
    """A step is good only with the outcome, the rule and the nearest row it must have, and an opened answer."""
    assert step().ok
    assert not step(**changes).ok
