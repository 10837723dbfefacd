"""A synthetic country: the same for the same seed, whole, and made of nobody."""

from __future__ import annotations

from typing import Any

import pytest
from factories import KEYS, NOW, WORLD

from broker.keys import Keys
from broker.rules import numbers
from broker.rules.fields import errors_in
from broker.rules.permission_list import from_json
from broker.tables import (
    TABLE_OF,
    CodeBinding,
    CopyRecord,
    Institution,
    KindLayout,
    ListCopy,
    NetworkCode,
    PermissionListVersion,
    ResidentNumber,
)
from schemas.codec import unpack_items
from services.network import NETWORK_CODE
from services.world import (
    ATTACHED_AT_MOST,
    HOUSEHOLD,
    ITEMS,
    LOCAL_TAX,
    MOST_INSTITUTIONS,
    VACCINATION,
    Plan,
    World,
    institution_codes,
    list_version,
    permission_rows,
)

PLAN = Plan(residents=200, institutions=6, attached=2, at=NOW)


def rows(world: World, kind: type[Any]) -> list[Any]:
    found = [row for person in world.rows() for row in person]
    return [row for row in [*world.directory(), *found] if type(row) is kind]


def test_same_seed_same_country() -> None:
    """Two worlds of one plan are equal row by row; another seed moves people elsewhere."""
    one, other = World(PLAN, KEYS), World(PLAN, KEYS)
    moved = World(PLAN._replace(seed=2), KEYS)

    assert [one.directory(), *one.rows()] == [other.directory(), *other.rows()]
    assert [one.resident(n) for n in range(50)] != [moved.resident(n) for n in range(50)]
    assert list(one.rows(3, 5)) == list(one.rows())[3:5]


def test_other_keys_other_codes() -> None:
    """Codes and tokens hang on the installation's master secret: another installation cannot tell them."""
    mine, theirs = World(PLAN, KEYS), World(PLAN, Keys(bytes(32)))
    person = mine.resident(0)

    assert mine.code_of(person, person.home) != theirs.code_of(person, person.home)
    assert mine.code_of(person, person.home) != mine.code_of(person, person.previous)


@pytest.mark.parametrize("count", [2, 6, 50, 300, MOST_INSTITUTIONS])
def test_institutions_are_well_formed_and_different(count: int) -> None:
    """Every institution has a local government code with the right check digit, inside a code of 16 digits."""
    codes = institution_codes(count)

    assert len({code for code, _, _ in codes}) == len({code for _, code, _ in codes}) == count
    assert all(numbers.is_local_government_code(local) for local, _, _ in codes)
    assert all(numbers.is_institution_code(code) and local in code for local, code, _ in codes)
    assert codes[0] == ("232106", codes[0][1], "刈谷市")


@pytest.mark.parametrize("count", [-1, 0, 1, MOST_INSTITUTIONS + 1])
def test_too_few_and_too_many_institutions(count: int) -> None:
    """An exchange needs two, and there are not more than there are municipalities."""
    with pytest.raises(ValueError, match=f"{count} were asked for"):
        institution_codes(count)


def test_people_are_synthetic_and_different() -> None:
    """Every individual number lies in the synthetic range; nobody shares a number, a code or a pair of places."""
    world = World(PLAN, KEYS)
    people = [world.resident(n) for n in range(PLAN.residents)]
    codes = [row[1] for row in rows(world, CodeBinding)]

    assert all(numbers.is_synthetic_individual_number(one.individual_number) for one in people)
    assert len({one.individual_number for one in people}) == PLAN.residents
    assert all(one.home != one.previous for one in people)
    assert {one.home for one in people} == {one.previous for one in people} == {code for _, code, _ in world.codes}
    assert len({number for one in people for number in (one.home_number, one.previous_number)}) == 2 * PLAN.residents
    assert len(set(codes)) == len(codes) == 2 * PLAN.residents


def test_no_individual_number_is_in_any_row() -> None:
    """The country is written without a single number: the register keeps keyed hashes."""
    world = World(PLAN, KEYS)

    for person in [world.directory(), *world.rows()]:
        for row in person:
            for value in row:
                text = value if isinstance(value, bytes) else str(value)
                assert not numbers.find_individual_numbers(text), type(row)
    assert len(rows(world, ResidentNumber)) == PLAN.residents


