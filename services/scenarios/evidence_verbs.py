"""What auditors and attackers do in a scenario: explain, match, verify; and rotate, forge, rewrite, plant, pry.

Owns the attacks, each done with what such an attacker would have: a service's credentials, the tables of a log, a
careless program's line, an institution's or a tablet's own user. Promises that what an attack leaves is mended by a
later step or in an installation of the play's own alone (`alone`). Leaves the judging to the auditors' own modules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.errors import OwnFault
from broker.rules import merkle, witness
from broker.rules.checks import History
from broker.rules.leaves import leaf_of, origin_of_log
from broker.rules.reconciliation import judged
from broker.rules.sealing import SealingError
from broker.rules.witness import Claim
from broker.tables import (
    TABLES,
    Checkpoint,
    Cosignature,
    Exchange,
    HubOperation,
    LogFork,
    LogHead,
    LogRecord,
    PairHead,
    Provision,
    SetAside,
    WitnessDuty,
    WitnessedLog,
)
from schemas.codec import decode, encode
from schemas.records import InquiryAnswered, InquiryForwarded, Permit, ProvisionRecorded
from services import key_management
from services.access import tablet_user
from services.asking import heard
from services.audit import logs
from services.audit.explain import Explanation, explained
from services.audit.reconcile_store import Installation
from services.network import NETWORK_CODE
from services.records import PARTIES
from services.scenarios.casting import AT, BY_INQUIRY, FLAG, INSTITUTION, PERSON, STEP, TEXT, Argument, Cast, Verb
from services.scenarios.everyday import opening_keys

DAY_MS = 86_400_000
BY_EXCHANGE = ("exchange_id",)
SET_ASIDE_AT_MOST = 1_000_000
LOG_SERVICE, NETWORK_SERVICE = "provision_log", "network"
PLANTED = "planted"
NO_PRIVILEGE = "42501"  # SQLSTATE insufficient_privilege


async def exchange_of(cast_: Cast, step: str) -> Exchange:
    """The exchange of an inquiry of one kind."""
    asked = cast_.inquiries[step]
    key = (asked.inquirer_institution_code, asked.record_identification_number)

    async def there() -> list[Exchange]:
        async with cast_.stage.store.transaction() as transaction:
            rows: list[Exchange] = await transaction.find(Exchange, BY_INQUIRY, [key])
        return rows

    rows: list[Exchange] = await cast_.stage.until(there)
    return rows[0]


async def record_of(cast_: Cast, row: Exchange, party: str) -> LogRecord:
    """A party's record of an exchange, once it is in its log: records travel after the answer."""

    async def there() -> LogRecord | None:
        records = await cast_.stage.records_of(row.exchange_id)
        return next((one for one in records if one.party == party), None)

    return cast(LogRecord, await cast_.stage.until(there))


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def rotate_key(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The institution takes a new sealing key; the one before stays good for some days."""
    stage, code = cast_.stage, cast_.institutions[given["at"]]
    before = len(await key_management.keys_of(stage.store, stage.keys, code))
    overlap = given["overlap_days"] * DAY_MS
    done = await key_management.rotate(stage.store, stage.keys, code, stage.now_ms(), overlap)
    after = len(await key_management.keys_of(stage.store, stage.keys, code))
    return {"rule": done.rule, "good": len(done.generations), "new": after - before}


async def revoke_key(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The institution's newest key is revoked, or one that does not exist."""
    stage, code = cast_.stage, cast_.institutions[given["at"]]
    known = await key_management.keys_of(stage.store, stage.keys, code)
    generation = known[-1].generation + (10 if given["unknown"] else 0)
    done = await key_management.revoke(stage.store, stage.keys, code, generation, "漏えいの疑い", stage.now_ms())
    after = await key_management.keys_of(stage.store, stage.keys, code)
    return {
        "rule": done.rule,
        "good": len(done.generations),
        "new": len(after) - len(known),
        "revoked_is_good": not done.rule and generation in done.generations,
    }


async def open_again(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody tries to open an answer: the institution with the keys that are good now, or another with its own."""
    stage, asked = cast_.stage, cast_.inquiries[given["of"]]
    code, name = asked.inquirer_institution_code, asked.record_identification_number
    answers = [one for one in await stage.messages_of(InquiryAnswered) if one.record_identification_number == name]
    answer = next(one for one in answers if one.inquirer_institution_code == code)
    keys = await opening_keys(cast_, cast_.institutions[given["by"]] if given["by"] else code)
    try:
        return {"opens": bool(heard(answer, keys)[0].items)}
    except SealingError:
        return {"opens": False}


# ── permits ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def misuse_permit(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whoever has the network's credentials hands the provider a permit again, a changed one, or another exchange's.

    What is set aside by it, and what the provider's side keeps and the log records afterwards.
    """
    stage, row = cast_.stage, await exchange_of(cast_, given["of"])
    sent = next(one for one in await stage.messages_of(InquiryForwarded) if one.exchange_id == row.exchange_id)
    permit = decode(sent.permit)
    assert isinstance(permit, Permit)
    forged = {
        "used": sent._replace(period_from="20250101"),
        "changed": sent._replace(permit=encode(permit._replace(item_codes=(*permit.item_codes[:1], "99")))),
        "unsigned": sent._replace(permit_proof=b""),
        "another": sent._replace(exchange_id=row.exchange_id[:-2] + "77"),
    }[given["how"]]
    for party in PARTIES:
        await record_of(cast_, row, party)
    before = await set_aside(cast_)
    await stage.say_from(NETWORK_SERVICE, [forged])

    async def there() -> list[SetAside]:
        return [one for one in await set_aside(cast_) if one not in before]

    found: list[SetAside] = await stage.until(there)
    async with stage.store.transaction() as transaction:
        kept: list[Provision] = await transaction.find(Provision, BY_EXCHANGE, [(forged.exchange_id,)])
    records = await stage.records_of(row.exchange_id)
    return {"rule": found[0].rule, "provisions": len(kept), "records": len(records)}


async def set_aside(cast_: Cast) -> list[SetAside]:
    """Everything that was set aside."""
    rows: list[SetAside] = await cast_.stage.store.all(SetAside, SET_ASIDE_AT_MOST)
    return rows


# ── auditors ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def explain(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The auditor has an exchange explained: every decision with its verdict, rule and row of the list."""
    row = await exchange_of(cast_, given["of"])

    async def signed() -> Explanation | None:
        # Records travel after the answer, and are signed a little later.
        found = explained(await cast_.stage.material(row.exchange_id))
        return None if {one.name for one in found.missing} & {"record", "checkpoint"} else found

    found: Explanation = await cast_.stage.until(signed)
    return {
        "outcome": found.outcome,
        "decisions": [f"{one.lane} {one.name} {one.verdict} {one.rule}".strip() for one in found.decisions],
        "laws": all(one.laws for one in found.decisions),
        "records": len(found.records),
        "missing": sorted(one.name for one in found.missing),
    }


async def match(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The auditor holds the three parties' records of an exchange against each other and the register of permits."""
    row, stage = await exchange_of(cast_, given["of"]), cast_.stage
    async with cast(PostgresStore, stage.store).snapshot() as snapshot:
        (case,) = await Installation(snapshot).cases([row.exchange_id])
    return {"verdicts": sorted(one.value for one in judged(case, stage.now_ms()).verdicts)}


async def check_log(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The auditor verifies an institution's log: leaves, gaps, roots, signatures, witnesses. Names what is broken."""
    code = NETWORK_CODE if given["of_network"] else cast_.institutions[given["at"]]

    async def signed() -> bool:
        log = await log_rows(cast_, code)
        return bool(log.checkpoints) and log.checkpoints[-1].size >= len(log.rows)

    if not given["unsigned"]:
        await cast_.stage.until(signed)
    log = await log_rows(cast_, code)
    key = cast_.stage.keys.institutions.signing(code).public_key
    auditor = logs.LogAuditor(code, key, log.checkpoints, log.witnessed)
    auditor.feed(log.rows)
    auditor.finish(log.head, log.pairs)
    _, by_witnesses = logs.of_witnesses(code, key, log.about)
    return {"broken": sorted({one.check for one in (*auditor.found, *by_witnesses)})}


class Log(NamedTuple):
    """One log as it stands. about: its checkpoints, and what its witnesses have."""

    rows: Sequence[LogRecord]
    head: LogHead | None
    pairs: Sequence[PairHead]
    about: History

    @property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """What it has signed, oldest first."""
        return self.about.checkpoints

    @property
    def witnessed(self) -> Sequence[WitnessedLog]:
        """What each of its witnesses has cosigned last."""
        return self.about.witnessed


async def log_rows(cast_: Cast, code: str) -> Log:
    """All that `chukan audit verify` reads of one log, at one moment."""
    async with cast(PostgresStore, cast_.stage.store).snapshot() as snapshot:
        about = History(
            checkpoints=await snapshot.select(Checkpoint, QUERIES["checkpoints_of"], code),
            duties=await snapshot.select(WitnessDuty, QUERIES["witness_duties_of"], code),
            cosignatures=await snapshot.select(Cosignature, QUERIES["cosignatures_of"], code),
            forks=await snapshot.select(LogFork, QUERIES["log_forks_of"], code),
            witnessed=await snapshot.select(WitnessedLog, QUERIES["witnessed_logs_of"], code),
        )
        rows = await snapshot.select(LogRecord, QUERIES["log_of"], code)
        heads = await snapshot.select(LogHead, QUERIES["log_head_of"], code)
        pairs = await snapshot.select(PairHead, QUERIES["pair_heads_of"], code)
    return Log(rows, heads[0] if heads else None, pairs, about)


# ── who owns the tables of a log ─────────────────────────────────────────────────────────────────────────────────


async def lose_record(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody takes a party's record of an exchange out of its log, or a later step puts it back."""
    row, stage = await exchange_of(cast_, given["of"]), cast_.stage
    key = (PLANTED, given["of"], given["party"])
    if given["back"]:
        lost: LogRecord = cast_.kept.pop(key)
        async with stage.store.transaction() as transaction:
            await transaction.add(LogRecord, [lost])
        return {"records": len(await stage.records_of(row.exchange_id))}
    lost = await record_of(cast_, row, given["party"])
    cast_.kept[key] = lost
    async with stage.store.transaction() as transaction:
        await transaction.remove(LogRecord, [(lost.institution_code, lost.sequence)])
    return {"records": len(await stage.records_of(row.exchange_id))}


async def rewrite_log(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whoever owns a log's tables writes another moment into a signed record and makes leaf, tree and head fit."""
    stage, row = cast_.stage, await exchange_of(cast_, given["of"])
    lost = await record_of(cast_, row, given["party"])
    code = lost.institution_code

    async def cosigned() -> bool:
        log = await log_rows(cast_, code)
        return bool(log.witnessed) and all(one.size > lost.sequence for one in log.witnessed)

    await stage.until(cosigned)
    await stage.stop_service(LOG_SERVICE)
    log = await log_rows(cast_, code)
    assert log.head is not None
    rows, head = rewritten(log.rows, log.head, lost.sequence)
    async with stage.store.transaction() as transaction:
        await transaction.write(LogRecord, rows)
        await transaction.write(LogHead, [head])
    await stage.start_service(LOG_SERVICE)
    fits = head.size == len(rows) and all(
        one.leaf == leaf_of(one.sequence, one.counterpart, one.pair_sequence, one.body) for one in rows
    )
    return {"fits": fits}


def rewritten(rows: Sequence[LogRecord], head: LogHead, place: int) -> tuple[list[LogRecord], LogHead]:
    """The log with another moment in one of its records; every leaf, and what its head keeps, made to fit."""
    changed = list(rows)
    row = rows[place]
    record = decode(row.body)
    assert isinstance(record, ProvisionRecorded)
    body = encode(record._replace(requested_at=record.requested_at + 1))
    leaf = leaf_of(row.sequence, row.counterpart, row.pair_sequence, body)
    changed[place] = row._replace(body=body, leaf=leaf)
    leaves = [one.leaf for one in changed]
    begin = merkle.growth_from_bytes(head.growth).begin.size
    before = merkle.append_all(merkle.EMPTY_FRONTIER, leaves[:begin])
    frontier, growth = merkle.grow(before, merkle.Growth(before, ()), leaves[begin:])
    return changed, head._replace(frontier=merkle.to_bytes(frontier), growth=merkle.growth_to_bytes(growth))


async def forks(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the witnesses keep against an institution's log, once they have seen its next checkpoint."""
    code, stage = cast_.institutions[given["at"]], cast_.stage
    key = stage.keys.institutions.signing(code).public_key

    async def there() -> list[LogFork]:
        log = await log_rows(cast_, code)
        return list(log.about.forks) if len(log.about.forks) >= len(log.about.duties) else []

    found: list[LogFork] = await stage.until(there)
    return {
        "witnesses": len({one.witness_code for one in found}),
        "rules": sorted({one.rule for one in found}),
        "proved": all(proves(code, key, one) for one in found),
    }


def proves(owner: str, key: Ed25519PublicKey, fork: LogFork) -> bool:
    """Whether the evidence convicts the log by itself."""
    claim = Claim(fork.claimed_size, fork.claimed_root, fork.proof)
    return witness.proves_a_fork(origin_of_log(owner), key, fork.kept_note, fork.seen_note, claim)


# ── leaks ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def plant(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A careless program writes into the log of calls what belongs nowhere; or a later step takes it out."""
    stage, resident = cast_.stage, cast_.people[given["person"]]
    if given["out"]:
        async with stage.store.transaction() as transaction:
            await transaction.remove(HubOperation, cast_.kept.pop(PLANTED))
        return {"rows": 0}
    codes = [stage.world.code_of(resident, one) for one in (resident.home, resident.previous)]
    text = {
        "number": f"本人 {resident.individual_number} の件",
        "lookalike": f"件名 {int(resident.individual_number) ^ 1:012d} の件",
        "codes": " ".join(codes),
    }[given["what"]]
    where = (resident.home, stage.randomness.bytes(16).hex())
    row = HubOperation(*where, stage.now_ms(), "", "convert_number", text, 200, "")
    async with stage.store.transaction() as transaction:
        await transaction.write(HubOperation, [row])
    cast_.kept.setdefault(PLANTED, []).append(where)
    return {"rows": len(cast_.kept[PLANTED])}


async def look_everywhere(cast_: Cast, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """`chukan scan`: everything that lies where it must not, by rule and table or topic, with how often."""
    found = await cast_.stage.look_everywhere()
    counted = Counter(f"{rule} {place_name(place)}" for rule, place in found)
    return {"found": [f"{what} {count}" for what, count in sorted(counted.items())]}


def place_name(place: str) -> str:
    """The table, topic or file of a place, without the row."""
    word = place.removeprefix("table ").removeprefix("topic ").removeprefix("file ")
    return word.partition(",")[0].partition("/")[0]


# ── separation, where there are roles and rights ─────────────────────────────────────────────────────────────────


async def pry(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """An institution's own role looks into every table there is: its rows, others' rows, and tables it may not read."""
    stage, code = cast_.stage, cast_.institutions[given["at"]]
    mine = others = closed = 0
    async with stage.store_of(code) as store:
        for table in TABLES:
            try:
                rows = await store.query(f"select * from {table.name} limit 100000")  # noqa: S608 - names of ours
            except OwnFault as fault:
                if NO_PRIVILEGE not in str(fault):
                    raise
                closed += 1
                continue
            if table.common:
                continue
            own = [row for row in rows if row[table.tenant] == code]
            mine, others = mine + len(own), others + len(rows) - len(own)
    return {
        "mine": mine > 0,
        "others": others,
        "closed": closed == sum(not one.tenant and not one.common for one in TABLES),
    }


async def trespass(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """An institution's own role tries to be another one, or to write into its own log, by a statement of its choice."""
    stage, code = cast_.stage, cast_.institutions[given["at"]]
    other = cast_.institutions[given["other"]]
    statement = {
        "set_role": f"set role inst_{other}",
        "set_session": f"set session authorization inst_{other}",
        "write": f"delete from log_records where institution_code = '{code}'",  # noqa: S608 - names of ours
        "policy": "alter table log_records disable row level security",
    }[given["how"]]
    async with stage.store_of(code) as store:
        try:
            await store.query(statement)
        except OwnFault as fault:
            return {"state": str(fault).rpartition(" ")[2]}
    return {"state": ""}


async def tablet_reads(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tablet's user asks Kafka for a topic: its own replies, or one on which numbers travel."""
    code = cast_.institutions[given["at"]]
    topic = given["topic"].replace("{at}", code)
    if given["other"]:
        topic = topic.replace("{other}", cast_.institutions[given["other"]])
    return {"error": await cast_.stage.reach(tablet_user(code), topic)}


PARTY = Argument(default="PROVIDER", choices=PARTIES)

EVIDENCE_VERBS: Mapping[str, Verb] = {
    "rotate_key": Verb(
        "機関の鍵を更新する / take a new key",
        {"at": AT, "overlap_days": Argument(int, default=7, most=365)},
        ("rule", "good", "new"),
        rotate_key,
        alone=True,
    ),
    "revoke_key": Verb(
        "機関の鍵を失効させる / revoke a key",
        {"at": AT, "unknown": FLAG},
        ("rule", "good", "new", "revoked_is_good"),
        revoke_key,
        alone=True,
    ),
    "open_again": Verb(
        "受け取った回答をもう一度開く / open an answer again", {"of": STEP, "by": INSTITUTION}, ("opens",), open_again
    ),
    "misuse_permit": Verb(
        "許可証を偽る・使い回す / forge or reuse a permit",
        {"of": STEP, "how": Argument(required=True, choices=("used", "changed", "unsigned", "another"))},
        ("rule", "provisions", "records"),
        misuse_permit,
        alone=True,
    ),
    "explain": Verb(
        "監査が説明を求める / have it explained",
        {"of": STEP},
        ("outcome", "decisions", "laws", "records", "missing"),
        explain,
    ),
    "match": Verb("三者の記録を照合する / match the three records", {"of": STEP}, ("verdicts",), match),
    "check_log": Verb(
        "機関の台帳を検証する / verify a log",
        {"at": AT, "of_network": FLAG, "unsigned": FLAG},
        ("broken",),
        check_log,
    ),
    "lose_record": Verb(
        "記録が抜き取られる・戻る / a record is taken out, or put back",
        {"of": STEP, "party": PARTY, "back": FLAG},
        ("records",),
        lose_record,
        alone=True,
    ),
    "rewrite_log": Verb(
        "台帳が書き換えられる / a log is rewritten",
        {"of": STEP, "party": PARTY},
        ("fits",),
        rewrite_log,
        alone=True,
    ),
    "forks": Verb(
        "証人が持つ食い違いの証拠 / what witnesses keep against a log",
        {"at": AT},
        ("witnesses", "rules", "proved"),
        forks,
    ),
    "plant": Verb(
        "あってはならないものが書かれる・消される / something that belongs nowhere is written, or taken out",
        {"person": PERSON, "what": Argument(default="number", choices=("number", "lookalike", "codes")), "out": FLAG},
        ("rows",),
        plant,
        alone=True,
    ),
    "look_everywhere": Verb("すべてを走査する / look everywhere", {}, ("found",), look_everywhere),
    "pry": Verb(
        "機関の役割で全表をのぞく / an institution's role looks into every table",
        {"at": AT},
        ("mine", "others", "closed"),
        pry,
    ),
    "trespass": Verb(
        "機関の役割で境を越えようとする / an institution's role tries to pass",
        {"at": AT, "other": AT, "how": Argument(required=True, choices=("set_role", "set_session", "write", "policy"))},
        ("state",),
        trespass,
    ),
    "tablet_reads": Verb(
        "タブレットがトピックを読もうとする / a tablet's user asks for a topic",
        {"at": AT, "topic": TEXT, "other": INSTITUTION},
        ("error",),
        tablet_reads,
    ),
}
