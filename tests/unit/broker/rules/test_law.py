"""The table of legal bases, held to the table of rules."""

from __future__ import annotations

from broker.rules import law
from broker.rules.reasons import REASONS


def test_every_rule_that_ends_an_exchange_has_a_basis() -> None:
    """A refusal that nobody can trace to law or assessment is no refusal."""
    assert law.without_law() == ()


def test_no_basis_is_of_a_rule_that_is_not() -> None:
    """A rule that was renamed takes its basis along."""
    assert [rule for rule in law.LAW_OF_RULE if rule not in REASONS] == []


def test_bases_are_told_in_both_languages() -> None:
    """Japanese first, English beside it."""
    for one in {basis for bases in law.LAW_OF_RULE.values() for basis in bases}:
        assert any("\u3040" <= letter <= "\u9fff" for letter in one.ja), one
        assert one.en.isascii(), one
        assert one.ref_en.isascii(), one


def test_a_rule_of_fields_rests_on_no_article() -> None:
    """What ends no exchange asks for no basis."""
    assert law.laws_of("FIELD_MISSING") == ()
    assert law.laws_of("") == ()
