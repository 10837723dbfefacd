"""A synthetic country: institutions, residents, codes, sub-copies, a permission list. The same seed gives the same one.

Owns what exists before the first inquiry. Every person is made up; individual numbers come from the synthetic range
and are kept as keyed hashes at the resident register alone. Codes of affairs and kinds that are not public lie in the
simulator's own blocks (JT99…, TM99…) and are marked unverified (domain 4.2, 4.5).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from broker.keys import Keys
from broker.rules import numbers
from broker.rules.areas import found_by_number
from broker.rules.copy_file import digest_of
from broker.rules.identity import jst_date, local_time
from broker.rules.permission_list import PermissionList, PermissionRow, to_json
from broker.rules.persons import Link
from broker.rules.vault import NumberVault
from broker.rules.witness import ring
from broker.tables import (
    CodeBinding,
    CopyRecord,
    HealthRecord,
    HealthTarget,
    HubBusinessNumber,
    HubCode,
    HubCopy,
    HubCounter,
    HubPerson,
    Institution,
    KindLayout,
    ListCopy,
    NetworkCode,
    PermissionListVersion,
    ResidentNumber,
    ResidentToken,
    WitnessDuty,
)
from schemas.codec import pack_items
from schemas.records import CodeState, CopyCommand, CopySubmitted, InquiryRequested, Item, RequestedKind
from services.copies import copy_digest
from services.health_support.service import SYSTEM as HEALTH_SUPPORT
from services.network import NETWORK_CODE, internal_id_of, linkage_code
from services.resident_register import number_hash, resident_token

KNOWN = (
    ("232106", "刈谷市"),
    ("232114", "豊田市"),
    ("232122", "安城市"),
    ("232254", "知立市"),
    ("232271", "高浜市"),
    ("232092", "碧南市"),
)
MOST_INSTITUTIONS = 1741
ATTACHED_AT_MOST = 50
MUNICIPALITY = "市町村長"
EDUCATION = "教育委員会"
INSURER = "医療保険者"

VACCINATION = "TM99000000000001"
HOUSEHOLD = "TM00000000000001"
LOCAL_TAX = "TM00000000000002"
HEALTH_CHECK = "TM99000000000002"
HEALTH_KINDS = (VACCINATION, HEALTH_CHECK)
"""What the health support system keeps the originals of."""

LAYOUT = "1.0"

VACCINATION_AFFAIR = "JM01000000016002"  # 別表第2 16の2
SICKNESS_AFFAIR = "JM01000000017000"  # 別表第2 17
FEE_AFFAIR = "JM01000000018000"  # 別表第2 18
CHILD_AFFAIR = "JM01000000074000"  # 別表第2 74
INCOMING_RESIDENT = "JT99000000000001"
FEE_COLLECTION = "JT99000000000002"
CHILD_ALLOWANCE = "JT99000000000003"
SICKNESS_BENEFIT = "JT99000000000004"

VACCINATION_ITEMS = tuple(f"9900010000000{n}" for n in range(1, 7))
HEALTH_CHECK_ITEMS = tuple(f"9900020000000{n}" for n in range(1, 7))
HOUSEHOLD_ITEMS = tuple(f"10000000{n}" for n in range(1, 5))
LOCAL_TAX_ITEMS = tuple(f"20000000{n}" for n in range(1, 5))
ITEMS = {
    VACCINATION: VACCINATION_ITEMS,
    HOUSEHOLD: HOUSEHOLD_ITEMS,
    LOCAL_TAX: LOCAL_TAX_ITEMS,
    HEALTH_CHECK: HEALTH_CHECK_ITEMS,
}
ITEM_NAMES = {
    VACCINATION: ("接種状況", "接種回", "接種日", "ワクチンメーカー", "ロット番号", "製品名"),
    HEALTH_CHECK: ("受診状況", "健診の種類", "受診日", "実施機関", "判定", "結果通知日"),
}
"""What the items of the kinds that health support keeps are called; the codes are the simulator's own."""

