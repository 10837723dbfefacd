"""What the fields of the city systems' messages must look like: health support and the vaccination record system.

Owns one table a message, as `broker.rules.fields` does for the intermediate server. Promises that every ill-formed
field is named and that no value is repeated. An individual number stands in its own fields only: everywhere else it is
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.rules import numbers, vaccination
from broker.rules.fields import (
    DATE,
    INSTITUTION,
    INTEGRATED,
    ITEMS_LIMIT,
    RECORD_ID,
    SPI_NAME,
    Form,
    _one_of,
    _pattern,
    _text,
    errors_in,
    optional,
)
from broker.rules.reasons import field_error
from schemas.records import (
    FieldError,
    HealthItemEntered,
    HealthTargetEntered,
    HealthTransmissionOpened,
    HealthTransmissionSplit,
    VrsBulkInquired,
    VrsCertificateRequested,
    VrsDoseRead,
    VrsEligible,
    VrsEligibleRegistered,
    VrsFlagSet,
    VrsInquired,
)

ROWS_LIMIT = 500  # lines of a CSV in one message
BULK_LIMIT = 200  # numbers in one nightly inquiry
TRANSMISSION_ROWS_LIMIT = 10_000_000
HASH_BYTES = 32

TRANSMISSION = _pattern(r"[0-9A-Za-z._:-]{1,30}", "英数字と ._:- の1～30文字", "1 to 30 letters, digits or ._:-")
SEX = _one_of("0", "1", "2")
LOCAL_GOVERNMENT = Form(numbers.is_local_government_code, "検査数字の正しい6桁", "6 digits with a right check digit")
NUMBER = Form(numbers.is_individual_number, "検査数字の正しい12桁の個人番号", "12 digits with a right check digit")
HASH = Form(lambda value: len(value) in (0, HASH_BYTES), "32バイトか空", "32 bytes or empty")
OPERATOR = _text(20)

CITY_FORMS: dict[type[Any], dict[str, Form]] = {
    HealthTargetEntered: {
        "institution_code": INSTITUTION,
        "record_identification_number": RECORD_ID,
        "business_person_number": INTEGRATED,
        "integrated_number": INTEGRATED,
        "number_hash": HASH,
        "name": _text(100),
        "birth_date": DATE,
        "sex": SEX,
        "district": _text(40),
        "operator_id": OPERATOR,
    },
    HealthItemEntered: {
        "institution_code": INSTITUTION,
        "record_identification_number": RECORD_ID,
        "business_person_number": INTEGRATED,
        "spi_name_code": SPI_NAME,
        "record_key": _text(40),
        "event_date": DATE,
        "operator_id": OPERATOR,
        "transmission_id": optional(TRANSMISSION),
    },
    HealthTransmissionOpened: {
        "institution_code": INSTITUTION,
        "transmission_id": TRANSMISSION,
        "row_count": Form(lambda n: 1 <= n <= TRANSMISSION_ROWS_LIMIT, "1～1000万", "1 to 10,000,000"),
        "operator_id": OPERATOR,
    },
    HealthTransmissionSplit: {
        "institution_code": INSTITUTION,
        "transmission_id": TRANSMISSION,
        "operator_id": OPERATOR,
    },
    VrsEligibleRegistered: {
        "institution_code": INSTITUTION,
        "request_id": RECORD_ID,
        "local_government_code": LOCAL_GOVERNMENT,
        "operator_id": OPERATOR,
    },
    VrsEligible: {
        "individual_number": NUMBER,
        "business_person_number": INTEGRATED,
        "ticket_type": Form(vaccination.is_ticket_type, "1桁の数字", "1 digit"),
        "name": _text(100),
        "birth_date": DATE,
        "sex": SEX,
    },
    VrsDoseRead: {
        "institution_code": INSTITUTION,
        "request_id": RECORD_ID,
        "dose_number": Form(
            lambda n: 1 <= n <= vaccination.HIGHEST_DOSE,
            f"1～{vaccination.HIGHEST_DOSE}",
            f"1 to {vaccination.HIGHEST_DOSE}",
        ),
        "dose_date": DATE,
        "maker": _text(20),
        "lot_number": _text(20),
        "vaccine_type": optional(_text(20)),
        "product_name": optional(_text(40)),
        "venue": _text(30),
        "doctor": optional(_text(20)),
        "operator_id": OPERATOR,
    },
    VrsFlagSet: {
        "institution_code": INSTITUTION,
        "request_id": RECORD_ID,
        "business_person_number": INTEGRATED,
        "flag_date": DATE,
        "operator_id": OPERATOR,
    },
    VrsInquired: {
        "institution_code": INSTITUTION,
        "request_id": RECORD_ID,
        "individual_number": NUMBER,
        "local_government_code": LOCAL_GOVERNMENT,
        "operator_id": OPERATOR,
    },
    VrsBulkInquired: {
        "institution_code": INSTITUTION,
        "request_id": RECORD_ID,
        "operator_id": OPERATOR,
    },
    VrsCertificateRequested: {
        "institution_code": INSTITUTION,
        "request_id": RECORD_ID,
        "individual_number": NUMBER,
        "operator_id": OPERATOR,
        "passport_number": optional(
            _pattern(r"[A-Z0-9]{6,12}", "英大文字と数字6～12文字", "6 to 12 capitals or digits")
        ),
        "roman_name": optional(_text(60)),
        "nationality": optional(_pattern(r"[A-Z]{3}", "英大文字3文字", "3 capitals")),
        "other_names": optional(_text(60)),
    },
}


def city_errors_in(message: Any, prefix: str = "") -> list[FieldError]:
    """Every ill-formed field of a city system's message; the values themselves are never repeated."""
    found = []
    for name, form in CITY_FORMS[type(message)].items():
        value = getattr(message, name)
        if not (form.fits(value) or (form.optional and value == "")):
            found.append(_error(prefix + name, form, value))
    return found + _errors_inside(message, prefix)


