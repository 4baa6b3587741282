"""Stand-ins err as often as was asked for."""

import random
from collections import Counter

import pytest

from collection.synthetic.pairs import Settings, synthetic_pair
from collection.synthetic.simulated import WORKERS, Annotators, Detector, detect, judge

LABELS = ("irrelevant", "implicit", "explicit")


def test_a_perfect_detector_finds_all_and_no_more() -> None:
    perfect = Detector(accuracy=1, missed=0, false=0)
    for number in range(50):
        things = synthetic_pair(number, Settings(1)).things
        found = detect(things, perfect, random.Random(number))
        assert sorted(each["name"] for each in found) == sorted(thing.name for thing in things)


def test_a_detector_errs_as_told() -> None:
    things = [synthetic_pair(number, Settings(1)).things for number in range(1500)]
    whole = sum(map(len, things))
    named = Detector(accuracy=0.7, missed=0.2, false=0)
    right = boxes = 0
    for number, each in enumerate(things):
        found = detect(each, named, random.Random(number))
        boxes += len(found)
        right += sum((Counter(f["name"] for f in found) & Counter(thing.name for thing in each)).values())
    assert boxes / whole == pytest.approx(0.8, abs=0.03)
    assert right / boxes == pytest.approx(0.7, abs=0.03)
    nothing = [detect((), Detector(false=1.5), random.Random(number)) for number in range(1500)]
    assert sum(map(len, nothing)) / 1500 == pytest.approx(1.5, abs=0.1)


def test_detections_are_sorted_and_inside() -> None:
    for number in range(100):
        found = detect(synthetic_pair(number, Settings(1)).things, Detector(), random.Random(number))
        assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)
        for each in found:
            left, top, right, bottom = each["box"]
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
            assert 0 <= each["score"] <= 1


@pytest.mark.parametrize("true", LABELS)
def test_annotators_answer_by_their_confusion_matrix(true: str) -> None:
    confusion = Annotators(0.9, 0.6).confusion(LABELS)
    assert sum(confusion[true].values()) == pytest.approx(1)
    rng = random.Random(1)
    answers = [judge(true, confusion, rng) for _ in range(1500)]
    assert all(tuple(each) == WORKERS for each in answers)
    said = Counter(label for each in answers for label in each.values())
    for label in LABELS:
        assert said[label] / 4500 == pytest.approx(confusion[true][label], abs=0.03)
