"""What travels around a message: what is written is what is read."""

from __future__ import annotations

import pytest

from broker.envelope import (
    BUNDLE_BYTES,
    BUNDLE_FRAME,
    BUNDLE_MESSAGES,
    BUNDLED,
    Origin,
    Said,
    bundled,
    group_of,
    messages_in,
    origin_of,
    outgoing,
    pack,
    unpack,
    weight,
)
from broker.errors import OwnFault
from broker.ports import Cause, Delivered, Outgoing
from broker.topics import Destination
from schemas.codec import MAXIMUM_MESSAGE_BYTES, decode, encode
from schemas.records import InquiryForwarded, InquirySent

AT_MS = 1_790_000_000_000
OWNER = "9900123210600000"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
INSIDE = Destination("network.permit_issued", 1, b"key")
TO_INSTITUTION = Destination(f"institution.{OWNER}.replies", 0, "鍵".encode())


def said(destination: Destination, number: int, trace: bytes = b"", value: bytes = b"\x00\x01") -> Said:
    """A decided message."""
    return Said(destination, "PermitIssued", f"{number:032x}", trace, value)


def delivered(message: Outgoing, offset: int = 5) -> Delivered:
    """The message as it comes back."""
    return Delivered(message.topic, message.partition, offset, message.key, message.value, message.headers, message.at)


@pytest.mark.parametrize("trace", [b"", TRACE])
def test_the_origin_is_read_as_it_was_written(trace: bytes) -> None:
    """Id, service and shard, batch, place in the batch, and the trace where there is one."""
    messages = outgoing([said(INSIDE, 1), said(INSIDE, 2, trace)], "network/3", 2**40, AT_MS)

    assert origin_of(delivered(messages[1])) == Origin(f"{2:032x}", "network/3", Cause(2**40, 1), trace)


def test_a_message_from_outside_is_named_after_its_place() -> None:
    """Without a cause the place where it lies is all that is known; a trace is kept."""
    plain = Delivered("network.permit_issued", 1, 9, b"", b"", (("traceparent", TRACE),), AT_MS)

    assert origin_of(plain) == Origin("network.permit_issued/1/9", "", None, TRACE)


@pytest.mark.parametrize("trace", [None, b"", b"123456789018", TRACE + b"0", TRACE.upper(), b"\xff" * 55])
def test_what_is_no_trace_goes_no_further(trace: bytes | None) -> None:
    """Anybody writes anything into a header; what is not a W3C trace context is not handed on."""
    headers = tuple((name, trace) for name in ("traceparent", "ce_id", "x", "y", "cause", "traceparent"))
    plain = Delivered(f"institution.{OWNER}.requests", 0, 9, b"", b"", headers, AT_MS)  # type: ignore[arg-type]

    assert origin_of(plain) == Origin(f"institution.{OWNER}.requests/0/9", "", None, b"")


def test_a_cause_on_an_institutions_topic_is_not_believed() -> None:
    """Whatever headers an institution writes, its message is from outside."""
    [message] = outgoing([said(TO_INSTITUTION, 1)], "network/3", 7, AT_MS)

    assert origin_of(delivered(message)) == Origin(f"{TO_INSTITUTION.topic}/0/5", "", None, b"")


def test_what_a_business_system_gives_the_hub_is_told_apart_by_its_cause() -> None:
    """Services alone may write there, so that what is published again after a crash is dropped by its reader."""
    given = said(Destination(f"hub.{OWNER}.copies", 0, b"7"), 7)
    (message,) = outgoing([given], "health_support/0", 4, AT_MS)
    origin = origin_of(delivered(message))

    assert (origin.id, origin.source, origin.cause) == (f"{7:032x}", "health_support/0", Cause(4, 0))


def test_an_institution_reads_whole_cloud_events() -> None:
    """All required attributes of CloudEvents 1.0 in binary mode, and those one can use."""
    [message] = outgoing([said(TO_INSTITUTION, 1)], "inquiry/0", 7, AT_MS)

    headers = dict(message.headers)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_type"] == b"jp.chukan.PermitIssued"
    assert headers["ce_source"] == b"/chukan/inquiry/0"
    assert headers["ce_id"] == b"%032x" % 1
    assert headers["ce_time"] == b"2026-09-21T14:13:20.000+00:00"
    assert headers["ce_subject"] == "鍵".encode()
    assert headers["content-type"] == b"application/vnd.confluent.avro"


