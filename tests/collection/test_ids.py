"""Ids: one canonical form of each, and ids that lost their last digits are seen."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.ids import OTHER, are_rounded, post_id, posted_at
from collection.records import BadId, Reason

TRUE = 692703645437677568


@given(st.integers(0, 2**63))
def test_numeric_ids_never_lose_a_digit(number: int) -> None:
    assert post_id(str(number)) == post_id(number) == post_id(post_id(number)) == f"x:{number}"
    assert post_id(number, OTHER) == post_id(post_id(number, OTHER)) == f"id:{number}"


@pytest.mark.parametrize(
    "raw",
    [
        f"'{TRUE}",
        f'="{TRUE}"',
        f'"{TRUE}"',
        f" 0{TRUE} ",
        f"ID_{TRUE}",
        f"tweet_{TRUE}",
        f"https://twitter.com/someone/status/{TRUE}",
        f"https://mobile.twitter.com/someone/status/{TRUE}?s=20",
        f"x.com/i/web/status/{TRUE}/photo/1",
        f"{TRUE:,}",
        f"{TRUE:,}".replace(",", " "),
        f"{TRUE:,}".replace(",", "\u202f"),
    ],
)
def test_all_forms_of_an_id_are_one(raw: str) -> None:
    assert post_id(raw) == f"x:{TRUE}"


@pytest.mark.parametrize("raw", ["6.92E+17", "6.92094e+17", "692094000000000000.0", 6.92e17, "1,5E+17", "-5"])
def test_mangled_ids_are_refused(raw: object) -> None:
    with pytest.raises(BadId) as error:
        post_id(raw)
    assert error.value.reason == Reason.ID_MANGLED


@pytest.mark.parametrize("raw", [None, "", "  ", '=""', "'", float("nan"), True, [1]])
def test_absent_ids_are_missing(raw: object) -> None:
    with pytest.raises(BadId) as error:
        post_id(raw)
    assert error.value.reason == Reason.ID_MISSING


def test_other_ids_keep_their_text() -> None:
    assert post_id(" coco/139 ") == "id:coco/139"
    assert post_id("٣") == "id:٣"  # a digit elsewhere is no digit of an X id
    assert post_id("007", OTHER) == "id:007"


def snowflakes(number: int, *, busy: bool) -> list[int]:
    """Ids as X gives them out: the time, a machine, and a count that is mostly 0 where nobody else posts."""
    chance = random.Random(number)
    return [
        (chance.randrange(10**11, 4 * 10**11) << 22)
        + (chance.randrange(1024) << 12)
        + (chance.randrange(4096) if busy else 0)
        for _ in range(number)
    ]


@pytest.mark.parametrize("number", [3, 10, 40, 10_000])
def test_rounded_ids_are_seen_and_true_ones_are_not(number: int) -> None:
    true = snowflakes(number, busy=True)
    assert not are_rounded(true)
    assert not are_rounded(snowflakes(number, busy=False))
    assert are_rounded(round(each, 15 - len(str(each))) for each in true)  # Excel keeps 15 digits
    assert are_rounded(int(float(each)) for each in true)
    if number > 10:  # JavaScript prints 16 or 17 digits: a zero at the end of few may be chance
        assert are_rounded(int(Decimal(repr(float(each)))) for each in true)


def test_an_id_holds_its_time() -> None:
    assert posted_at(263046056240115712).year == 2012
