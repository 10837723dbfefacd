"""Generated from the .avsc files by `make schemas`; do not edit.

One encoder and one decoder a record, straight between the record's fields and Avro's bytes. They write and read what
fastavro does, in about half the time; `codec` uses them for today's schemas and fastavro for retired ones.
"""

from __future__ import annotations

from schemas import records as r
from schemas.wire import (
    END,
    FALSE,
    LENGTHS,
    TEXTS,
    TRUE,
    Malformed,
    checked_bool,
    encode_long,
    items_ahead,
    longer,
    more,
)


def encode_acquisition_deadline_passed(record: r.AcquisitionDeadlinePassed) -> bytes:
    """The body of a AcquisitionDeadlinePassed."""
    f0, f1 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, encode_long(f1)))


def decode_acquisition_deadline_passed(d: bytes, p: int) -> tuple[r.AcquisitionDeadlinePassed, int]:
    """A AcquisitionDeadlinePassed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.AcquisitionDeadlinePassed(f0, f1), p


def encode_acquisition_number_assigned(record: r.AcquisitionNumberAssigned) -> bytes:
    """The body of a AcquisitionNumberAssigned."""
    f0, f1, f2, f3, f4 = record
    f2b = f2.encode()
    f3b = f3.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, LENGTHS[len(f3b)], f3b, encode_long(f4)))


def decode_acquisition_number_assigned(d: bytes, p: int) -> tuple[r.AcquisitionNumberAssigned, int]:
    """A AcquisitionNumberAssigned and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.AcquisitionNumberAssigned(f0, f1, f2, f3, f4), p


def encode_acquisition_number_issued(record: r.AcquisitionNumberIssued) -> bytes:
    """The body of a AcquisitionNumberIssued."""
    f0, f1, f2, f3 = record
    f2b = f2.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, encode_long(f3)))


def decode_acquisition_number_issued(d: bytes, p: int) -> tuple[r.AcquisitionNumberIssued, int]:
    """A AcquisitionNumberIssued and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.AcquisitionNumberIssued(f0, f1, f2, f3), p


def encode_acquisition_number_requested(record: r.AcquisitionNumberRequested) -> bytes:
    """The body of a AcquisitionNumberRequested."""
    f0, f1 = record
    return b"".join((TEXTS[f0], TEXTS[f1]))


def decode_acquisition_number_requested(d: bytes, p: int) -> tuple[r.AcquisitionNumberRequested, int]:
    """A AcquisitionNumberRequested and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.AcquisitionNumberRequested(f0, f1), p


def encode_business_number_linked(record: r.BusinessNumberLinked) -> bytes:
    """The body of a BusinessNumberLinked."""
    f0, f1, f2, f3 = record
    f2b = f2.encode()
    f3b = f3.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, LENGTHS[len(f3b)], f3b))


def decode_business_number_linked(d: bytes, p: int) -> tuple[r.BusinessNumberLinked, int]:
    """A BusinessNumberLinked and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.BusinessNumberLinked(f0, f1, f2, f3), p


def encode_cancel_ordered(record: r.CancelOrdered) -> bytes:
    """The body of a CancelOrdered."""
    f0, f1 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1]))


def decode_cancel_ordered(d: bytes, p: int) -> tuple[r.CancelOrdered, int]:
    """A CancelOrdered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CancelOrdered(f0, f1), p


def encode_checkpoint_due(record: r.CheckpointDue) -> bytes:
    """The body of a CheckpointDue."""
    f0, f1 = record
    return b"".join((TEXTS[f0], encode_long(f1)))


def decode_checkpoint_due(d: bytes, p: int) -> tuple[r.CheckpointDue, int]:
    """A CheckpointDue and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CheckpointDue(f0, f1), p


def encode_checkpoint_published(record: r.CheckpointPublished) -> bytes:
    """The body of a CheckpointPublished."""
    f0, f1, f2, f3, f4 = record
    f1b = f1.encode()
    return b"".join((TEXTS[f0], LENGTHS[len(f1b)], f1b, encode_long(f2), LENGTHS[len(f3)], f3, LENGTHS[len(f4)], f4))


def decode_checkpoint_published(d: bytes, p: int) -> tuple[r.CheckpointPublished, int]:
    """A CheckpointPublished and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e]
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CheckpointPublished(f0, f1, f2, f3, f4), p


def encode_witness_answer(record: r.WitnessAnswer) -> bytes:
    """The body of a WitnessAnswer."""
    f0, f1, f2, f3, f4 = record
    return b"".join((TEXTS[f0], TEXTS[f1], encode_long(f2), encode_long(f3), TEXTS[f4]))


def decode_witness_answer(d: bytes, p: int) -> tuple[r.WitnessAnswer, int]:
    """A WitnessAnswer and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.WitnessAnswer(f0, f1, f2, f3, f4), p


def encode_checkpoint_witnessed(record: r.CheckpointWitnessed) -> bytes:
    """The body of a CheckpointWitnessed."""
    f0, f1, f2 = record
    f2b = b"".join([encode_long(len(f2)), *[encode_witness_answer(one) for one in f2], END]) if f2 else END
    return b"".join((TEXTS[f0], encode_long(f1), f2b))


def decode_checkpoint_witnessed(d: bytes, p: int) -> tuple[r.CheckpointWitnessed, int]:
    """A CheckpointWitnessed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    f2l: list[r.WitnessAnswer] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            witness_answer, p = decode_witness_answer(d, p)
            f2l.append(witness_answer)
        c, p = items_ahead(d, p)
    f2 = tuple(f2l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CheckpointWitnessed(f0, f1, f2), p


def encode_code_acquisition_failed(record: r.CodeAcquisitionFailed) -> bytes:
    """The body of a CodeAcquisitionFailed."""
    f0, f1, f2, f3 = record
    f2b = f2.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, TEXTS[f3]))


def decode_code_acquisition_failed(d: bytes, p: int) -> tuple[r.CodeAcquisitionFailed, int]:
    """A CodeAcquisitionFailed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CodeAcquisitionFailed(f0, f1, f2, f3), p


def encode_code_acquisition_requested(record: r.CodeAcquisitionRequested) -> bytes:
    """The body of a CodeAcquisitionRequested."""
    f0, f1, f2 = record
    f2b = f2.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b))


def decode_code_acquisition_requested(d: bytes, p: int) -> tuple[r.CodeAcquisitionRequested, int]:
    """A CodeAcquisitionRequested and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CodeAcquisitionRequested(f0, f1, f2), p


def encode_code_request_deadline_passed(record: r.CodeRequestDeadlinePassed) -> bytes:
    """The body of a CodeRequestDeadlinePassed."""
    f0, f1, f2 = record
    return b"".join((TEXTS[f0], TEXTS[f1], encode_long(f2)))


def decode_code_request_deadline_passed(d: bytes, p: int) -> tuple[r.CodeRequestDeadlinePassed, int]:
    """A CodeRequestDeadlinePassed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CodeRequestDeadlinePassed(f0, f1, f2), p


def encode_code_revocation_requested(record: r.CodeRevocationRequested) -> bytes:
    """The body of a CodeRevocationRequested."""
    f0, f1, f2, f3 = record
    f2b = f2.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, encode_long(f3)))


def decode_code_revocation_requested(d: bytes, p: int) -> tuple[r.CodeRevocationRequested, int]:
    """A CodeRevocationRequested and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CodeRevocationRequested(f0, f1, f2, f3), p


_CODESTATE = tuple(r.CodeState)
_CODESTATE_BYTES = {one: encode_long(n) for n, one in enumerate(_CODESTATE)}


def encode_code_state_changed(record: r.CodeStateChanged) -> bytes:
    """The body of a CodeStateChanged."""
    f0, f1, f2, f3, f4 = record
    f2b = f2.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, _CODESTATE_BYTES[f3], TEXTS[f4]))


def decode_code_state_changed(d: bytes, p: int) -> tuple[r.CodeStateChanged, int]:
    """A CodeStateChanged and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_CODESTATE):
        raise Malformed("CodeState has no such symbol")
    f3 = _CODESTATE[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CodeStateChanged(f0, f1, f2, f3, f4), p


def encode_copies_announced(record: r.CopiesAnnounced) -> bytes:
    """The body of a CopiesAnnounced."""
    f0, f1, f2, f3 = record
    return b"".join((TEXTS[f0], TEXTS[f1], TEXTS[f2], encode_long(f3)))


def decode_copies_announced(d: bytes, p: int) -> tuple[r.CopiesAnnounced, int]:
    """A CopiesAnnounced and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CopiesAnnounced(f0, f1, f2, f3), p


def encode_copy_batch_opened(record: r.CopyBatchOpened) -> bytes:
    """The body of a CopyBatchOpened."""
    f0, f1, f2, f3 = record
    return b"".join((TEXTS[f0], TEXTS[f1], TEXTS[f2], encode_long(f3)))


def decode_copy_batch_opened(d: bytes, p: int) -> tuple[r.CopyBatchOpened, int]:
    """A CopyBatchOpened and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CopyBatchOpened(f0, f1, f2, f3), p


_BATCHSTATE = tuple(r.BatchState)
_BATCHSTATE_BYTES = {one: encode_long(n) for n, one in enumerate(_BATCHSTATE)}


def encode_field_error(record: r.FieldError) -> bytes:
    """The body of a FieldError."""
    f0, f1, f2, f3 = record
    return b"".join((TEXTS[f0], TEXTS[f1], TEXTS[f2], TEXTS[f3]))


def decode_field_error(d: bytes, p: int) -> tuple[r.FieldError, int]:
    """A FieldError and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.FieldError(f0, f1, f2, f3), p


