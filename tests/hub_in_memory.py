"""The attached institutions' hubs in the in-memory country, for what their business systems give them.

Owns no rule: which change it is, its command and its number follow from `services.integrated_number.copies`, on the
same rows; each change leaves at once, as a part of one. The real hub keeps what it is given in a queue of PostgreSQL
and says it once the server may be told; that is tested on real parts (tests/system/test_given.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.decision import Decision
from broker.errors import PeerFault
from broker.facts import Facts
from broker.rules.identity import derived_id
from broker.service import Context, Service, on
from broker.tables import HubBusinessNumber, HubCopy, HubPerson
from schemas.records import BusinessNumberLinked, CopiesAnnounced, CopyBatchOpened, CopyGiven
from services.integrated_number.common import Caller
from services.integrated_number.copies import Line, change_of, record_of
from services.integrated_number.given import ill_formed, row_of

NAME = "hub"


async def load(messages: Sequence[Any], facts: Facts) -> None:
    """Links, people, and what was sent of these records."""
    named = [m for m in messages if hasattr(m, "business_person_number") and not ill_formed(m)]
    links = [(m.institution_code, m.system_code, m.business_person_number) for m in named]
    await facts.load(HubBusinessNumber, links)
    found = {key: facts.get(HubBusinessNumber, *key) for key in links}
    people = [(key[0], link.integrated_number) for key, link in found.items() if link]
    people += [(m.institution_code, m.integrated_number) for m in named if isinstance(m, BusinessNumberLinked)]
    await facts.load(HubPerson, people)
    copies = [
        (m.institution_code, link.integrated_number, m.spi_name_code, m.record_key)
        for m, key in zip(named, links, strict=True)
        if isinstance(m, CopyGiven) and (link := found[key])
    ]
    await facts.load(HubCopy, copies)


def checked(message: Any, context: Context) -> None:
    """It is well formed and lies on its institution's topic."""
    if message.institution_code != context.sender or ill_formed(message):
        raise PeerFault("REQUEST_INVALID", "it is another institution's, or not as it must be")


def decide_linked(message: BusinessNumberLinked, facts: Facts, context: Context) -> Decision:
    """A new number of a person the hub has numbered."""
    checked(message, context)
    key = (message.institution_code, message.system_code, message.business_person_number)
    person = facts.get(HubPerson, message.institution_code, message.integrated_number)
    if person is None or facts.get(HubBusinessNumber, *key) is not None:
        return Decision("known")
    return Decision("linked", write=(HubBusinessNumber(*key, message.integrated_number, context.now),))


def decide_announced(message: CopiesAnnounced, facts: Facts, context: Context) -> Decision:
    """Passed on as it is."""
    checked(message, context)
    where = (message.institution_code, message.transmission_id)
    return Decision("announced", (CopyBatchOpened(*where, "CHANGE", message.row_count),))


def decide_given(message: CopyGiven, facts: Facts, context: Context) -> Decision:
    """What has changed leaves as a part of one."""
    checked(message, context)
    caller = Caller(message.institution_code, message.system_code, "", frozenset())
    link = facts.get(HubBusinessNumber, *caller[:2], message.business_person_number)
    person = facts.get(HubPerson, message.institution_code, link.integrated_number) if link else None
    people = {message.business_person_number: person} if person else {}
    record = record_of(caller, row_of(message), people)
    before = facts.get(HubCopy, *record) if record else None
    known = {record: before} if record and before else {}
    judged = change_of(context.now, caller, Line(1, "", row_of(message), ()), people, known, "")
    if judged is None or isinstance(judged, list):
        return Decision("refused" if judged else "unchanged")
    batch = f"HB{derived_id(context.identity, NAME, 0)[:24]}"
    opened = CopyBatchOpened(message.institution_code, batch, "CHANGE", 1)
    copy = judged.message._replace(record_identification_number=f"{batch}.1", batch_id=batch, row_number=1)
    return Decision("given", (opened, copy), (judged.copy._replace(batch_id=batch, row_number=1),))


SERVICE = Service(
    NAME,
    (
        on(BusinessNumberLinked, load, decide_linked),
        on(CopiesAnnounced, load, decide_announced),
        on(CopyGiven, load, decide_given),
    ),
    tells_senders=False,
)
