"""What release.json and the pages of a release say, computed again from its rows and judgments."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ccd import __version__
from ccd.campaign.revisions import Revision
from ccd.errors import damaged
from ccd.files import parquet
from ccd.files.regular import read_regular
from ccd.measures.related import GROUP
from ccd.protocol import of_dict
from ccd.release.content import GONE, LOST, UNSPLIT
from ccd.release.pages import PICTURES, texts
from ccd.release.pictures import NAMES
from ccd.release.questions import questions_of
from ccd.release.tally import Tally
from ccd.release.voted import Voted
from ccd.vocabulary import Role

Facts = Mapping[str, Any]
ROUNDING = 1e-6  # by which a number in release.json may be off
JUDGMENTS = "judgments.parquet"
_MOST = 3  # differences of agreement on one question that are named


def counted(facts: Facts, tally: Tally) -> Iterator[str]:
    """Yield what release.json counts otherwise than its rows do; what an older toolkit did not count is passed over."""
    parts = tally.parts()
    found = {"": (facts, tally.facts())}
    found |= {f"{name}.": (facts.get(name, {}), parts[name]) for name in ("judgments", "collected")}
    found |= {
        f"questions.{name}.": (about, parts["questions"][name]) for name, about in facts.get("questions", {}).items()
    }
    for where, (said, counts) in found.items():
        for name, value in counts.items():
            for at, one, other in differences(said[name], value, where + name) if name in said else ():
                yield f"release.json: {at} is {_short(one)}, by the rows it is {_short(other)}"
                break
    yield from _prevalence(facts, tally)
    for name, value in facts.get("questions", {}).get(facts["question"], {}).items():
        if name.startswith("prevalence"):
            for at, one, other in differences(facts[name], value, name):
                yield f"release.json: {at} is {_short(one)}, under questions it is {_short(other)}"


def _prevalence(facts: Facts, tally: Tally) -> Iterator[str]:
    """Prevalences that the weights of the rows do not give; with labelled pairs that are not released they cannot."""
    total = sum(tally.weight.values())
    covered = total and not {UNSPLIT, LOST} & facts["excluded"].keys()
    for each in facts.get("prevalence", ()) if covered else ():
        found = tally.weight[each["label"]] / total
        if each["prevalence"] is not None and abs(each["prevalence"] - found) > ROUNDING:
            said = f"{each['label']} is {_short(each['prevalence'])}, by the rows' weights it is {_short(found)}"
            yield f"release.json: the prevalence of {said}"


class Judgments:
    """The judgments of a release, taken row by row, and the agreement and numbers that follow from them."""

    def __init__(self, folder: Path, protocol: Facts) -> None:
        with damaged(JUDGMENTS, "fetch the release again"), parquet.opened(folder / JUDGMENTS) as file:
            self._whole = GROUP in file.schema_arrow.names  # else of an older toolkit, which left out arm and group
        asked = [
            Revision(each["revision"], of_dict(each["protocol"]), each["judgments"], each["first_used"])
            for each in protocol.get("revisions", ())
        ]
        self._questions = {question.name: question for question in questions_of(protocol)}
        self._voted = Voted(tuple(self._questions.values()), asked)
        self._task = ""
        self._taken: set[tuple[str, str, str]] = set()  # of the pair: question, role, worker
        self._assisted: set[str] = set()  # of the pair: workers
        self.assisted = 0

    def take(self, row: Facts) -> str:
        """Take a row; returns what is wrong with it, or ""."""
        if row["task"] != self._task:
            self._task, self._taken, self._assisted = row["task"], set(), set()
            self._voted.pair(row.get(GROUP))
        name, worker = row["question"], row["worker"]
        if row["role"] != Role.ANNOTATOR or name not in self._questions:
            return ""
        if (name, row["role"], worker) in self._taken:
            return f"a second judgment of {worker!r:.40} on {self._task!r:.40}"
        self._taken.add((name, row["role"], worker))
        if row.get("prediction") is not None and worker not in self._assisted:
            self._assisted.add(worker)
            self.assisted += 1
        label = float(row["label"]) if self._questions[name].kind == "score" else row["label"]
        self._voted.add(name, worker, label, row.get("revision") or 1, row.get("arm"))
        return ""

    def problems(self, facts: Facts) -> Iterator[str]:
        """Yield what release.json says of the judgments and they do not give.

        Judgments of pairs whose posts are gone count and are not released: with such pairs, nothing but more judgments
        than release.json has can be found.
        """
        gone = facts["excluded"].get(GONE, 0)
        said = facts["judgments"].get("assisted", self.assisted)
        if said < self.assisted or (said > self.assisted and not gone):
            yield f"release.json: judgments.assisted is {said!r:.40}, by {JUDGMENTS} it is {self.assisted}"
        yield from self._agreement("agreement", facts["agreement"], self._voted.agreement(), bool(gone))
        if self._whole and "agreement_by_arm" in facts:
            yield from self._agreement("agreement_by_arm", facts["agreement_by_arm"], self._voted.by_arm(), bool(gone))

    def _agreement(self, name: str, said: Facts, found: Facts, gone: bool) -> Iterator[str]:
        if said.keys() != found.keys() and not gone:
            yield f"release.json: {name} is of {', '.join(said) or 'nothing'}, the judgments are of {', '.join(found)}"
        for key in (key for key in found if key in said):
            numbers = said[key]["n_judgments"], found[key]["n_judgments"]
            if gone and numbers[0] > numbers[1]:
                continue
            some = differences(_known(said[key], self._whole), _known(found[key], self._whole), f"{name}.{key}")
            for number, (at, one, other) in enumerate(some):
                if number < _MOST:
                    yield f"release.json: {at} is {_short(one)}, by {JUDGMENTS} it is {_short(other)}"


def _known(agreement: Facts, whole: bool) -> Any:
    """Return what can be compared: of a release without leakage groups only the values of the first coefficients."""
    if whole:
        return agreement
    some = ("percent", "krippendorff_nominal", "krippendorff_ordinal", "krippendorff_interval", "fleiss")
    values = {name: agreement["coefficients"][name]["value"] for name in some if name in agreement["coefficients"]}
    return {"n_judgments": agreement["n_judgments"], "coefficients": values}


def pages(folder: Path, facts: Facts, protocol: Facts, listed: Mapping[str, str]) -> Iterator[str]:
    """Pages that say something else than release.json; those of another version of the toolkit are passed over."""
    if (
        facts.get("toolkit") != f"ccd-toolkit {__version__}" or "license" not in facts
    ):  # a synthetic dataset has no terms
        return
    drawn = tuple(name for name in NAMES if f"{PICTURES}/{name}" in listed)
    hashes = {name: sha256 for name, sha256 in listed.items() if not name.startswith(f"{PICTURES}/")}
    for page in _PAGES:
        hashes.pop(page, None)
    for name, text in texts(facts, questions_of(protocol), drawn, hashes).items():
        if not (folder / name).is_file():
            continue  # missing, which is found elsewhere
        if (written := read_regular(folder / name)) != text:
            lines = zip(written.splitlines(), text.splitlines(), strict=False)
            number = next((n for n, (one, other) in enumerate(lines, 1) if one != other), None)
            where = f"line {number}" if number else "its end"
            yield f"{name}, {where}: not what {facts['toolkit']} writes of these files"


_PAGES = ("README.md", "methods.md", "datasheet.md", "CITATION.cff", "croissant.json")


def differences(said: Any, found: Any, at: str) -> Iterator[tuple[str, Any, Any]]:
    """Where two JSON values differ: the place, and what each has there.

    >>> list(differences({"a": [1, 2.0]}, {"a": [1, 2.5]}, "x"))
    [('x.a.1', 2.0, 2.5)]
    """
    if isinstance(said, Mapping) and isinstance(found, Mapping):
        keys: Iterable[Any] = dict.fromkeys([*said, *found])
        for key in keys:
            yield from differences(said.get(key), found.get(key), f"{at}.{key}")
    elif isinstance(said, list | tuple) and isinstance(found, list | tuple) and len(said) == len(found):
        for place, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from differences(one, other, f"{at}.{place}")
    elif _is_number(said) and _is_number(found):
        if abs(said - found) > ROUNDING:
            yield at, said, found
    elif said != found:
        yield at, said, found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else f"{value!r:.80}"