def encode_copy_batch_reported(record: r.CopyBatchReported) -> bytes:
    """The body of a CopyBatchReported."""
    f0, f1, f2, f3, f4, f5, f6, f7 = record
    f7b = b"".join([encode_long(len(f7)), *[encode_field_error(one) for one in f7], END]) if f7 else END
    return b"".join(
        (
            TEXTS[f0],
            TEXTS[f1],
            _BATCHSTATE_BYTES[f2],
            encode_long(f3),
            encode_long(f4),
            encode_long(f5),
            encode_long(f6),
            f7b,
        )
    )


def decode_copy_batch_reported(d: bytes, p: int) -> tuple[r.CopyBatchReported, int]:
    """A CopyBatchReported and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_BATCHSTATE):
        raise Malformed("BatchState has no such symbol")
    f2 = _BATCHSTATE[n >> 1]
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f5 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f6 = (n >> 1) ^ -(n & 1)
    f7l: list[r.FieldError] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            field_error, p = decode_field_error(d, p)
            f7l.append(field_error)
        c, p = items_ahead(d, p)
    f7 = tuple(f7l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CopyBatchReported(f0, f1, f2, f3, f4, f5, f6, f7), p


def encode_copy_erasure_ordered(record: r.CopyErasureOrdered) -> bytes:
    """The body of a CopyErasureOrdered."""
    f0, f1, f2, f3, f4, f5 = record
    f1b = f1.encode()
    return b"".join((TEXTS[f0], LENGTHS[len(f1b)], f1b, TEXTS[f2], TEXTS[f3], encode_long(f4), TEXTS[f5]))


def decode_copy_erasure_ordered(d: bytes, p: int) -> tuple[r.CopyErasureOrdered, int]:
    """A CopyErasureOrdered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CopyErasureOrdered(f0, f1, f2, f3, f4, f5), p


def encode_item(record: r.Item) -> bytes:
    """The body of a Item."""
    f0, f1, f2 = record
    f1b = f1.encode()
    return b"".join((TEXTS[f0], LENGTHS[len(f1b)], f1b, TEXTS[f2]))


def decode_item(d: bytes, p: int) -> tuple[r.Item, int]:
    """A Item and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.Item(f0, f1, f2), p


def encode_copy_given(record: r.CopyGiven) -> bytes:
    """The body of a CopyGiven."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15 = record
    f2b = f2.encode()
    f3b = f3.encode()
    f10b = b"".join([encode_long(len(f10)), *[encode_item(one) for one in f10], END]) if f10 else END
    return b"".join(
        (
            TEXTS[f0],
            TEXTS[f1],
            LENGTHS[len(f2b)],
            f2b,
            LENGTHS[len(f3b)],
            f3b,
            TRUE if f4 else FALSE,
            TEXTS[f5],
            TEXTS[f6],
            TEXTS[f7],
            TEXTS[f8],
            TEXTS[f9],
            f10b,
            TEXTS[f11],
            TEXTS[f12],
            TEXTS[f13],
            TRUE if f14 else FALSE,
            TEXTS[f15],
        )
    )


def decode_copy_given(d: bytes, p: int) -> tuple[r.CopyGiven, int]:
    """A CopyGiven and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    f4 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    f10l: list[r.Item] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            item, p = decode_item(d, p)
            f10l.append(item)
        c, p = items_ahead(d, p)
    f10 = tuple(f10l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f11 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f12 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f13 = d[p:e].decode()
    p = e
    f14 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f15 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CopyGiven(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15), p


_COPYCOMMAND = tuple(r.CopyCommand)
_COPYCOMMAND_BYTES = {one: encode_long(n) for n, one in enumerate(_COPYCOMMAND)}


def encode_copy_submitted(record: r.CopySubmitted) -> bytes:
    """The body of a CopySubmitted."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15 = record
    f1b = f1.encode()
    f3b = f3.encode()
    f9b = b"".join([encode_long(len(f9)), *[encode_item(one) for one in f9], END]) if f9 else END
    return b"".join(
        (
            TEXTS[f0],
            LENGTHS[len(f1b)],
            f1b,
            _COPYCOMMAND_BYTES[f2],
            LENGTHS[len(f3b)],
            f3b,
            TEXTS[f4],
            TEXTS[f5],
            TEXTS[f6],
            TEXTS[f7],
            TEXTS[f8],
            f9b,
            TEXTS[f10],
            encode_long(f11),
            TEXTS[f12],
            TEXTS[f13],
            TRUE if f14 else FALSE,
            TEXTS[f15],
        )
    )


def decode_copy_submitted(d: bytes, p: int) -> tuple[r.CopySubmitted, int]:
    """A CopySubmitted and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_COPYCOMMAND):
        raise Malformed("CopyCommand has no such symbol")
    f2 = _COPYCOMMAND[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    f9l: list[r.Item] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            item, p = decode_item(d, p)
            f9l.append(item)
        c, p = items_ahead(d, p)
    f9 = tuple(f9l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f11 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f12 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f13 = d[p:e].decode()
    p = e
    f14 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f15 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.CopySubmitted(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15), p


def encode_data_erased(record: r.DataErased) -> bytes:
    """The body of a DataErased."""
    f0, f1, f2, f3, f4, f5 = record
    f5b = b"".join([encode_long(len(f5)), *[encode_long(one) for one in f5], END]) if f5 else END
    return b"".join((TEXTS[f0], encode_long(f1), encode_long(f2), TEXTS[f3], TEXTS[f4], f5b))


def decode_data_erased(d: bytes, p: int) -> tuple[r.DataErased, int]:
    """A DataErased and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    f5l: list[int] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n > 127:
                n, p = more(d, p, n)
            one = (n >> 1) ^ -(n & 1)
            f5l.append(one)
        c, p = items_ahead(d, p)
    f5 = tuple(f5l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.DataErased(f0, f1, f2, f3, f4, f5), p


def encode_exchange_erasure_ordered(record: r.ExchangeErasureOrdered) -> bytes:
    """The body of a ExchangeErasureOrdered."""
    f0, f1, f2, f3 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1], encode_long(f2), TEXTS[f3]))


def decode_exchange_erasure_ordered(d: bytes, p: int) -> tuple[r.ExchangeErasureOrdered, int]:
    """A ExchangeErasureOrdered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.ExchangeErasureOrdered(f0, f1, f2, f3), p


_HEALTHSTAGE = tuple(r.HealthStage)
_HEALTHSTAGE_BYTES = {one: encode_long(n) for n, one in enumerate(_HEALTHSTAGE)}


def encode_health_item_entered(record: r.HealthItemEntered) -> bytes:
    """The body of a HealthItemEntered."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10 = record
    f1b = f1.encode()
    f2b = f2.encode()
    f7b = b"".join([encode_long(len(f7)), *[encode_item(one) for one in f7], END]) if f7 else END
    return b"".join(
        (
            TEXTS[f0],
            LENGTHS[len(f1b)],
            f1b,
            LENGTHS[len(f2b)],
            f2b,
            TEXTS[f3],
            TEXTS[f4],
            _HEALTHSTAGE_BYTES[f5],
            TEXTS[f6],
            f7b,
            TEXTS[f8],
            TRUE if f9 else FALSE,
            TEXTS[f10],
        )
    )


def decode_health_item_entered(d: bytes, p: int) -> tuple[r.HealthItemEntered, int]:
    """A HealthItemEntered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_HEALTHSTAGE):
        raise Malformed("HealthStage has no such symbol")
    f5 = _HEALTHSTAGE[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    f7l: list[r.Item] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            item, p = decode_item(d, p)
            f7l.append(item)
        c, p = items_ahead(d, p)
    f7 = tuple(f7l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    f9 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.HealthItemEntered(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10), p


def encode_health_queue_advanced(record: r.HealthQueueAdvanced) -> bytes:
    """The body of a HealthQueueAdvanced."""
    f0, f1 = record
    return b"".join((TEXTS[f0], encode_long(f1)))


def decode_health_queue_advanced(d: bytes, p: int) -> tuple[r.HealthQueueAdvanced, int]:
    """A HealthQueueAdvanced and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.HealthQueueAdvanced(f0, f1), p


def encode_health_reported(record: r.HealthReported) -> bytes:
    """The body of a HealthReported."""
    f0, f1, f2, f3, f4 = record
    f1b = f1.encode()
    f4b = b"".join([encode_long(len(f4)), *[encode_field_error(one) for one in f4], END]) if f4 else END
    return b"".join((TEXTS[f0], LENGTHS[len(f1b)], f1b, TRUE if f2 else FALSE, TRUE if f3 else FALSE, f4b))


def decode_health_reported(d: bytes, p: int) -> tuple[r.HealthReported, int]:
    """A HealthReported and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    f2 = checked_bool(d[p])
    p += 1
    f3 = checked_bool(d[p])
    p += 1
    f4l: list[r.FieldError] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            field_error, p = decode_field_error(d, p)
            f4l.append(field_error)
        c, p = items_ahead(d, p)
    f4 = tuple(f4l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.HealthReported(f0, f1, f2, f3, f4), p


def encode_health_target_entered(record: r.HealthTargetEntered) -> bytes:
    """The body of a HealthTargetEntered."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 = record
    f1b = f1.encode()
    f2b = f2.encode()
    f3b = f3.encode()
    return b"".join(
        (
            TEXTS[f0],
            LENGTHS[len(f1b)],
            f1b,
            LENGTHS[len(f2b)],
            f2b,
            LENGTHS[len(f3b)],
            f3b,
            LENGTHS[len(f4)],
            f4,
            TEXTS[f5],
            TEXTS[f6],
            TEXTS[f7],
            TEXTS[f8],
            TEXTS[f9],
        )
    )


