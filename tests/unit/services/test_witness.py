"""Witnesses: every checkpoint is cosigned by its log's neighbours, and a log that was rewritten is found at once."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from factories import (
    ANJO,
    ATTACHED_HOME,
    KARIYA,
    KEYS,
    NOW,
    TOYOTA,
    WORLD,
    Story,
    asks,
    decided,
    service,
    store_of,
    told,
)
from forging import rewritten

from broker.adapters.memory import MemoryStore
from broker.decision import Decision
from broker.errors import PeerFault
from broker.rules import checkpoint, cosignature, merkle
from broker.rules.leaves import origin_of_log
from broker.rules.signing import public_key_from_bytes
from broker.rules.witness import FORKED, UNPROVED, WENT_BACK, Claim, proves_a_fork
from broker.tables import (
    Checkpoint,
    Cosignature,
    CosignedLog,
    LogFork,
    LogHead,
    LogRecord,
    WitnessDuty,
    WitnessedLog,
)
from schemas.records import CheckpointDue, CheckpointPublished, CheckpointWitnessed, Outcome
from services.common import CHECKPOINT_MS, Terms
from services.network import NETWORK_CODE
from services.provision_log import service as log_service

WITNESS = service("witness")
LOG = service("provision_log")
LEAVES = [sha256(b"%d" % n).digest() for n in range(40)]
OTHER = [sha256(b"other").digest(), *LEAVES[1:]]
PAST = CHECKPOINT_MS / 1000 + 1


async def grows(story: Story) -> None:
    """Inquiries come in three waves, with a checkpoint after each."""
    for wave in range(3):
        for n in range(wave + 1):
            await story.ask(asks(n=n, record_identification_number=f"{wave}-{n}"))
        await story.pass_time(seconds=PAST)


@pytest.fixture(scope="module")
def country() -> Story:
    """A country whose logs were signed and cosigned several times."""
    return told(grows)


def test_every_checkpoint_is_cosigned_by_each_neighbour(country: Story) -> None:
    """Two lines under each checkpoint, by the two that the ring names; computed here once more from the bytes."""
    duties = country.rows(WitnessDuty)
    lines = {one[:3]: one for one in country.rows(Cosignature)}

    assert len(country.rows(Checkpoint)) > 6
    assert {duty.institution_code for duty in duties} == {NETWORK_CODE, KARIYA, TOYOTA, ANJO}
    for signed in country.rows(Checkpoint):
        text = signed.note.partition("\n\n")[0] + "\n"
        for duty in duties:
            if duty.institution_code != signed.institution_code:
                continue
            one = lines.pop((signed.institution_code, signed.size, duty.witness_code))
            _, name, encoded = one.line.rstrip("\n").split(" ")
            data = checkpoint.b64decode(encoded)
            key = KEYS.institutions.witness(duty.witness_code).public_bytes
            assert data[:4] == sha256(f"{name}\n".encode() + b"\x04" + key).digest()[:4]
            time = int.from_bytes(data[4:12], "big")
            Ed25519PublicKey.from_public_bytes(key).verify(data[12:], f"cosignature/v1\ntime {time}\n{text}".encode())
            assert time * 1000 == one.cosigned_at
    assert lines == {}
    assert country.rows(LogFork) == []


def test_what_is_shown_proves_that_it_continues(country: Story) -> None:
    """Every checkpoint that was shown follows the one shown before, and the proof leads from that to it."""
    before: dict[str, checkpoint.Checkpoint] = {}
    for shown in country.said(CheckpointPublished):
        found = checkpoint.parse(checkpoint.text_of(shown.note))
        last = before.get(found.origin)
        proof = [shown.proof[i : i + 32] for i in range(0, len(shown.proof), 32)]
        assert (shown.previous_size, shown.previous_root) == (last[1:] if last else (0, merkle.EMPTY_ROOT))
        assert merkle.verify_consistency(shown.previous_size, found.size, shown.previous_root, found.root, proof)
        before[found.origin] = found

    assert len(before) == 4


def test_a_log_knows_how_far_it_is_cosigned(country: Story) -> None:
    """At rest the newest checkpoint of each log is cosigned by its quorum, and the witnesses keep that very note."""
    newest = {row.institution_code: row for row in country.rows(Checkpoint)}

    assert {row.institution_code: row.size for row in country.rows(CosignedLog)} == {
        owner: row.size for owner, row in newest.items()
    }
    assert {(row.institution_code, row.note) for row in country.rows(WitnessedLog)} == {
        (owner, row.note) for owner, row in newest.items()
    }


def test_a_rewritten_log_is_found_at_its_next_checkpoint() -> None:
    """Whoever owns the log's tables may change a record and make everything fit: the next checkpoint convicts it, a
    log line says so at once, and where fresh cosignatures are asked for, its institution provides nothing more."""

    async def scene(story: Story) -> None:
        await story.ask(asks(record_identification_number="first"))
        await story.pass_time(seconds=PAST)
        rows = [row for row in story.rows(LogRecord) if row.institution_code == TOYOTA]
        head = next(row for row in story.rows(LogHead) if row.institution_code == TOYOTA)
        forged, changed = rewritten(rows, head, 0)
        story.leave("provision_log")
        story.store.put([*forged, changed])
        story.resume("provision_log")
        await story.ask(asks(record_identification_number="second"))
        await story.pass_time(seconds=PAST)
        assert {fork.institution_code for fork in story.rows(LogFork)} == {TOYOTA}
        await story.pass_time(seconds=60)
        await story.ask(asks(record_identification_number="third"))
        await story.pass_time(seconds=PAST)

    # What the country's own checks would find is the forgery itself.
    story = told(scene, terms=Terms(cosigned_within_ms=30_000), provokes=("checkpoints_match",))
    forks = story.rows(LogFork)

    assert sorted(fork.witness_code for fork in forks) == sorted([KARIYA, ANJO])
    origin, key = origin_of_log(TOYOTA), KEYS.institutions.signing(TOYOTA).public_key
    for fork in forks:
        claim = Claim(fork.claimed_size, fork.claimed_root, fork.proof)
        assert fork.rule == FORKED
        assert proves_a_fork(origin, key, fork.kept_note, fork.seen_note, claim)
    alarms = [event for event in story.events if event["event"] == "alarm"]
    assert len(alarms) == 1
    assert all(code in alarms[0]["reason"] for code in (TOYOTA, KARIYA, ANJO, FORKED))
    assert [story.kind_answered(one).outcome for one in ("first", "second", "third")] == [
        Outcome.OK,
        Outcome.OK,
        Outcome.UNAVAILABLE,
    ]
    kept = {row.size for row in story.rows(WitnessedLog) if row.institution_code == TOYOTA}
    assert kept == {1}


# ── one decision ─────────────────────────────────────────────────────────────────────────────────────────────────


def shown(leaves: list[bytes], before: int, after: int, owner: str = TOYOTA) -> CheckpointPublished:
    """A log with these leaves shows its checkpoint at `after`."""
    note = KEYS.institutions.sign_checkpoint(owner, origin_of_log(owner), after, merkle.root(leaves[:after]))
    proof = b"".join(merkle.consistency_proof(leaves[:after], before))
    return CheckpointPublished(owner, note, before, merkle.root(leaves[:before]), proof)


def witnessing(*messages: CheckpointPublished) -> MemoryStore:
    """A store whose witnesses have seen these."""
    store = store_of(*WORLD.witness_duties(2))
    for message in messages:
        assert decided(WITNESS, message, store).outcome == "cosigned"
    return store


def answers(decision: Decision) -> list[tuple[str, int]]:
    """Each witness's rule and the size it has cosigned."""
    (said,) = decision.say
    assert isinstance(said, CheckpointWitnessed)
    return [(one.rule, one.cosigned_size) for one in said.answers]


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (shown(OTHER, 7, 12), FORKED),
        (shown(OTHER, 0, 7), FORKED),
        (shown(LEAVES, 0, 3), WENT_BACK),
        (shown(OTHER, 0, 3), WENT_BACK),
        (shown(LEAVES, 9, 12), UNPROVED),
        (shown(LEAVES, 7, 12)._replace(proof=b""), UNPROVED),
    ],
)
def test_what_does_not_continue_is_not_cosigned_and_kept_once(message: CheckpointPublished, rule: str) -> None:
    """Both notes are kept, the state stays where it was, and saying it again adds nothing; the honest log goes on."""
    store = witnessing(shown(LEAVES, 0, 7))
    before = dict(store.tables[WitnessedLog])

    first, again = decided(WITNESS, message, store), decided(WITNESS, message, store, now=NOW + 9)

    assert answers(first) == answers(again) == [(rule, 7), (rule, 7)]
    assert first.alarm
    assert not again.alarm
    assert store.tables[WitnessedLog] == before
    forks = list(store.tables[LogFork].values())
    assert [(fork.rule, fork.seen_note, fork.found_at) for fork in forks] == [(rule, message.note, NOW)] * 2
    assert {fork.kept_note for fork in forks} == {row.note for row in before.values()}
    assert answers(decided(WITNESS, shown(LEAVES, 7, 12), store)) == [("", 12), ("", 12)]


