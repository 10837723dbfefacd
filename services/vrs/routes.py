"""Two ways by which the same doses reach the next municipality, side by side: Article 19(16) through VRS, and Article
19(8) with item 16の2 through NWS (domain 3(g)5 and 13).

Owns the comparison: which items each let out, on which basis, with whose permission, and who keeps which record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from schemas.records import ProvisionRecorded, VrsProvisionRecorded, VrsReplied
from services.asking import Heard
from services.vrs.service import BASIS, PROVIDED_ITEMS
from services.world import ITEM_NAMES, VACCINATION

NWS_BASIS = "番号法19条8号 別表第2 16の2"
VRS_TRAVELS = "個人番号と転出元の市区町村コード / the individual number and the previous municipality's code"
NWS_TRAVELS = "機関ごとの符号、個人番号なし / a linkage code of each institution, no individual number"
VRS_CHECKED = "本人の同意、本人確認、市区町村コードの一致 / consent, identity, a matching municipality"
NWS_CHECKED = (
    "照合リスト（NWSと提供側で二度）、情報提供許可証、自動応答不可フラグ / "
    "the permission list twice, a permit, the block flag"
)
NAMES = dict(zip((f"9900010000000{n}" for n in range(1, 7)), ITEM_NAMES[VACCINATION], strict=True))


class Route(NamedTuple):
    """What one way let out. records: (whose, as what, how many leaves), of its own evidence."""

    route: str
    basis: str
    outcome: str
    rule: str
    travels: str
    checked: str
    items: tuple[str, ...]
    records: tuple[tuple[str, str, int], ...]


class Comparison(NamedTuple):
    """Both ways, and which items one of them let out and the other did not."""

    vrs: Route
    nws: Route
    both: tuple[str, ...]
    only_vrs: tuple[str, ...]
    only_nws: tuple[str, ...]


def compared(
    reply: VrsReplied,
    vrs_records: Sequence[VrsProvisionRecorded],
    heard: Heard,
    nws_records: Sequence[ProvisionRecorded],
) -> Comparison:
    """The two answers to one question, with the records each left."""
    left = PROVIDED_ITEMS if reply.doses else ()
    codes = dict.fromkeys(item.code for _, items in heard.items for item in items)
    names = tuple(NAMES.get(code, code) for code in codes)
    vrs = Route(
        "VRS",
        BASIS if reply.doses else "",
        reply.outcome.value,
        reply.rule,
        VRS_TRAVELS,
        VRS_CHECKED,
        left,
        tuple((one.institution_code, one.party.value, one.doses) for one in vrs_records),
    )
    nws = Route(
        "NWS",
        NWS_BASIS if heard.items else "",
        heard.outcome,
        heard.rule,
        NWS_TRAVELS,
        NWS_CHECKED,
        names,
        tuple((one.institution_code, one.party.value, len(one.spi_items)) for one in nws_records),
    )
    return Comparison(
        vrs,
        nws,
        tuple(name for name in left if name in names),
        tuple(name for name in left if name not in names),
        tuple(name for name in names if name not in left),
    )
