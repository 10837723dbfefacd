"""What the records of exchanges claim, decided again: permits, lists, answers.

Owns the checks of the audit that need keys and list versions; those over plain histories are `broker.rules.checks`.
Pure: values in, violations out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from broker.rules.checks import History, Violation
from broker.rules.identity import jst_date, split_exchange_id
from broker.rules.permission_list import PermissionList, PermissionRule, Question
from broker.rules.permits import LIFE_MS, Verifier, opened
from broker.rules.reasons import SUCCESS
from broker.tables import LogRecord, NetworkExchange
from schemas.records import Outcome, Party, Permit, ProvisionRecorded

PERMITS = "permits_signed"
LISTS = "lists_decide_again"
ANSWERS = "answers_as_recorded"
NAMES = (PERMITS, LISTS, ANSWERS)
LIST_RULES = frozenset(rule.value for rule in PermissionRule) - {PermissionRule.PERMITTED.value}


class Basis(NamedTuple):
    """What decisions rest on: the network's key, the list versions, the class of each institution."""

    verifier: Verifier
    lists: Mapping[int, PermissionList]
    classes: Mapping[str, str]


def permits_signed(history: History, basis: Basis) -> list[Violation]:
    """Each permit that was used is the network's, for this exchange; the records and the items that left agree with
    it (assessment III-6 risk 1(1))."""
    found = []
    permits: dict[str, Permit] = {}
    network = {row.exchange_id: row for row in history.network_exchanges}
    for name, body, proof in presented(history):
        permit = opened(body)
        issued_at = permit.issued_at if permit else 0
        rule = basis.verifier.refusal(body, proof, name, issued_at)
        if rule or permit is None:
            found.append(Violation(PERMITS, name, rule or "PERMIT_FORGED"))
            continue
        permits[name] = permit
        row = network.get(name)
        if row is None or not _same(permit, row):
            found.append(Violation(PERMITS, name, "the permit is not the one the network keeps"))
    for _, record in history.leaves:
        used = permits.get(record.exchange_id)
        if used is None:
            continue
        if record.permit_id and record.permit_id != used.permit_id:
            found.append(Violation(PERMITS, record.exchange_id, f"{record.party} recorded another permit"))
        beyond = sorted(set(record.spi_items) - set(used.item_codes))
        if beyond:
            text = f"{record.party} recorded {beyond[0]}, which was not permitted"
            found.append(Violation(PERMITS, record.exchange_id, text))
    return found


def presented(history: History) -> list[tuple[str, bytes, bytes]]:
    """Exchange, permit and proof of each permit that was used: as it was said, and as the provider keeps it."""
    said = [(one.exchange_id, one.permit, one.permit_proof) for one in history.forwarded]
    kept = [(one.exchange_id, one.permit, one.permit_proof) for one in history.provisions if one.permit]
    return list(dict.fromkeys(said + kept))


def _same(permit: Permit, row: NetworkExchange) -> bool:
    return (
        permit.permit_id,
        permit.provider_institution_code,
        permit.affair_code,
        permit.procedure_code,
        permit.spi_name_code,
        permit.list_version,
        permit.row_id,
        permit.expires_at,
    ) == (
        row.permit_id,
        row.provider_institution_code,
        row.affair_code,
        row.procedure_code,
        row.spi_name_code,
        row.list_version,
        row.row_id,
        row.expires_at,
    )


def lists_decide_again(history: History, basis: Basis) -> list[Violation]:
    """The list version a record names gives the same row, or refuses by the same rule, when it is asked again."""
    found = []
    network = {row.exchange_id: row for row in history.network_exchanges}
    for row, record in history.leaves:
        told = _told(record)
        if told is None:
            continue
        version = basis.lists.get(record.list_version)
        if version is None:
            text = f"{record.party} decided by version {record.list_version}, which is not stored"
            found.append(Violation(LISTS, record.exchange_id, text))
            continue
        permitted = network.get(record.exchange_id)
        answers = {
            (decided.row_id, "" if decided.permitted else decided.rule.value)
            for day in _days(row, record, permitted)
            for decided in (version.decision(_question(record, permitted, basis, day)),)
        }
        if told not in answers:
            text = f"{record.party} recorded {' '.join(filter(None, told))}, version {record.list_version} says "
            text += " or ".join(" ".join(filter(None, one)) for one in sorted(answers))
            found.append(Violation(LISTS, record.exchange_id, text))
    return found


def _told(record: ProvisionRecorded) -> tuple[str, str] | None:
    """(row, rule) as the record has them when its party decided by its list; None when it did not."""
    refusals = {Party.NETWORK: Outcome.NOT_PERMITTED, Party.PROVIDER: Outcome.LIST_DISAGREES}
    if record.party not in refusals:
        return None
    if record.outcome is refusals[record.party]:
        return ("", record.rule) if record.rule in LIST_RULES else None
    return (record.row_id, "") if record.row_id else None


def _days(row: LogRecord, record: ProvisionRecorded, permitted: NetworkExchange | None) -> set[str]:
    """The Japanese days on which the party may have decided: records are written a moment later."""
    if record.party is Party.NETWORK and permitted is not None:
        return {jst_date(permitted.expires_at - LIFE_MS)}
    moments = (record.requested_at, record.provided_at or row.recorded_at, row.recorded_at)
    return {jst_date(moment) for moment in moments}


def _question(record: ProvisionRecorded, permitted: NetworkExchange | None, basis: Basis, day: str) -> Question:
    return Question(
        basis.classes.get(record.inquirer_institution_code, ""),
        record.affair_code,
        record.procedure_code,
        basis.classes.get(record.provider_institution_code, ""),
        record.spi_name_code,
        day,
        # The network keeps the consent with the permit; without one, consent can only have been what was missing.
        permitted.consent_obtained if permitted else False,
    )


def answers_as_recorded(history: History, _: Basis) -> list[Violation]:
    """What the inquirer was told is what it recorded. `sealed_answer` of the answers holds the digest of the sealed
    bytes (see `services.audit.messages`)."""
    found = []
    records = {
        leaf.record.exchange_id: leaf.record
        for leaf in history.leaves
        if leaf.record.party is Party.INQUIRER and not leaf.erased
    }
    for answer in history.answers:
        for kind in answer.kinds:
            name = f"{answer.inquirer_institution_code}-{kind.transaction_serial_number}"
            record = records.get(name)
            if record is None:
                continue  # its absence is another check's, and of what was erased nothing can be said
            told = (kind.outcome, kind.rule, kind.provided_at, kind.answer_digest, kind.sealed_answer)
            kept = (record.outcome, record.rule, record.provided_at, record.answer_digest, record.sealed_digest)
            if told != kept:
                found.append(
                    Violation(ANSWERS, name, f"told {kind.outcome}, recorded {record.outcome}, or other bytes")
                )
            if kind.outcome in SUCCESS and split_exchange_id(name)[0] != answer.inquirer_institution_code:
                found.append(Violation(ANSWERS, name, "told to another institution"))
    return found


CHECKS = ((PERMITS, permits_signed), (LISTS, lists_decide_again), (ANSWERS, answers_as_recorded))
