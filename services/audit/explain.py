"""One exchange explained: what happened in which lane, every decision with its basis, its records, and what is gone.

Owns the telling, Japanese first and English beside it. Pure: `Material` in, `Explanation` out. Promises to name for
each decision the rule, the list version, the row and the law (`broker.rules.law`); to decide refusals of a list again
when the message that named the nearest row is gone; and to say what is missing instead of failing. A time that is not
kept exactly is marked (`about`). Times are milliseconds since 1970 UTC; 0 is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from broker.rules import law
from broker.rules.exchange import FINAL, State
from broker.rules.law import Law
from broker.rules.permits import LIFE_MS
from broker.rules.reasons import SUCCESS
from schemas.records import Outcome
from services.audit.decisions import Decision, Known
from services.audit.material import Material, Said, asked_at
from services.audit.words import INQUIRER, LANES, LOG, NETWORK, OUTCOMES, PROVIDER, elapsed, moment
from services.records import PARTIES


class Fact(NamedTuple):
    """A labelled value; `name` is for programs."""

    name: str
    ja: str
    en: str
    value: str


class Step(NamedTuple):
    """Something that happened. source: where it is read from: topic/partition@offset, or a table."""

    at: int
    about: bool
    lane: str
    name: str
    ja: str
    en: str
    source: str
    facts: tuple[Fact, ...] = ()


class Evidence(NamedTuple):
    """A record with its place in its log and the first checkpoint that covers it; size 0 when none does yet."""

    party: str
    institution_code: str
    sequence: int
    counterpart: str
    pair_sequence: int
    recorded_at: int
    outcome: str
    rule: str
    leaf: str
    laws: tuple[Law, ...]
    erased: bool
    checkpoint_size: int
    checkpoint_signed_at: int


class Missing(NamedTuple):
    """Something that is not there any more, or not yet, and why."""

    name: str
    ja: str
    en: str


class Explanation(NamedTuple):
    """One exchange on one screen."""

    exchange_id: str
    outcome: str
    summary_ja: str
    summary_en: str
    began_at: int
    ended_at: int
    head: tuple[Fact, ...]
    steps: tuple[Step, ...]
    decisions: tuple[Decision, ...]
    records: tuple[Evidence, ...]
    missing: tuple[Missing, ...]


def explained(material: Material) -> Explanation:
    """The exchange as far as anything is left of it."""
    return _Telling(material).told()


# ── what each message says ───────────────────────────────────────────────────────────────────────────────────────

# In the order in which they can cause each other: message → lane of whoever says it (of an institution's message and
# of what it is told, the institution's), Japanese, English, and the facts worth telling.
TOLD: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "InquiryRequested": (INQUIRER, "照会を依頼", "asks", ("consent_obtained",)),
    "InquiryAccepted": (INQUIRER, "受付を通知", "is told that it was taken in", ()),
    "PermitRequested": (INQUIRER, "許可証を要求", "asks for a permit", ("consent_obtained",)),
    "PermitIssued": (NETWORK, "許可証を発行", "issues a permit", ("permit_id", "list_version", "row_id")),
    "PermitRefused": (NETWORK, "許可証を拒否", "refuses a permit", ("rule", "list_version", "nearest_row_id")),
    "InquirySent": (INQUIRER, "許可証を添えて照会", "sends the inquiry with its permit", ()),
    "InquiryForwarded": (NETWORK, "符号を変換して提供側へ", "converts the code and forwards", ()),
    "InquiryReturned": (NETWORK, "転送できず返却", "cannot forward it", ("outcome", "rule")),
    "ProvisionHeld": (PROVIDER, "職員の確認を待つ", "holds it for a person", ("hold_deadline_at",)),
    "InquiryHeld": (INQUIRER, "保留を通知", "is told that it is held", ()),
    "HoldConfirmed": (PROVIDER, "職員が確認", "a person confirms", ("operator_id", "confirmed_digest")),
    "HoldRefused": (PROVIDER, "職員が提供を拒否", "a person refuses", ("operator_id", "reason", "note")),
    "HoldDeadlinePassed": (PROVIDER, "保留の督促・期限", "reminder or end of the hold", ()),
    "InquiryDeadlinePassed": (INQUIRER, "回答期限が到来", "the deadline has come", ()),
    "InquiryCancelRequested": (INQUIRER, "取下げを依頼", "withdraws", ("reason",)),
    "CancelOrdered": (INQUIRER, "取下げを実行", "the withdrawal is carried out", ()),
    "InquiryWithdrawn": (INQUIRER, "提供側へ取下げを通知", "tells the provider not to answer", ("rule",)),
    "PermitDeadlinePassed": (NETWORK, "許可証が失効", "the permit ends unused", ()),
    "ProvisionAnswered": (PROVIDER, "回答", "answers", ("outcome", "rule", "spi_items", "provider_list_version")),
    "ProvisionReported": (PROVIDER, "ネットワークへ報告", "reports to the network", ("outcome",)),
    "InquiryAnswered": (INQUIRER, "結果を受領", "receives the result", ()),
    "ExchangeErasureOrdered": (INQUIRER, "照会側の消去を指示", "orders its own part erased", ("operator_id",)),
    "ProvisionErasureOrdered": (PROVIDER, "提供側の消去を指示", "orders its own part erased", ("operator_id",)),
}
FACTS: dict[str, tuple[str, str]] = {
    "consent_obtained": ("本人同意", "consent"),
    "permit_id": ("許可証", "permit"),
    "list_version": ("リスト版", "list version"),
    "provider_list_version": ("提供側リスト版", "provider's list version"),
    "row_id": ("行", "row"),
    "nearest_row_id": ("最も近い行", "nearest row"),
    "rule": ("理由", "rule"),
    "outcome": ("結果", "outcome"),
    "operator_id": ("職員", "operator"),
    "confirmed_digest": ("確認した内容", "digest confirmed"),
    "reason": ("理由", "reason"),
    "note": ("補足", "note"),
    "spi_items": ("項目数", "items"),
    "hold_deadline_at": ("保留期限", "hold ends"),
}


def value_of(name: str, value: Any) -> str:
    """A field for people."""
    if name.endswith("_at"):
        return moment(value)
    if isinstance(value, bytes):
        return f"{value.hex()[:16]}…" if value else ""
    if isinstance(value, tuple):
        return str(len(value)) if value else ""
    if isinstance(value, bool):
        return "あり yes" if value else "なし no"
    return str(getattr(value, "value", value) or "")


def step_of(said: Said, facts: tuple[Fact, ...] = ()) -> Step:
    """A message as a step."""
    name = type(said.message).__name__
    lane, japanese, english, fields = TOLD[name]
    told = [Fact(field, *FACTS[field], value_of(field, getattr(said.message, field))) for field in fields]
    more = (Fact("times", "回数", "times said", str(said.times)),) if said.times > 1 else ()
    kept = (*(fact for fact in told if fact.value), *facts, *more)
    return Step(said.at, False, lane, name, japanese, english, said.place, kept)


class _Telling(Known):
    """One explanation in the making."""

    # ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────

    def steps(self) -> Iterator[Step]:
        """What happened, from messages; from rows and records where the message is gone."""
        heard = set()
        for said in self.material.said:
            heard.add(type(said.message).__name__)
            yield step_of(said)
        for step in self._from_rows():
            if step.name not in heard and step.at:
                yield step
        yield from self._from_log()

    def _from_rows(self) -> Iterator[Step]:
        def step(name: str, at: int, table: str, *, about: bool = False, lane: str = "") -> Step:
            said_by, japanese, english, _ = TOLD[name]
            return Step(at, about, lane or said_by, name, japanese, english, table)

        exchange, network, provision = self.material.exchange, self.material.network, self.provision
        provided = self.record(PROVIDER)
        if self.basis is not None:
            table = "exchanges" if exchange is not None else "records"
            yield step("InquiryRequested", self.basis.requested_at, table)
        if network is not None:
            yield step("PermitIssued", network.expires_at - LIFE_MS, "network_exchanges")
        if provision is not None:
            yield step("InquiryForwarded", provision.received_at, "provisions", about=True)
        if provision is not None and provision.hold_deadline_at:
            yield step("ProvisionHeld", provision.received_at, "provisions")
        if provided is not None and provided.provided_at:
            yield step("ProvisionAnswered", provided.provided_at, "log_records")
        inquiry = self.material.inquiry
        if inquiry is not None and inquiry.answered_at:
            yield step("InquiryAnswered", inquiry.answered_at, "inquiries")

    def _from_log(self) -> Iterator[Step]:
        for kept in self.material.kept:
            row = kept.row
            japanese, english = LANES[row.party]
            place = f"{row.institution_code}/{row.sequence}"
            facts = (Fact("sequence", "記録番号", "sequence", str(row.sequence)),)
            words = (f"{japanese}の記録", f"the {english}'s record")
            yield Step(row.recorded_at, False, LOG, f"Recorded.{row.party}", *words, f"log_records {place}", facts)
        for signed in self.material.signed:
            one = signed.checkpoint
            facts = (Fact("size", "大きさ", "size", str(one.size)),)
            words = ("署名（チェックポイント）", f"checkpoint of {self.name(one.institution_code)}")
            yield Step(
                one.signed_at, False, LOG, "Signed", *words, f"checkpoints {one.institution_code}@{one.size}", facts
            )

    # ── evidence and what is missing ─────────────────────────────────────────────────────────────────────────────

    def evidence(self) -> Iterator[Evidence]:
        """The records, in the order inquirer, network, provider."""
        covered = {(one.institution_code, one.sequence): one.checkpoint for one in self.material.signed}
        for party in PARTIES:
            kept = self.records.get(party)
            if kept is None:
                continue
            row, note = kept.row, covered.get((kept.row.institution_code, kept.row.sequence))
            yield Evidence(
                party,
                row.institution_code,
                row.sequence,
                row.counterpart,
                row.pair_sequence,
                row.recorded_at,
                kept.record.outcome.value,
                kept.record.rule,
                row.leaf.hex(),
                (law.RECORDING_AT_NETWORK,) if party == NETWORK else (law.RECORDING,),
                kept.erased,
                note.size if note else 0,
                note.signed_at if note else 0,
            )

    def missing(self) -> Iterator[Missing]:
        """What is not there: messages, rows, records, signatures, lists, details."""
        yield from self._missing_messages()
        yield from self._missing_records()
        if self.material.exchange is None:
            words = "照会側の状態（exchanges）は残っていません", "the inquirer's row (exchanges) is gone"
            yield Missing("exchange", *words)
        versions = {one.list_version for one in self.decisions() if one.list_version}
        for version in sorted(versions - set(self.lists)):
            words = (
                f"照合リスト第{version}版は保存されていません",
                f"version {version} of the permission list is not stored",
            )
            yield Missing("list", *words)

    def _missing_messages(self) -> Iterator[Missing]:
        said = {type(one.message).__name__ for one in self.material.said}
        gone = [name for name in self._expected() if name not in said]
        if gone:
            names = ", ".join(gone)
            words = f"電文は保持期間を過ぎました: {names}", f"messages are no longer retained: {names}"
            yield Missing("messages", *words)
        for topic in sorted(self.material.lost):
            words = f"{topic} の当時の電文は失われている可能性があります", f"{topic}: messages of that time may be gone"
            yield Missing("topic", *words)
        if self.material.full:
            yield Missing("limit", "電文は上限まで読みました", "messages were read up to the limit only")

    def _expected(self) -> list[str]:
        """The messages that must have been said, going by rows and records."""
        exchange, network, provision = self.material.exchange, self.material.network, self.provision
        local = exchange is not None and exchange.state == State.REJECTED_LOCAL
        record = self.record(PROVIDER)
        ended = exchange is not None and exchange.state in FINAL
        inquiry = self.material.inquiry
        table: tuple[tuple[str, Any], ...] = (
            ("InquiryRequested", exchange is not None),
            ("PermitRequested", not local and self.basis is not None),
            ("PermitIssued", network is not None),
            ("PermitRefused", exchange is not None and exchange.state == State.PERMIT_DENIED),
            ("InquirySent", network is not None and network.state in ("USED", "COMPLETED", "RETURNED")),
            ("InquiryForwarded", network is not None and network.state in ("USED", "COMPLETED")),
            ("InquiryReturned", network is not None and network.state == "RETURNED"),
            ("ProvisionHeld", provision is not None and provision.hold_deadline_at),
            ("HoldConfirmed", provision is not None and provision.operator_id and provision.outcome in SUCCESS),
            ("HoldRefused", provision is not None and provision.outcome == Outcome.REFUSED),
            ("ProvisionAnswered", record is not None),
            ("InquiryAnswered", ended and inquiry is not None and inquiry.answered_at),
        )
        return [name for name, expected in table if expected]

    def _missing_records(self) -> Iterator[Missing]:
        for party in self._parties_that_record():
            if party not in self.records:
                japanese, english = LANES[party]
                words = (
                    f"{japanese}の記録はまだ、またはもうありません",
                    f"no record of the {english}: not yet, or not any more",
                )
                yield Missing("record", *words)
        for one in self.evidence():
            japanese, english = LANES[one.party]
            if not one.checkpoint_size:
                words = f"{japanese}の記録はまだ署名されていません", f"the {english}'s record is under no signature yet"
                yield Missing("checkpoint", *words)
            if one.erased:
                words = f"{japanese}の記録の詳細は消去されました", f"the detail of the {english}'s record was erased"
                yield Missing("detail", *words)

    def _parties_that_record(self) -> Iterator[str]:
        exchange, network, provision = self.material.exchange, self.material.network, self.provision
        if exchange is not None and exchange.state in FINAL:
            yield INQUIRER
        if (network is not None and network.state in ("RETURNED", "COMPLETED", "EXPIRED")) or (
            exchange is not None and exchange.state == State.PERMIT_DENIED
        ):
            yield NETWORK
        if provision is not None and provision.state == "CLOSED":
            yield PROVIDER

    # ── the whole ────────────────────────────────────────────────────────────────────────────────────────────────

    def head(self) -> Iterator[Fact]:
        """Who asked whom for what, under which affair."""
        exchange, record = self.material.exchange, self.record(INQUIRER)
        yield Fact("inquirer", "照会者", "inquirer", f"{self.name(self.inquirer)} {self.inquirer}")
        yield Fact("provider", "提供者", "provider", f"{self.name(self.provider)} {self.provider}")
        if self.basis is not None:
            yield Fact("affair_code", "事務", "affair", self.basis.affair_code)
            yield Fact("procedure_code", "事務手続", "procedure", self.basis.procedure_code)
            yield Fact("spi_name_code", "特定個人情報名", "kind", self.basis.spi_name_code)
        operator = exchange.operator_id if exchange else record.operator_id if record else ""
        yield Fact("operator_id", "照会した職員", "operator who asked", operator or "—")
        person = exchange.integrated_number if exchange else "—"
        yield Fact("integrated_number", "本人（照会側の統合番号）", "person (inquirer's number)", person)

    def told(self) -> Explanation:
        """All of it put together."""
        decisions = tuple(self.decisions())
        steps = sorted(
            self.steps(), key=lambda step: (step.at, ORDER.get(step.name, len(ORDER)), step.name == "Signed")
        )
        began = asked_at(self.material)
        ended = self._ended_at(steps)
        return Explanation(
            self.material.exchange_id,
            self.outcome,
            *self._summary(decisions, began, ended),
            began,
            ended,
            tuple(self.head()),
            tuple(steps),
            decisions,
            tuple(self.evidence()),
            tuple(dict.fromkeys(self.missing())),
        )

    def _ended_at(self, steps: Sequence[Step]) -> int:
        """When this kind ended for the inquirer, or 0."""
        if self.outcome in ("", Outcome.HELD):
            return 0
        own = self.recorded_at(INQUIRER)
        answered = [step.at for step in steps if step.name in ("InquiryAnswered", "ProvisionAnswered", "PermitRefused")]
        return min([*answered, own], default=0) if not own else max([at for at in answered if at <= own] or [own])

    def _summary(self, decisions: Sequence[Decision], began: int, ended: int) -> tuple[str, str]:
        japanese, english = OUTCOMES[self.outcome]
        staff = next((one for one in decisions if one.name == "staff" and one.operator_id), None)
        by_ja = f"職員 {staff.operator_id} の判断を経て、" if staff else ""
        by_en = f", decided by operator {staff.operator_id}" if staff else ""
        after = f"（{elapsed(ended - began)}）" if ended else ""
        kind = self.basis.spi_name_code if self.basis else "—"
        who, whom = self.name(self.inquirer), self.name(self.provider)
        return (
            f"{moment(began)} に {who} が {whom} へ {kind} を照会。{by_ja}{japanese}{after}",
            f"At {moment(began)} JST {who} asked {whom} for {kind}: {english}{by_en}"
            + (f" ({elapsed(ended - began)})" if ended else ""),
        )


ORDER = {name: place for place, name in enumerate(TOLD)}
