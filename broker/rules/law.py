"""Which article of law, or clause of the privacy assessment, a decision rests on; Japanese first, English beside it.

Owns the table from rules to their bases. Promises that every rule that may end an exchange has one (a test holds it to
`reasons.REASONS`). Numbers are those of the Number Act (番号法, 平成25年法律第27号) as the assessment cites them,
domain 3(c) to 3(e); what rests on no article but on the assessment or on an assumption of the simulator says so.
"""

from __future__ import annotations

from typing import NamedTuple

from broker.rules.reasons import REASONS


class Law(NamedTuple):
    """One basis: its reference and what it demands."""

    ref_ja: str
    ref_en: str
    ja: str
    en: str


PROVIDING = Law(
    "番号法第19条第8号",
    "Number Act art. 19(8)",
    "情報提供ネットワークシステムを使用した特定個人情報の提供",
    "providing specific personal information over the network system",
)
PERMITTING = Law(
    "番号法第21条第2項",
    "Number Act art. 21(2)",
    "照合リストにない照会、保護評価に違反する者の照会は通知されない",
    "what is not on the list, or breaks the privacy assessment rules, is not passed on",
)
CODING = Law(
    "番号法第21条の2",
    "Number Act art. 21-2",
    "符号の取得と、その目的に限った取得番号の保有",
    "linkage codes, and acquisition numbers kept for that purpose alone",
)
ANSWERING = Law(
    "番号法第22条第1項",
    "Number Act art. 22(1)",
    "通知を受けた情報提供者は、特定個人情報を提供する",
    "a provider that was notified provides the information",
)
RECORDING = Law(
    "番号法第23条第1項",
    "Number Act art. 23(1)",
    "照会者と提供者は、求めと提供の記録を残す",
    "inquirer and provider record the request and the provision",
)
WITHHOLDING = Law(
    "番号法第23条第2項",
    "Number Act art. 23(2)",
    "不開示情報に当たるときは、その旨を記録する",
    "information not to be disclosed is recorded as such",
)
RECORDING_AT_NETWORK = Law(
    "番号法第23条第3項",
    "Number Act art. 23(3)",
    "ネットワークシステムも同じ事項を記録する",
    "the network system records the same",
)
PERMIT_FIRST = Law(
    "評価書III-6 リスク1(1)",
    "assessment III-6 risk 1(1)",
    "許可証の発行を受けてから照会を実行する",
    "an inquiry runs only after its permit was issued",
)
LIST_AGAIN = Law(
    "評価書III-6 リスク2(1)",
    "assessment III-6 risk 2(1)",
    "提供側でも照合リストと照合する",
    "the provider checks against its own copy of the list as well",
)
GENERATED = Law(
    "評価書III-6 リスク2(2)",
    "assessment III-6 risk 2(2)",
    "許可証と経路情報と副本から回答を自動で生成する",
    "the answer is generated from permit, route and sub-copies",
)
BY_HAND = Law(
    "評価書III-6 リスク2(3)",
    "assessment III-6 risk 2(3)",
    "自動応答不可の情報は、職員が確認してから送る",
    "what is blocked from automatic answers leaves after a person looked",
)
SIMULATED = Law(
    "シミュレータの前提",
    "assumption of the simulator",
    "公開情報にないため独自に定めた扱い",
    "not told by public sources; the simulator's own",
)

LAW_OF_RULE: dict[str, tuple[Law, ...]] = {
    "CODE_MISSING": (CODING,),
    "PERSON_SUSPENDED_AT_INQUIRER": (SIMULATED,),
    "NO_SUCH_COMBINATION": (PERMITTING, PROVIDING),
    "NOT_IN_FORCE": (PERMITTING, PROVIDING),
    "CONSENT_MISSING": (PERMITTING, PROVIDING),
    "PIA_OF_INQUIRER": (PERMITTING,),
    "PIA_OF_PROVIDER": (PERMITTING,),
    "PROVIDER_UNKNOWN": (PERMITTING,),
    "PROVIDER_DOWN": (SIMULATED,),
    "LIST_UNKNOWN": (PERMITTING,),
    "PERMIT_FORGED": (PERMIT_FIRST,),
    "PERMIT_EXPIRED": (PERMIT_FIRST, SIMULATED),
    "PERMIT_REUSED": (PERMIT_FIRST,),
    "PERMIT_OTHER_PARTY": (PERMIT_FIRST,),
    "PERMIT_UNKNOWN": (PERMIT_FIRST,),
    "CODE_NOT_OF_INQUIRER": (CODING,),
    "PERSON_UNKNOWN_AT_PROVIDER": (CODING, ANSWERING),
    "EXCHANGE_UNKNOWN": (PERMIT_FIRST,),
    "LIST_COPY_MISSING": (LIST_AGAIN,),
    "COSIGNATURE_TOO_OLD": (RECORDING, SIMULATED),
    "PERSON_SUSPENDED_AT_PROVIDER": (SIMULATED,),
    "NOTHING_HELD": (ANSWERING, GENERATED),
    "ITEMS_NOT_PERMITTED": (PROVIDING, GENERATED),
    "STAFF_REFUSED": (BY_HAND,),
    "ANSWER_TOO_LARGE": (SIMULATED,),
    "DEADLINE_PASSED": (SIMULATED,),
    "HOLD_EXPIRED": (BY_HAND, SIMULATED),
    "WITHDRAWN": (SIMULATED,),
}
ENDING_AN_EXCHANGE = ("SIM-E2", "SIM-E3", "SIM-E4", "SIM-E5")


def laws_of(rule: str) -> tuple[Law, ...]:
    """What a rule rests on; a rule that ends no exchange rests on nothing told here."""
    return LAW_OF_RULE.get(rule, ())


def without_law() -> tuple[str, ...]:
    """Rules that may end an exchange and have no basis here; there must be none."""
    ending = [rule for rule, reason in REASONS.items() if reason.error_id.startswith(ENDING_AN_EXCHANGE)]
    return tuple(rule for rule in ending if not LAW_OF_RULE.get(rule))
