"""Agreement against published values, against the `krippendorff` package, and where it is undefined."""

import math

import krippendorff
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.agreement import LEVELS, Agreement, agreement, alpha, patterns
from ccd.errors import CcdError
from ccd.protocol import Level
from tests.data import SHARED

R1 = """1 2 3 3 2 1 4 1 2 . . .
        1 2 3 3 2 2 4 1 2 5 . 3
        . 3 3 3 2 3 4 2 2 5 1 .
        1 2 3 3 2 4 4 1 2 5 1 ."""  # Krippendorff 2011: observers x units
R2 = """. . . . . 3 4 1 2 1 1 3 3 . 3
        1 . 2 1 3 3 4 3 . . . . . . .
        . . 2 1 3 4 4 . 2 1 1 3 3 . 4"""
R4 = """a a b b d c c c e d d a
        b a b b b c c c e d d d"""
R5 = {  # Fleiss 1971: 30 patients x 6 raters, numbers of raters a category
    "counts": """0 0 0 6 0, 0 3 0 0 3, 0 1 4 0 1, 0 0 0 0 6, 0 3 0 3 0, 2 0 4 0 0, 0 0 4 0 2, 2 0 3 1 0, 2 0 0 4 0,
        0 0 0 0 6, 1 0 0 5 0, 1 1 0 4 0, 0 3 3 0 0, 1 0 0 5 0, 0 2 0 3 1, 0 0 5 0 1, 3 0 0 1 2, 5 1 0 0 0, 0 2 0 4 0,
        1 0 2 0 3, 0 0 0 0 6, 0 1 0 5 0, 0 2 0 1 3, 2 0 0 4 0, 1 0 0 4 1, 0 5 0 1 0, 4 0 0 0 2, 0 2 0 4 0, 1 0 5 0 0,
        0 0 0 0 6"""
}


