"""The arithmetic of the benchmark: percentiles, processor time, bytes an exchange."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from services.bench.machine import filesystem_of
from services.bench.measure import (
    Cpu,
    Stored,
    cpu_between,
    growth_each,
    kafka_bytes,
    kind_of_topic,
    latency_of,
    percentile,
    process_seconds,
    tree_seconds,
)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0), (0.0, 1.0), (0.501, 51.0)]
)
def test_a_percentile_is_a_value_that_was_seen(share: float, expected: float) -> None:
    """Nearest rank: the smallest of the values that this share does not exceed."""
    values = [float(n) for n in range(1, 101)]

    assert percentile(values, share) == expected


def test_percentiles_of_one_value_are_that_value_and_of_none_no_number() -> None:
    """Nothing heard is told as such and never as a fast answer."""
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0
    assert math.isnan(percentile([], 0.5))


def test_latencies_are_told_in_milliseconds_with_what_was_never_answered() -> None:
    """Three of four answered, in seconds and in any order."""
    found = latency_of(40.0, 4, 1.5, (0.3, 0.001, 0.02))

    assert (found.asked, found.answered) == (4, 3)
    assert (found.p50_ms, found.p99_ms, found.max_ms) == (20.0, 300.0, 300.0)


def test_processor_time_is_shared_out_among_the_inquiries() -> None:
    """Seconds between two looks become microseconds each; a part that seems to run backwards counts as nothing."""
    before, after = Cpu(1.0, 2.0, 3.0, 4.0, 10.0), Cpu(1.5, 2.1, 3.2, 4.0, 9.0)

    each = cpu_between(before, after, 1000)

    assert each == pytest.approx((500.0, 100.0, 200.0, 0.0, 0.0))
    assert each.total == pytest.approx(800.0)


def test_our_own_work_is_seen() -> None:
    """A process that has worked shows it, wherever there is a /proc; one that is not there shows nothing."""
    before = process_seconds(os.getpid())
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass

    own = process_seconds(os.getpid())
    assert own > before or not Path("/proc/self/stat").exists()
    assert tree_seconds(os.getpid()) >= own
    assert process_seconds(2**22 + 1) == 0.0


def test_only_what_grew_is_told_largest_first() -> None:
    """A table that was there before counts with its growth alone."""
    before = Stored(1000, {"exchanges": 100, "institutions": 50}, 10, {"internal": 5})
    after = Stored(3000, {"exchanges": 300, "institutions": 50, "log_records": 700}, 50, {"internal": 25})

    found = growth_each(before, after, 10)

    assert found.database == 200.0
    assert list(found.tables.items()) == [("log_records", 70.0), ("exchanges", 20.0)]
    assert (found.wal, found.kafka, found.kafka_total) == (4.0, {"internal": 2.0}, 2.0)


def test_kafkas_segments_are_counted_without_their_indexes(tmp_path: Path) -> None:
    """Index files are reserved beforehand and would drown the rest."""
    for topic, name, size in (
        ("records.records_submitted-1", "0.log", 30),
        ("records.records_submitted-1", "0.index", 1000),
        ("institution.9900123210600000.replies-0", "0.log", 7),
        ("__consumer_offsets-3", "0.log", 2),
    ):
        (tmp_path / topic).mkdir(exist_ok=True)
        (tmp_path / topic / name).write_bytes(bytes(size))

    assert kafka_bytes(tmp_path) == {"records": 30, "institutions": 7, "kafka_own": 2}
    assert kind_of_topic("inquiry.permit_requested") == "internal"


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    """The longest mount point above a directory decides."""
    table = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\ntmpfs /tmporary zfs rw 0 0\n"

    assert filesystem_of(Path("/tmp/x"), table) == "tmpfs"
    assert filesystem_of(Path("/home/x"), table) == "ext4"
    assert filesystem_of(Path("/home/x"), "") == ""
