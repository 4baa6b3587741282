"""Agreement against published values, what does not change it, and where it is undefined."""

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import CcdError
from ccd.measures.agreement import COEFFICIENTS, Agreement, agreement
from ccd.measures.estimate import CROWD, NOTHING, ONE_LABEL, ONE_PAIR, Coefficient
from ccd.protocol import Level
from tests.ccd.tables import R1, R2, R4, R5, R6, R7, R9, crossed, matrix, names, observed, simulated, voted
from tests.data import SHARED

CATEGORIES = names(5)
UNITS = st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=2, max_size=12)
shared = pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")


def value(found: Agreement, name: str) -> float:
    result = found.coefficients[name].value
    assert result is not None
    return result


# --- known answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "labels", "name", "expected"),
    [
        (R1, "12345", "krippendorff_nominal", 0.743421),
        (R1, "12345", "krippendorff_ordinal", 0.815388),
        (R1, "12345", "krippendorff_interval", 0.849107),
        (R1, "12345", "gwet_ac1", 0.775444),
        (R1, "12345", "fleiss", 0.761169),  # as irrCAC's fleiss.kappa.raw, pairs weighing the same
        (R2, "1234", "krippendorff_nominal", 0.691358),
        (R2, "1234", "krippendorff_interval", 0.810845),
        (R4, "abcde", "krippendorff_nominal", 0.691964),
    ],
)
def test_with_missing_judgments(text: str, labels: str, name: str, expected: float) -> None:
    found = agreement(observed(text), tuple(labels), "ordinal", n_resamples=20)
    assert value(found, name) == pytest.approx(expected, abs=5e-7)


def test_fleiss_1971() -> None:
    found = agreement(voted(matrix(R5)), CATEGORIES, "nominal", n_resamples=20)
    check_fleiss_1971(found)


def check_fleiss_1971(found: Agreement) -> None:
    assert value(found, "fleiss") == pytest.approx(0.430245, abs=5e-7)
    assert value(found, "percent") == pytest.approx(0.555556, abs=5e-7)
    assert (value(found, "percent") - 0.430245) / (1 - 0.430245) == pytest.approx(0.219938, abs=2e-6)  # expected
    assert value(found, "krippendorff_nominal") == pytest.approx(0.433410, abs=5e-7)
    assert value(found, "gwet_ac1") == pytest.approx(0.44788, abs=5e-6)
    n = found.n_judgments
    kappas = [1 - (1 - (each.value or 0)) * n / (n - 1) for each in found.per_class.values()]
    assert kappas == pytest.approx([0.2448, 0.2448, 0.5200, 0.4711, 0.5661], abs=5e-5)


def test_fourteen_raters() -> None:
    found = agreement(voted(matrix(R6)), CATEGORIES, "nominal", n_resamples=20)
    assert value(found, "fleiss") == pytest.approx(0.209931, abs=5e-7)
    assert value(found, "krippendorff_nominal") == pytest.approx(0.215574, abs=5e-7)


@pytest.mark.parametrize(("text", "expected"), R7.items())
def test_cohen(text: str, expected: float) -> None:
    found = agreement(crossed(matrix(text)), names(2), "nominal", n_resamples=20).cohen["a|b"]
    assert found.value == pytest.approx(expected, abs=5e-7)


def test_two_abstractors() -> None:
    """Gwet's example; its intervals come from a formula, ours from the bootstrap."""
    check_two_abstractors(agreement(crossed(matrix(R9)), names(3), "nominal", n_resamples=4000))


def check_two_abstractors(found: Agreement) -> None:
    kappa = found.cohen["a|b"]
    assert kappa.value == pytest.approx(0.79641, abs=5e-6)
    assert kappa.ci == pytest.approx((0.67952, 0.91330), abs=0.03)  # theirs is for many pairs, ours reaches lower
    assert value(found, "gwet_ac1") == pytest.approx(0.84933, abs=5e-6)
    low, high = found.coefficients["gwet_ac1"].ci or (0, 0)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.04322, rel=0.1)
    assert value(found, "krippendorff_nominal") == pytest.approx(0.79726, abs=5e-6)
    assert value(found, "scott") == pytest.approx(0.79624, abs=5e-6)
    assert value(found, "fleiss") == value(found, "scott")


