"""The hub's REST interface against its own document: everything it answers is there, whatever comes in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hub_fixtures import PATIENCE_SECONDS, Served, database
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from broker.embedded.postgres import EmbeddedPostgres
from services.integrated_number.api import document_text

ROOT = Path(__file__).parent.parent.parent
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
EXAMPLES = 5  # an operation, beside the boundary values that are always tried


@pytest.fixture(scope="module")
def served(postgres_server: EmbeddedPostgres, postgres_template: str) -> Iterator[Served]:
    """A hub for the whole module, over a database of its own."""
    with database(postgres_server, postgres_template, "hub_openapi") as dsn, Served(dsn) as hub:
        yield hub


schema = schemathesis.openapi.from_dict(json.loads(document_text()))


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_in_the_document(case: schemathesis.Case, served: Served, token: str) -> None:
    """No server error and no answer that the document does not have, for well-formed and for damaged calls."""
    case.call_and_validate(
        base_url=served.url,
        headers={"Authorization": f"Bearer {token}"},
        checks=list(CHECKS),
        timeout=PATIENCE_SECONDS,
    )


@pytest.fixture(scope="module")
def token(served: Served) -> str:
    """A token with every right."""
    return served.token()


def test_the_committed_document_is_current() -> None:
    """`schemas/hub-openapi.json` is what the hub serves."""
    committed = (ROOT / "schemas" / "hub-openapi.json").read_text(encoding="utf-8")

    assert committed == document_text(), "run: python -m services.docs"