def test_each_witness_judges_by_its_own_state() -> None:
    """A log that showed its neighbours two histories gets from each what it has seen itself: no quorum for either."""
    store = witnessing(shown(LEAVES, 0, 7))
    first = next(iter(store.tables[WitnessedLog].values()))
    other = shown(OTHER, 0, 7)
    store.put([first._replace(note=other.note)])

    decision = decided(WITNESS, shown(OTHER, 7, 12), store)

    assert answers(decision) == [("", 12), (FORKED, 7)]
    said = decision.say[0]
    store.put([CosignedLog(TOYOTA, 7, NOW, NOW, 0)])
    assert decided(LOG, said, store).outcome == "cosigned_by_too_few"
    assert store.tables[CosignedLog][(TOYOTA,)].size == 7


def test_the_same_checkpoint_again_gets_a_fresh_time() -> None:
    """A log that has not grown may ask again; the time never goes back, whatever the clock does."""
    store = witnessing(shown(LEAVES, 0, 7))

    later = decided(WITNESS, shown(LEAVES, 7, 7), store, now=NOW + 60_000)
    earlier = decided(WITNESS, shown(LEAVES, 7, 7), store, now=NOW - 60_000)

    times = [one.cosigned_at for decision in (later, earlier) for one in decision.say[0].answers]  # type: ignore[union-attr]
    assert times == [(NOW + 60_000) // 1000 * 1000] * 4


def test_only_the_logs_own_signature_counts() -> None:
    """A note of another log, or signed by another, is set aside, and no witness's state changes."""
    store = witnessing(shown(LEAVES, 0, 7))
    before = dict(store.tables[WitnessedLog])

    for note in (shown(LEAVES, 0, 9, KARIYA).note, shown(LEAVES, 0, 9).note.replace("\n9\n", "\n8\n"), "nothing"):
        with pytest.raises(PeerFault) as refusal:
            decided(WITNESS, shown(LEAVES, 7, 9)._replace(note=note), store)
        assert refusal.value.rule == "CHECKPOINT_FORGED"
    assert store.tables[WitnessedLog] == before


def test_a_log_without_witnesses_is_signed_all_the_same() -> None:
    """Where none are set, nothing is said and nothing waits."""
    assert decided(WITNESS, shown(LEAVES, 0, 7), store_of()) == Decision("nobody_witnesses")


def test_the_network_and_its_members_are_witnessed_with_the_keys_of_the_directory() -> None:
    """The duties name the key each log signs with, and a key for cosigning that signs nothing else."""
    duties = WORLD.witness_duties(2)

    for duty in duties:
        assert duty.log_key == KEYS.institutions.signing(duty.institution_code).public_bytes
        assert duty.witness_key == KEYS.institutions.witness(duty.witness_code).public_bytes
        assert duty.witness_key != KEYS.institutions.signing(duty.witness_code).public_bytes
    assert len(duties) == 8


def test_an_idle_log_shows_its_checkpoint_again_only_where_freshness_is_asked_for() -> None:
    """Without the setting nothing is due; with it, the same note is shown when its time has come."""
    store = store_of()
    head = LogHead(KARIYA, 1, merkle.to_bytes(merkle.append_all(merkle.EMPTY_FRONTIER, LEAVES[:1])), NOW)
    store.put([head])
    fresh = log_service(KEYS.institutions.sign_checkpoint, Terms(cosigned_within_ms=30_000))

    signed = decided(fresh, CheckpointDue(KARIYA, 1), store)
    early = decided(fresh, CheckpointDue(KARIYA, 1), store, now=NOW + 9_999)
    again = decided(fresh, CheckpointDue(KARIYA, 1), store, now=NOW + 10_000)

    assert [one.outcome for one in (signed, early, again)] == ["checkpoint_signed", "late", "checkpoint_shown_again"]
    assert signed.say[0].note == again.say[0].note  # type: ignore[union-attr]
    assert again.say[0].proof == b""  # type: ignore[union-attr]
    assert store.tables[CosignedLog][(KARIYA,)].refresh_due_at == NOW + 20_000
    assert len(LOG.timers) == 1
    assert len(fresh.timers) == 2


def test_a_cosignature_is_made_under_the_witnesss_own_name() -> None:
    """The key's hands and the rule's text agree."""
    text = checkpoint.format_checkpoint(origin_of_log(TOYOTA), 1, LEAVES[0])
    line = KEYS.institutions.cosign(KARIYA, text, 7)
    key = public_key_from_bytes(KEYS.institutions.witness(KARIYA).public_bytes)

    assert cosignature.verify(text, line, cosignature.name_of_witness(KARIYA), key) == 7
    assert WORLD.resident(ATTACHED_HOME).home == KARIYA