DISTRICTS = ("亀城", "小高原", "かりがね", "富士松")

HEALTH_SYSTEM = "KENKO"  # the business system that knows everybody of the world

FAMILY_NAMES = ("刈谷", "境川", "逢妻", "依佐美", "小垣江", "富士松", "亀城", "洲原", "野田", "井ヶ谷")
GIVEN_NAMES = ("あおい", "ひなた", "みのり", "そうた", "ゆづき", "はると", "かえで", "いつき", "なぎさ", "りく")


class Plan(NamedTuple):
    """What to make. residents: in the whole country; attached: institutions with topics of their own; boards: so many
    of the first municipalities have a board of education, an institution of its own beside the mayor."""

    seed: int = 1
    institutions: int = 6
    residents: int = 600
    attached: int = 6
    at: int = 1_790_000_000_000
    vaccination_only: bool = False
    boards: int = 0


class Resident(NamedTuple):
    """One synthetic person. home and previous: institution codes; local: integrated number at either."""

    number: int
    individual_number: str
    home: str
    previous: str
    home_number: str
    previous_number: str


def business_number(resident: int) -> str:
    """業務固有番号 of the resident with this number in the health system, the same at every institution: 15 digits."""
    return f"5{resident:014d}"


def institution_codes(count: int) -> tuple[tuple[str, str, str], ...]:
    """(local government code, institution code, name); the known neighbours first, then numbered synthetic ones."""
    if not 2 <= count <= MOST_INSTITUTIONS:
        raise ValueError(f"a world has 2 to {MOST_INSTITUTIONS} institutions; {count} were asked for")
    known = {code for code, _ in KNOWN}
    found = [(code, numbers.institution_code_of(code, numbers.InstitutionKind.MAYOR), name) for code, name in KNOWN]
    place = 0
    while len(found) < count:
        five = f"{1 + place % 47:02d}{901 + place // 47:03d}"[:5]
        code = five + numbers.local_government_check_digit(five)
        place += 1
        if code not in known:
            name = f"模擬市{len(found):04d}"
            found.append((code, numbers.institution_code_of(code, numbers.InstitutionKind.MAYOR), name))
    return tuple(found[:count])


def boards_of(cities: Sequence[tuple[str, str, str]]) -> tuple[tuple[str, str, str], ...]:
    """The boards of education of these municipalities, as `institution_codes` gives institutions."""
    kind = numbers.InstitutionKind.BOARD_OF_EDUCATION
    return tuple((local, numbers.institution_code_of(local, kind), f"{name}教育委員会") for local, _, name in cities)


def permission_rows() -> tuple[PermissionRow, ...]:
    """The list of the seed's legal bases (domain 4.2); texts and codes that are not public are marked unverified."""

    def row(
        name: str, affair: str, procedure: str, provider: str, kind: str, basis: str, *, consent: bool = False
    ) -> PermissionRow:
        return PermissionRow(
            name,
            MUNICIPALITY,
            affair,
            procedure,
            provider,
            kind,
            ITEMS[kind],
            basis,
            consent,
            "20210401",
            "",
            False,
        )

    return (
        row("16-2-1", VACCINATION_AFFAIR, INCOMING_RESIDENT, MUNICIPALITY, VACCINATION, "番号法19条8号 別表第2 16の2"),
        row("17-1", SICKNESS_AFFAIR, SICKNESS_BENEFIT, INSURER, HOUSEHOLD, "番号法19条8号 別表第2 17"),
        row("18-1", FEE_AFFAIR, FEE_COLLECTION, MUNICIPALITY, LOCAL_TAX, "番号法19条8号 別表第2 18", consent=True),
        row("18-2", FEE_AFFAIR, FEE_COLLECTION, MUNICIPALITY, HOUSEHOLD, "番号法19条8号 別表第2 18"),
        row("74-1", CHILD_AFFAIR, CHILD_ALLOWANCE, MUNICIPALITY, LOCAL_TAX, "番号法19条8号 別表第2 74"),
    )