def decode_health_target_entered(d: bytes, p: int) -> tuple[r.HealthTargetEntered, int]:
    """A HealthTargetEntered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.HealthTargetEntered(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9), p


def encode_health_transmission_opened(record: r.HealthTransmissionOpened) -> bytes:
    """The body of a HealthTransmissionOpened."""
    f0, f1, f2, f3 = record
    return b"".join((TEXTS[f0], TEXTS[f1], encode_long(f2), TEXTS[f3]))


def decode_health_transmission_opened(d: bytes, p: int) -> tuple[r.HealthTransmissionOpened, int]:
    """A HealthTransmissionOpened and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.HealthTransmissionOpened(f0, f1, f2, f3), p


def encode_health_transmission_split(record: r.HealthTransmissionSplit) -> bytes:
    """The body of a HealthTransmissionSplit."""
    f0, f1, f2 = record
    return b"".join((TEXTS[f0], TEXTS[f1], TEXTS[f2]))


def decode_health_transmission_split(d: bytes, p: int) -> tuple[r.HealthTransmissionSplit, int]:
    """A HealthTransmissionSplit and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.HealthTransmissionSplit(f0, f1, f2), p


def encode_hold_confirmed(record: r.HoldConfirmed) -> bytes:
    """The body of a HoldConfirmed."""
    f0, f1, f2, f3, f4 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1], TEXTS[f2], LENGTHS[len(f3)], f3, encode_long(f4)))


def decode_hold_confirmed(d: bytes, p: int) -> tuple[r.HoldConfirmed, int]:
    """A HoldConfirmed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.HoldConfirmed(f0, f1, f2, f3, f4), p


def encode_hold_deadline_passed(record: r.HoldDeadlinePassed) -> bytes:
    """The body of a HoldDeadlinePassed."""
    f0, f1 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, encode_long(f1)))


def decode_hold_deadline_passed(d: bytes, p: int) -> tuple[r.HoldDeadlinePassed, int]:
    """A HoldDeadlinePassed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.HoldDeadlinePassed(f0, f1), p


_HOLDREASON = tuple(r.HoldReason)
_HOLDREASON_BYTES = {one: encode_long(n) for n, one in enumerate(_HOLDREASON)}


def encode_hold_refused(record: r.HoldRefused) -> bytes:
    """The body of a HoldRefused."""
    f0, f1, f2, f3, f4, f5 = record
    f0b = f0.encode()
    f4b = f4.encode()
    return b"".join(
        (LENGTHS[len(f0b)], f0b, TEXTS[f1], TEXTS[f2], _HOLDREASON_BYTES[f3], LENGTHS[len(f4b)], f4b, encode_long(f5))
    )


def decode_hold_refused(d: bytes, p: int) -> tuple[r.HoldRefused, int]:
    """A HoldRefused and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_HOLDREASON):
        raise Malformed("HoldReason has no such symbol")
    f3 = _HOLDREASON[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f5 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.HoldRefused(f0, f1, f2, f3, f4, f5), p


def encode_identity_confirmed(record: r.IdentityConfirmed) -> bytes:
    """The body of a IdentityConfirmed."""
    f0, f1, f2 = record
    f1b = f1.encode()
    f2b = f2.encode()
    return b"".join((TEXTS[f0], LENGTHS[len(f1b)], f1b, LENGTHS[len(f2b)], f2b))


def decode_identity_confirmed(d: bytes, p: int) -> tuple[r.IdentityConfirmed, int]:
    """A IdentityConfirmed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.IdentityConfirmed(f0, f1, f2), p


def encode_identity_notified(record: r.IdentityNotified) -> bytes:
    """The body of a IdentityNotified."""
    f0, f1, f2 = record
    f1b = f1.encode()
    return b"".join((TEXTS[f0], LENGTHS[len(f1b)], f1b, TEXTS[f2]))


def decode_identity_notified(d: bytes, p: int) -> tuple[r.IdentityNotified, int]:
    """A IdentityNotified and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.IdentityNotified(f0, f1, f2), p


def encode_identity_unknown(record: r.IdentityUnknown) -> bytes:
    """The body of a IdentityUnknown."""
    f0, f1 = record
    f1b = f1.encode()
    return b"".join((TEXTS[f0], LENGTHS[len(f1b)], f1b))


def decode_identity_unknown(d: bytes, p: int) -> tuple[r.IdentityUnknown, int]:
    """A IdentityUnknown and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.IdentityUnknown(f0, f1), p


def encode_inquiry_accepted(record: r.InquiryAccepted) -> bytes:
    """The body of a InquiryAccepted."""
    f0, f1, f2, f3 = record
    f0b = f0.encode()
    f2b = f2.encode()
    f3b = b"".join([encode_long(len(f3)), *[TEXTS[one] for one in f3], END]) if f3 else END
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1], LENGTHS[len(f2b)], f2b, f3b))


def decode_inquiry_accepted(d: bytes, p: int) -> tuple[r.InquiryAccepted, int]:
    """A InquiryAccepted and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    f3l: list[str] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n & 129:
                n, p = longer(d, p, n)
            e = p + (n >> 1)
            one = d[p:e].decode()
            p = e
            f3l.append(one)
        c, p = items_ahead(d, p)
    f3 = tuple(f3l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryAccepted(f0, f1, f2, f3), p


_OUTCOME = tuple(r.Outcome)
_OUTCOME_BYTES = {one: encode_long(n) for n, one in enumerate(_OUTCOME)}


def encode_answered_kind(record: r.AnsweredKind) -> bytes:
    """The body of a AnsweredKind."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14 = record
    f2b = f2.encode()
    return b"".join(
        (
            TEXTS[f0],
            TEXTS[f1],
            LENGTHS[len(f2b)],
            f2b,
            _OUTCOME_BYTES[f3],
            TEXTS[f4],
            TEXTS[f5],
            TEXTS[f6],
            TEXTS[f7],
            TEXTS[f8],
            encode_long(f9),
            LENGTHS[len(f10)],
            f10,
            LENGTHS[len(f11)],
            f11,
            TEXTS[f12],
            TEXTS[f13],
            TEXTS[f14],
        )
    )


def decode_answered_kind(d: bytes, p: int) -> tuple[r.AnsweredKind, int]:
    """A AnsweredKind and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_OUTCOME):
        raise Malformed("Outcome has no such symbol")
    f3 = _OUTCOME[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f9 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f11 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f12 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f13 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f14 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.AnsweredKind(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14), p


def encode_inquiry_answered(record: r.InquiryAnswered) -> bytes:
    """The body of a InquiryAnswered."""
    f0, f1, f2, f3, f4 = record
    f0b = f0.encode()
    f4b = b"".join([encode_long(len(f4)), *[encode_answered_kind(one) for one in f4], END]) if f4 else END
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1], TEXTS[f2], encode_long(f3), f4b))


def decode_inquiry_answered(d: bytes, p: int) -> tuple[r.InquiryAnswered, int]:
    """A InquiryAnswered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    f4l: list[r.AnsweredKind] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            answered_kind, p = decode_answered_kind(d, p)
            f4l.append(answered_kind)
        c, p = items_ahead(d, p)
    f4 = tuple(f4l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryAnswered(f0, f1, f2, f3, f4), p


def encode_inquiry_cancel_requested(record: r.InquiryCancelRequested) -> bytes:
    """The body of a InquiryCancelRequested."""
    f0, f1, f2 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1], TEXTS[f2]))


def decode_inquiry_cancel_requested(d: bytes, p: int) -> tuple[r.InquiryCancelRequested, int]:
    """A InquiryCancelRequested and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryCancelRequested(f0, f1, f2), p


def encode_inquiry_deadline_passed(record: r.InquiryDeadlinePassed) -> bytes:
    """The body of a InquiryDeadlinePassed."""
    f0, f1 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, encode_long(f1)))


def decode_inquiry_deadline_passed(d: bytes, p: int) -> tuple[r.InquiryDeadlinePassed, int]:
    """A InquiryDeadlinePassed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryDeadlinePassed(f0, f1), p


def encode_inquiry_forwarded(record: r.InquiryForwarded) -> bytes:
    """The body of a InquiryForwarded."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11 = record
    f0b = f0.encode()
    f3b = f3.encode()
    return b"".join(
        (
            LENGTHS[len(f0b)],
            f0b,
            LENGTHS[len(f1)],
            f1,
            LENGTHS[len(f2)],
            f2,
            LENGTHS[len(f3b)],
            f3b,
            TEXTS[f4],
            TRUE if f5 else FALSE,
            TEXTS[f6],
            encode_long(f7),
            TEXTS[f8],
            TEXTS[f9],
            TEXTS[f10],
            TEXTS[f11],
        )
    )


