"""What travels around a message: what is written is what is read."""

from __future__ import annotations

import pytest

from broker.envelope import Origin, Said, origin_of, outgoing, pack, unpack
from broker.errors import OwnFault
from broker.ports import Cause, Delivered, Outgoing
from broker.topics import Destination

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
