"""methods.md: what the methods section of a paper says of a dataset, written from its facts."""

from collections.abc import Mapping
from typing import Any

from ccd.release.card import NETWORKS, PACKAGE, known
from ccd.templates import render, unwrap
from ccd.vocabulary import Arm


def methods(facts: Mapping[str, Any]) -> str:
    """Return the paragraphs, as Markdown: collection, annotation, labels and agreement, splits, references."""
    rounds_by_order: dict[str, list[int]] = {}
    for each in facts["rounds"]:
        if each["arm"] != Arm.IMPORTED:
            rounds_by_order.setdefault(each["order"], []).append(each["round"])
    collected = facts["collected"]
    sources = [NETWORKS.get(name, name) for name in collected.get("sources", collected["networks"])]
    values = known(facts) | {"rounds_by_order": rounds_by_order, "sources": sources}
    return unwrap(render(PACKAGE, "methods.md", values))
