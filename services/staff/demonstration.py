"""Staff of a demonstration: simulated accounts at every institution of a made-up world, under one password.

Owns which they are. Their rights are enforced as everybody's. What makes an installation a demonstration is the file
`secrets/demonstration-staff`, left when its world is made: while it is there, `--operator` signs one of them in, and
whoever owns the directory may look at everything without signing in (they hold its passwords anyway).
`chukan staff enforce` takes the file away: from then on only `chukan login` leads to anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from broker.embedded.directory import write_private
from broker.rules.staff import ACTIVE, CITY_DUTIES, EVERY_KIND, Duty
from broker.tables import StaffAccount, StaffRight, StaffSecret
from services.staff.passwords import hashed

FILE = "demonstration-staff"
SET_UP = "demonstration"


class Simulated(NamedTuple):
    """One made-up member of staff, the same at every institution."""

    account_id: str
    name: str
    duties: tuple[Duty, ...]


EVERYBODY = (
    Simulated("OP001", "照会 担当（模擬）", (Duty.INQUIRER,)),
    Simulated("OP900", "提供 担当（模擬）", (Duty.PROVIDER,)),
    Simulated("OP901", "提供 副担当（模擬）", (Duty.PROVIDER,)),
    Simulated("HK001", "保健 担当（模擬）", (Duty.INQUIRER, *CITY_DUTIES)),
    Simulated("HK101", "接種会場 担当（模擬）", (Duty.VRS_DOSE,)),
    Simulated("AD001", "権限 管理者（模擬）", (Duty.ADMINISTRATOR,)),
    Simulated("AU001", "監査 担当（模擬）", (Duty.AUDITOR,)),
)


def set_up(folder: Path, institution_codes: Iterable[str], now: int) -> list[Any]:
    """Leave the password in the folder, and give the rows of everybody."""
    password = secrets.token_urlsafe(18)
    write_private(folder / FILE, password)
    return list(rows(institution_codes, hashed(password), now))


def rows(institution_codes: Iterable[str], password_hash: str, now: int) -> Iterator[Any]:
    """Accounts, secrets and rights of the made-up staff of these institutions. One hash for all: it is one password."""
    for code in institution_codes:
        for one in EVERYBODY:
            yield StaffAccount(code, one.account_id, one.name, f"{code}/{one.account_id}", ACTIVE, now, SET_UP)
            yield StaffSecret(code, one.account_id, password_hash, 0, 0)
            for duty in one.duties:
                yield StaffRight(code, one.account_id, duty.value, EVERY_KIND, now, SET_UP)


def password_in(folder: Path) -> str:
    """The password of a demonstration's staff; empty when it is none."""
    path = folder / FILE
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def enforce(folder: Path) -> bool:
    """It is no demonstration any more; whether it was."""
    known = (folder / FILE).exists()
    (folder / FILE).unlink(missing_ok=True)
    return known