def table(text: str) -> pd.DataFrame:
    """Judgments from a matrix of observers x units."""
    rows = [
        (unit, f"w{worker}", label)
        for worker, line in enumerate(text.splitlines())
        for unit, label in enumerate(line.split())
        if label != "."
    ]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def votes_of(counts: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Judgments from numbers of votes [units, categories]; who gave them is of no account."""
    rows = [
        (unit, f"w{i}", label)
        for unit, row in enumerate(counts)
        for i, label in enumerate(np.repeat([f"c{c}" for c in range(len(row))], row))
    ]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def value(found: Agreement, name: str) -> float:
    result = found.coefficients[name].value
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("text", "labels", "level", "expected"),
    [
        (R1, "12345", "nominal", 0.743421),
        (R1, "12345", "ordinal", 0.815388),
        (R1, "12345", "interval", 0.849107),
        (R2, "1234", "nominal", 0.691358),
        (R2, "1234", "interval", 0.810845),
        (R4, "abcde", "nominal", 0.691964),
    ],
)
def test_published_alphas(text: str, labels: str, level: Level, expected: float) -> None:
    found = agreement(table(text), tuple(labels), level, folds=20)
    assert value(found, f"krippendorff_{level}") == pytest.approx(expected, abs=5e-7)


def test_fleiss_1971() -> None:
    counts = np.array([row.split() for row in R5["counts"].split(",")], dtype=int)
    found = agreement(votes_of(counts), [f"c{c}" for c in range(5)], "nominal", folds=20)
    assert value(found, "fleiss") == pytest.approx(0.430245, abs=5e-7)
    assert value(found, "percent") == pytest.approx(0.555556, abs=5e-7)
    assert value(found, "krippendorff_nominal") == pytest.approx(0.433410, abs=5e-7)


def test_scores_count_as_numbers() -> None:
    df = table(R1).astype({"label": float})
    assert value(agreement(df, (), "interval", folds=20), "krippendorff_interval") == pytest.approx(0.849107, abs=5e-7)


COUNTS = st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=1, max_size=25).map(np.array)


@given(COUNTS)
def test_patterns_give_what_the_package_gives(counts: npt.NDArray[np.int64]) -> None:
    several = counts[counts.sum(axis=1) >= 2]
    if (several.sum(axis=0) > 0).sum() < 2:
        return
    judged = patterns(votes_of(several), [f"c{c}" for c in range(4)])
    for level in LEVELS:
        expected = krippendorff.alpha(value_counts=several, value_domain=np.arange(4.0), level_of_measurement=level)
        assert alpha(judged, judged.pairs[None, :], level)[0] == pytest.approx(expected, abs=1e-12)


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=2, max_size=12), st.permutations(range(3))
)
def test_names_rows_and_annotators_do_not_matter(units: list[list[int]], order: list[int]) -> None:
    rows = [(u, w, "abc"[label]) for u, labels in enumerate(units) for w, label in enumerate(labels)]
    df = pd.DataFrame(rows, columns=["task", "worker", "label"])
    renamed = df.assign(
        label=df["label"].map(dict(zip("abc", "cab", strict=True))), worker=df["worker"].map(dict(enumerate(order)))
    )
    first, second = (agreement(d, "abc", "nominal", folds=5) for d in (df, renamed))
    assert first.to_dict() == agreement(df.iloc[::-1], "abc", "nominal", folds=5).to_dict()
    for name, coefficient in first.coefficients.items():
        other = second.coefficients[name].value
        assert (coefficient.value is None) == (other is None)
        if coefficient.value is not None:
            assert other == pytest.approx(coefficient.value, abs=1e-12)
    kappa, nominal = first.coefficients["fleiss"].value, first.coefficients["krippendorff_nominal"].value
    if kappa is not None and nominal is not None:  # complete data
        n = len(rows)
        assert nominal == pytest.approx(1 - (1 - kappa) * (n - 1) / n, abs=1e-12)


def simulated(pairs: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, pairs)
    labels = np.where(random.random((3, pairs)) < 0.7, truth, random.integers(0, 3, (3, pairs)))
    return pd.DataFrame(
        {
            "task": np.tile(np.arange(pairs), 3),
            "worker": np.repeat([0, 1, 2], pairs),
            "label": np.array(["a", "b", "c"])[labels].ravel(),
        }
    )


def test_the_interval_narrows_with_the_root_of_the_pairs_and_is_seeded() -> None:
    widths = []
    for pairs in (400, 6400):
        low, high = agreement(simulated(pairs, 1), "abc", "nominal").coefficients["krippendorff_nominal"].ci or (0, 0)
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.2)
    df = simulated(100, 2)
    assert agreement(df, "abc", "nominal", seed=3) == agreement(df, "abc", "nominal", seed=3)
    assert agreement(df, "abc", "nominal", seed=3) != agreement(df, "abc", "nominal", seed=4)


def test_the_interval_covers_the_truth() -> None:
    """On 100 samples of a known population, about 95 of the 95 % intervals hold its alpha."""
    truth = value(agreement(simulated(100_000, 0), "abc", "nominal", folds=1), "krippendorff_nominal")
    held = 0
    for seed in range(100):
        low, high = agreement(simulated(150, seed), "abc", "nominal", 300).coefficients["krippendorff_nominal"].ci or (
            0,
            0,
        )
        held += low <= truth <= high
    assert 87 <= held <= 100


@pytest.mark.parametrize(
    ("text", "percent", "reason"),
    [
        ("a a\na a", 1.0, "one label only: chance agreement is 1"),
        ("a .\n. b", None, "no pair has two judgments"),
        ("", None, "no pair has two judgments"),
    ],
)
def test_undefined_is_none_with_a_reason(text: str, percent: float | None, reason: str) -> None:
    found = agreement(table(text), "ab", "ordinal", folds=20)
    assert found.coefficients["percent"].value == percent
    for level in ("nominal", "ordinal"):
        coefficient = found.coefficients[f"krippendorff_{level}"]
        assert (coefficient.value, coefficient.ci, coefficient.reason) == (None, None, reason)


def test_one_pair_has_no_interval_and_unequal_numbers_no_fleiss() -> None:
    one = agreement(table("a\nb"), "ab", "nominal").coefficients["krippendorff_nominal"]
    assert (one.value, one.ci, one.reason) == (0.0, None, "no interval: one pair alone")
    fleiss = agreement(table(R1), "12345", "nominal").coefficients["fleiss"]
    assert (fleiss.value, fleiss.reason) == (None, "pairs have different numbers of judgments")


def test_the_layout() -> None:
    found = agreement(table(R1), "12345", "ordinal", folds=50, seed=7).to_dict()
    assert list(found) == ["n_pairs", "n_judgments", "annotators", "bootstrap", "coefficients"]
    assert (found["n_pairs"], found["n_judgments"], found["annotators"]) == (12, 41, 4)
    assert found["bootstrap"] == {"folds": 50, "seed": 7, "resample": "pairs"}
    assert list(found["coefficients"]) == ["percent", "fleiss", "krippendorff_nominal", "krippendorff_ordinal"]
    percent = found["coefficients"]["percent"]
    assert percent["ci"][0] <= percent["value"] <= percent["ci"][1]
    assert percent["reason"] is None


def test_bad_input_is_told() -> None:
    with pytest.raises(CcdError, match="'b' is not one of a"):
        agreement(table("a\nb"), "a", "nominal")
    with pytest.raises(CcdError, match="level 'rational'"):
        agreement(table("a\nb"), "ab", "rational")  # type: ignore[arg-type]
    with pytest.raises(CcdError, match="scores must be numbers"):
        agreement(table("a\nb"), (), "interval")


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
def test_flickr8k_experts() -> None:
    assert SHARED is not None
    wide = pd.read_csv(SHARED / "judgments" / "flickr8k_expert_pairs.csv")
    df = wide.melt("pair_id", [f"label{i}" for i in (1, 2, 3)], var_name="worker", value_name="label")
    found = agreement(df.rename(columns={"pair_id": "task"}), ("irrelevant", "implicit", "explicit"), "nominal")
    nominal = found.coefficients["krippendorff_nominal"]
    assert (found.n_pairs, found.n_judgments) == (5822, 17466)
    assert nominal.value == pytest.approx(0.5364, abs=5e-5)
    assert nominal.ci is not None
    assert nominal.ci[0] < 0.5364 < nominal.ci[1]
    assert not any(math.isnan(end) for end in nominal.ci)
