"""Agreement: the numbers and pictures of `ccd agreement`, on what is judged now."""

from itertools import combinations
from typing import Any

import streamlit as st

from apps.review import show, state
from ccd.campaign.campaign import Campaign
from ccd.measures.agreement import LEVELS
from ccd.reports import report
from ccd.reports.page import ALT, NAMES
from ccd.reports.plots import pictures
from ccd.reports.report import Wanted
from ccd.wording import interval, number

DRAWN = {"classes": "By label", "confusion": "Who is confused with whom", "drift": "Over time"}


def facts(campaign: Campaign) -> dict[str, Any]:
    return report.of_campaign(campaign, Wanted())


def drawn(campaign: Campaign, question: str, names: tuple[tuple[str, str], ...]) -> dict[str, bytes]:
    return pictures(renamed(state.of(campaign, facts)["questions"][question], dict(names)))


def renamed(found: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The same facts with other names of the annotators."""
    coefficients = dict(found["coefficients"])
    two = {f"{a}|{b}": f"{names[a]}|{names[b]}" for a, b in combinations(sorted(names), 2)}
    two |= {f"{b}|{a}": f"{names[b]}|{names[a]}" for a, b in combinations(sorted(names), 2)}
    coefficients["cohen"] = {two.get(key, key): each for key, each in coefficients["cohen"].items()}
    coefficients["leave_one_out"] = {names.get(key, key): each for key, each in coefficients["leave_one_out"].items()}
    cards = {names.get(key, key): each for key, each in found["scorecards"].items()}
    return {**found, "coefficients": coefficients, "scorecards": cards}


def draw(campaign: Campaign) -> None:
    if not state.stamp(campaign).judgment:
        show.nothing_yet("No judgments yet: bring them from Label Studio.", "ccd pull --follow")
        return
    question = state.question(campaign)
    found = state.of(campaign, facts)["questions"][question.name]
    names = state.pseudonyms(campaign, list(found["scorecards"]))
    found = renamed(found, names)
    _key_figures(found)
    _table({NAMES[name]: found["coefficients"][name] for name in _fitting(found)})
    plots = state.of(campaign, drawn, question.name, tuple(sorted(names.items())))
    with st.container(key="plots"):
        for name, title in DRAWN.items():
            if name in plots:
                st.subheader(title)
                st.image(plots[name], alt=ALT[name])
            if name == "classes" and found["coefficients"]["per_class"]:
                _table(found["coefficients"]["per_class"], "label against the rest")
            if name == "confusion" and found["coefficients"]["cohen"]:
                _table(_two(found), "Cohen’s kappa")
    st.subheader("Without one annotator")
    _table(found["coefficients"]["leave_one_out"], "left out")
    _subsets(found)


def _fitting(found: dict[str, Any]) -> list[str]:
    alphas = [f"krippendorff_{level}" for level in LEVELS[: LEVELS.index(found["level"]) + 1]]
    return ["percent", *alphas, "fleiss", *(["scott"] if found["annotators"] == 2 else []), "gwet_ac1"]


def _key_figures(found: dict[str, Any]) -> None:
    main = found["coefficients"][f"krippendorff_{found['level']}"]
    with st.container(border=True):
        st.metric(NAMES[f"krippendorff_{found['level']}"], number(main["value"]))
        st.text(f"95 % interval {interval(main['ci'])}" if main["ci"] else main["reason"] or "")
    draws = found["bootstrap"]
    st.caption(
        f"{found['n_pairs']:,} pairs, {found['n_judgments']:,} judgments, {found['annotators']} annotators. Intervals "
        f"from {draws['folds']:,} draws of pairs, seed {draws['seed']}. Adjudicators are not in it."
    )


def _table(found: dict[str, Any], head: str = "coefficient") -> None:
    rows = [
        {
            head: name,
            "value": number(each["value"]),
            "95 % interval": interval(each["ci"]),
        }
        for name, each in found.items()
    ]
    show.table(rows)
    for name, each in found.items():
        if each["reason"]:
            st.caption(show.literal(f"{name}: {each['reason']}."))


def _two(found: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("|", " and ", 1): each for key, each in found["coefficients"]["cohen"].items()}


def _subsets(found: dict[str, Any]) -> None:
    rows = []
    for kind, parts in found["subsets"].items():
        for name, each in parts.items():
            main = each["coefficients"][f"krippendorff_{found['level']}"]
            rows.append(
                {
                    "part": f"{kind} {name}",
                    "pairs": each["n_pairs"],
                    "judgments": each["n_judgments"],
                    "percent": number(each["coefficients"]["percent"]["value"]),
                    "alpha": number(main["value"]),
                    "95 % interval": interval(main["ci"]),
                }
            )
    if rows:
        st.subheader("By arm and round")
        show.table(rows)


draw(state.campaign())
