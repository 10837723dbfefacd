"""The report of a benchmark: the same figures as tables for people and as one JSON object for programs.

Owns words, rounding and the derived figures (ratios, shares, what takes the rest). Promises that a figure that could
not be measured is shown as such and never as 0. Leaves printing to the command line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

from services.bench.measure import Cpu, Latency
from services.bench.run import Compared, EvidenceCost, Report, Sustained

PEER_TARGET = 25.0  # times the peer's rate that ours should reach
LARGEST = 4
NOTHING = "—"
MEANINGS = (
    (
        "complete: answered at the institution, and three records in the logs; the time runs from the first due moment "
        "to the last of both"
    ),
    "latency: from the moment an inquiry was due, whether or not it could be sent then",
    (
        "PostgreSQL: growth of pg_database_size after VACUUM and CHECKPOINT; indexes, free space and the outbox's "
        "reusable pages included; Kafka: growth of the *.log segments"
    ),
    (
        "peer: FastStream, a transaction and an acknowledgement a message, the same rules and tables; the better way "
        "to run it (*) counts"
    ),
    "floor: the same bytes and rows in the same batches, nothing read, checked, remembered or decided",
    (
        "without evidence: the same services, but no record is encoded, said, logged, signed or cosigned; only this "
        "benchmark can run them so; the mean of the two runs with evidence is compared"
    ),
)
KAFKA_COMPILER = (
    "quick"  # as every installation here starts it; the second compiler costs more than it gives in a minute
)

PARTS = {
    "services": "Python",
    "kafka": "Kafka",
    "postgres": "PostgreSQL",
    "generator": "負荷 / generator",
}


class Sheet(NamedTuple):
    """One table: title, column names, rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


# ── figures ──────────────────────────────────────────────────────────────────────────────────────────────────────


def ratio(one: float, other: float) -> float | None:
    """How many times the other; None when there is no other."""
    return one / other if other > 0 else None


def more_than(ours: Cpu, floor: Cpu) -> dict[str, float]:
    """Microseconds an inquiry that we take and the floor does not, by part: what lies between the two rates."""
    return {part: getattr(ours, part) - getattr(floor, part) for part in PARTS}


def mean(*values: float) -> float:
    """Of some figures."""
    return sum(values) / len(values)


def more_percent(with_it: float, without: float) -> float | None:
    """How many per cent more than without; None when there is nothing to compare with."""
    return 100 * (with_it / without - 1) if without > 0 and with_it > 0 else None


def kept(one: Sustained) -> float:
    """Bytes an exchange leaves in the tables; the outbox is left out, whose pages are used again."""
    return sum(size for name, size in one.growth.tables.items() if name != "outbox")


def overhead(cost: EvidenceCost) -> dict[str, float | None]:
    """What evidence costs: per cent of CPU an inquiry and of the rate, and bytes an exchange."""
    on, off = (cost.on, cost.on_again), cost.off
    rate = more_percent(off.per_second, mean(*(one.per_second for one in on)))
    return {
        "cpu_percent": more_percent(mean(*(one.cpu.total for one in on)), off.cpu.total),
        "cpu_us": mean(*(one.cpu.total for one in on)) - off.cpu.total if off.cpu.total else None,
        "rate_percent": None if rate is None else 100 * rate / (100 + rate),
        "postgres_bytes": mean(*(kept(one) for one in on)) - kept(off),
        "kafka_bytes": mean(*(one.growth.kafka_total for one in on)) - off.growth.kafka_total,
        "wal_bytes": mean(*(one.growth.wal for one in on)) - off.growth.wal,
    }


def noise(sustained: Sustained, processors: int) -> float | None:
    """The share of the machine that others used while we were measured."""
    capacity = sustained.seconds * processors * 1_000_000
    return sustained.cpu.others * sustained.inquiries / capacity if sustained.cpu.total and capacity else None


# ── for programs ─────────────────────────────────────────────────────────────────────────────────────────────────


