"""`.avsc` → `records.py`, `coders.py` and `ids.json`; run by `make schemas`, the results are committed.

Owns the shape of the generated code and the numbering of schemas. Promises that a schema once numbered keeps its
number: a changed schema gets the next one and the old text moves to `retired/`, so that old logs stay readable.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

HERE = Path(__file__).parent
FIRST_ID = 1001
PRIMITIVES = {"string": "str", "long": "int", "boolean": "bool", "bytes": "bytes"}

HEAD = '''"""Generated from the .avsc files by `make schemas`; do not edit."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


def _bytes(value: bytes | str) -> bytes:
    # fastavro hands out the default of a field the writer did not know as it stands in the schema: as text.
    return value.encode("latin-1") if isinstance(value, str) else value

'''


def snake(name: str) -> str:
    """CamelCase → snake_case, the name of the message's file."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def load_schemas(folder: Path = HERE) -> dict[str, dict[str, Any]]:
    """All current messages by name, in file order; ValueError when a file and its record disagree on the name."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.avsc")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        if path.stem != snake(schema["name"]):
            raise ValueError(f"{path.name}: holds {schema['name']}, which belongs in {snake(schema['name'])}.avsc")
        found[schema["name"]] = schema
    return found


def digest_of(schema: dict[str, Any]) -> str:
    """SHA-256 of the schema with its defaults and docs, as hex: what a number stands for."""
    text = json.dumps(schema, ensure_ascii=False, sort_keys=True)
    return fingerprint(to_parsing_canonical_form(parse_schema(schema)) + text, "SHA-256")


def number(schemas: dict[str, dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The list of ids, oldest first; unchanged schemas keep theirs and changed ones are appended."""
    ids = list(known)
    for name, schema in schemas.items():
        mine = [entry for entry in ids if entry["name"] == name]
        if not mine or mine[-1]["digest"] != digest_of(schema):
            latest = max([FIRST_ID - 1, *(entry["id"] for entry in ids)])
            ids.append({"id": latest + 1, "name": name, "digest": digest_of(schema)})
    return ids


class Writer:
    """Collects the generated classes; nested types come before the records that use them."""

    def __init__(self) -> None:
        self.done: dict[str, str] = {}
        self.out: list[str] = [HEAD]

    def type_of(self, schema: Any) -> str:
        """The Python type of a field; writes nested records and enums on the way."""
        if isinstance(schema, str):
            return PRIMITIVES[schema]
        if schema["type"] == "array":
            return f"tuple[{self.type_of(schema['items'])}, ...]"
        text = json.dumps(schema, sort_keys=True, ensure_ascii=False)
        if self.done.setdefault(schema["name"], text) != text:
            raise ValueError(f"{schema['name']} differs between two files: it must be the same everywhere")
        if f"class {schema['name']}(" not in "".join(self.out):
            (self.enum if schema["type"] == "enum" else self.record)(schema)
        return str(schema["name"])

    def enum(self, schema: dict[str, Any]) -> None:
        """A StrEnum and the table that turns symbols into its members."""
        lines = [f"\n\nclass {schema['name']}(StrEnum):", f'    """{schema["doc"]}"""', ""]
        lines += [f'    {symbol} = "{symbol}"' for symbol in schema["symbols"]]
        lines += [f"\n\n_{schema['name'].upper()} = {{member.value: member for member in {schema['name']}}}"]
        self.out.append("\n".join(lines))

    def record(self, schema: dict[str, Any]) -> None:
        """A NamedTuple with its two conversions from and to plain values."""
        types = {field["name"]: self.type_of(field["type"]) for field in schema["fields"]}
        name = schema["name"]
        lines = [f"\n\nclass {name}(NamedTuple):", f'    """{schema["doc"]}', "", "    Fields:"]
        lines += [f"        {field['name']}: {field['doc']}" for field in schema["fields"]]
        lines += ['    """', ""]
        for field in schema["fields"]:
            default = f" = {default_of(field)}" if "default" in field else ""
            lines.append(f"    {field['name']}: {types[field['name']]}{default}")
        self.out.append("\n".join(lines) + read_of(schema) + write_of(schema))


def default_of(field: dict[str, Any]) -> str:
    """A field's default as Python source."""
    kind, default = field["type"], field["default"]
    if kind == "bytes":
        return repr(default.encode("latin-1"))
    if isinstance(kind, dict):
        return "()" if kind["type"] == "array" else f"{kind['name']}.{default}"
    return repr(default)


def nested(schema: Any) -> str:
    """The name of the nested record or enum inside a field type, or an empty string."""
    if isinstance(schema, dict):
        return nested(schema["items"]) if schema["type"] == "array" else str(schema["name"])
    return ""


def read_of(schema: dict[str, Any]) -> str:
    """Source of the function that builds the record from what the Avro reader returns."""
    lines = [f"\n\n\ndef _read_{snake(schema['name'])}(plain: Mapping[str, Any]) -> {schema['name']}:"]
    lines.append(f"    return {schema['name']}(")
    for field in schema["fields"]:
        value, kind, inner = f'plain["{field["name"]}"]', field["type"], nested(field["type"])
        if kind == "bytes" and "default" in field:
            value = f"_bytes({value})"
        if isinstance(kind, dict) and kind["type"] == "enum":
            value = f"_{inner.upper()}[{value}]"
        elif isinstance(kind, dict):
            value = f"tuple([_read_{snake(inner)}(one) for one in {value}])" if inner else f"tuple({value})"
        lines.append(f"        {value},")
    return "\n".join([*lines, "    )"])


def write_of(schema: dict[str, Any]) -> str:
    """Source of the function that turns the record into what the Avro writer takes."""
    lines = [f"\n\n\ndef _write_{snake(schema['name'])}(record: {schema['name']}) -> Mapping[str, Any]:"]
    arrays = [f for f in schema["fields"] if isinstance(f["type"], dict) and f["type"]["type"] == "array"]
    deep = [f for f in arrays if nested(f["type"])]
    if not deep:
        return lines[0] + "\n    return record._asdict()"
    lines.append("    plain: dict[str, Any] = record._asdict()")
    for field in deep:
        inner = snake(nested(field["type"]))
        lines.append(f'    plain["{field["name"]}"] = [_write_{inner}(one) for one in record.{field["name"]}]')
    return "\n".join([*lines, "    return plain"])


CODERS_HEAD = '''"""Generated from the .avsc files by `make schemas`; do not edit.

One encoder and one decoder a record, straight between the record's fields and Avro's bytes. They write and read what
fastavro does, in about half the time; `codec` uses them for today's schemas and fastavro for retired ones.
"""

