"""datasheet.md and CITATION.cff: what readers and reference managers ask of a dataset.

The questions are those of T. Gebru et al., "Datasheets for Datasets", Communications of the ACM 64(12), 2021. What
cannot be known from the data is asked for in so many words.
"""

import json
from collections.abc import Mapping
from typing import Any

from ccd.release.card import NETWORKS, counts, others, title
from ccd.templates import as_text
from ccd.wording import listed, number_of

Facts = Mapping[str, Any]
ASK = "*To be stated by the authors.*"


def datasheet(facts: Facts) -> str:
    """The sheet, as Markdown."""
    facts = as_text(facts)
    sections = {
        "Motivation": _motivation(facts),
        "Composition": _composition(facts),
        "Collection process": _collection(facts),
        "Preprocessing, cleaning, labelling": _labelling(facts),
        "Uses": _uses(facts),
        "Distribution": _distribution(facts),
        "Maintenance": _maintenance(facts),
    }
    parts = [
        f"## {name}\n\n" + "\n\n".join(f"**{question}** {answer}" for question, answer in answers.items())
        for name, answers in sections.items()
    ]
    return f"# Datasheet: {title(facts)}\n\n" + "\n\n".join(parts) + "\n"


def citation(facts: Facts) -> str:
    """CITATION.cff, version 1.2.0 (https://citation-file-format.github.io)."""
    authors = facts["authors"] or [f"The authors of {facts['campaign']}"]
    lines = ["cff-version: 1.2.0", "message: If you use this dataset, please cite it as below.", "type: dataset"]
    lines += [f"title: {_text(title(facts))}", "authors:", *(f"- name: {_text(author)}" for author in authors)]
    lines += [f"version: {_text(facts['name'])}"]
    lines += [f"date-released: {facts['date']}"] if facts["date"] else []
    lines += [f"license: {licence}"] if (licence := _spdx(facts["license"])) else []
    lines += ["references:", "- type: article", "  title: >-"]
    lines += ["    AnANet: Modeling association and alignment for cross-modal correlation classification"]
    lines += ["  authors:", *(f"  - name: {name}" for name in ("N. Xu", "J. Wang", "Y. Tian", "R. Zhang", "W. Mao"))]
    lines += ["  year: 2021", "  url: https://arxiv.org/abs/2109.00693"]
    return "\n".join(lines) + "\n"


def _motivation(facts: Facts) -> dict[str, str]:
    return {
        "For what was it made?": f"To tell how image and text of a post are related, under the protocol "
        f"“{facts['protocol']['title']}” ({facts['protocol']['reference']}). {ASK}",
        "Who made it, and who paid for it?": f"{', '.join(facts['authors']) or ASK} Funding: {ASK}",
    }


def _composition(facts: Facts) -> dict[str, str]:
    found = facts["collected"]
    return {
        "What is an instance?": "One image and one text of a post, with its label, its votes and where it came from."
        + (f" It was asked {1 + len(others(facts))} questions." if others(facts) else ""),
        "How many are there?": f"\n\n{counts(facts)}".rstrip()
        + "".join(f"\n\nQuestion `{name}`:\n\n{counts(each)}".rstrip() for name, each in others(facts).items()),
        "Is it all, or a sample?": f"A part of {number_of(found['pairs'], 'collected pair')}, by arm: "
        f"{listed(facts['arms'])}. "
        "Arm `random` is a random sample with known inclusion probabilities; arm `active` is not.",
        "Is something missing?": f"Pairs sent out and in no split: {listed(facts['excluded']) or 'none'}."
        + (" Those that were judged in full are in open.jsonl, with their votes." if facts.get("bounds") else ""),
        "Are there recommended splits?": "train, dev and test, never to be mixed: no leakage group is in two of them.",
        "Are there errors or noise?": "Labels are people's judgments; methods.md has their agreement, and "
        "judgments.parquet each of them.",
        "Does it stand alone?": "No: texts and images must be fetched from the platform."
        if facts["dehydrated"]
        else "Yes, but links in texts lead elsewhere.",
        "Could it identify people, or offend?": "Texts and photos were public posts by people, who may be found by "
        "them. Handles in texts are masked, authors are not named. Nothing was left out for being offensive unless the "
        "reasons below say so.",
    }


def _collection(facts: Facts) -> dict[str, str]:
    found = facts["collected"]
    when = f"{found['first']} to {found['last']}" if found["first"] else "not known"
    return {
        "How was it collected?": f"{number_of(found['posts'], 'post was', 'posts were')} collected; "
        "the pairs of this release come from: "
        f"{listed({NETWORKS.get(name, name): number for name, number in found['networks'].items()})}.",
        "From when are the posts?": f"{when}.",
        "What was left out, and why?": f"{listed(found['dropped']) or 'Nothing'}.",
        "Did the people agree?": f"They were not asked. Posts that were gone since were removed: "
        f"{listed(found['gone']) or 'none found'}. Ethical review: {ASK}",
    }


def _labelling(facts: Facts) -> dict[str, str]:
    judged = facts["judgments"]
    return {
        "What was done to the texts?": "Escapes, links that stand for the photo and control characters were taken out; "
        "handles became @USER. Images have the pixels as posted, without what a camera wrote into them.",
        "Who labelled, and how?": f"{number_of(facts['agreement'][facts['question']]['annotators'], 'annotator')}, "
        f"{judged['per_pair']} a pair, independently; their guideline is in protocol.json. Pay and background: {ASK}",
        "Are the raw labels kept?": "Yes, judgments.parquet, under pseudonyms.",
    }


def _uses(facts: Facts) -> dict[str, str]:
    return {
        "What is it for?": "Training and testing models of the relation between image and text. Estimates of how often "
        "a class occurs must come from arm `random`.",
        "What should it not be used for?": "To find or judge the people who posted. "
        + ("It is synthetic: no finding about real posts." if facts["synthetic"] else ""),
    }


def _distribution(facts: Facts) -> dict[str, str]:
    return {
        "Under what licence?": f"{facts['license'] or ASK} It covers labels and judgments; texts and images are their "
        "authors', under the platform's terms.",
        "What may be passed on?": "Of posts of X: ids and labels, and not texts or photos (`ccd release --dehydrate`).",
    }


def _maintenance(facts: Facts) -> dict[str, str]:
    return {
        "Who maintains it, and how are they reached?": ASK,
        "Will it be updated?": "A release never changes; a newer one has another name, and pairs of dev and test stay "
        "where they are. Posts that are deleted later are left out of newer releases.",
        "How do I check a copy?": f"`ccd verify`, or `sha256sum -c MANIFEST.sha256`. Made with {facts['toolkit']}.",
    }


def _spdx(licence: str | None) -> str | None:
    """The licence as SPDX writes it, the only one that the format allows; None where it is not in that list.

    >>> _spdx("cc-by-4.0")
    'CC-BY-4.0'
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(licence) if licence else None
    except InvalidLicenseExpression:
        return None


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON string is a YAML string