def test_network_and_institutions_hold_the_same_codes() -> None:
    """What an institution has bound the network can convert."""
    world = World(PLAN, KEYS)

    bound = {(row[0], row[1]) for row in rows(world, CodeBinding)}

    assert bound == {(row[0], row[1]) for row in rows(world, NetworkCode)}


def test_rows_fit_their_tables() -> None:
    """No two rows of the country share a key."""
    world = World(PLAN, KEYS)
    keys = [
        (type(row), *(getattr(row, column) for column in TABLE_OF[type(row)].key))
        for person in [world.directory(), *world.rows()]
        for row in person
    ]

    assert len(set(keys)) == len(keys)


def test_everybody_holds_the_first_list() -> None:
    """The list is well-formed, stored with its digest, and every institution and the network hold a copy."""
    (version,) = [row for row in WORLD.directory() if isinstance(row, PermissionListVersion)]
    copies = {row.institution_code for row in WORLD.directory() if isinstance(row, ListCopy)}

    assert from_json(version.body).digest() == version.digest
    assert copies == {NETWORK_CODE, *WORLD.names}
    assert not any(row.verified for row in permission_rows())
    assert (
        list_version(1, tuple(reversed(permission_rows())), NOW).digest
        == list_version(1, permission_rows(), NOW).digest
    )


def test_copies_follow_their_layouts() -> None:
    """Every copy has exactly the items of its kind's layout, each with a value or a reason, and is well-formed."""
    layouts = {row.spi_name_code: row.item_codes.split(",") for row in WORLD.directory() if isinstance(row, KindLayout)}

    for n in range(40):
        for kind in (VACCINATION, HOUSEHOLD, LOCAL_TAX):
            message = World(PLAN, KEYS).copy_of(WORLD.resident(n), kind)
            assert errors_in(message) == []
            assert [item.code for item in message.items] == layouts[kind] == list(ITEMS[kind])
            assert all(bool(item.value) != bool(item.absence) for item in message.items)


def test_copies_as_rows_say_the_same_as_the_message() -> None:
    """A row of the world is what the copies service would have made of the message."""
    world = World(PLAN, KEYS)
    message = world.copy_of(world.resident(1), HOUSEHOLD)
    row = world.copy_row(message)

    assert isinstance(row, CopyRecord)
    assert unpack_items(row.items) == message.items
    assert (row.integrated_number, row.spi_name_code, row.known_to) == (
        message.integrated_number,
        message.spi_name_code,
        0,
    )


@pytest.mark.parametrize("kind", [VACCINATION, HOUSEHOLD, LOCAL_TAX])
def test_inquiries_are_well_formed(kind: str) -> None:
    """A generated inquiry has no ill-formed field and asks the previous municipality."""
    for n in range(30):
        message = WORLD.inquiry(n, NOW, kind)
        person = WORLD.resident(n % WORLD.plan.residents)
        assert errors_in(message) == []
        assert (message.inquirer_institution_code, message.kinds[0].provider_institution_code) == (
            person.home,
            person.previous,
        )


def test_vaccination_only() -> None:
    """A plan for load holds one kind of copy a person."""
    world = World(PLAN._replace(vaccination_only=True, residents=5), KEYS)

    assert {row[2] for row in rows(world, CopyRecord)} == {VACCINATION}
    assert len(rows(world, CopyRecord)) == 5


@pytest.mark.parametrize(("attached", "own"), [(0, 0), (2, 2), (6, 6), (9, 6)])
def test_attached_institutions(attached: int, own: int) -> None:
    """The first institutions have topics of their own, never more than there are or than Kafka bears."""
    world = World(PLAN._replace(attached=attached), KEYS)

    assert len(world.attached) == own <= ATTACHED_AT_MOST
    assert [row.attached for row in world.directory() if isinstance(row, Institution)] == [
        code in world.attached for _, code, _ in world.codes
    ]
    assert world.today() == "20260921"
