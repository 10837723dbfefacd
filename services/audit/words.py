"""The words in which an exchange is explained, Japanese first and English beside it; and how times are written."""

from __future__ import annotations

from datetime import datetime

from broker.rules.identity import JST
from schemas.records import HoldReason, Outcome
from services.records import PARTIES

INQUIRER, NETWORK, PROVIDER = PARTIES
LOG = "LOG"
LANES: dict[str, tuple[str, str]] = {
    INQUIRER: ("照会側", "inquirer"),
    NETWORK: ("ネットワーク", "network (NWS)"),
    PROVIDER: ("提供側", "provider"),
    LOG: ("記録", "records"),
}
ALLOWED, REFUSED, HELD, CONFIRMED, ENDED = "ALLOWED", "REFUSED", "HELD", "CONFIRMED", "ENDED"
VERDICTS: dict[str, tuple[str, str, str]] = {
    ALLOWED: ("○", "適合", "passed"),
    REFUSED: ("×", "拒否", "refused"),
    HELD: ("‖", "保留", "held"),
    CONFIRMED: ("◎", "確認", "confirmed"),
    ENDED: ("■", "終了", "ended"),
}
ATTRIBUTES: dict[str, tuple[str, str]] = {
    "consent_obtained": ("本人の同意", "the person's consent"),
    "on_date": ("有効な日", "days in force"),
    "procedure_code": ("事務手続", "procedure"),
    "spi_name_code": ("特定個人情報名", "kind"),
    "affair_code": ("事務", "affair"),
    "provider_class": ("提供者の区分", "provider's class"),
    "inquirer_class": ("照会者の区分", "inquirer's class"),
}
HOLD_REASONS: dict[str, tuple[str, str]] = {
    HoldReason.WRONG_PERSON.value: ("別人", "another person"),
    HoldReason.PROTECTED.value: ("保護の対象", "protected person"),
    HoldReason.NOT_HELD.value: ("情報なし", "not held after all"),
    HoldReason.OTHER.value: ("その他", "other"),
}
OUTCOMES: dict[str, tuple[str, str]] = {
    "": ("まだ終わっていない", "not over yet"),
    Outcome.OK: ("提供された", "provided"),
    Outcome.NON_DISCLOSED: ("提供された（本人への開示の制限あり）", "provided, not to be disclosed to the person"),
    Outcome.NO_CODE: ("符号がなく、照会していない", "no linkage code: nobody was asked"),
    Outcome.NOT_PERMITTED: ("ネットワークが許可しなかった", "the network did not permit it"),
    Outcome.PIA_BLOCK: ("保護評価のため許可されなかった", "stopped by the privacy assessment rules"),
    Outcome.LIST_DISAGREES: ("提供側の照合リストに合わず、提供されなかった", "the provider's own list refused"),
    Outcome.PERMIT_INVALID: ("許可証が有効でなかった", "the permit did not hold"),
    Outcome.NO_MATCH: ("提供側に該当者がいない", "the provider does not know the person"),
    Outcome.NO_DATA: ("対象の情報がない", "nothing of this kind is held"),
    Outcome.HELD: ("職員の確認を待っている", "waits for a person"),
    Outcome.REFUSED: ("提供側の職員が提供しないと判断した", "the provider's staff refused"),
    Outcome.SUSPENDED: ("情報連携が停止されている", "linkage is suspended"),
    Outcome.UNAVAILABLE: ("提供側が停止していた", "the provider was down"),
    Outcome.EXPIRED: ("期限までに終わらなかった", "the deadline passed"),
    Outcome.CANCELLED: ("照会側が取り下げた", "the inquirer withdrew it"),
    Outcome.DUPLICATE_RECORD_ID: ("同じレコード識別番号の別の照会だった", "its record number had been used before"),
    Outcome.INVALID: ("提供できない照会だった", "it could not be served"),
}


def moment(at: int) -> str:
    """A moment in Japan to the millisecond; a dash for none."""
    if not at:
        return "—"
    return datetime.fromtimestamp(at / 1000, JST).strftime("%Y-%m-%d %H:%M:%S.") + f"{at % 1000:03d}"


def elapsed(milliseconds: int) -> str:
    """A duration as people read it: seconds with milliseconds, from an hour on days and hours."""
    sign = "-" if milliseconds < 0 else "+"
    rest = abs(milliseconds)
    if rest < 3_600_000:
        return f"{sign}{rest / 1000:,.3f} s"
    hours, minutes = divmod(rest // 60_000, 60)
    days, hours = divmod(hours, 24)
    return f"{sign}{days} d {hours:02d}:{minutes:02d}" if days else f"{sign}{hours:02d}:{minutes:02d} h"
