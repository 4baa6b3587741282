"""Ids and times."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.records import BadId, Reason, post_id, utc


@given(st.integers(0, 2**63))
def test_numeric_ids_never_lose_a_digit(number: int) -> None:
    assert post_id(str(number)) == post_id(number) == post_id(post_id(number)) == f"x:{number}"


@pytest.mark.parametrize("raw", ["6.92E+17", "6.92094e+17", "692094000000000000.0", 6.92e17, "1,5E+17", "-5"])
def test_mangled_ids_are_refused(raw: object) -> None:
    with pytest.raises(BadId) as error:
        post_id(raw)
    assert error.value.reason == Reason.ID_MANGLED


@pytest.mark.parametrize("raw", [None, "", "  ", float("nan"), True, [1]])
def test_absent_ids_are_missing(raw: object) -> None:
    with pytest.raises(BadId) as error:
        post_id(raw)
    assert error.value.reason == Reason.ID_MISSING


def test_other_ids_keep_their_text() -> None:
    assert post_id(" coco/139 ") == "id:coco/139"
    assert post_id("٣") == "id:٣"  # a digit elsewhere is no digit of an X id


@pytest.mark.parametrize(
    ("raw", "iso"),
    [
        ("Mon Oct 29 22:34:01 +0000 2012", "2012-10-29T22:34:01+00:00"),
        ("Tue Mar 11 03: 13: 40 +0000 2014", "2014-03-11T03:13:40+00:00"),
        ("2019-12-31T19:26:16.000Z", "2019-12-31T19:26:16+00:00"),
        ("2020-01-01T00:00:00+02:00", "2019-12-31T22:00:00+00:00"),
        ("2020-01-01 10:00", "2020-01-01T10:00:00+00:00"),
        (datetime.datetime(2020, 1, 1), "2020-01-01T00:00:00+00:00"),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (None, None),
        (5, None),
    ],
)
def test_times(raw: object, iso: str | None) -> None:
    assert utc(raw) == iso