@shared
def test_the_same_from_files() -> None:
    assert SHARED is not None
    folder = SHARED / "judgments"
    units = pd.read_csv(folder / "krippendorff2011_4obs_12units.csv")
    found = agreement(long(units, "unit"), (), "interval", n_resamples=20)
    for level, expected in (("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107)):
        assert value(found, f"krippendorff_{level}") == pytest.approx(expected, abs=5e-7)
    patients = pd.read_csv(folder / "fleiss1971_30patients_6raters.csv")
    check_fleiss_1971(agreement(long(patients, "patient"), range(1, 6), "nominal", n_resamples=20))
    counts = pd.read_csv(folder / "wikipedia_fleiss_10subjects_14raters_counts.csv", index_col=0).to_numpy()
    found = agreement(voted(counts), CATEGORIES, "nominal", n_resamples=20)
    assert value(found, "fleiss") == pytest.approx(0.209931, abs=5e-7)
    abstractors = pd.read_csv(folder / "gwet_abstractors_3x3.csv", index_col=0).to_numpy()
    check_two_abstractors(agreement(crossed(abstractors), names(3), "nominal", n_resamples=4000))


def long(wide: pd.DataFrame, task: str) -> pd.DataFrame:
    return wide.melt(task, var_name="worker", value_name="label").dropna().rename(columns={task: "task"})


@shared
def test_flickr8k_experts() -> None:
    assert SHARED is not None
    wide = pd.read_csv(SHARED / "judgments" / "flickr8k_expert_pairs.csv")
    df = long(wide[["pair_id", "label1", "label2", "label3"]], "pair_id")
    found = agreement(df, ("irrelevant", "implicit", "explicit"), "nominal")
    nominal = found.coefficients["krippendorff_nominal"]
    assert (found.n_pairs, found.n_judgments) == (5822, 17466)
    assert nominal.value == pytest.approx(0.5364, abs=5e-5)
    assert value(found, "fleiss") == pytest.approx(0.5363, abs=5e-5)
    assert nominal.ci is not None
    assert nominal.ci[0] < 0.5364 < nominal.ci[1]


# --- properties -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(UNITS, st.permutations(range(3)))
def test_names_rows_and_annotators_do_not_matter(units: list[list[int]], order: list[int]) -> None:
    rows = [(u, w, "abc"[label]) for u, labels in enumerate(units) for w, label in enumerate(labels)]
    df = pd.DataFrame(rows, columns=["task", "worker", "label"])
    first = agreement(df, "abc", "nominal", n_resamples=5)
    assert first.to_dict() == agreement(df.iloc[::-1], "abc", "nominal", n_resamples=5).to_dict()
    renamed = df.assign(
        label=df["label"].map(dict(zip("abc", "cab", strict=True))), worker=df["worker"].map(dict(enumerate(order)))
    )
    second = agreement(renamed, "abc", "nominal", n_resamples=5)
    for name in ("percent", "krippendorff_nominal", "fleiss", "gwet_ac1"):
        same(second.coefficients[name], first.coefficients[name])
    for label, now in zip("abc", "cab", strict=True):
        same(second.per_class[now], first.per_class[label])
    for worker in range(3):
        same(second.leave_one_out[str(order[worker])], first.leave_one_out[str(worker)])
        for other in range(worker):
            low, high = sorted((order[worker], order[other]))
            same(second.cohen[f"{low}|{high}"], first.cohen[f"{other}|{worker}"])


def same(found: Coefficient, expected: Coefficient) -> None:
    assert (found.value is None) == (expected.value is None)
    if expected.value is not None:
        assert found.value == pytest.approx(expected.value, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(UNITS)
def test_alpha_is_fleiss_but_for_the_number_of_judgments(units: list[list[int]]) -> None:
    rows = [(u, w, "abc"[label]) for u, labels in enumerate(units) for w, label in enumerate(labels)]
    found = agreement(pd.DataFrame(rows, columns=["task", "worker", "label"]), "abc", "nominal", n_resamples=1)
    kappa, nominal = found.coefficients["fleiss"].value, found.coefficients["krippendorff_nominal"].value
    assert (kappa is None) == (nominal is None)
    if kappa is not None:
        assert nominal == pytest.approx(1 - (1 - kappa) * (len(rows) - 1) / len(rows), abs=1e-12)


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(UNITS)
def test_without_an_annotator_is_as_if_they_had_never_judged(units: list[list[int]]) -> None:
    rows = [(u, w, "abc"[label]) for u, labels in enumerate(units) for w, label in enumerate(labels)]
    df = pd.DataFrame(rows, columns=["task", "worker", "label"])
    for level in ("nominal", "ordinal"):
        found = agreement(df, "abc", level, n_resamples=5)
        for worker in range(3):
            rest = agreement(df[df["worker"] != worker], "abc", level, n_resamples=5)
            same(found.leave_one_out[str(worker)], rest.coefficients[f"krippendorff_{level}"])


def test_the_same_seed_gives_the_same_intervals() -> None:
    df = simulated(100, 2)
    assert agreement(df, "abc", "nominal", seed=3) == agreement(df, "abc", "nominal", seed=3)
    assert agreement(df, "abc", "nominal", seed=3) != agreement(df, "abc", "nominal", seed=4)


def test_our_own_alpha_serves_where_the_package_would_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    by_package = agreement(observed(R1), "12345", "ordinal", n_resamples=1)
    monkeypatch.setattr("ccd.measures.agreement.LARGEST_PACKAGE_INPUT", 0)
    ours = agreement(observed(R1), "12345", "ordinal", n_resamples=1)
    for name in COEFFICIENTS:
        same(ours.coefficients[name], by_package.coefficients[name])


# --- undefined, and bad input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("resample", ["pairs", "both"])
@pytest.mark.parametrize(
    ("text", "percent", "reason"),
    [
        ("a a\na a", 1.0, ONE_LABEL),
        ("a .\n. b", None, NOTHING),
        ("a b", None, NOTHING),
        (". .", None, NOTHING),
        ("", None, NOTHING),
    ],
)
def test_undefined_is_none_with_a_reason(text: str, percent: float | None, reason: str, resample: str) -> None:
    found = agreement(observed(text), "ab", "ordinal", 20, resample=resample)  # type: ignore[arg-type]
    assert found.coefficients["percent"].value == percent
    undefined = Coefficient(None, None, reason)
    for name in ("krippendorff_nominal", "krippendorff_ordinal", "krippendorff_interval", "fleiss", "scott"):
        assert found.coefficients[name] == undefined
    assert found.per_class["a"] == undefined
    check_plain(found.to_dict())


def test_why_each_is_undefined() -> None:
    found = agreement(observed("a a b\na a .\na b ."), "abc", "nominal", 20)
    assert found.coefficients["scott"].reason == "for two annotators, here are 3; fleiss is its generalisation"
    assert found.per_class["c"] == Coefficient(None, None, "nobody gives this label")
    assert found.cohen["w0|w1"].reason == ONE_LABEL
    assert found.leave_one_out["w2"].reason == ONE_LABEL
    assert agreement(observed("a .\na .\n. b"), "ab", "nominal", 20).cohen["w0|w2"] == Coefficient(
        None, None, "no pair was judged by both"
    )
    assert agreement(observed("a\na"), "ab", "nominal", 20).coefficients["gwet_ac1"].value == 1.0


def check_plain(found: object) -> None:
    """No NaN anywhere, and a reason wherever there is no value."""
    if isinstance(found, dict):
        if "reason" in found and found["value"] is None:
            assert found["reason"]
        for each in found.values():
            check_plain(each)
    elif isinstance(found, list):
        for each in found:
            check_plain(each)
    elif isinstance(found, float):
        assert math.isfinite(found)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from("ab")),
        unique_by=lambda judgment: judgment[:2],
        max_size=10,
    ),
    st.sampled_from(["pairs", "both"]),
)
def test_never_nan_nor_a_crash(rows: list[tuple[int, int, str]], resample: str) -> None:
    df = pd.DataFrame(rows, columns=["task", "worker", "label"])
    check_plain(agreement(df, "ab", "nominal", 10, resample=resample).to_dict())  # type: ignore[arg-type]