def _errors_inside(message: Any, prefix: str) -> list[FieldError]:
    """What the table cannot say: lists, and the rules that have names of their own."""
    if isinstance(message, HealthItemEntered):
        return _items(message)
    if isinstance(message, VrsEligibleRegistered):
        return _counted("rows", message.rows, ROWS_LIMIT)
    if isinstance(message, VrsBulkInquired):
        return _bulk(message.individual_numbers)
    if isinstance(message, VrsEligible):
        found = [] if vaccination.is_voucher_number(message.voucher_number) else ["VOUCHER_ILL_FORMED"]
        return [field_error(f"{prefix}voucher_number", rule) for rule in found] + _synthetic(
            f"{prefix}individual_number", message.individual_number
        )
    if isinstance(message, VrsInquired | VrsCertificateRequested):
        return _synthetic("individual_number", message.individual_number)
    return []


def _items(message: HealthItemEntered) -> list[FieldError]:
    if len(message.items) > ITEMS_LIMIT:
        return [field_error("items", "FIELD_OUT_OF_RANGE", f"{ITEMS_LIMIT}件以下", f"at most {ITEMS_LIMIT} items")]
    return [error for place, item in enumerate(message.items) for error in errors_in(item, f"items[{place}].")]


def _bulk(individual_numbers: Sequence[str]) -> list[FieldError]:
    found = _counted("individual_numbers", individual_numbers, BULK_LIMIT)
    for place, number in enumerate(individual_numbers[:BULK_LIMIT]):
        field = f"individual_numbers[{place}]"
        found += _synthetic(field, number) if NUMBER.fits(number) else [_error(field, NUMBER, number)]
    return found


def _synthetic(field: str, number: str) -> list[FieldError]:
    real = numbers.is_individual_number(number) and not numbers.is_synthetic_individual_number(number)
    return [field_error(field, "NOT_SYNTHETIC")] if real else []


def _counted(field: str, rows: Sequence[Any], limit: int) -> list[FieldError]:
    if 1 <= len(rows) <= limit:
        return []
    return [field_error(field, "FIELD_OUT_OF_RANGE", f"1～{limit}件", f"1 to {limit} rows")]


def _error(field: str, form: Form, value: Any) -> FieldError:
    rule = "FIELD_MISSING" if value == "" else "FIELD_OUT_OF_RANGE" if isinstance(value, int) else "FIELD_ILL_FORMED"
    return field_error(field, rule, form.ja, form.en)