def body_of(report: Report) -> dict[str, Any]:
    """The report as plain values; what was not measured is null. Units are in the names."""
    ours, peer, floor = report.sustained, report.peer, report.floor
    return {
        "ok": report.is_right,
        "machine": report.machine._asdict(),
        "amounts": report.amounts._asdict(),
        "kafka_compiler": KAFKA_COMPILER,
        "sustained": sustained_body(ours),
        "others_share_of_machine": rounded(noise(ours, report.machine.processors), 4),
        "latencies": [latency_body(one) for one in report.latencies],
        "correctness": report.correctness._asdict(),
        "comparison": {
            "ours_per_second": rounded(ours.per_second),
            "peer": compared_body(peer),
            "peer_trials": [compared_body(one) for one in report.peer_trials],
            "floor": compared_body(floor),
            "times_peer": rounded(ratio(ours.per_second, peer.per_second), 2),
            "times_peer_target": PEER_TARGET,
            "share_of_floor": rounded(ratio(ours.per_second, floor.per_second), 3),
            "more_cpu_us_than_floor": {part: rounded(us) for part, us in more_than(ours.cpu, floor.cpu).items()},
        },
        "sweep": [
            sustained_body(one) | {"times_cpu_of_first": rounded(ratio(one.cpu.total, first.cpu.total), 3)}
            for first in report.sweep[:1]
            for one in report.sweep
        ],
        "stalled": list(report.stalled),
        "sweep_findings": list(report.sweep_findings),
        "evidence": evidence_body(report.evidence, report.machine.processors) if report.evidence else None,
        "audit_rates": [
            {"name": one.name, "value": rounded(one.value), "unit": one.unit} for one in report.audit_rates
        ],
        "audit_findings": list(report.audit_findings),
    }


def evidence_body(cost: EvidenceCost, processors: int) -> dict[str, Any]:
    """What evidence costs, and the three runs it was read from."""
    runs = {
        name: sustained_body(one) | {"others_share_of_machine": rounded(noise(one, processors), 4)}
        for name, one in cost._asdict().items()
    }
    return {**runs, "overhead": {name: rounded(value, 2) for name, value in overhead(cost).items()}}


def sustained_body(one: Sustained) -> dict[str, Any]:
    """A sustained rate and its costs."""
    return {
        "institutions": one.institutions,
        "inquiries": one.inquiries,
        "seconds": rounded(one.seconds, 3),
        "complete_per_second": rounded(one.per_second),
        "cpu_us_per_inquiry": cpu_body(one.cpu),
        "bytes_per_exchange": {
            "postgres": rounded(one.growth.database),
            "postgres_tables": {name: rounded(size) for name, size in one.growth.tables.items()},
            "kafka": rounded(one.growth.kafka_total),
            "kafka_topics": {name: rounded(size) for name, size in one.growth.kafka.items()},
            "postgres_wal_written": rounded(one.growth.wal),
        },
    }


def cpu_body(cpu: Cpu) -> dict[str, Any] | None:
    """Processor time by part, or None when it could not be seen."""
    if not cpu.total:
        return None
    return {part: rounded(getattr(cpu, part)) for part in PARTS} | {"total": rounded(cpu.total)}


def latency_body(one: Latency) -> dict[str, Any]:
    """Latencies at one rate."""
    return {
        "offered_per_second": rounded(one.offered),
        "asked": one.asked,
        "answered": one.answered,
        "seconds": rounded(one.seconds, 3),
        "p50_ms": rounded(one.p50_ms, 2),
        "p99_ms": rounded(one.p99_ms, 2),
        "max_ms": rounded(one.max_ms, 2),
    }


def compared_body(one: Compared) -> dict[str, Any]:
    """One rate of the comparison."""
    return {
        "exchanges": one.exchanges,
        "complete_per_second": rounded(one.per_second),
        "processes": one.processes,
        "workers": one.workers,
        "cpu_us_per_inquiry": cpu_body(one.cpu),
    }


def rounded(value: float | None, digits: int = 1) -> float | None:
    """A figure to so many digits; None for what is not a number."""
    return None if value is None or math.isnan(value) else round(value, digits)


# ── for people ───────────────────────────────────────────────────────────────────────────────────────────────────


def sheets(report: Report) -> list[Sheet]:
    """The tables, the most important first."""
    found = [results(report), counts(report), comparison(report)]
    if report.evidence:
        found.append(evidence(report.evidence))
    if report.audit_rates:
        found.append(audit(report))
    return [*found, sweep(report)] if report.sweep else found


