"""Every rule has its number and its words, every rule in the code is in the table, and none is there for nothing."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import broker
import schemas
import services
from broker.rules.permission_list import PermissionRule
from broker.rules.reasons import NO_REASON, REASONS, SUCCESS, reason_of
from schemas.records import Outcome

FOLDERS = [Path(next(iter(package.__path__))) for package in (broker, schemas, services)]
RULE_WORD = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|EMPTY|OVERSIZED|DAMAGED|REVOKED|WITHDRAWN")
NOT_CODE = ("reasons.py", "coders.py")
TAKES_A_RULE = {"Ending", "PeerFault", "Undecodable", "field_error", "changed", "refused", "returned"}
"""Calls that are handed a rule."""


@cache
def sources() -> dict[Path, ast.Module]:
    """Every module of the three packages, parsed; the table itself and the generated coders are not among them."""
    paths = [path for folder in FOLDERS for path in sorted(folder.rglob("*.py")) if path.name not in NOT_CODE]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def constants() -> set[str]:
    """Every text in the code, docstrings left out by their look."""
    return {
        node.value
        for tree in sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def named_rules() -> dict[str, str]:
    """Rules that the code hands to something that takes one, with a place that does."""
    found: dict[str, str] = {}
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in TAKES_A_RULE:
                continue
            for argument in [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "rule")]:
                for part in ast.walk(argument):
                    text = part.value if isinstance(part, ast.Constant) else None
                    if isinstance(text, str) and RULE_WORD.fullmatch(text):
                        found[text] = f"{path.name}:{node.lineno}"
    return found


def test_every_rule_the_code_names_is_in_the_table() -> None:
    """Whoever refuses has words for it: a rule without a reason would be told as nothing."""
    rules = named_rules()

    assert len(rules) > 30
    assert {name: place for name, place in rules.items() if name not in REASONS} == {}


def test_every_rule_of_the_table_is_used() -> None:
    """A rule nobody can break has no place in the table; the permission list names its own."""
    used = constants() | {rule.value for rule in PermissionRule}

    assert [rule for rule in REASONS if rule not in used] == []


def test_permission_list_rules_have_reasons() -> None:
    """Each way the list refuses has words."""
    assert {rule.value for rule in PermissionRule if rule is not PermissionRule.PERMITTED} <= set(REASONS)


def test_numbers_are_the_simulators_own_and_unique() -> None:
    """SIM-E and three digits, each once: never a code that looks like the real system's (domain 7 row 5)."""
    numbers = [reason.error_id for reason in REASONS.values()]

    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"SIM-E[1-9][0-9]{2}", number) for number in numbers)


def test_words_in_both_languages() -> None:
    """A person of a municipality reads Japanese, and English stands beside it; no two rules say the same."""
    for reason in REASONS.values():
        assert re.search(r"[ぁ-んァ-ヶ一-龠]", reason.ja)
        assert reason.en.isascii()
        assert reason.en == reason.en.strip()
        assert reason.ja
    for language in ("ja", "en"):
        texts = [getattr(reason, language) for reason in REASONS.values()]
        assert len(set(texts)) == len(texts)


def test_no_rule_no_words() -> None:
    """An outcome without a rule has no number and no text."""
    assert reason_of("") == NO_REASON == ("", "", "")


def test_success_is_what_was_sent() -> None:
    """Two outcomes are good: sent, and sent but hidden from the person."""
    assert {Outcome.OK, Outcome.NON_DISCLOSED} == SUCCESS
