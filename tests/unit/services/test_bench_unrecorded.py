"""The switch that the benchmark alone can throw: the same services, and nothing of evidence."""

from __future__ import annotations

from factories import ATTACHED_HOME, KEYS, asks, store_of

from broker.adapters.virtual_time import SeededRandomness
from broker.config import FIELDS
from broker.decision import Decision
from broker.rules.records import record_of
from schemas.records import CheckpointDue, Outcome, Party, RecordsSubmitted
from services.assembly import NAMES, assemble
from services.bench.unrecorded import KEEPERS, unrecorded, without_records
from services.common import Terms
from services.up import roles

ALL = assemble(KEYS, SeededRandomness(1))
BARE = unrecorded(KEYS, SeededRandomness(1), Terms())
RECORD = record_of(
    Party.INQUIRER,
    asks().inquirer_institution_code,
    f"{asks().inquirer_institution_code}-{1:020d}",
    inquirer_name="",
    provider_institution_code=asks().kinds[0].provider_institution_code,
    provider_name="",
    requested_at=1,
    affair_code="",
    procedure_code="",
    spi_name_code="",
    outcome=Outcome.OK,
)


def test_everybody_but_the_keepers_is_there_and_hears_the_same() -> None:
    """What is compared differs in evidence alone."""
    assert set(BARE) == set(NAMES) - set(KEEPERS)
    assert all(BARE[name].hears == ALL[name].hears for name in BARE)
    assert all(BARE[name].timers == ALL[name].timers for name in BARE)


def test_no_record_is_said_and_everything_else_is() -> None:
    """With the same decisions, the records and only they are missing."""
    other = CheckpointDue("1" * 16, 1)
    decisions = [Decision("ok", (other, RECORD)), Decision("late"), Decision("ok", (RECORD,))]

    for name, service in ALL.items():
        bare = without_records(service)
        for whole, cut in zip(service.handlers, bare.handlers, strict=True):
            assert (whole.close is None) == (cut.close is None), name
            if whole.close is None or cut.close is None or getattr(whole.close, "__name__", "") == "close_permits":
                continue
            said = [type(message) for one in whole.close(decisions) for message in one.say]
            left = [type(message) for one in cut.close(decisions) for message in one.say]
            assert said.count(RecordsSubmitted) == 1
            assert left == [CheckpointDue]


def test_no_setting_turns_evidence_off() -> None:
    """Outside the benchmark there is no way to it: no setting, and no process of an installation runs it."""
    assert not [name for name in FIELDS if "record" in name or "evidence" in name]
    assert set(KEEPERS) <= {name for role in roles(2, "packed") for name in role.services}
    assert store_of(residents=[ATTACHED_HOME]).tables
