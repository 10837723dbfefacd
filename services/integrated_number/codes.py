"""符号管理 (assessment, system 3 function 2): code acquisition requests, and how far each has come.

Owns the request's life as the institution sees it: WAITING here, REQUESTED, NUMBER_ASSIGNED, IDENTITY_SENT, then ISSUED
or FAILED; a revocation ends in REVOKED. The code itself is never seen by the hub (domain 3(a)).
"""

from __future__ import annotations

from broker.rules.persons import Link, may_be_linked
from broker.tables import HubCode
from services.integrated_number.common import QUERIES, Caller, Hub, Refused, hold
from services.integrated_number.persons import acquisition_asked, person_of, persons_of

SHOWN = 20
STANDS = frozenset({"WAITING", "REQUESTED", "NUMBER_ASSIGNED", "IDENTITY_SENT", "ISSUED"})


async def acquire(hub: Hub, caller: Caller, business_number: str) -> tuple[HubCode, bool]:
    """Ask for the person's code; the request that stands, and whether it is a new one."""
    async with hub.store.work() as db:
        await hold(db, persons_of(caller))
        person = await person_of(db, caller, business_number)
        if not may_be_linked(Link(person.state)):
            raise Refused(409, "LINK_NOT_IN_FORCE")
        codes: list[HubCode] = await db.select(
            HubCode, QUERIES["codes_of_person"], person.institution_code, person.integrated_number, 1
        )
        if codes and codes[0].state in STANDS and not codes[0].request_id.startswith("HR"):
            return codes[0], False
        return await acquisition_asked(hub, db, person), True


async def codes_of(hub: Hub, caller: Caller, business_number: str) -> list[HubCode]:
    """The person's requests, the newest first."""
    async with hub.store.work() as db:
        person = await person_of(db, caller, business_number)
        found: list[HubCode] = await db.select(
            HubCode, QUERIES["codes_of_person"], person.institution_code, person.integrated_number, SHOWN
        )
        return found
