"""What every verb owes whoever types it: help with an example, JSON where it reads, one line and a code for a fault."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from broker.embedded.errors import EmbeddedError
from broker.errors import ConfigurationFault, Fault, NotHeard, OwnFault, WorldFault
from services.__main__ import command, judged
from services.running import NotRunning

# They start things or print a document as it is.
ACTS = {"up", "run", "init", "schemas serve", "schemas asyncapi", "hub serve"}


def verbs(
    group: click.Group | None = None, before: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every verb of the command with the words that lead to it."""
    found: list[tuple[tuple[str, ...], click.Command]] = []
    top = typer.main.get_command(command()) if group is None else group
    for name, verb in getattr(top, "commands", {}).items():
        path = (*before, name)
        found += verbs(verb, path) if hasattr(verb, "commands") else [(path, verb)]
    return found


def run(*arguments: str, **environment: str) -> Result:
    """The verb in this process, with these settings."""
    return CliRunner().invoke(command(), arguments, env=environment)


VERBS = {" ".join(path): command for path, command in verbs()}


def test_the_verbs_are_those_we_promise() -> None:
    """A verb that loses its place is noticed."""
    assert set(VERBS) >= {
        *("demo", "up", "run", "init", "doctor", "scan", "topics", "world create", "config show", "audit verify"),
        *("audit redecide", "audit reconcile"),
        *("audit explain", "audit export", "audit query"),
        *("witness list", "witness show", "witness forks"),
        *("hold list", "hold show", "hold confirm", "hold refuse", "records list", "records show", "inquiry send"),
        *("audit capsule", "audit open", "audit verifier", "audit root", "audit pair", "audit grown"),
        *("erase expired", "erase exchange", "erase purge"),
        *("list publish", "list show", "list versions", "list distribute", "copy flag"),
        *("schemas list", "schemas check", "schemas register", "schemas serve", "schemas asyncapi"),
    }


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(verb: str) -> None:
    """--help ends with a line that can be typed, of this very verb."""
    shown = run(*verb.split(), "--help", COLUMNS="200", NO_COLOR="1")

    assert shown.exit_code == 0
    assert f"chukan {verb}" in shown.stdout
    assert "例 / example" in shown.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_speaks_both_languages(verb: str) -> None:
    """Japanese first, English beside it."""
    words = VERBS[verb].help or ""
    japanese, slash, english = words.partition("/")

    assert slash, words
    assert any("\u3040" <= letter <= "\u9fff" for letter in japanese)
    assert english.strip().isascii() or "…" in english


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ACTS])
def test_whatever_reads_can_print_json(verb: str) -> None:
    """A program never has to take a table apart."""
    assert "--json" in {option for one in VERBS[verb].params for option in one.opts}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (ConfigurationFault("x"), 3),
        (WorldFault("x"), 4),
        (NotRunning("x"), 4),
        (EmbeddedError("x"), 4),
        (NotHeard("x"), 5),
        (OwnFault("x"), 1),
    ],
)
def test_a_fault_has_its_own_code(fault: Fault, code: int) -> None:
    """Scripts tell a wrong setting from a server that is away."""
    assert judged(fault)[0] == code
    assert judged(fault)[1].endswith(": x")


