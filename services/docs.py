"""The generated parts of the documents: the state diagram, settings, messages, the hub's OpenAPI.

`python -m services.docs` writes them."""

from __future__ import annotations

import re
from pathlib import Path

from broker.config import DEFAULTS, FIELDS, PREFIX
from broker.rules import exchange, reconciliation
from schemas.codec import KEY, TOPIC, schema_id
from schemas.records import MESSAGES
from services import coverage
from services.integrated_number.api import document_text

ROOT = Path(__file__).parent.parent


def settings_page() -> str:
    """docs/settings.md."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | `{getattr(DEFAULTS, name)!r}` | {field.metadata['words']} |"
        for name, field in FIELDS.items()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Precedence: flag, then environment, then the TOML file that `CHUKAN_CONFIG` names, then default.",
            "`chukan config show` prints each value with its source; an unknown name is an error with a suggestion.",
            "",
            "| setting | default | what |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def messages_page() -> str:
    """docs/messages.md."""
    rows = [
        f"| `{kind.__name__}` | {schema_id(kind)} | {f'`{TOPIC[kind]}`' if TOPIC[kind] else 'inside another'} "
        f"| {f'`{KEY[kind]}`' if KEY[kind] else ''} | {(kind.__doc__ or '').splitlines()[0]} |"
        for kind in MESSAGES
    ]
    return "\n".join(
        [
            "# Messages",
            "",
            "Each is one `.avsc` file in `schemas/`. Bytes are Confluent's wire format: 0x00, the schema id as four",
            "big-endian bytes, the Avro body. The whole as AsyncAPI 3: `schemas/asyncapi.json`, also served.",
            "",
            "| message | id | topic | key | what |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def client_page(text: str) -> str:
    """docs/client.md with the client as the tests run it."""
    lines = (ROOT / "tests" / "system" / "independent_client.py").read_text(encoding="utf-8").splitlines()
    code = "\n".join(re.sub(r"  # noqa.*$", "", line) for line in lines)
    part = f"<!-- begin client -->\n```python\n{code}\n```\n<!-- end client -->"
    return re.sub(r"<!-- begin client -->.*?<!-- end client -->", lambda _: part, text, flags=re.DOTALL)


def architecture_page(text: str) -> str:
    """ARCHITECTURE.md with the diagram and the verdicts of today."""
    parts = {"exchange": f"```mermaid\n{exchange.diagram()}\n```", "verdicts": reconciliation.table()}
    for name, part in parts.items():
        before, begin, rest = text.partition(f"<!-- begin {name} -->\n")
        _, end, after = rest.partition(f"<!-- end {name} -->")
        text = f"{before}{begin}{part}\n{end}{after}"
    return text


def main() -> None:
    """Write the pages."""
    (ROOT / "docs" / "settings.md").write_text(settings_page(), encoding="utf-8")
    (ROOT / "docs" / "messages.md").write_text(messages_page(), encoding="utf-8")
    (ROOT / "docs" / "measures.md").write_text(coverage.page(), encoding="utf-8")
    (ROOT / "schemas" / "hub-openapi.json").write_text(document_text(), encoding="utf-8")
    for page, made in ((ROOT / "ARCHITECTURE.md", architecture_page), (ROOT / "docs" / "client.md", client_page)):
        page.write_text(made(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