def results(report: Report) -> Sheet:
    """Rate, latencies, costs."""
    one = report.sustained
    rows = [
        (
            "完結した照会 / complete inquiries",
            per_second(one.per_second),
            f"{one.inquiries:,} in {one.seconds:.2f} s, {one.institutions} institutions, all due at once",
        ),
        *(latency_row(latency) for latency in report.latencies),
        ("CPU / inquiry", microseconds(one.cpu), cpu_split(one.cpu)),
        ("PostgreSQL / exchange", octets(one.growth.database), largest(one.growth.tables)),
        ("Kafka / exchange", octets(one.growth.kafka_total), largest(one.growth.kafka)),
        ("WAL / exchange", octets(one.growth.wal), "written and recycled, not kept"),
    ]
    return Sheet("性能 / results", ("", "値 / value", "内訳 / details"), tuple(rows))


def latency_row(one: Latency) -> tuple[str, str, str]:
    """One line of latencies."""
    return (
        f"応答時間 / latency at {one.offered:,.0f}/s",
        f"p50 {milliseconds(one.p50_ms)}  p99 {milliseconds(one.p99_ms)}  max {milliseconds(one.max_ms)}",
        f"{one.answered:,}/{one.asked:,} answered in {one.seconds:.1f} s, timed from the moment due",
    )


def counts(report: Report) -> Sheet:
    """What was counted, in the database and on the reply topics."""
    found = report.correctness
    outcomes = ", ".join(f"{name} {count:,}" for name, count in found.outcomes.items())
    rows = (
        ("照会 / asked", f"{found.asked:,}"),
        ("一度だけ回答 / answered exactly once", f"{found.answered_once:,}"),
        ("二度以上・未回答 / more than once, never", f"{found.answered_more:,}, {found.unanswered:,}"),
        ("記録 / records (3 each)", f"{found.records:,}"),
        ("退避した電文 / set aside", f"{found.set_aside:,}"),
        ("結果 / outcomes", outcomes),
        ("開封できた回答 / sealed answers opened", f"{found.opened:,}/{found.tried:,}"),
    )
    return Sheet("正しさ / correctness", ("", "件数 / n"), rows)


def comparison(report: Report) -> Sheet:
    """Ours beside the peer and the floor."""
    ours = report.sustained
    mine = Compared(ours.inquiries, ours.per_second, ours.cpu, 0, 0)
    named = [
        ("chukan", mine, ""),
        *((f"FastStream{' *' if one == report.peer else ''}", one, layout(one)) for one in report.peer_trials),
        ("下限 / floor", report.floor, layout(report.floor)),
    ]
    rows = [
        (
            name,
            per_second(one.per_second),
            times(ratio(ours.per_second, one.per_second)),
            f"{one.exchanges:,}",
            *(microseconds_of(one.cpu, part) for part in PARTS),
            words,
        )
        for name, one, words in named
    ]
    columns = ("", "件/秒 / per second", "chukan ×", "件数 / n", *(f"{name} µs" for name in PARTS.values()), "")
    return Sheet("比較 / comparison", columns, tuple(rows))


def evidence(cost: EvidenceCost) -> Sheet:
    """The three runs, and what evidence adds."""
    named = (("記録あり / on", cost.on), ("記録なし / off", cost.off), ("記録あり / on again", cost.on_again))
    rows = [
        (
            name,
            per_second(one.per_second),
            microseconds(one.cpu),
            cpu_split(one.cpu),
            octets(kept(one)),
            octets(one.growth.kafka_total),
        )
        for name, one in named
    ]
    more = overhead(cost)
    added = (
        "証跡の費用 / overhead",
        percent(more["rate_percent"], "less"),
        percent(more["cpu_percent"], "more"),
        NOTHING if more["cpu_us"] is None else f"{more['cpu_us']:+,.0f} µs an inquiry",
        *(octets(more[name] or 0.0) for name in ("postgres_bytes", "kafka_bytes")),
    )
    columns = ("", "件/秒 / per second", "CPU", "内訳 / details", "PostgreSQL", "Kafka")
    return Sheet("証跡 / evidence", columns, (*rows, added))


