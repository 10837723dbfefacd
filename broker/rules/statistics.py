"""業務統計 (assessment, system 4 function 10; domain 3(f)2): exchanges counted from the records, and nothing else.

Owns the counting. The same records give the same numbers: nothing is kept beside them. The real system's items are not
public; these are the simulator's own (ASSUMPTION): month, side, procedure, kind, both parties and outcome, with the
times between request and provision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from broker.rules.identity import jst_date
from schemas.records import ProvisionRecorded


class Group(NamedTuple):
    """What is counted together. month: YYYYMM in Japan; party: as what the owner of the log took part."""

    month: str
    party: str
    procedure_code: str
    spi_name_code: str
    inquirer_institution_code: str
    provider_institution_code: str
    outcome: str


class Counted(NamedTuple):
    """How many exchanges; the times of those in which something was provided, in milliseconds."""

    exchanges: int = 0
    provided: int = 0
    total_ms: int = 0
    longest_ms: int = 0

    @property
    def mean_ms(self) -> int:
        """The mean time from request to provision; 0 when nothing was provided."""
        return self.total_ms // self.provided if self.provided else 0


def group_of(record: ProvisionRecorded) -> Group:
    """Where a record counts."""
    return Group(
        jst_date(record.requested_at)[:6],
        record.party.value,
        record.procedure_code,
        record.spi_name_code,
        record.inquirer_institution_code,
        record.provider_institution_code,
        record.outcome.value,
    )


class Tally:
    """Counts records one after the other; memory grows with the groups, not with the records."""

    def __init__(self) -> None:
        self.groups: dict[Group, Counted] = {}

    def add(self, records: Iterable[ProvisionRecorded]) -> None:
        """Count these too."""
        for record in records:
            group = group_of(record)
            known = self.groups.get(group, Counted())
            took = record.provided_at - record.requested_at if record.provided_at else 0
            self.groups[group] = Counted(
                known.exchanges + 1,
                known.provided + (1 if record.provided_at else 0),
                known.total_ms + took,
                max(known.longest_ms, took),
            )

    def by(self, *names: str) -> dict[tuple[str, ...], Counted]:
        """The groups taken together by some of their names, in order."""
        found: dict[tuple[str, ...], Counted] = {}
        for group, one in sorted(self.groups.items()):
            key = tuple(getattr(group, name) for name in names)
            known = found.get(key, Counted())
            found[key] = Counted(
                known.exchanges + one.exchanges,
                known.provided + one.provided,
                known.total_ms + one.total_ms,
                max(known.longest_ms, one.longest_ms),
            )
        return dict(sorted(found.items()))
