"""What each field of a message from outside must look like; the first thing an institution's message meets.

Owns one table a message: field → what it must be. Promises that every ill-formed field is named, all of them at once.
Source: domain 3(c-5), 4.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from broker.rules import numbers
from broker.rules.identity import KINDS_LIMIT
from broker.rules.reasons import field_error
from schemas.records import (
    CodeAcquisitionRequested,
    CodeRevocationRequested,
    CopyBatchOpened,
    CopySubmitted,
    FieldError,
    HoldConfirmed,
    HoldRefused,
    IdentityNotified,
    InquiryCancelRequested,
    InquiryRequested,
    Item,
    LinkageSuspensionRequested,
    RequestedKind,
)

ITEMS_LIMIT = 500  # items of one copy (assumption): it bounds the list of errors, which must fit in a reply


class Form(NamedTuple):
    """What a value must be: a test, and the words for it."""

    fits: Callable[[Any], bool]
    ja: str
    en: str
    optional: bool = False


def _free_of_numbers(form: Form) -> Form:
    """The form, but no individual number may stand in it: in free text one would travel and be kept (domain 3(a))."""
    fits, twelve_digits = form.fits, re.compile(r"[0-9]{12}").search

    def and_no_number(text: str) -> bool:
        return bool(fits(text)) and not (twelve_digits(text) and numbers.find_individual_numbers(text))

    return Form(and_no_number, f"{form.ja}（個人番号は不可）", f"{form.en}, no individual number", form.optional)


def _pattern(pattern: str, ja: str, en: str) -> Form:
    return Form(re.compile(pattern).fullmatch, ja, en)  # type: ignore[arg-type]


def optional(form: Form) -> Form:
    """The same form, or empty."""
    return form._replace(optional=True)


@lru_cache(maxsize=4096)
def _is_date(text: str) -> bool:
    if len(text) != 8 or not text.isascii() or not text.isdigit():
        return False
    try:
        datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        return False
    return True


def _is_moment(text: str) -> bool:
    if len(text) != 17 or not text.isascii() or not text.isdigit():
        return False
    return _is_date(text[:8]) and text[8:10] <= "23" and text[10:12] <= "59" and text[12:14] <= "59"


def _text(longest: int) -> Form:
    pattern = re.compile(rf"[^\x00-\x1f\x7f]{{1,{longest}}}")
    words = (f"1～{longest}文字", f"1 to {longest} characters")
    return _free_of_numbers(Form(pattern.fullmatch, *words))  # type: ignore[arg-type]


def _one_of(*values: str) -> Form:
    return Form(frozenset(values).__contains__, "・".join(values), " or ".join(values))


INSTITUTION = Form(lru_cache(4096)(numbers.is_institution_code), "16桁の数字", "16 digits")
INTEGRATED = _pattern(r"[0-9]{15}", "15桁の数字", "15 digits")
AFFAIR = Form(lru_cache(4096)(numbers.is_affair_code), "JM+14桁", "JM and 14 digits")
PROCEDURE = Form(lru_cache(4096)(numbers.is_procedure_code), "JT+14桁", "JT and 14 digits")
SPI_NAME = Form(lru_cache(4096)(numbers.is_spi_name_code), "TM+14桁", "TM and 14 digits")
DATE = Form(_is_date, "yyyymmdd", "YYYYMMDD, an existing day")
MOMENT = Form(_is_moment, "yyyymmddhhmmssSSS、17桁", "yyyymmddhhmmssSSS, 17 digits")
DIGIT = _pattern(r"[0-9]", "1桁の数字", "1 digit")
RECORD_ID = _free_of_numbers(
    _pattern(r"[0-9A-Za-z._:-]{1,40}", "英数字と ._:- の1～40文字", "1 to 40 letters, digits or ._:-")
)
NON_DISCLOSURE = _one_of("1", "2")

FORMS: dict[type[Any], dict[str, Form]] = {
    InquiryRequested: {
        "record_identification_number": RECORD_ID,
        "requested_at": MOMENT,
        "inquirer_institution_code": INSTITUTION,
        "inquirer_department_code": _text(20),
        "inquirer_operator_id": _text(20),
        "inquirer_delegating_institution_code": optional(INSTITUTION),
        "inquirer_non_disclosure_code": NON_DISCLOSURE,
        "number_system": _pattern(r"[0-9]{2}", "2桁の数字", "2 digits"),
        "business_person_number": optional(INTEGRATED),
        "integrated_number": INTEGRATED,
        "affair_code": AFFAIR,
        "procedure_code": PROCEDURE,
    },
    RequestedKind: {
        "provider_institution_code": INSTITUTION,
        "provider_delegating_institution_code": optional(INSTITUTION),
        "spi_name_code": SPI_NAME,
        "inquiry_condition_type": DIGIT,
        "inquiry_year_type": DIGIT,
        "period_from": optional(DATE),
        "period_to": optional(DATE),
        "answer_within_seconds": Form(lambda n: 0 <= n <= 2_592_000, "0～2592000秒", "0 to 2592000 seconds"),
    },
    InquiryCancelRequested: {
        "record_identification_number": RECORD_ID,
        "inquirer_institution_code": INSTITUTION,
        "reason": _text(200),
    },
    CopyBatchOpened: {
        "institution_code": INSTITUTION,
        "batch_id": RECORD_ID,
        "reason": _one_of("FIRST_LOAD", "LAYOUT_REVISION", "RE_REGISTRATION", "CHANGE"),
        "row_count": Form(lambda n: n >= 1, "1以上", "1 or more"),
    },
    CopySubmitted: {
        "institution_code": INSTITUTION,
        "batch_id": optional(RECORD_ID),
        "row_number": Form(lambda n: n >= 0, "0以上", "0 or more"),
        "record_identification_number": RECORD_ID,
        "integrated_number": INTEGRATED,
        "spi_name_code": SPI_NAME,
        "record_key": _text(40),
        "layout_version": _text(20),
        "valid_from": DATE,
        "valid_to": optional(DATE),
        "publication_from": DATE,
        "publication_to": optional(DATE),
        "non_disclosure_code": NON_DISCLOSURE,
    },
    Item: {
        "code": _text(20),
        "value": optional(_free_of_numbers(Form(lambda _: True, "値", "a value"))),
        "absence": optional(_one_of("NOT_APPLICABLE", "NOT_HELD")),
    },
    HoldConfirmed: {
        "provider_institution_code": INSTITUTION,
        "operator_id": _text(20),
    },
    HoldRefused: {
        "provider_institution_code": INSTITUTION,
        "operator_id": _text(20),
        "note": optional(_text(200)),
    },
    CodeAcquisitionRequested: {
        "institution_code": INSTITUTION,
        "request_id": RECORD_ID,
        "integrated_number": INTEGRATED,
    },
    CodeRevocationRequested: {
        "institution_code": INSTITUTION,
        "request_id": RECORD_ID,
        "integrated_number": INTEGRATED,
        "valid_to": Form(lambda n: n > 0, "1以上", "above 0"),
    },
    LinkageSuspensionRequested: {
        "institution_code": INSTITUTION,
        "request_id": RECORD_ID,
        "integrated_number": INTEGRATED,
        "reason": _text(200),
    },
    IdentityNotified: {
        "institution_code": INSTITUTION,
        "acquisition_number": _pattern(r"[0-9]{20}", "20桁の数字", "20 digits"),
        "individual_number": _pattern(r"[0-9]{12}", "12桁の数字", "12 digits"),
    },
}

_COMPILED = {
    kind: tuple((kind._fields.index(name), name, form) for name, form in forms.items()) for kind, forms in FORMS.items()
}


def errors_in(message: Any, prefix: str = "") -> list[FieldError]:
    """Every ill-formed field of a message, nested records included; the values themselves are never repeated."""
    found = [
        _error(prefix + name, form, message[place])
        for place, name, form in _COMPILED[type(message)]
        if not (form.fits(message[place]) or (form.optional and message[place] == ""))
    ]
    if type(message) is InquiryRequested:
        found += _errors_in_kinds(message)
    elif type(message) is RequestedKind:
        found += _period(prefix + "period_to", message.period_from, message.period_to)
    elif type(message) is CopySubmitted:
        found += _errors_in_items(message)
        found += _period("valid_to", message.valid_from, message.valid_to)
        found += _period("publication_to", message.publication_from, message.publication_to)
    return found


def _errors_in_kinds(message: InquiryRequested) -> list[FieldError]:
    if not 1 <= len(message.kinds) <= KINDS_LIMIT:
        return [field_error("kinds", "FIELD_OUT_OF_RANGE", f"1～{KINDS_LIMIT}件", f"1 to {KINDS_LIMIT} kinds")]
    found: list[FieldError] = []
    for place, kind in enumerate(message.kinds):
        found += errors_in(kind, f"kinds[{place}].")
    return found


def _errors_in_items(message: CopySubmitted) -> list[FieldError]:
    if len(message.items) > ITEMS_LIMIT:
        return [field_error("items", "FIELD_OUT_OF_RANGE", f"{ITEMS_LIMIT}件以下", f"at most {ITEMS_LIMIT} items")]
    return [error for place, item in enumerate(message.items) for error in errors_in(item, f"items[{place}].")]


def _period(field: str, first: str, last: str) -> list[FieldError]:
    both = _is_date(first) and _is_date(last)
    return [field_error(field, "DATE_RANGE")] if both and first > last else []


def echoed(record_id: str) -> str:
    """A sender's own name for its message as a reply may repeat it: an ill-formed one could be anything."""
    return record_id if RECORD_ID.fits(record_id) else ""


def _error(field: str, form: Form, value: Any) -> FieldError:
    rule = "FIELD_MISSING" if value == "" else "FIELD_OUT_OF_RANGE" if isinstance(value, int) else "FIELD_ILL_FORMED"
    return field_error(field, rule, form.ja, form.en)
