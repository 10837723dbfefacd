"""The report: what is judged right, what is told to people, and what programs read."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from services.bench.audit_rates import Rate
from services.bench.correctness import Replies, Rows, judged
from services.bench.machine import Machine
from services.bench.measure import Cpu, Growth, Latency
from services.bench.report import (
    NOTHING,
    body_of,
    more_percent,
    more_than,
    noise,
    overhead,
    ratio,
    remarks,
    share,
    sheets,
    times,
)
from services.bench.run import QUICK, Compared, EvidenceCost, Report, Sustained
from services.cli.terminal import plain

ASKED = [b"Q1", b"Q2"]
REPLIES = Replies({b"Q1": 1, b"Q2": 1}, 0, {"OK": 2}, 2, 2)
ROWS = Rows(2, 2, 2, 2, 6, 0, 0, {"OK": 2})
RIGHT = judged(ASKED, REPLIES, ROWS)

OURS = Sustained(
    6,
    30_000,
    10.0,
    3000.0,
    Cpu(300.0, 80.0, 100.0, 20.0, 33.0),
    Growth(4000.0, {"log_records": 2500.0}, 9000.0, {"internal": 3000.0}),
)
PEER = Compared(2000, 100.0, Cpu(8000.0, 3000.0, 2000.0, 100.0, 0.0), 2, 1)
FLOOR = Compared(30_000, 6000.0, Cpu(100.0, 60.0, 90.0, 20.0, 0.0), 2, 1)
MACHINE = Machine(2, "a processor", 8192, "Linux 6", "3.11.7", "4.4.0", "18.4", "ext4", 0.1)
LATENCIES = (Latency(40.0, 1200, 1200, 30.0, 12.0, 30.0, 55.0), Latency(2100.0, 21_000, 20_999, 10.5, 30.0, 80.0, 99.0))
REPORT = Report(MACHINE, QUICK, OURS, LATENCIES, RIGHT, PEER, (PEER,), FLOOR, (), ())


def test_a_run_in_which_all_counts_agree_is_right() -> None:
    """Asked, answered, recorded three times: nothing to find."""
    assert RIGHT.findings == ()
    assert (RIGHT.answered_once, RIGHT.answered_more, RIGHT.unanswered) == (2, 0, 0)
    assert REPORT.is_right


@pytest.mark.parametrize(
    ("replies", "rows", "words"),
    [
        ({"answers": {b"Q1": 1}}, {}, "1 of 2 inquiries were answered exactly once"),
        ({"answers": {b"Q1": 2, b"Q2": 1}}, {}, "(1 more than once)"),
        ({"answers": {b"Q1": 1, b"Q2": 1, b"Q3": 1}}, {}, "1 answers belong to no inquiry"),
        ({"others": 1}, {}, "1 replies are no answers"),
        ({"opened": 1}, {}, "1 of 2 sealed answers could be opened"),
        ({}, {"inquiries": 3}, "3 inquiries are in the database"),
        ({}, {"answered": 1}, "1 of 2 inquiries are answered according to the database"),
        ({}, {"exchanges": 3}, "3 exchanges are in the database"),
        ({}, {"provisions": 1}, "1 permits were served"),
        ({}, {"records": 7}, "7 records instead of 6"),
        ({}, {"misrecorded": 1}, "1 exchanges have other than one record of each"),
        ({}, {"set_aside": 1}, "1 messages were set aside"),
        ({}, {"outcomes": {"OK": 1, "EXPIRED": 1}}, "what was told and what was decided differ"),
    ],
)
def test_every_count_that_is_wrong_is_found(replies: dict[str, Any], rows: dict[str, Any], words: str) -> None:
    """One wrong count, one sentence, and the run is not right."""
    found = judged(ASKED, REPLIES._replace(**replies), ROWS._replace(**rows))

    assert any(words in text for text in found.findings)
    assert not REPORT._replace(correctness=found).is_right


def test_a_wrong_count_of_the_sweep_counts_as_well() -> None:
    """Correctness is asked of every installation that was driven."""
    assert not REPORT._replace(sweep_findings=("100 institutions: 1 messages were set aside",)).is_right


def test_a_comparison_that_stood_still_is_found() -> None:
    """A peer or a floor that never answered everything compares with nothing, and the run is not right."""
    stalled = PEER._replace(per_second=0.0)
    for broken in ({"peer": stalled}, {"peer_trials": (PEER, stalled)}, {"floor": stalled}):
        assert not REPORT._replace(**broken).is_right
        assert REPORT._replace(**broken).stalled


def test_ratios_of_what_was_not_measured_are_not_told() -> None:
    """A peer that failed gives no ratio, not an infinite one."""
    assert ratio(3000.0, 100.0) == 30.0
    assert ratio(3000.0, 0.0) is None
    assert (times(None), share(None)) == (NOTHING, NOTHING)
    assert (times(2.345), times(30.04), share(0.5)) == ("×2.35", "×30.0", "50 %")


def test_what_takes_the_rest_is_the_difference_to_the_floor() -> None:
    """Part by part, in microseconds an inquiry."""
    assert more_than(OURS.cpu, FLOOR.cpu) == {"services": 200.0, "kafka": 20.0, "postgres": 10.0, "generator": 0.0}


def test_noise_is_the_share_of_the_machine_that_others_used() -> None:
    """33 µs for each of 30,000 inquiries, within ten seconds of two processors; unknown where nothing was seen."""
    assert noise(OURS, 2) == pytest.approx(0.0495)
    assert noise(OURS._replace(cpu=Cpu(0.0, 0.0, 0.0, 0.0, 0.0)), 2) is None


def test_the_json_is_one_plain_object_with_the_promised_names() -> None:
    """What programs rely on; every figure carries its unit in its name."""
    found = json.loads(json.dumps(plain(body_of(REPORT)), allow_nan=False))

    assert found["ok"] is True
    assert found["sustained"]["complete_per_second"] == 3000.0
    assert found["sustained"]["cpu_us_per_inquiry"] == {
        "services": 300.0,
        "kafka": 80.0,
        "postgres": 100.0,
        "generator": 20.0,
        "total": 500.0,
    }
    assert set(found["sustained"]["bytes_per_exchange"]) == {
        "postgres",
        "postgres_tables",
        "kafka",
        "kafka_topics",
        "postgres_wal_written",
    }
    assert found["comparison"]["times_peer"] == 30.0
    assert found["comparison"]["times_peer_target"] == 25.0
    assert found["comparison"]["share_of_floor"] == 0.5
    assert [set(one) for one in found["latencies"]] == [
        {"offered_per_second", "asked", "answered", "seconds", "p50_ms", "p99_ms", "max_ms"}
    ] * 2
    assert found["correctness"]["outcomes"] == {"OK": 2}
    assert found["kafka_compiler"] == "quick"
    assert found["sweep"] == []


def test_what_was_not_measured_is_null() -> None:
    """No answers and no /proc: JSON says null, the tables a dash."""
    unseen = Cpu(0.0, 0.0, 0.0, 0.0, 0.0)
    silent = Latency(40.0, 10, 0, 1.0, math.nan, math.nan, math.nan)
    report = REPORT._replace(
        sustained=OURS._replace(cpu=unseen, per_second=0.0), latencies=(silent,), floor=FLOOR._replace(per_second=0.0)
    )

    found = json.loads(json.dumps(plain(body_of(report)), allow_nan=False))

    assert found["sustained"]["cpu_us_per_inquiry"] is None
    assert found["latencies"][0]["p99_ms"] is None
    assert found["comparison"]["share_of_floor"] is None
    assert any(NOTHING in cell for row in sheets(report)[0].rows for cell in row)


def test_the_tables_are_whole() -> None:
    """Every row has a cell for every column, and the sweep appears when there was one."""
    swept = REPORT._replace(sweep=(OURS, OURS._replace(institutions=1741, per_second=2000.0)))

    titles = [sheet.title for sheet in sheets(swept)]

    assert titles == ["性能 / results", "正しさ / correctness", "比較 / comparison", "機関数 / sweep"]
    assert len(sheets(REPORT)) == 3
    for sheet in sheets(swept):
        assert all(len(row) == len(sheet.columns) for row in sheet.rows)
    assert sheets(swept)[3].rows[1][:3] == ("1,741", "2,000/s", "×0.67")
    assert body_of(swept)["sweep"][1]["times_cpu_of_first"] == 1.0


def test_the_remarks_say_whether_the_target_was_reached_and_what_went_wrong() -> None:
    """Speed is a remark, a wrong count is a mark."""
    slow = REPORT._replace(peer=PEER._replace(per_second=200.0), sweep_findings=("a count",))

    assert any("×30.0" in text and text.endswith("reached)") for text in remarks(REPORT))
    assert any("not reached" in text for text in remarks(slow))
    assert remarks(slow)[-1] == "✗ a count"
    assert any("50 %" in text for text in remarks(REPORT))


# ── evidence on and off ──────────────────────────────────────────────────────────────────────────────────────────

OFF = OURS._replace(
    per_second=3600.0,
    cpu=Cpu(240.0, 60.0, 80.0, 20.0, 0.0),
    growth=Growth(9.0, {"outbox": 900.0}, 3000.0, {"internal": 2500.0}),
)
COST = EvidenceCost(OURS, OFF, OURS._replace(per_second=3300.0, cpu=Cpu(280.0, 80.0, 100.0, 20.0, 0.0)))


def test_the_cost_of_evidence_is_read_against_both_runs_with_it() -> None:
    """490 µs on the mean against 400 without; 3,150 a second on the mean against 3,600."""
    assert overhead(COST) == {
        "cpu_percent": pytest.approx(22.5),
        "cpu_us": pytest.approx(90.0),
        "rate_percent": pytest.approx(12.5),
        "postgres_bytes": 2500.0,
        "kafka_bytes": 500.0,
        "wal_bytes": 6000.0,
    }
    assert more_percent(1.0, 0.0) is None


def test_a_run_that_did_not_become_complete_has_no_overhead_and_is_not_right() -> None:
    """A phase that lost something is told as such."""
    broken = COST._replace(off=OFF._replace(per_second=0.0))

    assert overhead(broken)["rate_percent"] is None
    assert not REPORT._replace(evidence=broken).is_right
    assert REPORT._replace(evidence=COST).is_right


def test_evidence_and_audit_rates_are_shown_and_printed_as_json() -> None:
    """Both have their table and their place in the object; a report without them has neither table."""
    report = REPORT._replace(evidence=COST, audit_rates=(Rate("redecide", 12_345.6, "decisions/s"),))

    titles = [sheet.title for sheet in sheets(report)]
    body = json.loads(json.dumps(plain(body_of(report)), allow_nan=False))

    assert titles[-2:] == ["証跡 / evidence", "監査 / audit"]
    assert len(titles) == len(sheets(REPORT)) + 2
    assert body["evidence"]["overhead"]["cpu_percent"] == 22.5
    assert body["evidence"]["off"]["complete_per_second"] == 3600.0
    assert body["audit_rates"] == [{"name": "redecide", "value": 12345.6, "unit": "decisions/s"}]
    assert json.loads(json.dumps(plain(body_of(REPORT))))["evidence"] is None