def list_version(version: int, rows: Sequence[PermissionRow], at: int) -> PermissionListVersion:
    """A list version as it is stored."""
    found = PermissionList(version, at, tuple(rows))
    return PermissionListVersion(version, at, found.digest(), to_json(found))


def items_of(n: int, kind: str) -> tuple[Item, ...]:
    """Synthetic values of a kind for the n-th resident, 0-based."""
    values: tuple[str, ...]
    if kind == VACCINATION:
        day = (datetime(2023, 4, 1, tzinfo=UTC) + timedelta(days=n % 360)).strftime("%Y%m%d")
        values = ("DONE", str(1 + n % 5), day, f"模擬製薬{n % 3}", f"LOT{n % 9973:04d}", "")
    elif kind == HOUSEHOLD:
        values = (FAMILY_NAMES[n % 10], GIVEN_NAMES[n // 10 % 10], str(1 + n % 6), "1" if n % 4 == 0 else "2")
    else:
        values = ("2026", str(1_000_000 + n * 37 % 9_000_000), str(50_000 + n * 7 % 300_000), str(n % 4))
    return tuple(
        Item(code, value, "" if value else "NOT_APPLICABLE") for code, value in zip(ITEMS[kind], values, strict=True)
    )


class World:
    """A plan carried out on paper: rows by table, residents by number, inquiries by number."""

    def __init__(self, plan: Plan, keys: Keys) -> None:
        self.plan = plan
        self._keys = keys
        self.codes = institution_codes(plan.institutions)
        self.boards = boards_of(self.codes[: plan.boards])
        self.names = {code: name for _, code, name in (*self.codes, *self.boards)}
        self._rng = random.Random(plan.seed)  # noqa: S311 - a synthetic world, the same for the same seed
        self._register, self._code_key = keys.register, keys.network_codes
        self._vaults = {code: NumberVault(keys.institutions.hub(code), code) for code in self.attached}

    @property
    def attached(self) -> tuple[str, ...]:
        """Institutions with topics of their own."""
        mayors = self.codes[: min(self.plan.attached, ATTACHED_AT_MOST)]
        return tuple(code for _, code, _ in (*mayors, *self.boards))

    def directory(self) -> list[Any]:
        """Institutions, layouts, the first list version and everybody's copy of it."""
        attached = set(self.attached)
        rows: list[Any] = [
            Institution(
                code,
                name,
                local,
                EDUCATION if (local, code, name) in self.boards else MUNICIPALITY,
                code in attached,
                True,
                "ONLINE",
                self._keys.institutions.signing(code).public_bytes,
                self._keys.institutions.sealing_public(code),
            )
            for local, code, name in (*self.codes, *self.boards)
        ]
        rows += [KindLayout(kind, LAYOUT, "20210401", "", ",".join(items)) for kind, items in ITEMS.items()]
        rows.append(list_version(1, permission_rows(), self.plan.at))
        rows += [ListCopy(code, 1, self.plan.at) for code in (NETWORK_CODE, *self.names)]
        return rows

    def witness_duties(self, count: int) -> list[WitnessDuty]:
        """Who witnesses whose log: neighbours in the ring of institutions, `count` of them each."""
        keys = self._keys.institutions
        pairs = ring([code for _, code, _ in (*self.codes, *self.boards)], [NETWORK_CODE], count)
        return [
            WitnessDuty(*pair, keys.signing(pair[0]).public_bytes, keys.witness(pair[1]).public_bytes) for pair in pairs
        ]

    def resident(self, index: int) -> Resident:
        """The index-th resident, 0-based: who moved from one institution to another."""
        count = len(self.codes)
        spread = int.from_bytes(hashlib.blake2b(f"{self.plan.seed}/{index}".encode(), digest_size=8).digest(), "big")
        home, step = spread % count, 1 + (spread >> 32) % (count - 1)
        return Resident(
            index,
            numbers.synthetic_individual_number(index),
            self.codes[home][1],
            self.codes[(home + step) % count][1],
            f"{index * 2 + 1:015d}",
            f"{index * 2 + 2:015d}",
        )

    def code_of(self, resident: Resident, institution_code: str) -> str:
        """The linkage code that the network gives this person at an institution."""
        return linkage_code(self._code_key, internal_id_of(self._token(resident)), institution_code, 0)

    def _token(self, resident: Resident) -> str:
        return resident_token(self._register, numbers.resident_record_code(f"{resident.number:010d}"))

    def rows_of(self, resident: Resident) -> list[Any]:
        """Register, codes at both institutions, and sub-copies at the previous one."""
        token = self._token(resident)
        internal_id = internal_id_of(token)
        at = self.plan.at
        rows: list[Any] = [
            ResidentNumber(number_hash(self._register, resident.individual_number), token),
            ResidentToken(token, internal_id),
        ]
        for institution, number in (
            (resident.home, resident.home_number),
            (resident.previous, resident.previous_number),
        ):
            code = linkage_code(self._code_key, internal_id, institution, 0)
            rows.append(CodeBinding(institution, code, number, at, 0, at, "world"))
            rows.append(NetworkCode(institution, code, internal_id, at, 0))
        kinds = (VACCINATION,) if self.plan.vaccination_only else (VACCINATION, HOUSEHOLD, LOCAL_TAX)
        rows += [self.copy_row(self.copy_of(resident, kind)) for kind in kinds]
        # The benchmark's world has no originals: it measures the exchange.
        return rows if self.plan.vaccination_only else [*rows, *self.originals_of(resident)]

    def business_number(self, resident: Resident) -> str:
        """業務固有番号 of a resident in the previous municipality's health support system."""
        return f"{700_000_000_000_000 + resident.number}"

    def originals_of(self, resident: Resident) -> list[Any]:
        """The target and the original of the vaccination record, in the previous municipality's health system."""
        n = resident.number
        items = pack_items(self.items_of(resident, VACCINATION))
        number = self.business_number(resident)
        day = self.items_of(resident, VACCINATION)[2].value
        target = HealthTarget(
            resident.previous,
            number,
            resident.previous_number,
            found_by_number(self._keys.health(resident.previous), resident.individual_number),
            FAMILY_NAMES[n % 10] + GIVEN_NAMES[n // 10 % 10],
            f"{1940 + n % 70}0{1 + n % 9}1{n % 10}",
            str(1 + n % 2),
            DISTRICTS[n % len(DISTRICTS)],
        )
        original = HealthRecord(
            resident.previous,
            resident.previous_number,
            VACCINATION,
            "1",
            1,
            self.plan.at,
            0,
            number,
            "PERFORMED",
            day,
            day,
            LAYOUT,
            "20260101",
            False,
            items,
            hashlib.sha256(items).digest(),
            f"W{VACCINATION[-2:]}-{n}",
            "world",
        )
        return [target, original]

    def copy_of(self, resident: Resident, kind: str, command: CopyCommand = CopyCommand.REGISTER) -> CopySubmitted:
        """The sub-copy of a kind that the previous municipality holds, as a message."""
        return CopySubmitted(
            institution_code=resident.previous,
            record_identification_number=f"W{kind[-2:]}-{resident.number}",
            command=command,
            integrated_number=resident.previous_number,
            spi_name_code=kind,
            record_key="1" if kind == VACCINATION else "2026",
            layout_version=LAYOUT,
            valid_from="20260101",
            publication_from="20260101",
            items=self.items_of(resident, kind),
        )

    def items_of(self, resident: Resident, kind: str) -> tuple[Item, ...]:
        """Synthetic values of a kind."""
        return items_of(resident.number, kind)

    def copy_row(self, message: CopySubmitted) -> CopyRecord:
        """The row that a copy message becomes."""
        items = pack_items(message.items)
        return CopyRecord(
            message.institution_code,
            message.integrated_number,
            message.spi_name_code,
            message.record_key,
            self.plan.at,
            0,
            message.layout_version,
            message.valid_from,
            message.valid_to,
            message.publication_from,
            message.publication_to,
            message.auto_response_disabled,
            message.non_disclosure_code,
            items,
            copy_digest(message, items),
            message.record_identification_number,
        )

    def rows(self, first: int = 0, last: int | None = None) -> Iterator[list[Any]]:
        """The rows of residents first to last (exclusive), a resident at a time."""
        for index in range(first, self.plan.residents if last is None else last):
            yield self.rows_of(self.resident(index))

    def hub_counters(self) -> list[HubCounter]:
        """Where the integrated numbers of each attached institution go on."""
        return [HubCounter(code, self.plan.residents * 2) for code in self.attached]

    def hub_rows(self, first: int = 0, last: int | None = None) -> list[Any]:
        """What the attached institutions' hubs know of residents first to last (exclusive)."""
        rows: list[Any] = []
        for index in range(first, self.plan.residents if last is None else last):
            resident = self.resident(index)
            for code, number in (
                (resident.home, resident.home_number),
                (resident.previous, resident.previous_number),
            ):
                if code in self._vaults:
                    rows += self._hub_rows_of(resident, code, number)
        return rows

    def _hub_rows_of(self, resident: Resident, code: str, number: str) -> list[Any]:
        at, n, vault = self.plan.at, resident.number, self._vaults[code]
        sealed, found_by = vault.seal(number, resident.individual_number), vault.hash(resident.individual_number)
        name = f"{FAMILY_NAMES[n % 10]} {GIVEN_NAMES[n // 10 % 10]}"
        born = (datetime(1950, 1, 1, tzinfo=UTC) + timedelta(days=n * 31 % 25_000)).strftime("%Y%m%d")
        attributes = (name, f"{self.names[code]}模擬町{1 + n % 99}", born, str(1 + n % 2))
        rows: list[Any] = [
            HubPerson(code, number, sealed, found_by, *attributes, Link.LINKED.value, "", at, at),
            HubBusinessNumber(code, HEALTH_SYSTEM, business_number(n), number, at),
            HubCode(code, f"world.{number}", number, CodeState.ISSUED.value, "", at, at),
        ]
        if code == resident.previous:
            if not self.plan.vaccination_only:
                rows.append(HubBusinessNumber(code, HEALTH_SUPPORT, self.business_number(resident), number, at))
            kinds = (VACCINATION,) if self.plan.vaccination_only else (VACCINATION, HOUSEHOLD, LOCAL_TAX)
            for kind in kinds:
                copy = self.copy_of(resident, kind)
                where = (code, number, kind, copy.record_key)
                rows.append(HubCopy(*where, digest_of(copy), True, "world", 0, HEALTH_SYSTEM, "", 0, at))
        return rows

    def inquiry(self, number: int, at: int, kind: str = VACCINATION) -> InquiryRequested:
        """The number-th inquiry: a resident's home asks the previous municipality."""
        resident = self.resident(number % self.plan.residents)
        affair, procedure = {
            VACCINATION: (VACCINATION_AFFAIR, INCOMING_RESIDENT),
            HOUSEHOLD: (FEE_AFFAIR, FEE_COLLECTION),
            LOCAL_TAX: (CHILD_AFFAIR, CHILD_ALLOWANCE),
        }[kind]
        return InquiryRequested(
            record_identification_number=f"Q{number:09d}",
            requested_at=local_time(at),
            inquirer_institution_code=resident.home,
            inquirer_department_code="KENKO",
            inquirer_operator_id="OP001",
            integrated_number=resident.home_number,
            affair_code=affair,
            procedure_code=procedure,
            kinds=(RequestedKind(provider_institution_code=resident.previous, spi_name_code=kind),),
        )

    def today(self) -> str:
        """The Japanese day the world begins on."""
        return jst_date(self.plan.at)