def test_what_is_not_running_says_how_to_start(tmp_path: Path) -> None:
    """Nobody is left with a refused connection to a port they never heard of."""
    result = run("records", "list", CHUKAN_DATA_DIR=str(tmp_path))

    assert isinstance(result.exception, NotRunning)
    assert f"chukan up --data-dir {tmp_path}" in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ("hold", "confirm", "X", "--operator", "O" * 21, "--digest", "00" * 32),
        ("hold", "confirm", "X", "--operator", "OP1", "--digest", "00"),
        ("hold", "confirm", "X", "--operator", "OP1", "--digest", "zz" * 32),
        ("hold", "refuse", "X", "--operator", "OP1", "--reason", "NONE"),
        ("hold", "refuse", "X", "--operator", "OP1", "--reason", "BORED"),
        ("hold", "refuse", "X", "--operator", "OP1", "--reason", "OTHER", "--note", "長" * 201),
        ("records", "list", "--outcome", "PERHAPS"),
        ("run", "network", "--shards", "one"),
        ("list", "publish", "/nowhere/list.json"),
        ("world", "create", "--institutions", "1"),
        ("unheard-of",),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_two(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """What was typed wrongly is told before anything is started or asked."""
    assert run(*arguments, CHUKAN_DATA_DIR=str(tmp_path)).exit_code == 2


def test_config_show_masks_secrets_and_names_origins(tmp_path: Path) -> None:
    """A setting can be asked where it came from; a password cannot be read from the answer."""
    result = run(
        "config", "show", "--json", CHUKAN_KAFKA_PASSWORD="hunter2", CHUKAN_SHARDS="4", CHUKAN_LOG_LEVEL="info"
    )

    body = json.loads(result.stdout)
    rows = {row["name"]: row for row in body["settings"]}
    assert body["schema_version"] == 1
    assert rows["shards"] | {"words": ""} == {"name": "shards", "value": 4, "origin": "CHUKAN_SHARDS", "words": ""}
    assert rows["lease_seconds"]["origin"] == "default"
    assert "hunter2" not in result.stdout


def test_an_unknown_setting_is_a_fault_of_configuration() -> None:
    """A typing error in a setting is told with the nearest name, not ignored."""
    result = run("config", "show", CHUKAN_SHRADS="4")

    assert isinstance(result.exception, ConfigurationFault)
    assert "did you mean shards?" in str(result.exception)


def test_topics_tell_who_may_do_what() -> None:
    """An institution writes its requests and nobody else does; the register alone hears individual numbers."""
    rows = {row["topic"]: row for row in json.loads(run("topics", "--json").stdout)["topics"]}

    own = "institution-{institution_code}"
    assert rows["institution.{institution_code}.requests"]["writers"][-1] == own
    assert rows["institution.{institution_code}.replies"]["readers"][-1] == own
    assert rows["juki.{institution_code}.identities"]["readers"] == ["resident-register"]
    assert rows["operations.hold_confirmed"]["writers"] == ["operations"]
    assert rows["network.inquiry_forwarded"]["messages"] == ["InquiryForwarded"]
    assert {row["retention_days"] for row in rows.values()} == {30}


def test_schemas_are_listed_and_in_order() -> None:
    """The numbers that travel in our messages can be looked up, and nothing is wrong with them."""
    listed, checked = run("schemas", "list", "--json"), run("schemas", "check", "--json")

    names = {one["name"]: one for one in json.loads(listed.stdout)["schemas"] if one["current"]}
    assert names["InquiryRequested"]["topic"] == "institution.{inquirer_institution_code}.requests"
    assert checked.exit_code == 0
    assert json.loads(checked.stdout)["findings"] == []


def test_the_asyncapi_document_is_printed_as_it_is() -> None:
    """A stranger's tools read it from a pipe."""
    assert json.loads(run("schemas", "asyncapi").stdout)["asyncapi"].startswith("3.")


def test_doctor_tells_how_to_mend_each_finding(tmp_path: Path) -> None:
    """Whatever may be missing comes with what to do about it, in both languages."""
    result = run("doctor", "--json", "--data-dir", str(tmp_path / "new"))

    body = json.loads(result.stdout)
    names = [one["name"] for one in body["findings"]]
    assert names == ["python", "java", "kafka_jars", "postgres", "user", "ports", "memory", "disc", "writing"]
    assert all(one["mend_ja"] and one["mend_en"] and one["seen"] for one in body["findings"])
    assert result.exit_code == (0 if body["ok"] else 1)


def test_a_word_imports_what_it_needs_alone() -> None:
    """`chukan records` does not wait for what serves the hub, nor for what queries exports."""
    program = "import sys; from services.__main__ import command; command(['records']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert "services.cli.records" in loaded
    assert not {"fastapi", "duckdb", "services.cli.hub"} & set(loaded)


def test_nothing_is_coloured_off_a_terminal() -> None:
    """A file or a pipe receives text, not escape sequences."""
    assert "\x1b" not in run("topics").stdout
