"""Where messages travel: one owner for everything that belongs together."""

from __future__ import annotations

from collections import Counter

import pytest

from broker.topics import SHARED, Topics, lane_of, partition_of, sender_of
from schemas.codec import TOPIC
from schemas.records import (
    CheckpointDue,
    CheckpointWitnessed,
    HoldConfirmed,
    InquiryCancelRequested,
    InquiryDeadlinePassed,
    RecordsSubmitted,
)
from services.world import institution_codes

A, B = "9900123210600000", "9900123212200000"
TOPICS = Topics(4, frozenset({A}))
HEARD = tuple(kind for kind, topic in TOPIC.items() if topic)


def test_all_kinds_of_an_inquiry_have_one_owner() -> None:
    """Exchange ids that differ in the kind's two digits share a partition; the key stays whole."""
    first = TOPICS.destination(InquiryDeadlinePassed(f"{A}-20260921000000000100", 0))
    second = TOPICS.destination(InquiryDeadlinePassed(f"{A}-20260921000000000119", 0))

    assert first.partition == second.partition
    assert first.key != second.key


def test_an_attached_institution_has_its_own_topics_and_the_others_share() -> None:
    """The topic tells who speaks; on the shared ones the institution's hash picks the partition."""
    own = TOPICS.destination(InquiryCancelRequested("Q1", A, "x"))
    shared = TOPICS.destination(InquiryCancelRequested("Q1", B, "x"))

    assert own[:2] == (f"institution.{A}.requests", 0)
    assert shared[:2] == ("institution.shared.requests", partition_of(B, 4))
    assert (sender_of(own.topic), sender_of(shared.topic)) == (A, SHARED)


@pytest.mark.parametrize("topic", ["network.permit_issued", "juki.identity_confirmed", "institution.1.requests", ""])
def test_internal_topics_have_no_sender(topic: str) -> None:
    """Only an institution's own and the shared topics count as outside."""
    assert sender_of(topic) == ""


@pytest.mark.parametrize("topic", [f"juki.{A}.identities", f"institution.{A}.copies", "juki.shared.identities"])
def test_topics_of_institutions_have_a_sender(topic: str) -> None:
    """Those to the resident register are an institution's own as well."""
    assert sender_of(topic) in (A, SHARED)


def test_every_partition_has_one_shard() -> None:
    """Together the shards read every partition of every topic, and none is read twice."""
    read = Counter(source for shard in range(4) for source in TOPICS.sources(HEARD, shard))

    assert set(read.values()) == {1}
    assert set(read) == {(spec.name, partition) for spec in TOPICS.specs() for partition in range(spec.partitions)}


def test_messages_land_where_somebody_reads() -> None:
    """Whatever the key, the partition is one of the topic's."""
    for number in range(200):
        message = HoldConfirmed(f"{A}-2026092100000{number:05d}00", A, "o", b"", 0)
        to = TOPICS.destination(message)
        assert 0 <= to.partition < TOPICS.partition_count(to.topic)


def test_keys_spread_over_the_partitions() -> None:
    """Consecutive numbers do not all go to one shard."""
    seen = Counter(partition_of(f"{A}-20260921{number:010d}", 4) for number in range(4000))

    assert min(seen.values()) > 700


@pytest.mark.parametrize("partitions", [2, 4])
def test_the_institutions_of_a_neighbourhood_spread(partitions: int) -> None:
    """Codes that differ in few digits, as those of neighbours do, do not crowd one shard: neither the few of the
    demonstration nor all of the country."""
    codes = [code for _, code, _ in institution_codes(1_741)]
    few = Counter(partition_of(code, partitions) for code in codes[:6])
    all_of_them = Counter(partition_of(code, partitions) for code in codes)

    assert max(few.values()) <= 4
    assert min(all_of_them.values()) > 0.85 * len(codes) / partitions


@pytest.mark.parametrize("partitions", range(1, 12))
def test_everything_about_a_log_lies_in_one_shard(partitions: int) -> None:
    """Records go by lane, what is said of their log by institution: one shard serves both, for any number of shards."""
    topics = Topics(partitions)

    for number in range(100):
        code = f"{number:016d}"
        lane = topics.destination(RecordsSubmitted(lane_of(code), ())).partition
        assert topics.destination(CheckpointDue(code, 1)).partition == lane
        assert topics.destination(CheckpointWitnessed(code, 1, ())).partition == lane