def decode_inquiry_forwarded(d: bytes, p: int) -> tuple[r.InquiryForwarded, int]:
    """A InquiryForwarded and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    f5 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f7 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f11 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryForwarded(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11), p


def encode_inquiry_held(record: r.InquiryHeld) -> bytes:
    """The body of a InquiryHeld."""
    f0, f1, f2, f3, f4 = record
    f0b = f0.encode()
    f3b = f3.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1], TEXTS[f2], LENGTHS[len(f3b)], f3b, encode_long(f4)))


def decode_inquiry_held(d: bytes, p: int) -> tuple[r.InquiryHeld, int]:
    """A InquiryHeld and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryHeld(f0, f1, f2, f3, f4), p


def encode_inquiry_rejected(record: r.InquiryRejected) -> bytes:
    """The body of a InquiryRejected."""
    f0, f1, f2, f3, f4, f5 = record
    f0b = f0.encode()
    f5b = b"".join([encode_long(len(f5)), *[encode_field_error(one) for one in f5], END]) if f5 else END
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1], TEXTS[f2], encode_long(f3), encode_long(f4), f5b))


def decode_inquiry_rejected(d: bytes, p: int) -> tuple[r.InquiryRejected, int]:
    """A InquiryRejected and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    f5l: list[r.FieldError] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            field_error, p = decode_field_error(d, p)
            f5l.append(field_error)
        c, p = items_ahead(d, p)
    f5 = tuple(f5l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryRejected(f0, f1, f2, f3, f4, f5), p


def encode_requested_kind(record: r.RequestedKind) -> bytes:
    """The body of a RequestedKind."""
    f0, f1, f2, f3, f4, f5, f6, f7 = record
    return b"".join((TEXTS[f0], TEXTS[f1], TEXTS[f2], TEXTS[f3], TEXTS[f4], TEXTS[f5], TEXTS[f6], encode_long(f7)))


def decode_requested_kind(d: bytes, p: int) -> tuple[r.RequestedKind, int]:
    """A RequestedKind and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f7 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.RequestedKind(f0, f1, f2, f3, f4, f5, f6, f7), p


def encode_inquiry_requested(record: r.InquiryRequested) -> bytes:
    """The body of a InquiryRequested."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14 = record
    f0b = f0.encode()
    f1b = f1.encode()
    f5b = f5.encode()
    f8b = b"".join([encode_long(len(f8)), *[encode_requested_kind(one) for one in f8], END]) if f8 else END
    f12b = f12.encode()
    return b"".join(
        (
            LENGTHS[len(f0b)],
            f0b,
            LENGTHS[len(f1b)],
            f1b,
            TEXTS[f2],
            TEXTS[f3],
            TEXTS[f4],
            LENGTHS[len(f5b)],
            f5b,
            TEXTS[f6],
            TEXTS[f7],
            f8b,
            TEXTS[f9],
            TEXTS[f10],
            TEXTS[f11],
            LENGTHS[len(f12b)],
            f12b,
            TRUE if f13 else FALSE,
            TRUE if f14 else FALSE,
        )
    )


def decode_inquiry_requested(d: bytes, p: int) -> tuple[r.InquiryRequested, int]:
    """A InquiryRequested and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    f8l: list[r.RequestedKind] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            requested_kind, p = decode_requested_kind(d, p)
            f8l.append(requested_kind)
        c, p = items_ahead(d, p)
    f8 = tuple(f8l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f11 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f12 = d[p:e].decode()
    p = e
    f13 = checked_bool(d[p])
    p += 1
    f14 = checked_bool(d[p])
    p += 1
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryRequested(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14), p


def encode_inquiry_returned(record: r.InquiryReturned) -> bytes:
    """The body of a InquiryReturned."""
    f0, f1, f2 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, _OUTCOME_BYTES[f1], TEXTS[f2]))


def decode_inquiry_returned(d: bytes, p: int) -> tuple[r.InquiryReturned, int]:
    """A InquiryReturned and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_OUTCOME):
        raise Malformed("Outcome has no such symbol")
    f1 = _OUTCOME[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryReturned(f0, f1, f2), p


def encode_inquiry_sent(record: r.InquirySent) -> bytes:
    """The body of a InquirySent."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8 = record
    f0b = f0.encode()
    f3b = f3.encode()
    return b"".join(
        (
            LENGTHS[len(f0b)],
            f0b,
            LENGTHS[len(f1)],
            f1,
            LENGTHS[len(f2)],
            f2,
            LENGTHS[len(f3b)],
            f3b,
            TEXTS[f4],
            TEXTS[f5],
            TEXTS[f6],
            TEXTS[f7],
            TEXTS[f8],
        )
    )


def decode_inquiry_sent(d: bytes, p: int) -> tuple[r.InquirySent, int]:
    """A InquirySent and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquirySent(f0, f1, f2, f3, f4, f5, f6, f7, f8), p


def encode_inquiry_withdrawn(record: r.InquiryWithdrawn) -> bytes:
    """The body of a InquiryWithdrawn."""
    f0, f1, f2, f3 = record
    f0b = f0.encode()
    f3b = f3.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, _OUTCOME_BYTES[f1], TEXTS[f2], LENGTHS[len(f3b)], f3b))


def decode_inquiry_withdrawn(d: bytes, p: int) -> tuple[r.InquiryWithdrawn, int]:
    """A InquiryWithdrawn and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_OUTCOME):
        raise Malformed("Outcome has no such symbol")
    f1 = _OUTCOME[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.InquiryWithdrawn(f0, f1, f2, f3), p


def encode_linkage_code_issued(record: r.LinkageCodeIssued) -> bytes:
    """The body of a LinkageCodeIssued."""
    f0, f1, f2, f3, f4 = record
    f2b = f2.encode()
    f3b = f3.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, LENGTHS[len(f3b)], f3b, encode_long(f4)))


def decode_linkage_code_issued(d: bytes, p: int) -> tuple[r.LinkageCodeIssued, int]:
    """A LinkageCodeIssued and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.LinkageCodeIssued(f0, f1, f2, f3, f4), p


def encode_linkage_code_revoked(record: r.LinkageCodeRevoked) -> bytes:
    """The body of a LinkageCodeRevoked."""
    f0, f1, f2 = record
    f1b = f1.encode()
    return b"".join((TEXTS[f0], LENGTHS[len(f1b)], f1b, encode_long(f2)))


def decode_linkage_code_revoked(d: bytes, p: int) -> tuple[r.LinkageCodeRevoked, int]:
    """A LinkageCodeRevoked and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.LinkageCodeRevoked(f0, f1, f2), p


def encode_linkage_suspension_changed(record: r.LinkageSuspensionChanged) -> bytes:
    """The body of a LinkageSuspensionChanged."""
    f0, f1, f2, f3 = record
    f2b = f2.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, TRUE if f3 else FALSE))


def decode_linkage_suspension_changed(d: bytes, p: int) -> tuple[r.LinkageSuspensionChanged, int]:
    """A LinkageSuspensionChanged and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    f3 = checked_bool(d[p])
    p += 1
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.LinkageSuspensionChanged(f0, f1, f2, f3), p


def encode_linkage_suspension_requested(record: r.LinkageSuspensionRequested) -> bytes:
    """The body of a LinkageSuspensionRequested."""
    f0, f1, f2, f3, f4 = record
    f2b = f2.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, TRUE if f3 else FALSE, TEXTS[f4]))


def decode_linkage_suspension_requested(d: bytes, p: int) -> tuple[r.LinkageSuspensionRequested, int]:
    """A LinkageSuspensionRequested and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    f3 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.LinkageSuspensionRequested(f0, f1, f2, f3, f4), p


def encode_bundled_message(record: r.BundledMessage) -> bytes:
    """The body of a BundledMessage."""
    f0, f1, f2 = record
    return b"".join((LENGTHS[len(f0)], f0, LENGTHS[len(f1)], f1, LENGTHS[len(f2)], f2))