def audit(report: Report) -> Sheet:
    """What the audit's tools do in a second."""
    rows = tuple(
        (one.name, NOTHING if math.isnan(one.value) else f"{one.value:,.0f} {one.unit}") for one in report.audit_rates
    )
    return Sheet("監査 / audit", ("", "値 / value"), rows)


def layout(one: Compared) -> str:
    """How it ran."""
    return f"{one.processes} processes, {one.workers} worker{'s' if one.workers > 1 else ''} a handler each"


def sweep(report: Report) -> Sheet:
    """The sustained rate over the number of institutions, beside the smallest."""
    first = report.sweep[0]
    rows = tuple(
        (
            f"{one.institutions:,}",
            per_second(one.per_second),
            times(ratio(one.per_second, first.per_second)),
            microseconds(one.cpu),
            times(ratio(one.cpu.total, first.cpu.total)),
            cpu_split(one.cpu),
        )
        for one in report.sweep
    )
    against = f"対 {first.institutions} / vs {first.institutions}"
    columns = ("機関 / institutions", "件/秒 / per second", against, "CPU", against, "内訳 / details")
    return Sheet("機関数 / sweep", columns, rows)


def remarks(report: Report) -> list[str]:
    """What the figures mean, a sentence each."""
    ours, machine = report.sustained, report.machine
    against_peer = ratio(ours.per_second, report.peer.per_second)
    against_floor = ratio(ours.per_second, report.floor.per_second)
    reached = "reached" if against_peer is not None and against_peer >= PEER_TARGET else "not reached"
    parts = ", ".join(f"{PARTS[part]} {us:+.0f} µs" for part, us in more_than(ours.cpu, report.floor.cpu).items())
    found = (
        f"比較相手に対して / against the peer {times(against_peer)} (目標 / target ×{PEER_TARGET:g}: {reached})",
        f"下限に対して / share of the floor {share(against_floor)}",
        f"残りの内訳 / what takes the rest, more CPU an inquiry than the floor: {parts}",
        (
            f"{machine.processors} × {machine.model}, {machine.memory_mebibytes:,} MiB, {machine.system}, "
            f"{machine.filesystem}; Python {machine.python}, PostgreSQL {machine.postgres} (fsync on), "
            f"Kafka {machine.kafka} (Java's quick compiler, as in `chukan up`)"
        ),
        (
            f"測定中の他の処理 / others used {share(noise(ours, machine.processors))} of the machine while measured; "
            f"load average before: {machine.load:g}"
        ),
        *MEANINGS,
    )
    return [
        *found,
        *(
            f"✗ {text}"
            for text in (*report.correctness.findings, *report.stalled, *report.sweep_findings, *report.audit_findings)
        ),
    ]


def per_second(value: float) -> str:
    """A rate; a dash when not everything became complete."""
    return f"{value:,.0f}/s" if value else NOTHING


def milliseconds(value: float) -> str:
    """A time."""
    return NOTHING if math.isnan(value) else f"{value:,.1f} ms"


def microseconds(cpu: Cpu) -> str:
    """Processor time of all parts."""
    return f"{cpu.total:,.0f} µs" if cpu.total else NOTHING


def microseconds_of(cpu: Cpu, part: str) -> str:
    """Processor time of one part."""
    return f"{getattr(cpu, part):,.0f}" if cpu.total else NOTHING


def cpu_split(cpu: Cpu) -> str:
    """Processor time by part."""
    if not cpu.total:
        return "not measured on this system"
    return ", ".join(f"{name} {microseconds_of(cpu, part)}" for part, name in PARTS.items())


def octets(value: float) -> str:
    """A size."""
    return f"{value:,.0f} B"


def largest(sizes: Mapping[str, float]) -> str:
    """The largest of some sizes."""
    return ", ".join(f"{name} {size:,.0f}" for name, size in islice(sizes.items(), LARGEST))


def times(value: float | None) -> str:
    """A ratio."""
    return NOTHING if value is None else f"×{value:,.2f}" if value < 10 else f"×{value:,.1f}"


def percent(value: float | None, word: str) -> str:
    """A difference in per cent."""
    return NOTHING if value is None else f"{value:.1f} % {word}"


def share(value: float | None) -> str:
    """A share of a whole."""
    return NOTHING if value is None else f"{100 * value:.0f} %"
