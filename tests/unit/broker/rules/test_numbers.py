"""What makes a text a number or code of information linkage, with the domain's vectors and python-stdnum as witness."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.jp import in_ as stdnum_individual_number

from broker.rules import numbers
from broker.rules.numbers import InstitutionKind

digits = st.text("0123456789", min_size=12, max_size=12)
PUBLIC = "621498320257"


@pytest.mark.parametrize("text", [PUBLIC, "123456789018", "000000000060"])
def test_the_known_individual_numbers_are_valid(text: str) -> None:
    """The published example, one with an ordinary remainder, one with remainder 1."""
    assert numbers.is_individual_number(text)
    assert numbers.individual_number_check_digit(text[:11]) == text[11]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "123456789012",
        "62149832025",
        "6214983202570",
        "6214 9832 0257",
        "６２１４９８３２０２５７",
        "62149832025x",
        "621498320257\n",
    ],
)
def test_other_texts_are_no_individual_numbers(text: str) -> None:
    """A wrong check digit, another length, and digits that are not plain ASCII are refused."""
    assert not numbers.is_individual_number(text)


@given(text=digits)
def test_an_independent_library_agrees_on_every_number(text: str) -> None:
    """Our reading of the ministerial order is not ours alone."""
    assert numbers.is_individual_number(text) == stdnum_individual_number.is_valid(text)
    assert numbers.individual_number_check_digit(text[:11]) == stdnum_individual_number.calc_check_digit(text[:11])


@given(text=digits, place=st.integers(0, 10), change=st.integers(1, 9))
def test_a_changed_digit_is_nearly_always_noticed(text: str, place: int, change: int) -> None:
    """One mistyped digit goes unnoticed only where remainders 0 and 1 share the check digit 0."""
    check = numbers.individual_number_check_digit(text[:11])
    other = f"{text[:place]}{(int(text[place]) + change) % 10}{text[place + 1 : 11]}{check}"

    assert not numbers.is_individual_number(other) or check == "0"


@pytest.mark.parametrize(
    "eleven", ["", "1234567890", "123456789012", "1234567890x", "１２３４５６７８９０１", "+1234567890"]
)
def test_a_check_digit_is_of_eleven_digits_only(eleven: str) -> None:
    """A wrong use is the caller's mistake, and says so without repeating what may be a number."""
    with pytest.raises(ValueError, match="exactly 11 ASCII digits") as refusal:
        numbers.individual_number_check_digit(eleven)

    assert not eleven or eleven not in str(refusal.value)


@given(sequence=st.integers(0, numbers.SYNTHETIC_SEQUENCE_LIMIT - 1))
def test_every_synthetic_person_has_a_valid_number_of_our_range(sequence: int) -> None:
    """A synthetic number passes every check of a real one and is still told from it."""
    number = numbers.synthetic_individual_number(sequence)

    assert numbers.is_individual_number(number)
    assert numbers.is_synthetic_individual_number(number)
    assert int(number[4:11]) == sequence


@pytest.mark.parametrize("text", [PUBLIC, "123456789018", "", "9999", "999900000000"])
def test_numbers_outside_our_range_are_not_ours(text: str) -> None:
    """A real person's valid number, and an invalid one of our range, are refused alike."""
    assert not numbers.is_synthetic_individual_number(text)


@pytest.mark.parametrize("sequence", [-1, numbers.SYNTHETIC_SEQUENCE_LIMIT])
def test_the_synthetic_range_ends(sequence: int) -> None:
    """Beyond ten million people the range does not silently become somebody's."""
    with pytest.raises(ValueError, match="synthetic range"):
        numbers.synthetic_individual_number(sequence)


@pytest.mark.parametrize("text", ["232106", "011002", "141003", "130001", "131016", "131121", "231002", "473821"])
def test_the_known_local_government_codes_are_valid(text: str) -> None:
    """Kariya, Sapporo, Yokohama, Tokyo, Chiyoda, Setagaya (remainder 10), Nagoya and Yonaguni (remainder 0)."""
    assert numbers.is_local_government_code(text)
    assert numbers.local_government_check_digit(text[:5]) == text[5]


@given(five=st.text("0123456789", min_size=5, max_size=5))
def test_a_local_government_code_has_one_check_digit(five: str) -> None:
    """Of the ten endings exactly one is right: the last digit of 11 less the remainder, written out here by hand."""
    total = sum(int(digit) * weight for digit, weight in zip(five, range(6, 1, -1), strict=True))
    right = [f"{five}{digit}" for digit in range(10) if numbers.is_local_government_code(f"{five}{digit}")]

    assert right == [f"{five}{str(11 - total % 11)[-1]}"]


@pytest.mark.parametrize("text", ["", "232107", "23210", "2321060", "２３２１０６", "23210x"])
def test_other_texts_are_no_local_government_codes(text: str) -> None:
    """A wrong check digit, another length and other signs are refused."""
    assert not numbers.is_local_government_code(text)