from __future__ import annotations

from schemas import records as r
from schemas.wire import (
    END,
    FALSE,
    LENGTHS,
    TEXTS,
    TRUE,
    Malformed,
    checked_bool,
    encode_long,
    items_ahead,
    longer,
    more,
)
'''


class CoderWriter:
    """Collects encoders and decoders; nested records come before those that use them."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.out: list[str] = [CODERS_HEAD]

    def visit(self, schema: Any) -> None:
        """Write what a type needs, once."""
        if isinstance(schema, str):
            return
        if schema["type"] == "array":
            self.visit(schema["items"])
        elif schema["name"] not in self.done:
            self.done.add(schema["name"])
            if schema["type"] == "enum":
                self.enum(schema)
                return
            for field in schema["fields"]:
                self.visit(field["type"])
            self.encoder(schema)
            self.decoder(schema)

    def enum(self, schema: dict[str, Any]) -> None:
        """Symbols by number, and numbers by symbol."""
        name = schema["name"]
        self.out.append(f"\n_{name.upper()} = tuple(r.{name})\n")
        self.out.append(f"_{name.upper()}_BYTES = {{one: encode_long(n) for n, one in enumerate(_{name.upper()})}}\n")

    def encoder(self, schema: dict[str, Any]) -> None:
        """The function that writes a record's body."""
        name = schema["name"]
        places = [f"f{n}" for n in range(len(schema["fields"]))]
        lines = [f"\n\ndef encode_{snake(name)}(record: r.{name}) -> bytes:"]
        lines.append(f'    """The body of a {name}."""')
        lines.append(f"    {', '.join(places)}{',' if len(places) == 1 else ''} = record")
        parts: list[str] = []
        for place, field in zip(places, schema["fields"], strict=True):
            ready, found = encoding_of(place, field["type"], field["name"])
            lines += [f"    {line}" for line in ready]
            parts += found
        lines.append(f'    return b"".join(({", ".join(parts)}{"," if len(parts) == 1 else ""}))')
        self.out.append("\n".join(lines) + "\n")

    def decoder(self, schema: dict[str, Any]) -> None:
        """The function that reads a record's body from a place on."""
        name = schema["name"]
        places = [f"f{n}" for n in range(len(schema["fields"]))]
        lines = [f"\n\ndef decode_{snake(name)}(d: bytes, p: int) -> tuple[r.{name}, int]:"]
        lines.append(f'    """A {name} and the place behind it; Malformed, IndexError or UnicodeDecodeError."""')
        for place, field in zip(places, schema["fields"], strict=True):
            lines += [f"    {line}" for line in decoding_of(place, field["type"])]
        lines.append("    if p > len(d):")
        lines.append('        raise Malformed("the body ends inside a field")')
        lines.append(f"    return r.{name}({', '.join(places)}), p")
        self.out.append("\n".join(lines) + "\n")


# Texts that hardly ever come twice; all others are few, and their bytes are remembered.
UNIQUE = frozenset(
    {
        "acquisition_number",
        "business_person_number",
        "exchange_id",
        "integrated_number",
        "linkage_code",
        "note",
        "permit_id",
        "reception_number",
        "record_identification_number",
        "requested_at",
        "resident_token",
        "transaction_serial_number",
        "value",
    }
)


def encoding_of(name: str, kind: Any, field: str = "") -> tuple[list[str], list[str]]:
    """Lines that prepare a field, and the parts it becomes."""
    if kind == "string" and field not in UNIQUE:
        return [], [f"TEXTS[{name}]"]
    if kind == "string":
        return [f"{name}b = {name}.encode()"], [f"LENGTHS[len({name}b)]", f"{name}b"]
    if kind == "bytes":
        return [], [f"LENGTHS[len({name})]", name]
    if kind == "long":
        return [], [f"encode_long({name})"]
    if kind == "boolean":
        return [], [f"TRUE if {name} else FALSE"]
    if kind["type"] == "enum":
        return [], [f"_{kind['name'].upper()}_BYTES[{name}]"]
    if kind["items"] == "string":
        each = "TEXTS[one]"
    elif isinstance(kind["items"], str):
        each = " + ".join(encoding_of("one", kind["items"])[1])
    else:
        each = f"encode_{snake(kind['items']['name'])}(one)"
    whole = f'{name}b = b"".join([encode_long(len({name})), *[{each} for one in {name}], END]) if {name} else END'
    return [whole], [f"{name}b"]


def decoding_of(name: str, kind: Any) -> list[str]:
    """Lines that read a field at `p` and move `p` behind it."""
    number = ["n = d[p]", "p += 1", "if n > 127:", "    n, p = more(d, p, n)"]
    if kind in ("string", "bytes"):
        # 129: more bytes follow, or the length is negative; neither happens to short texts.
        length = ["n = d[p]", "p += 1", "if n & 129:", "    n, p = longer(d, p, n)", "e = p + (n >> 1)"]
        value = "d[p:e].decode()" if kind == "string" else "d[p:e]"
        return [*length, f"{name} = {value}", "p = e"]
    if kind == "long":
        return [*number, f"{name} = (n >> 1) ^ -(n & 1)"]
    if kind == "boolean":
        return [f"{name} = checked_bool(d[p])", "p += 1"]
    if kind["type"] == "enum":
        table = f"_{kind['name'].upper()}"
        check = [f"if n & 1 or n >> 1 >= len({table}):", f'    raise Malformed("{kind["name"]} has no such symbol")']
        return [*number, *check, f"{name} = {table}[n >> 1]"]
    inner = kind["items"]
    if isinstance(inner, str):
        one = "one"
        read = [f"        {line}" for line in decoding_of(one, inner)]
        annotation = PRIMITIVES[inner]
    else:
        one = snake(inner["name"])  # a message may hold lists of several records: each name has one type
        read = [f"        {one}, p = decode_{one}(d, p)"]
        annotation = f"r.{inner['name']}"
    return [
        f"{name}l: list[{annotation}] = []",
        "c, p = items_ahead(d, p)",
        "while c:",
        "    for _ in range(c):",
        *read,
        f"        {name}l.append({one})",
        "    c, p = items_ahead(d, p)",
        f"{name} = tuple({name}l)",
    ]


def render_coders(schemas: dict[str, dict[str, Any]]) -> str:
    """The text of coders.py for these messages."""
    writer = CoderWriter()
    for schema in schemas.values():
        writer.visit(schema)
    table = "\n".join(f"    r.{name}: (encode_{snake(name)}, decode_{snake(name)})," for name in schemas)
    writer.out.append(f"\n\nCODERS = {{\n{table}\n}}\n")
    return "".join(writer.out)


def render(schemas: dict[str, dict[str, Any]]) -> str:
    """The text of records.py for these messages."""
    writer = Writer()
    for schema in schemas.values():
        writer.type_of(schema)
    union = " | ".join(schemas)
    names = "\n".join(f"    {name}," for name in schemas)
    table = "\n".join(
        f"    ({name}, _read_{snake(name)}, _write_{snake(name)}, {schema['topic']!r}, {schema['key']!r}),"
        for name, schema in schemas.items()
    )
    writer.out.append(f"\n\nMessage = {union}\n\nMESSAGES: tuple[type[Any], ...] = (\n{names}\n)")
    writer.out.append(f"\n# class, from plain, to plain, topic, key\nCODERS: tuple[Any, ...] = (\n{table}\n)\n")
    return "".join(writer.out)


def formatted(text: str) -> str:
    """The text as the project's formatter writes it."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff"
    command = [ruff, "format", "--line-length", "120", "--stdin-filename", "generated.py", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60).stdout


def retire(known: list[dict[str, Any]], current: list[dict[str, Any]], folder: Path = HERE) -> list[str]:
    """Names of schemas that got a new number; their old text must be in `retired/` under the old number."""
    replaced = {entry["name"] for entry in current} & {entry["name"] for entry in known}
    newest = {entry["name"]: entry["id"] for entry in current}
    return [
        f"{entry['name']} ({entry['id']}): put the old text into retired/{entry['id']}.avsc"
        for entry in known
        if entry["name"] in replaced
        and newest[entry["name"]] != entry["id"]
        and not (folder / "retired" / f"{entry['id']}.avsc").exists()
    ]


def main() -> int:
    """Write records.py and ids.json; exit code 1 names schemas whose earlier text is not in `retired/`."""
    schemas = load_schemas()
    path = HERE / "ids.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    current = number(schemas, known)
    missing = retire(known, current)
    if missing:
        sys.stderr.write("\n".join(missing) + "\n")
        return 1
    path.write_text(json.dumps(current, indent=1) + "\n", encoding="utf-8")
    (HERE / "records.py").write_text(formatted(render(schemas)), encoding="utf-8")
    (HERE / "coders.py").write_text(formatted(render_coders(schemas)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
