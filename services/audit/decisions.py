"""Every decision of one exchange with its basis: who decided what, by which rule, list, row and law.

Owns the reading of decisions from what is left (`Material`). Pure. Promises that a refusal by a list is decided again
when the message that named the nearest row is gone, and that a time that is not kept exactly is marked (`about`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from broker.rules import law
from broker.rules.exchange import State
from broker.rules.identity import jst_date, split_exchange_id
from broker.rules.law import Law
from broker.rules.permission_list import PermissionDecision, PermissionRow, PermissionRule, Question
from broker.rules.permits import LIFE_MS
from broker.rules.reasons import NO_REASON, REASONS, SUCCESS, Reason
from schemas.records import (
    HoldConfirmed,
    HoldRefused,
    InquiryAnswered,
    InquiryRequested,
    InquiryReturned,
    Outcome,
    PermitRefused,
    PermitRequested,
    ProvisionAnswered,
    ProvisionRecorded,
)
from services.audit.material import Material
from services.audit.words import ALLOWED, CONFIRMED, ENDED, HELD, INQUIRER, NETWORK, PROVIDER, REFUSED
from services.network import NETWORK_CODE
from services.records import Kept

LIST_RULES = frozenset(rule.value for rule in PermissionRule) - {PermissionRule.PERMITTED.value}
NETWORK_NAME = "情報提供ネットワークシステム"
BY_A_PERSON_OR_TIME = frozenset({"STAFF_REFUSED", "HOLD_EXPIRED", "WITHDRAWN", "DEADLINE_PASSED"})
NOBODY = ("職員が判断しないまま終わった", "it ended before anybody decided")


class Nearest(NamedTuple):
    """The row that came nearest to a question a list refused, and the first of what would have had to differ."""

    row_id: str
    attribute: str
    demanded: str
    asked: str
    legal_basis: str


class Decision(NamedTuple):
    """Something that was decided: by whom, on what, how, and on which basis."""

    at: int
    about: bool
    lane: str
    name: str
    ja: str
    en: str
    verdict: str
    rule: str = ""
    reason: Reason = NO_REASON
    laws: tuple[Law, ...] = ()
    list_version: int = 0
    row: PermissionRow | None = None
    row_id: str = ""
    nearest: Nearest | None = None
    operator_id: str = ""
    hold_reason: str = ""
    note: str = ""


class Known:
    """What is known of one exchange, and the decisions in it."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.records: dict[str, Kept] = {kept.row.party: kept for kept in material.kept}
        self.names = {one.institution_code: one.name for one in material.institutions}
        self.classes = {one.institution_code: one.institution_class for one in material.institutions}
        self.lists = {one.version: one for one in material.lists}
        self.provision = next((one for one in material.provisions if one.institution_code), None)
        rows: Sequence[Any] = (material.exchange, material.network, *(one.record for one in material.kept))
        self.basis = next((row for row in rows if row is not None), None)

    # ── looking things up ────────────────────────────────────────────────────────────────────────────────────────

    def record(self, party: str) -> ProvisionRecorded | None:
        """A party's record, or None."""
        kept = self.records.get(party)
        return kept.record if kept else None

    def recorded_at(self, party: str) -> int:
        """When a party's record was written, or 0."""
        kept = self.records.get(party)
        return kept.row.recorded_at if kept else 0

    def message(self, kind: type[Any]) -> Any:
        """The last message of a kind, or None."""
        found = [said.message for said in self.material.said if isinstance(said.message, kind)]
        return found[-1] if found else None

    def at(self, kind: type[Any]) -> int:
        """When the last message of a kind was said, or 0."""
        found = [said.at for said in self.material.said if isinstance(said.message, kind)]
        return found[-1] if found else 0

    def timed(self, *moments: tuple[int, bool]) -> tuple[int, bool]:
        """The first moment that is known, with its mark."""
        return next(((at, about) for at, about in moments if at), (0, True))

    @property
    def inquirer(self) -> str:
        """Who asked: its institution code."""
        return split_exchange_id(self.material.exchange_id)[0]

    @property
    def provider(self) -> str:
        """Who was asked: its institution code, or an empty string."""
        return self.basis.provider_institution_code if self.basis else ""

    def name(self, code: str) -> str:
        """An institution's name, or its code when it has none."""
        return NETWORK_NAME if code == NETWORK_CODE else self.names.get(code) or code

    @property
    def outcome(self) -> str:
        """How it ended for the inquirer; empty while it goes on."""
        if self.material.exchange is not None:
            return self.material.exchange.outcome or self._held
        record = self.record(INQUIRER) or self.record(NETWORK) or self.record(PROVIDER)
        return record.outcome.value if record else ""

    @property
    def _held(self) -> str:
        exchange = self.material.exchange
        return Outcome.HELD.value if exchange is not None and exchange.state == State.HELD else ""

    @property
    def rule(self) -> str:
        """The rule that ended it for the inquirer."""
        record = self.record(INQUIRER)
        if record is not None:
            return record.rule
        answered = self.message(InquiryAnswered)
        serial = split_exchange_id(self.material.exchange_id)[1]
        kinds = answered.kinds if answered else ()
        return next((kind.rule for kind in kinds if kind.transaction_serial_number == serial), "")

    # ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────

    def decisions(self) -> Iterator[Decision]:
        """In the order in which they are made."""
        yield from self._at_home()
        yield from self._permit()
        yield from self._forwarding()
        yield from self._provider_list()
        yield from self._block()
        yield from self._staff()
        yield from self._content()
        yield from self._end()

    def _decision(self, at: tuple[int, bool], lane: str, name: str, words: tuple[str, str], **more: Any) -> Decision:
        rule = more.get("rule", "")
        laws = (*more.pop("laws", ()), *law.laws_of(rule))
        return Decision(*at, lane, name, *words, reason=reason_of(rule), laws=tuple(dict.fromkeys(laws)), **more)

    def _at_home(self) -> Iterator[Decision]:
        exchange = self.material.exchange
        words = ("符号の有無と連携停止を確かめる", "a linkage code is there, linkage is not suspended")
        if exchange is None:
            return
        at = (exchange.requested_at, False)
        if exchange.state == State.REJECTED_LOCAL:
            yield self._decision(at, INQUIRER, "local", words, verdict=REFUSED, rule=self.rule)
        else:
            yield self._decision(at, INQUIRER, "local", words, verdict=ALLOWED, laws=(law.CODING,))

    def _permit(self) -> Iterator[Decision]:
        words = ("保護評価と照合リストで許可を判断する", "privacy assessments and permission list")
        network, refusal = self.material.network, self.message(PermitRefused)
        exchange = self.material.exchange
        if network is not None:
            at = (network.expires_at - LIFE_MS, False)
            more = self._by_row(network.list_version, network.row_id)
            bases = (law.PERMITTING, law.PROVIDING, law.PERMIT_FIRST)
            yield self._decision(at, NETWORK, "permit", words, verdict=ALLOWED, laws=bases, **more)
            return
        record = self.record(NETWORK)
        denied = exchange is not None and exchange.state == State.PERMIT_DENIED
        if refusal is None and record is None and not denied:
            return
        rule = refusal.rule if refusal else record.rule if record else self.rule
        version = refusal.list_version if refusal else record.list_version if record else 0
        at = self.timed((self.at(PermitRefused), False), (self.recorded_at(NETWORK), True))
        near = self._nearest(refusal, rule, version, at[0], consent=self._consent)
        more = {"list_version": version, "nearest": near}
        yield self._decision(at, NETWORK, "permit", words, verdict=REFUSED, rule=rule, **more)

    @property
    def _consent(self) -> bool:
        """Consent as the network was told; without a trace of it, only its absence can have been what was missing."""
        asked = self.message(PermitRequested) or self.message(InquiryRequested)
        if self.material.network is not None:
            return self.material.network.consent_obtained
        return bool(asked.consent_obtained) if asked else False

    def _by_row(self, version: int, row_id: str) -> dict[str, Any]:
        rows = self.lists[version].rows if version in self.lists else ()
        row = next((one for one in rows if one.row_id == row_id), None)
        return {"list_version": version, "row": row, "row_id": row_id}

    def _asked(self, version: int, at: int, *, consent: bool) -> tuple[Question, PermissionDecision] | None:
        """The list asked again; None when it is not stored or not enough is known."""
        if version not in self.lists or self.basis is None or not at:
            return None
        question = Question(
            self.classes.get(self.inquirer, ""),
            self.basis.affair_code,
            self.basis.procedure_code,
            self.classes.get(self.provider, ""),
            self.basis.spi_name_code,
            jst_date(at),
            consent,
        )
        return question, self.lists[version].decision(question)

    def _nearest(self, told: Any, rule: str, version: int, at: int, *, consent: bool) -> Nearest | None:
        """The nearest row as the message told it, else as the list gives it again."""
        if rule not in LIST_RULES:
            return None
        again = self._asked(version, at, consent=consent)
        if told is not None and told.nearest_row_id:
            found = (told.nearest_row_id, told.nearest_attribute, told.nearest_value)
        elif again is not None and again[1].nearest_row_id:
            found = (again[1].nearest_row_id, again[1].nearest_attribute, again[1].nearest_value)
        else:
            return None
        row = self._by_row(version, found[0])["row"]
        value = getattr(again[0], found[1], "") if again else ""
        asked = str(value).lower() if isinstance(value, bool) else str(value)
        return Nearest(*found, asked, row.legal_basis if row else "")

    def _forwarding(self) -> Iterator[Decision]:
        network = self.material.network
        words = (
            "許可証を検証し、照会側の符号を提供側の符号に変換する",
            "permit verified, code converted to the provider's",
        )
        if network is None or network.state == "ISSUED":
            return
        record = self.record(NETWORK)
        if network.state in ("USED", "COMPLETED"):
            at = self.timed((self._said_at("InquiryForwarded"), False), (self._received_at, True))
            bases = (law.PERMIT_FIRST, law.CODING)
            yield self._decision(at, NETWORK, "forwarding", words, verdict=ALLOWED, laws=bases)
            return
        back = self.message(InquiryReturned)
        rule = record.rule if record else back.rule if back else ""
        at = self.timed(
            (self.at(InquiryReturned), False), (self._said_at("PermitDeadlinePassed"), False),
            (self.recorded_at(NETWORK), True),
        )  # fmt: skip
        yield self._decision(at, NETWORK, "forwarding", words, verdict=REFUSED, rule=rule)

    def _said_at(self, name: str) -> int:
        return next((said.at for said in self.material.said if type(said.message).__name__ == name), 0)

    @property
    def _received_at(self) -> int:
        return self.provision.received_at if self.provision else 0

    def _provider_list(self) -> Iterator[Decision]:
        record, provision = self.record(PROVIDER), self.provision
        if record is None and provision is None:
            return
        words = ("提供側の照合リストでもう一度照合する", "the provider's own copy of the list decides again")
        at = self.timed((self._received_at, False), (self.recorded_at(PROVIDER), True))
        if record is None:
            yield self._decision(at, PROVIDER, "list", words, verdict=ALLOWED, laws=(law.LIST_AGAIN,))
            return
        if record.outcome is Outcome.PERMIT_INVALID:
            return
        if record.outcome is Outcome.LIST_DISAGREES:
            told = self.message(ProvisionAnswered)
            near = self._nearest(told, record.rule, record.list_version, at[0], consent=self._consent)
            more = {"list_version": record.list_version, "nearest": near}
            bases = (law.LIST_AGAIN,)
            yield self._decision(at, PROVIDER, "list", words, verdict=REFUSED, rule=record.rule, laws=bases, **more)
            return
        if record.outcome is Outcome.CANCELLED and provision is not None and not provision.hold_deadline_at:
            return  # withdrawn before it was looked at
        row_id = record.row_id or self._row_again(record.list_version, at[0])
        more = self._by_row(record.list_version, row_id)
        yield self._decision(at, PROVIDER, "list", words, verdict=ALLOWED, laws=(law.LIST_AGAIN, law.PROVIDING), **more)

    def _row_again(self, version: int, at: int) -> str:
        again = self._asked(version, at, consent=self._consent)
        return again[1].row_id if again else ""

    def _block(self) -> Iterator[Decision]:
        provision = self.provision
        if provision is not None and provision.hold_deadline_at:
            at = (provision.received_at, False)
            block = ("副本に自動応答不可フラグがある", "a copy carries the auto-response block")
            yield self._decision(at, PROVIDER, "block", block, verdict=HELD, laws=(law.BY_HAND,))

    def _content(self) -> Iterator[Decision]:
        record = self.record(PROVIDER)
        words = ("許可証・経路・副本から回答を作る", "the answer is made from permit, route and copies")
        if record is None or record.outcome is Outcome.LIST_DISAGREES:
            return
        if record.outcome in SUCCESS:
            withheld = (law.WITHHOLDING,) if record.outcome is Outcome.NON_DISCLOSED else ()
            bases = (law.ANSWERING, law.GENERATED, *withheld)
            yield self._decision((record.provided_at, False), PROVIDER, "content", words, verdict=ALLOWED, laws=bases)
        elif record.rule and record.rule not in BY_A_PERSON_OR_TIME:
            at = self.timed((self._received_at, False), (self.recorded_at(PROVIDER), True))
            yield self._decision(at, PROVIDER, "content", words, verdict=REFUSED, rule=record.rule)

    def _staff(self) -> Iterator[Decision]:
        provision, record = self.provision, self.record(PROVIDER)
        if provision is None or not provision.hold_deadline_at or provision.state == "HELD":
            return
        words = ("職員が、送られる内容を見て判断する", "a person looks at what would leave, and decides")
        refusal = self.message(HoldRefused)
        recorded = (self.recorded_at(PROVIDER), True)
        more: dict[str, Any] = {"operator_id": provision.operator_id, "laws": (law.BY_HAND,)}
        if provision.outcome in SUCCESS and provision.operator_id:
            at = self.timed((self._confirmed_at(record), False), recorded)
            yield self._decision(at, PROVIDER, "staff", words, verdict=CONFIRMED, **more)
        elif provision.outcome == Outcome.REFUSED:
            at = self.timed((refusal.decided_at if refusal else 0, False), recorded)
            more |= {"hold_reason": provision.hold_reason, "note": refusal.note if refusal else ""}
            yield self._decision(at, PROVIDER, "staff", words, verdict=REFUSED, rule="STAFF_REFUSED", **more)
        elif record is not None and record.rule in ("HOLD_EXPIRED", "WITHDRAWN", "DEADLINE_PASSED"):
            del more["operator_id"]
            yield self._decision(recorded, PROVIDER, "staff", NOBODY, verdict=ENDED, rule=record.rule, **more)

    def _confirmed_at(self, record: ProvisionRecorded | None) -> int:
        """When the person decided whose confirmation let it out: the last one before it left."""
        limit = record.provided_at if record and record.provided_at else 2**62
        found = [one.decided_at for one in self._all(HoldConfirmed) if one.decided_at <= limit]
        return max(found, default=0)

    def _all(self, kind: type[Any]) -> list[Any]:
        return [said.message for said in self.material.said if isinstance(said.message, kind)]

    def _end(self) -> Iterator[Decision]:
        """Deadlines and withdrawals, which the inquirer's side decides."""
        exchange, rule = self.material.exchange, self.rule
        if exchange is None or exchange.state not in (State.EXPIRED, State.CANCELLED) or rule == "HOLD_EXPIRED":
            return
        words = ("期限または取下げにより照会側で終える", "the inquirer's side ends it: deadline or withdrawal")
        name = "InquiryDeadlinePassed" if exchange.state == State.EXPIRED else "CancelOrdered"
        at = self.timed((self._said_at(name), False), (self.recorded_at(INQUIRER), True))
        yield self._decision(at, INQUIRER, "end", words, verdict=ENDED, rule=rule)


def reason_of(rule: str) -> Reason:
    """The words of a rule; one from another time has none."""
    return REASONS.get(rule, NO_REASON)