def test_one_pair_has_no_interval() -> None:
    one = agreement(observed("a\nb"), "ab", "nominal").coefficients["krippendorff_nominal"]
    assert one == Coefficient(0.0, None, ONE_PAIR)


def test_how_to_read_a_value_is_said() -> None:
    found = agreement(observed(R1), "12345", "nominal", n_resamples=20).coefficients
    assert found["krippendorff_nominal"].reason is None
    assert "takes the order of its labels" in (found["krippendorff_ordinal"].reason or "")
    assert "takes its labels for equal steps" in (found["krippendorff_interval"].reason or "")
    assert "every pair weighs the same" in (found["fleiss"].reason or "")


def test_scores_are_numbers_without_classes() -> None:
    scored = observed(R1).astype({"label": float})
    scored["label"] = scored["label"] * 10  # equal steps of ten: nothing changes
    found = agreement(scored, (), "interval", n_resamples=20)
    assert value(found, "krippendorff_interval") == pytest.approx(0.849107, abs=5e-7)
    assert found.coefficients["krippendorff_interval"].reason is None
    assert found.coefficients["gwet_ac1"].value is None
    assert found.per_class == {}
    assert set(found.leave_one_out) == {"w0", "w1", "w2", "w3"}


def test_in_a_crowd_only_those_with_pairs_in_common_are_set_against_each_other() -> None:
    rows = [(w // 2, f"w{w}", "ab"[w % 2]) for w in range(60)]
    found = agreement(pd.DataFrame(rows, columns=["task", "worker", "label"]), "ab", "nominal", 10)
    assert len(found.cohen) == 30
    assert found.cohen["w0|w1"] == Coefficient(0.0, None, CROWD)


def test_the_layout() -> None:
    made = agreement(observed(R1), "12345", "ordinal", n_resamples=50, seed=7)
    found = made.to_dict()
    assert list(found) == ["n_pairs", "n_judgments", "annotators", "bootstrap", "coefficients", "by_revision"]
    assert (found["n_pairs"], found["n_judgments"], found["annotators"]) == (12, 41, 4)
    assert found["bootstrap"] == {
        "folds": 50,
        "seed": 7,
        "resample": "pairs",
        "groups": None,
        "interval": "95 % interval",
    }
    assert list(found["coefficients"]) == [*COEFFICIENTS, "cohen", "per_class", "leave_one_out"]
    assert list(found["coefficients"]["cohen"]) == ["w0|w1", "w0|w2", "w0|w3", "w1|w2", "w1|w3", "w2|w3"]
    assert list(found["coefficients"]["per_class"]) == list("12345")
    assert list(found["coefficients"]["leave_one_out"]) == ["w0", "w1", "w2", "w3"]
    percent = found["coefficients"]["percent"]
    assert percent["ci"][0] <= percent["value"] <= percent["ci"][1]
    assert percent["reason"] is None
    assert "w0" not in str(made.to_dict(names=False))


@pytest.mark.parametrize(
    ("labels", "level", "resample", "message"),
    [
        ("a", "nominal", "pairs", "'b' is not one of a"),
        ("ab", "rational", "pairs", "level 'rational'"),
        ("ab", "nominal", "people", "resample 'people'"),
        ("", "interval", "pairs", "scores must be numbers"),
    ],
)
def test_bad_input_is_told(labels: str, level: Level, resample: str, message: str) -> None:
    with pytest.raises(CcdError, match=message):
        agreement(observed("a\nb"), labels, level, resample=resample)  # type: ignore[arg-type]