def decode_bundled_message(d: bytes, p: int) -> tuple[r.BundledMessage, int]:
    """A BundledMessage and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e]
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.BundledMessage(f0, f1, f2), p


def encode_messages_bundled(record: r.MessagesBundled) -> bytes:
    """The body of a MessagesBundled."""
    (f0,) = record
    f0b = b"".join([encode_long(len(f0)), *[encode_bundled_message(one) for one in f0], END]) if f0 else END
    return b"".join((f0b,))


def decode_messages_bundled(d: bytes, p: int) -> tuple[r.MessagesBundled, int]:
    """A MessagesBundled and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    f0l: list[r.BundledMessage] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            bundled_message, p = decode_bundled_message(d, p)
            f0l.append(bundled_message)
        c, p = items_ahead(d, p)
    f0 = tuple(f0l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.MessagesBundled(f0), p


_OPERATINGSTATE = tuple(r.OperatingState)
_OPERATINGSTATE_BYTES = {one: encode_long(n) for n, one in enumerate(_OPERATINGSTATE)}


def encode_operating_state_notified(record: r.OperatingStateNotified) -> bytes:
    """The body of a OperatingStateNotified."""
    f0, f1, f2, f3, f4 = record
    return b"".join((TEXTS[f0], _OPERATINGSTATE_BYTES[f1], TEXTS[f2], encode_long(f3), encode_long(f4)))


def decode_operating_state_notified(d: bytes, p: int) -> tuple[r.OperatingStateNotified, int]:
    """A OperatingStateNotified and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_OPERATINGSTATE):
        raise Malformed("OperatingState has no such symbol")
    f1 = _OPERATINGSTATE[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.OperatingStateNotified(f0, f1, f2, f3, f4), p


def encode_operation_recorded(record: r.OperationRecorded) -> bytes:
    """The body of a OperationRecorded."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 = record
    return b"".join(
        (
            TEXTS[f0],
            TEXTS[f1],
            TEXTS[f2],
            TEXTS[f3],
            TEXTS[f4],
            TEXTS[f5],
            TEXTS[f6],
            TRUE if f7 else FALSE,
            TEXTS[f8],
            encode_long(f9),
        )
    )


def decode_operation_recorded(d: bytes, p: int) -> tuple[r.OperationRecorded, int]:
    """A OperationRecorded and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    f7 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f9 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.OperationRecorded(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9), p


def encode_permission_list_distributed(record: r.PermissionListDistributed) -> bytes:
    """The body of a PermissionListDistributed."""
    f0, f1, f2, f3 = record
    return b"".join((TEXTS[f0], encode_long(f1), LENGTHS[len(f2)], f2, encode_long(f3)))


def decode_permission_list_distributed(d: bytes, p: int) -> tuple[r.PermissionListDistributed, int]:
    """A PermissionListDistributed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.PermissionListDistributed(f0, f1, f2, f3), p


def encode_permit(record: r.Permit) -> bytes:
    """The body of a Permit."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11 = record
    f0b = f0.encode()
    f1b = f1.encode()
    f7b = b"".join([encode_long(len(f7)), *[TEXTS[one] for one in f7], END]) if f7 else END
    return b"".join(
        (
            LENGTHS[len(f0b)],
            f0b,
            LENGTHS[len(f1b)],
            f1b,
            TEXTS[f2],
            TEXTS[f3],
            TEXTS[f4],
            TEXTS[f5],
            TEXTS[f6],
            f7b,
            encode_long(f8),
            TEXTS[f9],
            encode_long(f10),
            encode_long(f11),
        )
    )


def decode_permit(d: bytes, p: int) -> tuple[r.Permit, int]:
    """A Permit and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    f7l: list[str] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n & 129:
                n, p = longer(d, p, n)
            e = p + (n >> 1)
            one = d[p:e].decode()
            p = e
            f7l.append(one)
        c, p = items_ahead(d, p)
    f7 = tuple(f7l)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f8 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f10 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f11 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.Permit(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11), p


def encode_permit_deadline_passed(record: r.PermitDeadlinePassed) -> bytes:
    """The body of a PermitDeadlinePassed."""
    f0, f1 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, encode_long(f1)))


def decode_permit_deadline_passed(d: bytes, p: int) -> tuple[r.PermitDeadlinePassed, int]:
    """A PermitDeadlinePassed and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.PermitDeadlinePassed(f0, f1), p


def encode_permit_issued(record: r.PermitIssued) -> bytes:
    """The body of a PermitIssued."""
    f0, f1, f2, f3, f4, f5 = record
    f0b = f0.encode()
    f3b = f3.encode()
    return b"".join(
        (
            LENGTHS[len(f0b)],
            f0b,
            LENGTHS[len(f1)],
            f1,
            LENGTHS[len(f2)],
            f2,
            LENGTHS[len(f3b)],
            f3b,
            encode_long(f4),
            TEXTS[f5],
        )
    )


def decode_permit_issued(d: bytes, p: int) -> tuple[r.PermitIssued, int]:
    """A PermitIssued and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.PermitIssued(f0, f1, f2, f3, f4, f5), p


def encode_permit_refused(record: r.PermitRefused) -> bytes:
    """The body of a PermitRefused."""
    f0, f1, f2, f3, f4, f5, f6 = record
    f0b = f0.encode()
    return b"".join(
        (LENGTHS[len(f0b)], f0b, _OUTCOME_BYTES[f1], TEXTS[f2], encode_long(f3), TEXTS[f4], TEXTS[f5], TEXTS[f6])
    )


def decode_permit_refused(d: bytes, p: int) -> tuple[r.PermitRefused, int]:
    """A PermitRefused and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_OUTCOME):
        raise Malformed("Outcome has no such symbol")
    f1 = _OUTCOME[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.PermitRefused(f0, f1, f2, f3, f4, f5, f6), p


def encode_permit_requested(record: r.PermitRequested) -> bytes:
    """The body of a PermitRequested."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8 = record
    f0b = f0.encode()
    return b"".join(
        (
            LENGTHS[len(f0b)],
            f0b,
            TEXTS[f1],
            TEXTS[f2],
            TEXTS[f3],
            TEXTS[f4],
            TEXTS[f5],
            TRUE if f6 else FALSE,
            TEXTS[f7],
            encode_long(f8),
        )
    )


def decode_permit_requested(d: bytes, p: int) -> tuple[r.PermitRequested, int]:
    """A PermitRequested and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    f6 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f8 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.PermitRequested(f0, f1, f2, f3, f4, f5, f6, f7, f8), p


def encode_provided_record(record: r.ProvidedRecord) -> bytes:
    """The body of a ProvidedRecord."""
    f0, f1, f2 = record
    f2b = b"".join([encode_long(len(f2)), *[encode_item(one) for one in f2], END]) if f2 else END
    return b"".join((TEXTS[f0], TEXTS[f1], f2b))


def decode_provided_record(d: bytes, p: int) -> tuple[r.ProvidedRecord, int]:
    """A ProvidedRecord and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    f2l: list[r.Item] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            item, p = decode_item(d, p)
            f2l.append(item)
        c, p = items_ahead(d, p)
    f2 = tuple(f2l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.ProvidedRecord(f0, f1, f2), p


def encode_provided_information(record: r.ProvidedInformation) -> bytes:
    """The body of a ProvidedInformation."""
    f0, f1, f2, f3, f4 = record
    f0b = f0.encode()
    f4b = b"".join([encode_long(len(f4)), *[encode_provided_record(one) for one in f4], END]) if f4 else END
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1], encode_long(f2), LENGTHS[len(f3)], f3, f4b))


def decode_provided_information(d: bytes, p: int) -> tuple[r.ProvidedInformation, int]:
    """A ProvidedInformation and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e]
    p = e
    f4l: list[r.ProvidedRecord] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            provided_record, p = decode_provided_record(d, p)
            f4l.append(provided_record)
        c, p = items_ahead(d, p)
    f4 = tuple(f4l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.ProvidedInformation(f0, f1, f2, f3, f4), p


def encode_provision_answered(record: r.ProvisionAnswered) -> bytes:
    """The body of a ProvisionAnswered."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12 = record
    f0b = f0.encode()
    f7b = b"".join([encode_long(len(f7)), *[TEXTS[one] for one in f7], END]) if f7 else END
    return b"".join(
        (
            LENGTHS[len(f0b)],
            f0b,
            _OUTCOME_BYTES[f1],
            TEXTS[f2],
            encode_long(f3),
            LENGTHS[len(f4)],
            f4,
            LENGTHS[len(f5)],
            f5,
            LENGTHS[len(f6)],
            f6,
            f7b,
            TEXTS[f8],
            encode_long(f9),
            TEXTS[f10],
            TEXTS[f11],
            TEXTS[f12],
        )
    )


def decode_provision_answered(d: bytes, p: int) -> tuple[r.ProvisionAnswered, int]:
    """A ProvisionAnswered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_OUTCOME):
        raise Malformed("Outcome has no such symbol")
    f1 = _OUTCOME[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e]
    p = e
    f7l: list[str] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n & 129:
                n, p = longer(d, p, n)
            e = p + (n >> 1)
            one = d[p:e].decode()
            p = e
            f7l.append(one)
        c, p = items_ahead(d, p)
    f7 = tuple(f7l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f9 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f11 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f12 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.ProvisionAnswered(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12), p


def encode_provision_detail(record: r.ProvisionDetail) -> bytes:
    """The body of a ProvisionDetail."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 = record
    f2b = b"".join([encode_long(len(f2)), *[TEXTS[one] for one in f2], END]) if f2 else END
    return b"".join(
        (
            TEXTS[f0],
            TEXTS[f1],
            f2b,
            TEXTS[f3],
            LENGTHS[len(f4)],
            f4,
            TRUE if f5 else FALSE,
            TEXTS[f6],
            _HOLDREASON_BYTES[f7],
            LENGTHS[len(f8)],
            f8,
            LENGTHS[len(f9)],
            f9,
        )
    )


def decode_provision_detail(d: bytes, p: int) -> tuple[r.ProvisionDetail, int]:
    """A ProvisionDetail and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    f2l: list[str] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n & 129:
                n, p = longer(d, p, n)
            e = p + (n >> 1)
            one = d[p:e].decode()
            p = e
            f2l.append(one)
        c, p = items_ahead(d, p)
    f2 = tuple(f2l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e]
    p = e
    f5 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_HOLDREASON):
        raise Malformed("HoldReason has no such symbol")
    f7 = _HOLDREASON[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e]
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.ProvisionDetail(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9), p


def encode_provision_erasure_ordered(record: r.ProvisionErasureOrdered) -> bytes:
    """The body of a ProvisionErasureOrdered."""
    f0, f1, f2, f3 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, TEXTS[f1], encode_long(f2), TEXTS[f3]))


def decode_provision_erasure_ordered(d: bytes, p: int) -> tuple[r.ProvisionErasureOrdered, int]:
    """A ProvisionErasureOrdered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.ProvisionErasureOrdered(f0, f1, f2, f3), p


def encode_provision_held(record: r.ProvisionHeld) -> bytes:
    """The body of a ProvisionHeld."""
    f0, f1 = record
    f0b = f0.encode()
    return b"".join((LENGTHS[len(f0b)], f0b, encode_long(f1)))