@pytest.mark.parametrize("kind", list(InstitutionKind))
def test_an_institution_code_shows_its_local_government(kind: InstitutionKind) -> None:
    """Positions 6 to 11 hold the local government code, as in the public sample 0220113112101700 of Setagaya."""
    code = numbers.institution_code_of("232106", kind)

    assert numbers.is_institution_code(code)
    assert code[5:11] == "232106"
    assert "0220113112101700"[5:11] == "131121"


def test_every_institution_has_its_own_code() -> None:
    """Mayor and board of education of one city are two institutions, and no two cities share a code."""
    codes = [numbers.institution_code_of(city, kind) for city in ("232106", "131121") for kind in InstitutionKind]

    assert len(set(codes)) == 2 * len(InstitutionKind)


@pytest.mark.parametrize(("code", "kind"), [("232107", 1), ("", 1), ("232106", 0), ("232106", 1000)])
def test_no_institution_code_is_built_from_wrong_parts(code: str, kind: int) -> None:
    """A mistyped local government code is refused before it becomes an address."""
    with pytest.raises(ValueError, match=r"地方公共団体コード|institution kind"):
        numbers.institution_code_of(code, kind)


@given(ten=st.text("0123456789", min_size=10, max_size=10))
def test_a_resident_record_code_has_one_check_digit(ten: str) -> None:
    """Ten digits make one code of eleven, by the rule that we assume."""
    right = [f"{ten}{digit}" for digit in range(10) if numbers.is_resident_record_code(f"{ten}{digit}")]

    assert right == [numbers.resident_record_code(ten)]


FORMATS: list[tuple[Callable[[str], bool], str]] = [
    (numbers.is_institution_code, "1419900000002200"),
    (numbers.is_linkage_code, "0123456789abcdef" * 4),
    (numbers.is_serial, "20240401000000000123"),
    (numbers.is_affair_code, "JM01000000121000"),
    (numbers.is_procedure_code, "JT01010000000214"),
    (numbers.is_spi_name_code, "TM00000000000002"),
    (numbers.is_simulator_spi_name_code, "TM99000000000001"),
    (numbers.is_resident_record_code, numbers.resident_record_code("1234567890")),
]


@pytest.mark.parametrize(("is_code", "sample"), FORMATS)
def test_each_code_has_one_format(is_code: Callable[[str], bool], sample: str) -> None:
    """The sample passes; shorter, longer, padded, full-width and differently cased texts do not."""
    full_width = sample[:-1] + chr(ord("０") + 1)
    swapped = sample.swapcase()

    assert is_code(sample)
    for other in ("", sample[:-1], sample + "0", " " + sample[1:], sample + "\n", sample[:-1] + "g", full_width):
        assert not is_code(other)
    assert swapped == sample or not is_code(swapped)


def test_codes_of_different_things_are_told_apart() -> None:
    """An affair is no procedure and no kind, and only the block TM99 is the simulator's own."""
    assert not numbers.is_affair_code("JT01000000121000")
    assert not numbers.is_procedure_code("JM01010000000214")
    assert not numbers.is_spi_name_code("JM01000000121000")
    assert not numbers.is_simulator_spi_name_code("TM00000000000002")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", []),
        (PUBLIC, [0]),
        (f"番号は{PUBLIC}です。{PUBLIC}", [3, 18]),
        (f"{PUBLIC},123456789018,123456789012", [0, 13]),
        (f"{PUBLIC}0", []),
        (f"0{PUBLIC}", []),
        (f"20240401{PUBLIC}", []),
        (f"x{PUBLIC}y", [1]),
        (f'{{"serial":"{PUBLIC}"}}', [11]),
        (f"deadbeef{PUBLIC}", []),
        (f"{PUBLIC}fade", []),
        (f"number {PUBLIC} fade", [7]),
        (f"DEAD{PUBLIC}", [4]),
        (f"\x18{PUBLIC}0", [1]),
        ("６２１４９８３２０２５７", []),
    ],
)
def test_numbers_are_found_where_they_stand_alone(text: str, places: list[int]) -> None:
    """The last net finds a number anywhere in a text, and neither in a longer number nor in a digest."""
    assert numbers.find_individual_numbers(text) == places


def test_numbers_are_found_in_avro_whatever_follows() -> None:
    """In an Avro body the next field's length byte may be a digit's; the number before it is found all the same."""
    body = b"\x02" + b"\x18" + PUBLIC.encode() + b"0" + b"the next field, 24 long."

    assert numbers.find_individual_numbers(body) == [2]
    assert numbers.find_individual_numbers(body.replace(b"\x18", b"\x1a")) == []


@given(text=st.text("0123456789 -xあ", max_size=60), number=st.sampled_from(["", PUBLIC, "123456789018"]))
def test_the_scan_finds_what_a_plain_expression_finds(text: str, number: str) -> None:
    """The fast scan is the definition: 12 digits, none before, none after, right check digit; in str and bytes."""
    text = text + number + text
    expected = [
        match.start()
        for match in re.finditer(r"(?<![0-9])[0-9]{12}(?![0-9])", text)
        if stdnum_individual_number.is_valid(match.group())
    ]

    assert numbers.find_individual_numbers(text) == expected
    assert numbers.find_individual_numbers(text.encode()) == [len(text[:start].encode()) for start in expected]
