"""The README.md of a release: a dataset card, with the front matter that the Hugging Face Hub and `datasets` read."""

import re
from collections.abc import Mapping
from typing import Any

from ccd.measures import prevalence
from ccd.splitting.leakage import IN_WORDS
from ccd.templates import render
from ccd.wording import interval, number, percent

Facts = Mapping[str, Any]
PACKAGE = "ccd.release"  # of the templates
NETWORKS = {"x": "X (Twitter)", "bsky": "Bluesky", "masto": "Mastodon"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def front_matter(facts: Facts, digest: str) -> str:
    """Return what the Hub shows of it, and where `datasets` finds splits and images.

    The config is named by the release and its `digest`, as `datasets` takes two folders of one name whose cards have
    the same configs for the same data, and answers with what it has cached of the other.

    >>> datasets.load_dataset("releases/v1")["test"][0]["image"]  # doctest: +SKIP
    """
    size = next((name for most, name in _SIZES if total(facts) < most), "1M<n<10M")
    config = f"{_plain(facts['name'])}-{digest[:16]}"
    licence = _plain((facts["license"] or "").lower())
    values = {"title": title(facts), "size": size, "config": config, "licence": licence}
    return render(PACKAGE, "front_matter.yaml", {**facts, **values})


def _plain(value: str) -> str:
    """Return a word of YAML: whatever could end it, or its line, becomes a hyphen.

    >>> _plain("cc-by-4.0"), _plain("mit\\nconfigs: [x]")
    ('cc-by-4.0', 'mit-configs-x-')
    """
    return re.sub(r"[^\w.+-]+", "-", value)


def card(facts: Facts) -> str:
    """Return what every CCD-style folder says of its labels, as Markdown; also a synthetic dataset's."""
    values = {"title": title(facts), "sizes": sizes(facts), "coefficients": _coefficients(facts)}
    return render(PACKAGE, "card.md", {**facts, **values})


def release_card(facts: Facts, pictures: tuple[str, ...], digest: str) -> str:
    """Return the whole README.md of a release; `pictures` are the names of its pictures, `digest` is of its data."""
    return front_matter(facts, digest) + render(PACKAGE, "README.md", known(facts) | {"pictures": pictures})


def known(facts: Facts) -> dict[str, Any]:
    """Return the facts, and beside them what the pages show: totals, tables as rows, and each question but the first.

    Releases of older toolkits have no `questions`.
    """
    others = {name: each for name, each in facts.get("questions", {}).items() if name != facts["question"]}
    return {
        **facts,
        "title": title(facts),
        "total": total(facts),
        "sizes": sizes(facts),
        "coefficients": _coefficients(facts),
        "shares": _shares(facts),
        "others": {name: _other(each) for name, each in others.items()},
        "networks": {NETWORKS.get(name, name): number for name, number in facts["collected"]["networks"].items()},
        "ties": [IN_WORDS[tie] for tie in facts["split"]["ties"]],
        "unsettled": _unsettled(facts),
    }


def _other(facts: Facts) -> dict[str, Any]:
    """Return the facts of a question but the first, and how many released pairs have each of its labels."""
    table = sizes(facts)
    labelled = {label: row[-1] for label, *row in table[1:]}
    return {**facts, "sizes": table, "shares": _shares(facts), "total": labelled.pop("all"), "labelled": labelled}


def title(facts: Facts) -> str:
    """Return the name by which a release is cited."""
    return f"{facts['campaign']}, release {facts['name']}"


def total(facts: Facts) -> int:
    """Return the number of released pairs."""
    return sum(of_split["all"] for of_split in facts["counts"].values())


def sizes(facts: Facts) -> list[list[Any]]:
    """Return pairs by label and split, as Table II of Xu et al. (2021), of a release or of one of its questions."""
    found = facts["counts"]
    rows = [[label, *(found[split][label] for split in found)] for label in next(iter(found.values()))]
    return [["", *found, "all"], *([*row, sum(row[1:])] for row in rows)]


def _shares(facts: Facts) -> list[list[str]]:
    """Return the raw shares of a release or of one of its questions, and prevalence where it is known."""
    shares = facts["prevalence"]
    rows = [["label", "labelled pairs", "raw share"]]
    rows += [[each["label"], f"{each['pairs']:,}", percent(each["share"])] for each in shares]
    if facts["prevalence_basis"]:
        more = [[percent(each["prevalence"]), prevalence.interval(each)] for each in shares]
        more = [["prevalence", "95 % interval"], *more]
        rows = [[*row, *cells] for row, cells in zip(rows, more, strict=True)]
    return rows if shares else []


def _coefficients(facts: Facts) -> list[list[Any]]:
    """Return every coefficient of every question, that of each label last."""
    rows = [["question", "coefficient", "value", "95 % interval", "note"]]
    for question, each in facts["agreement"].items():
        found = dict(each["coefficients"])
        found |= {f"krippendorff_nominal, {label}": one for label, one in found.pop("per_class").items()}
        for name, one in found.items():
            value = "undefined" if one["value"] is None else number(one["value"], 4)
            rows.append([question, name, value, interval(one["ci"], 4), one["reason"] or ""])
    return rows


def _unsettled(facts: Facts) -> dict[str, Any]:
    """Return what pairs without a label leave unknown: the `ends` of each label's share, and with sampling error.

    Empty where there are none, or the toolkit was older; `error` is empty where every pair is judged.
    """
    if not (found := facts.get("bounds")):
        return {}
    population = facts.get("population_bounds") or {}
    ends = {label: (each["least"], each["most"]) for label, each in population.items()} or found["labels"]
    wider = {label: (each["low"], each["high"]) for label, each in population.items()}
    sampled = any(low < ends[label][0] or ends[label][1] < high for label, (low, high) in wider.items())
    return {**found, "of": bool(population), "ends": _ranges(ends), "error": _ranges(wider) if sampled else []}


def _ranges(ends: Mapping[str, tuple[float, float]]) -> list[str]:
    return [f"{label} {low:.1%} to {high:.1%}" for label, (low, high) in ends.items()]