def test_the_outbox_gives_back_what_was_put_in() -> None:
    """Any key, trace and value, in order, with the batch's time: what is republished is the same bytes."""
    batch = [said(INSIDE, 1, b"t", b""), said(TO_INSTITUTION, 2, b"", bytes(range(256)) * 300)]

    assert unpack(pack(batch, AT_MS)) == (batch, AT_MS)
    assert outgoing(unpack(pack(batch, AT_MS))[0], "a/0", 1, AT_MS) == outgoing(batch, "a/0", 1, AT_MS)


def test_a_batch_that_says_nothing_keeps_nothing() -> None:
    """No outbox row for it."""
    assert pack([], AT_MS) == b""


def test_a_damaged_outbox_is_our_fault() -> None:
    """Half a message is never said."""
    body = pack([said(INSIDE, 1)], AT_MS)

    with pytest.raises(OwnFault):
        unpack(body[:-1])


# ── bundles ──────────────────────────────────────────────────────────────────────────────────────────────────────


def sent(number: int, institution: str) -> Said:
    """An inquiry on its way, with a code of its institution."""
    code = f"{number:064x}"
    message = InquirySent(f"{institution}-{number:020d}", b"permit", b"proof", code, institution, "0", "0", "", "")
    destination = Destination("network.inquiry_sent", number % 2, message.exchange_id.encode())
    return Said(destination, "InquirySent", f"{number:032x}", TRACE, encode(message), group_of(message))


def opened(messages: list[Outgoing]) -> list[tuple[str, bytes, bytes]]:
    """Id, trace and bytes of every message that is on the wire."""
    found = []
    for message in messages:
        record = delivered(message)
        found += [(o.id, o.trace, d.value or b"") for d, o in messages_in(record, origin_of(record), 1_000_000)]
    return found


def test_what_is_bundled_comes_out_as_it_went_in() -> None:
    """Ids, traces and bytes; in their order on each partition; and the weight is the number of messages."""
    said_ = [sent(number, OWNER) for number in range(450)]

    messages = outgoing(bundled(said_), "inquiry/0", 1, AT_MS)

    assert len(messages) == 2 * -(-225 // BUNDLE_MESSAGES)
    assert sum(weight(delivered(one)) for one in messages) == 450
    for partition in (0, 1):
        mine = [one for one in messages if one.partition == partition]
        assert opened(mine) == [(one.id, TRACE, one.value) for one in said_ if one.destination.partition == partition]


def test_no_record_holds_codes_of_two_institutions() -> None:
    """What carries a code is bundled by the institution that has it: no record links two codes of a person."""
    said_ = [sent(number, OWNER[:-1] + str(number % 3)) for number in range(60)]

    records = outgoing(bundled(said_), "inquiry/0", 1, AT_MS)

    holders = [{decode(value).presented_by for _, _, value in opened([one])} for one in records]  # type: ignore[union-attr]
    assert {len(one) for one in holders} == {1}
    assert len(records) == 6


def test_a_bundle_stays_below_the_limit() -> None:
    """Large messages share a record only while it stays small enough to be read; a single one is left as it is."""
    large = [one._replace(value=bytes(BUNDLE_BYTES // 2 - 10)) for one in (sent(n, OWNER) for n in (0, 2, 4, 6, 8))]

    records = bundled(large)

    assert [len(one.value) < MAXIMUM_MESSAGE_BYTES for one in records] == [True] * 3
    assert records[-1] == large[-1]


def test_only_kinds_grouped_by_institution_hold_codes() -> None:
    """A kind that holds linkage codes and is bundled without regard to whose they are would let a record link them."""
    with_codes = {kind for kind in BUNDLED if "linkage_code" in kind._fields}

    assert with_codes == {InquirySent, InquiryForwarded}


def test_a_bundle_counts_no_more_than_it_may() -> None:
    """A damaged or boastful count cannot make a reader believe in millions of messages."""
    boastful = BUNDLE_FRAME + b"\xfe\xff\xff\xff\x0f"

    assert weight(delivered(Outgoing("network.permit_issued", 1, b"", boastful, (), AT_MS))) == 1
    assert weight(delivered(Outgoing("network.permit_issued", 1, b"", BUNDLE_FRAME, (), AT_MS))) == 1