def decode_provision_held(d: bytes, p: int) -> tuple[r.ProvisionHeld, int]:
    """A ProvisionHeld and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.ProvisionHeld(f0, f1), p


_PARTY = tuple(r.Party)
_PARTY_BYTES = {one: encode_long(n) for n, one in enumerate(_PARTY)}


def encode_provision_recorded(record: r.ProvisionRecorded) -> bytes:
    """The body of a ProvisionRecorded."""
    (
        f0,
        f1,
        f2,
        f3,
        f4,
        f5,
        f6,
        f7,
        f8,
        f9,
        f10,
        f11,
        f12,
        f13,
        f14,
        f15,
        f16,
        f17,
        f18,
        f19,
        f20,
        f21,
        f22,
        f23,
        f24,
        f25,
        f26,
    ) = record
    f2b = f2.encode()
    f3b = f3.encode()
    f13b = f13.encode()
    f19b = b"".join([encode_long(len(f19)), *[TEXTS[one] for one in f19], END]) if f19 else END
    return b"".join(
        (
            TEXTS[f0],
            _PARTY_BYTES[f1],
            LENGTHS[len(f2b)],
            f2b,
            LENGTHS[len(f3b)],
            f3b,
            TEXTS[f4],
            TEXTS[f5],
            encode_long(f6),
            encode_long(f7),
            TEXTS[f8],
            TEXTS[f9],
            TEXTS[f10],
            _OUTCOME_BYTES[f11],
            TEXTS[f12],
            LENGTHS[len(f13b)],
            f13b,
            encode_long(f14),
            TEXTS[f15],
            LENGTHS[len(f16)],
            f16,
            TEXTS[f17],
            TEXTS[f18],
            f19b,
            TEXTS[f20],
            LENGTHS[len(f21)],
            f21,
            TRUE if f22 else FALSE,
            TEXTS[f23],
            _HOLDREASON_BYTES[f24],
            LENGTHS[len(f25)],
            f25,
            LENGTHS[len(f26)],
            f26,
        )
    )


def decode_provision_recorded(d: bytes, p: int) -> tuple[r.ProvisionRecorded, int]:
    """A ProvisionRecorded and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_PARTY):
        raise Malformed("Party has no such symbol")
    f1 = _PARTY[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f6 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f7 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_OUTCOME):
        raise Malformed("Outcome has no such symbol")
    f11 = _OUTCOME[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f12 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f13 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f14 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f15 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f16 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f17 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f18 = d[p:e].decode()
    p = e
    f19l: list[str] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n & 129:
                n, p = longer(d, p, n)
            e = p + (n >> 1)
            one = d[p:e].decode()
            p = e
            f19l.append(one)
        c, p = items_ahead(d, p)
    f19 = tuple(f19l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f20 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f21 = d[p:e]
    p = e
    f22 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f23 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_HOLDREASON):
        raise Malformed("HoldReason has no such symbol")
    f24 = _HOLDREASON[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f25 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f26 = d[p:e]
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.ProvisionRecorded(
        f0,
        f1,
        f2,
        f3,
        f4,
        f5,
        f6,
        f7,
        f8,
        f9,
        f10,
        f11,
        f12,
        f13,
        f14,
        f15,
        f16,
        f17,
        f18,
        f19,
        f20,
        f21,
        f22,
        f23,
        f24,
        f25,
        f26,
    ), p


def encode_provision_reported(record: r.ProvisionReported) -> bytes:
    """The body of a ProvisionReported."""
    f0, f1, f2, f3, f4, f5, f6, f7 = record
    f0b = f0.encode()
    f6b = b"".join([encode_long(len(f6)), *[TEXTS[one] for one in f6], END]) if f6 else END
    return b"".join(
        (
            LENGTHS[len(f0b)],
            f0b,
            _OUTCOME_BYTES[f1],
            TEXTS[f2],
            encode_long(f3),
            LENGTHS[len(f4)],
            f4,
            LENGTHS[len(f5)],
            f5,
            f6b,
            TEXTS[f7],
        )
    )


def decode_provision_reported(d: bytes, p: int) -> tuple[r.ProvisionReported, int]:
    """A ProvisionReported and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_OUTCOME):
        raise Malformed("Outcome has no such symbol")
    f1 = _OUTCOME[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e]
    p = e
    f6l: list[str] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n & 129:
                n, p = longer(d, p, n)
            e = p + (n >> 1)
            one = d[p:e].decode()
            p = e
            f6l.append(one)
        c, p = items_ahead(d, p)
    f6 = tuple(f6l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.ProvisionReported(f0, f1, f2, f3, f4, f5, f6, f7), p


def encode_record_erasure_ordered(record: r.RecordErasureOrdered) -> bytes:
    """The body of a RecordErasureOrdered."""
    f0, f1, f2, f3, f4, f5 = record
    f2b = b"".join([encode_long(len(f2)), *[encode_long(one) for one in f2], END]) if f2 else END
    return b"".join((TEXTS[f0], TEXTS[f1], f2b, TEXTS[f3], encode_long(f4), TEXTS[f5]))


def decode_record_erasure_ordered(d: bytes, p: int) -> tuple[r.RecordErasureOrdered, int]:
    """A RecordErasureOrdered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    f2l: list[int] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n > 127:
                n, p = more(d, p, n)
            one = (n >> 1) ^ -(n & 1)
            f2l.append(one)
        c, p = items_ahead(d, p)
    f2 = tuple(f2l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f4 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.RecordErasureOrdered(f0, f1, f2, f3, f4, f5), p


def encode_record_entry(record: r.RecordEntry) -> bytes:
    """The body of a RecordEntry."""
    f0, f1, f2, f3, f4, f5 = record
    f2b = f2.encode()
    return b"".join(
        (TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, _PARTY_BYTES[f3], LENGTHS[len(f4)], f4, LENGTHS[len(f5)], f5)
    )


def decode_record_entry(d: bytes, p: int) -> tuple[r.RecordEntry, int]:
    """A RecordEntry and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_PARTY):
        raise Malformed("Party has no such symbol")
    f3 = _PARTY[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e]
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e]
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.RecordEntry(f0, f1, f2, f3, f4, f5), p


def encode_records_submitted(record: r.RecordsSubmitted) -> bytes:
    """The body of a RecordsSubmitted."""
    f0, f1 = record
    f1b = b"".join([encode_long(len(f1)), *[encode_record_entry(one) for one in f1], END]) if f1 else END
    return b"".join((TEXTS[f0], f1b))


def decode_records_submitted(d: bytes, p: int) -> tuple[r.RecordsSubmitted, int]:
    """A RecordsSubmitted and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    f1l: list[r.RecordEntry] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            record_entry, p = decode_record_entry(d, p)
            f1l.append(record_entry)
        c, p = items_ahead(d, p)
    f1 = tuple(f1l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.RecordsSubmitted(f0, f1), p


def encode_sequence_mark_requested(record: r.SequenceMarkRequested) -> bytes:
    """The body of a SequenceMarkRequested."""
    f0, f1, f2 = record
    return b"".join((TEXTS[f0], TEXTS[f1], TEXTS[f2]))


def decode_sequence_mark_requested(d: bytes, p: int) -> tuple[r.SequenceMarkRequested, int]:
    """A SequenceMarkRequested and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.SequenceMarkRequested(f0, f1, f2), p


def encode_sequence_marked(record: r.SequenceMarked) -> bytes:
    """The body of a SequenceMarked."""
    f0, f1, f2 = record
    return b"".join((TEXTS[f0], TEXTS[f1], encode_long(f2)))


def decode_sequence_marked(d: bytes, p: int) -> tuple[r.SequenceMarked, int]:
    """A SequenceMarked and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.SequenceMarked(f0, f1, f2), p


def encode_vrs_bulk_due(record: r.VrsBulkDue) -> bytes:
    """The body of a VrsBulkDue."""
    f0, f1 = record
    return b"".join((TEXTS[f0], TEXTS[f1]))


def decode_vrs_bulk_due(d: bytes, p: int) -> tuple[r.VrsBulkDue, int]:
    """A VrsBulkDue and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsBulkDue(f0, f1), p


def encode_vrs_bulk_inquired(record: r.VrsBulkInquired) -> bytes:
    """The body of a VrsBulkInquired."""
    f0, f1, f2, f3, f4, f5 = record
    f2b = b"".join([encode_long(len(f2)), *[TEXTS[one] for one in f2], END]) if f2 else END
    return b"".join((TEXTS[f0], TEXTS[f1], f2b, TRUE if f3 else FALSE, TRUE if f4 else FALSE, TEXTS[f5]))


def decode_vrs_bulk_inquired(d: bytes, p: int) -> tuple[r.VrsBulkInquired, int]:
    """A VrsBulkInquired and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    f2l: list[str] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n & 129:
                n, p = longer(d, p, n)
            e = p + (n >> 1)
            one = d[p:e].decode()
            p = e
            f2l.append(one)
        c, p = items_ahead(d, p)
    f2 = tuple(f2l)
    f3 = checked_bool(d[p])
    p += 1
    f4 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsBulkInquired(f0, f1, f2, f3, f4, f5), p


_CERTIFICATEKIND = tuple(r.CertificateKind)
_CERTIFICATEKIND_BYTES = {one: encode_long(n) for n, one in enumerate(_CERTIFICATEKIND)}


def encode_vrs_certificate_requested(record: r.VrsCertificateRequested) -> bytes:
    """The body of a VrsCertificateRequested."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10 = record
    return b"".join(
        (
            TEXTS[f0],
            TEXTS[f1],
            TEXTS[f2],
            _CERTIFICATEKIND_BYTES[f3],
            TRUE if f4 else FALSE,
            TRUE if f5 else FALSE,
            TEXTS[f6],
            TEXTS[f7],
            TEXTS[f8],
            TEXTS[f9],
            TEXTS[f10],
        )
    )


def decode_vrs_certificate_requested(d: bytes, p: int) -> tuple[r.VrsCertificateRequested, int]:
    """A VrsCertificateRequested and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_CERTIFICATEKIND):
        raise Malformed("CertificateKind has no such symbol")
    f3 = _CERTIFICATEKIND[n >> 1]
    f4 = checked_bool(d[p])
    p += 1
    f5 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsCertificateRequested(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10), p


def encode_vrs_checkpoint_due(record: r.VrsCheckpointDue) -> bytes:
    """The body of a VrsCheckpointDue."""
    f0, f1 = record
    return b"".join((TEXTS[f0], encode_long(f1)))


def decode_vrs_checkpoint_due(d: bytes, p: int) -> tuple[r.VrsCheckpointDue, int]:
    """A VrsCheckpointDue and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f1 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsCheckpointDue(f0, f1), p


def encode_vrs_dose_expired(record: r.VrsDoseExpired) -> bytes:
    """The body of a VrsDoseExpired."""
    f0, f1, f2 = record
    return b"".join((TEXTS[f0], TEXTS[f1], encode_long(f2)))


def decode_vrs_dose_expired(d: bytes, p: int) -> tuple[r.VrsDoseExpired, int]:
    """A VrsDoseExpired and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f2 = (n >> 1) ^ -(n & 1)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsDoseExpired(f0, f1, f2), p


def encode_vrs_dose_read(record: r.VrsDoseRead) -> bytes:
    """The body of a VrsDoseRead."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11 = record
    return b"".join(
        (
            TEXTS[f0],
            TEXTS[f1],
            TEXTS[f2],
            encode_long(f3),
            TEXTS[f4],
            TEXTS[f5],
            TEXTS[f6],
            TEXTS[f7],
            TEXTS[f8],
            TEXTS[f9],
            TEXTS[f10],
            TEXTS[f11],
        )
    )


def decode_vrs_dose_read(d: bytes, p: int) -> tuple[r.VrsDoseRead, int]:
    """A VrsDoseRead and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f11 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsDoseRead(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11), p


def encode_vrs_dose_taken(record: r.VrsDoseTaken) -> bytes:
    """The body of a VrsDoseTaken."""
    f0, f1, f2, f3, f4 = record
    f4b = b"".join([encode_long(len(f4)), *[encode_field_error(one) for one in f4], END]) if f4 else END
    return b"".join((TEXTS[f0], TEXTS[f1], TRUE if f2 else FALSE, TEXTS[f3], f4b))


def decode_vrs_dose_taken(d: bytes, p: int) -> tuple[r.VrsDoseTaken, int]:
    """A VrsDoseTaken and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    f2 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    f4l: list[r.FieldError] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            field_error, p = decode_field_error(d, p)
            f4l.append(field_error)
        c, p = items_ahead(d, p)
    f4 = tuple(f4l)
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsDoseTaken(f0, f1, f2, f3, f4), p


def encode_vrs_eligible(record: r.VrsEligible) -> bytes:
    """The body of a VrsEligible."""
    f0, f1, f2, f3, f4, f5, f6, f7 = record
    f2b = f2.encode()
    return b"".join(
        (encode_long(f0), TEXTS[f1], LENGTHS[len(f2b)], f2b, TEXTS[f3], TEXTS[f4], TEXTS[f5], TEXTS[f6], TEXTS[f7])
    )


def decode_vrs_eligible(d: bytes, p: int) -> tuple[r.VrsEligible, int]:
    """A VrsEligible and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f0 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsEligible(f0, f1, f2, f3, f4, f5, f6, f7), p


def encode_vrs_eligible_registered(record: r.VrsEligibleRegistered) -> bytes:
    """The body of a VrsEligibleRegistered."""
    f0, f1, f2, f3, f4 = record
    f3b = b"".join([encode_long(len(f3)), *[encode_vrs_eligible(one) for one in f3], END]) if f3 else END
    return b"".join((TEXTS[f0], TEXTS[f1], TEXTS[f2], f3b, TEXTS[f4]))


def decode_vrs_eligible_registered(d: bytes, p: int) -> tuple[r.VrsEligibleRegistered, int]:
    """A VrsEligibleRegistered and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    f3l: list[r.VrsEligible] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            vrs_eligible, p = decode_vrs_eligible(d, p)
            f3l.append(vrs_eligible)
        c, p = items_ahead(d, p)
    f3 = tuple(f3l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsEligibleRegistered(f0, f1, f2, f3, f4), p


_VRSFLAG = tuple(r.VrsFlag)
_VRSFLAG_BYTES = {one: encode_long(n) for n, one in enumerate(_VRSFLAG)}


def encode_vrs_flag_set(record: r.VrsFlagSet) -> bytes:
    """The body of a VrsFlagSet."""
    f0, f1, f2, f3, f4, f5 = record
    f2b = f2.encode()
    return b"".join((TEXTS[f0], TEXTS[f1], LENGTHS[len(f2b)], f2b, _VRSFLAG_BYTES[f3], TEXTS[f4], TEXTS[f5]))


def decode_vrs_flag_set(d: bytes, p: int) -> tuple[r.VrsFlagSet, int]:
    """A VrsFlagSet and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_VRSFLAG):
        raise Malformed("VrsFlag has no such symbol")
    f3 = _VRSFLAG[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsFlagSet(f0, f1, f2, f3, f4, f5), p


def encode_vrs_inquired(record: r.VrsInquired) -> bytes:
    """The body of a VrsInquired."""
    f0, f1, f2, f3, f4, f5, f6 = record
    return b"".join(
        (TEXTS[f0], TEXTS[f1], TEXTS[f2], TEXTS[f3], TRUE if f4 else FALSE, TRUE if f5 else FALSE, TEXTS[f6])
    )


def decode_vrs_inquired(d: bytes, p: int) -> tuple[r.VrsInquired, int]:
    """A VrsInquired and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    f4 = checked_bool(d[p])
    p += 1
    f5 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsInquired(f0, f1, f2, f3, f4, f5, f6), p


_VRSOUTCOME = tuple(r.VrsOutcome)
_VRSOUTCOME_BYTES = {one: encode_long(n) for n, one in enumerate(_VRSOUTCOME)}


def encode_vrs_provision_recorded(record: r.VrsProvisionRecorded) -> bytes:
    """The body of a VrsProvisionRecorded."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15 = record
    f9b = b"".join([encode_long(len(f9)), *[TEXTS[one] for one in f9], END]) if f9 else END
    return b"".join(
        (
            TEXTS[f0],
            _PARTY_BYTES[f1],
            TEXTS[f2],
            TEXTS[f3],
            TEXTS[f4],
            encode_long(f5),
            encode_long(f6),
            TEXTS[f7],
            _VRSOUTCOME_BYTES[f8],
            f9b,
            encode_long(f10),
            TRUE if f11 else FALSE,
            TRUE if f12 else FALSE,
            TRUE if f13 else FALSE,
            TEXTS[f14],
            LENGTHS[len(f15)],
            f15,
        )
    )


def decode_vrs_provision_recorded(d: bytes, p: int) -> tuple[r.VrsProvisionRecorded, int]:
    """A VrsProvisionRecorded and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_PARTY):
        raise Malformed("Party has no such symbol")
    f1 = _PARTY[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f5 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f6 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_VRSOUTCOME):
        raise Malformed("VrsOutcome has no such symbol")
    f8 = _VRSOUTCOME[n >> 1]
    f9l: list[str] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            n = d[p]
            p += 1
            if n & 129:
                n, p = longer(d, p, n)
            e = p + (n >> 1)
            one = d[p:e].decode()
            p = e
            f9l.append(one)
        c, p = items_ahead(d, p)
    f9 = tuple(f9l)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f10 = (n >> 1) ^ -(n & 1)
    f11 = checked_bool(d[p])
    p += 1
    f12 = checked_bool(d[p])
    p += 1
    f13 = checked_bool(d[p])
    p += 1
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f14 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f15 = d[p:e]
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsProvisionRecorded(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15), p


def encode_vrs_dose_record(record: r.VrsDoseRecord) -> bytes:
    """The body of a VrsDoseRecord."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10 = record
    return b"".join(
        (
            encode_long(f0),
            TEXTS[f1],
            TEXTS[f2],
            encode_long(f3),
            TEXTS[f4],
            TEXTS[f5],
            TEXTS[f6],
            TEXTS[f7],
            TEXTS[f8],
            TEXTS[f9],
            TEXTS[f10],
        )
    )


def decode_vrs_dose_record(d: bytes, p: int) -> tuple[r.VrsDoseRecord, int]:
    """A VrsDoseRecord and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f0 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f2 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f3 = (n >> 1) ^ -(n & 1)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f4 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f5 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f6 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsDoseRecord(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10), p


def encode_vrs_replied(record: r.VrsReplied) -> bytes:
    """The body of a VrsReplied."""
    f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10 = record
    f4b = b"".join([encode_long(len(f4)), *[encode_field_error(one) for one in f4], END]) if f4 else END
    f6b = b"".join([encode_long(len(f6)), *[encode_vrs_dose_record(one) for one in f6], END]) if f6 else END
    return b"".join(
        (
            TEXTS[f0],
            TEXTS[f1],
            _VRSOUTCOME_BYTES[f2],
            TEXTS[f3],
            f4b,
            encode_long(f5),
            f6b,
            TEXTS[f7],
            TEXTS[f8],
            TEXTS[f9],
            TEXTS[f10],
        )
    )


def decode_vrs_replied(d: bytes, p: int) -> tuple[r.VrsReplied, int]:
    """A VrsReplied and the place behind it; Malformed, IndexError or UnicodeDecodeError."""
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f0 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f1 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    if n & 1 or n >> 1 >= len(_VRSOUTCOME):
        raise Malformed("VrsOutcome has no such symbol")
    f2 = _VRSOUTCOME[n >> 1]
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f3 = d[p:e].decode()
    p = e
    f4l: list[r.FieldError] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            field_error, p = decode_field_error(d, p)
            f4l.append(field_error)
        c, p = items_ahead(d, p)
    f4 = tuple(f4l)
    n = d[p]
    p += 1
    if n > 127:
        n, p = more(d, p, n)
    f5 = (n >> 1) ^ -(n & 1)
    f6l: list[r.VrsDoseRecord] = []
    c, p = items_ahead(d, p)
    while c:
        for _ in range(c):
            vrs_dose_record, p = decode_vrs_dose_record(d, p)
            f6l.append(vrs_dose_record)
        c, p = items_ahead(d, p)
    f6 = tuple(f6l)
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f7 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f8 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f9 = d[p:e].decode()
    p = e
    n = d[p]
    p += 1
    if n & 129:
        n, p = longer(d, p, n)
    e = p + (n >> 1)
    f10 = d[p:e].decode()
    p = e
    if p > len(d):
        raise Malformed("the body ends inside a field")
    return r.VrsReplied(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10), p


CODERS = {
    r.AcquisitionDeadlinePassed: (encode_acquisition_deadline_passed, decode_acquisition_deadline_passed),
    r.AcquisitionNumberAssigned: (encode_acquisition_number_assigned, decode_acquisition_number_assigned),
    r.AcquisitionNumberIssued: (encode_acquisition_number_issued, decode_acquisition_number_issued),
    r.AcquisitionNumberRequested: (encode_acquisition_number_requested, decode_acquisition_number_requested),
    r.BusinessNumberLinked: (encode_business_number_linked, decode_business_number_linked),
    r.CancelOrdered: (encode_cancel_ordered, decode_cancel_ordered),
    r.CheckpointDue: (encode_checkpoint_due, decode_checkpoint_due),
    r.CheckpointPublished: (encode_checkpoint_published, decode_checkpoint_published),
    r.CheckpointWitnessed: (encode_checkpoint_witnessed, decode_checkpoint_witnessed),
    r.CodeAcquisitionFailed: (encode_code_acquisition_failed, decode_code_acquisition_failed),
    r.CodeAcquisitionRequested: (encode_code_acquisition_requested, decode_code_acquisition_requested),
    r.CodeRequestDeadlinePassed: (encode_code_request_deadline_passed, decode_code_request_deadline_passed),
    r.CodeRevocationRequested: (encode_code_revocation_requested, decode_code_revocation_requested),
    r.CodeStateChanged: (encode_code_state_changed, decode_code_state_changed),
    r.CopiesAnnounced: (encode_copies_announced, decode_copies_announced),
    r.CopyBatchOpened: (encode_copy_batch_opened, decode_copy_batch_opened),
    r.CopyBatchReported: (encode_copy_batch_reported, decode_copy_batch_reported),
    r.CopyErasureOrdered: (encode_copy_erasure_ordered, decode_copy_erasure_ordered),
    r.CopyGiven: (encode_copy_given, decode_copy_given),
    r.CopySubmitted: (encode_copy_submitted, decode_copy_submitted),
    r.DataErased: (encode_data_erased, decode_data_erased),
    r.ExchangeErasureOrdered: (encode_exchange_erasure_ordered, decode_exchange_erasure_ordered),
    r.HealthItemEntered: (encode_health_item_entered, decode_health_item_entered),
    r.HealthQueueAdvanced: (encode_health_queue_advanced, decode_health_queue_advanced),
    r.HealthReported: (encode_health_reported, decode_health_reported),
    r.HealthTargetEntered: (encode_health_target_entered, decode_health_target_entered),
    r.HealthTransmissionOpened: (encode_health_transmission_opened, decode_health_transmission_opened),
    r.HealthTransmissionSplit: (encode_health_transmission_split, decode_health_transmission_split),
    r.HoldConfirmed: (encode_hold_confirmed, decode_hold_confirmed),
    r.HoldDeadlinePassed: (encode_hold_deadline_passed, decode_hold_deadline_passed),
    r.HoldRefused: (encode_hold_refused, decode_hold_refused),
    r.IdentityConfirmed: (encode_identity_confirmed, decode_identity_confirmed),
    r.IdentityNotified: (encode_identity_notified, decode_identity_notified),
    r.IdentityUnknown: (encode_identity_unknown, decode_identity_unknown),
    r.InquiryAccepted: (encode_inquiry_accepted, decode_inquiry_accepted),
    r.InquiryAnswered: (encode_inquiry_answered, decode_inquiry_answered),
    r.InquiryCancelRequested: (encode_inquiry_cancel_requested, decode_inquiry_cancel_requested),
    r.InquiryDeadlinePassed: (encode_inquiry_deadline_passed, decode_inquiry_deadline_passed),
    r.InquiryForwarded: (encode_inquiry_forwarded, decode_inquiry_forwarded),
    r.InquiryHeld: (encode_inquiry_held, decode_inquiry_held),
    r.InquiryRejected: (encode_inquiry_rejected, decode_inquiry_rejected),
    r.InquiryRequested: (encode_inquiry_requested, decode_inquiry_requested),
    r.InquiryReturned: (encode_inquiry_returned, decode_inquiry_returned),
    r.InquirySent: (encode_inquiry_sent, decode_inquiry_sent),
    r.InquiryWithdrawn: (encode_inquiry_withdrawn, decode_inquiry_withdrawn),
    r.LinkageCodeIssued: (encode_linkage_code_issued, decode_linkage_code_issued),
    r.LinkageCodeRevoked: (encode_linkage_code_revoked, decode_linkage_code_revoked),
    r.LinkageSuspensionChanged: (encode_linkage_suspension_changed, decode_linkage_suspension_changed),
    r.LinkageSuspensionRequested: (encode_linkage_suspension_requested, decode_linkage_suspension_requested),
    r.MessagesBundled: (encode_messages_bundled, decode_messages_bundled),
    r.OperatingStateNotified: (encode_operating_state_notified, decode_operating_state_notified),
    r.OperationRecorded: (encode_operation_recorded, decode_operation_recorded),
    r.PermissionListDistributed: (encode_permission_list_distributed, decode_permission_list_distributed),
    r.Permit: (encode_permit, decode_permit),
    r.PermitDeadlinePassed: (encode_permit_deadline_passed, decode_permit_deadline_passed),
    r.PermitIssued: (encode_permit_issued, decode_permit_issued),
    r.PermitRefused: (encode_permit_refused, decode_permit_refused),
    r.PermitRequested: (encode_permit_requested, decode_permit_requested),
    r.ProvidedInformation: (encode_provided_information, decode_provided_information),
    r.ProvisionAnswered: (encode_provision_answered, decode_provision_answered),
    r.ProvisionDetail: (encode_provision_detail, decode_provision_detail),
    r.ProvisionErasureOrdered: (encode_provision_erasure_ordered, decode_provision_erasure_ordered),
    r.ProvisionHeld: (encode_provision_held, decode_provision_held),
    r.ProvisionRecorded: (encode_provision_recorded, decode_provision_recorded),
    r.ProvisionReported: (encode_provision_reported, decode_provision_reported),
    r.RecordErasureOrdered: (encode_record_erasure_ordered, decode_record_erasure_ordered),
    r.RecordsSubmitted: (encode_records_submitted, decode_records_submitted),
    r.SequenceMarkRequested: (encode_sequence_mark_requested, decode_sequence_mark_requested),
    r.SequenceMarked: (encode_sequence_marked, decode_sequence_marked),
    r.VrsBulkDue: (encode_vrs_bulk_due, decode_vrs_bulk_due),
    r.VrsBulkInquired: (encode_vrs_bulk_inquired, decode_vrs_bulk_inquired),
    r.VrsCertificateRequested: (encode_vrs_certificate_requested, decode_vrs_certificate_requested),
    r.VrsCheckpointDue: (encode_vrs_checkpoint_due, decode_vrs_checkpoint_due),
    r.VrsDoseExpired: (encode_vrs_dose_expired, decode_vrs_dose_expired),
    r.VrsDoseRead: (encode_vrs_dose_read, decode_vrs_dose_read),
    r.VrsDoseTaken: (encode_vrs_dose_taken, decode_vrs_dose_taken),
    r.VrsEligibleRegistered: (encode_vrs_eligible_registered, decode_vrs_eligible_registered),
    r.VrsFlagSet: (encode_vrs_flag_set, decode_vrs_flag_set),
    r.VrsInquired: (encode_vrs_inquired, decode_vrs_inquired),
    r.VrsProvisionRecorded: (encode_vrs_provision_recorded, decode_vrs_provision_recorded),
    r.VrsReplied: (encode_vrs_replied, decode_vrs_replied),
}
