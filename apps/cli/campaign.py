"""`ccd init`, `ccd round`, `ccd status`: a campaign's folder, its rounds, and where it stands."""

import re
from pathlib import Path
from typing import Any

import click

from apps.cli.contract import Report, in_campaign, reports
from ccd.wording import number_of

_ADDRESS = re.compile(r"[^@\s=<>,;\"]+@[^@\s=<>,;\"]+")


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", help="The campaign's name (default: the folder's).")
@click.option("--protocol", default="ccd", show_default=True, help="A shipped protocol, or a TOML file of your own.")
@click.option(
    "--annotator",
    "annotators",
    multiple=True,
    metavar="NAME=EMAIL",
    help="An annotator; give three or more (default: ann1 to ann3 at example.org, to be edited).",
)
@click.option(
    "--adjudicator", "adjudicators", multiple=True, metavar="NAME=EMAIL", help="Settles ties (default: lead)."
)
@reports({"folder": "the campaign's folder", "file": "its campaign.toml", "next": "the next command"})
def init_command(
    folder: Path, name: str | None, protocol: str, annotators: tuple[str, ...], adjudicators: tuple[str, ...]
) -> Report:
    """Make a campaign: FOLDER, with a campaign.toml to edit.

    \b
    Example: ccd init my-campaign --annotator ann=ann@example.org --annotator bob=bob@example.org \\
                 --annotator cy=cy@example.org --adjudicator lead=lead@example.org
    """
    from ccd.campaign.campaign import Campaign

    people = annotators or tuple(f"ann{i}=ann{i}@example.org" for i in (1, 2, 3))
    lead = adjudicators or ("lead=lead@example.org",)
    campaign = Campaign.create(
        folder,
        name=name or folder.resolve().name,
        protocol=protocol,
        annotators=_people(people, "--annotator"),
        adjudicators=_people(lead, "--adjudicator"),
    )
    file = campaign.folder / "campaign.toml"
    following = f"cd {folder} && ccd collect table FILE"
    shown = [f"{file} is made; edit annotators and protocol there.", f"Next: {following}"]
    return Report({"folder": str(campaign.folder), "file": str(file), "next": following}, shown)


def _people(entries: tuple[str, ...], option: str) -> Any:
    from ccd.campaign.config import Person
    from ccd.errors import InputError

    people = []
    for entry in entries:
        name, _equals, email = entry.partition("=")
        if not name or not _ADDRESS.fullmatch(email):
            raise InputError(
                f"{option} {entry}: no name with an address; write NAME=EMAIL, such as ann=ann@example.org"
            )
        people.append(Person(name, email))
    return tuple(people)


@click.group("round")
def round_group() -> None:
    """Draw numbered batches of pairs and assign them to annotators."""


@round_group.command("new")
@click.option("--size", type=int, required=True, help="How many pairs.")
@click.option("--seed", type=int, required=True, help="Makes the draw repeatable.")
@in_campaign
@reports(
    {
        "round": "the round's number",
        "arm": "why its pairs were chosen: random",
        "seed": "the seed",
        "size": "pairs drawn",
        "pool": "pairs that could have been drawn",
        "inclusion_probability": "size / pool: the chance of each pair of the pool, with max_per_group their mean",
        "assigned": "map from annotator to pairs assigned in this round",
    }
)
def round_new(folder: Path, size: int, seed: int) -> Report:
    """Draw pairs at random from those in no round yet, and assign each to its annotators.

    Every annotator gets an order of their own; loads differ by at most one pair.

    \b
    Example: ccd round new --size 600 --seed 1
    """
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.rounds import new_round
    from ccd.campaign.tables.rounds import loads

    campaign = Campaign.open(folder)
    made = new_round(campaign, size, seed)
    with campaign.read() as db:
        assigned = loads(db, made.round)
    each = "each" if campaign.config.max_per_group is None else "on average"
    shown = [
        f"Round {made.round}: {made.size:,} of {number_of(made.pool, 'pair')}, {each} drawn with probability "
        f"{made.inclusion_probability:.4g} (random arm, seed {made.seed}).",
        f"Assigned: {', '.join(f'{name} {number:,}' for name, number in assigned.items())}.",
        "Next: ccd push",
    ]
    facts = {
        "round": made.round,
        "arm": made.arm,
        "seed": made.seed,
        "size": made.size,
        "pool": made.pool,
        "inclusion_probability": made.inclusion_probability,
        "assigned": assigned,
    }
    return Report(facts, list(shown))


@click.command("status")
@in_campaign
@reports(
    {
        "name": "the campaign's name",
        "protocol": "its protocol",
        "synthetic": "true where the toolkit made the pairs itself",
        "pairs": "pairs collected",
        "posts": "posts they come from",
        "images": "distinct images",
        "dropped": "map from reason to items read and not kept",
        "rounds": "list of {round, arm, size, pool, seed, inclusion_probability}; an active round has no probability",
        "annotators": "list of {name, assigned, pushed, judged, cannot_judge, skipped, lost, open}; lost: without an "
        "answer, and none will come, as the post is deleted or the annotator has left campaign.toml",
        "adjudicators": "list of {name, pushed, judged, cannot_judge, skipped, open}; their desk is one, so pushed and "
        "open are the same for all",
        "labels": "map from question to {resolved_by: pairs}, as of the last `ccd labels`",
        "splits": "map from split to pairs",
        "releases": "names of releases, oldest first",
        "prevalence": "{pairs, left, drawn, sent, uncovered, labels, sought, payoff}: shares of the labels and pairs "
        "still to find, with 95 % intervals, among so many pairs, of which `left` have no label; `drawn` of the `sent` "
        "pairs drawn at random are settled, `uncovered` pairs are in no figure; shares are null where too little is "
        "known; payoff.pays says whether ranking pays: true, false, or null where that cannot be told (docs/rank.md)",
        "prevalences": "map from every question that has labels to the same",
        "mixed": "what to know of judgments that were given under another form of the protocol; null for nothing",
        "next": "{command, why}",
    }
)
def status_command(folder: Path) -> Report:
    """Say where the campaign stands and which command comes next.

    \b
    Example: ccd status --dir my-campaign
    """
    from rich.table import Table

    from ccd.campaign.campaign import Campaign
    from ccd.campaign.status import status

    facts = status(Campaign.open(folder))
    columns = ("assigned", "on the desk", "judged", "cannot judge", "skipped", "will not come", "open")
    table = Table("", *columns, title="Annotators and adjudicators")
    for person in facts["annotators"] + facts["adjudicators"]:
        role = "" if "assigned" in person else " (adjudicator)"
        counts = ("assigned", "pushed", "judged", "cannot_judge", "skipped", "lost", "open")
        table.add_row(person["name"] + role, *(f"{person[key]:,}" if key in person else "" for key in counts))
    drops = ", ".join(f"{number:,} {reason}" for reason, number in facts["dropped"].items())
    made_up = " SYNTHETIC: the toolkit made these pairs itself." if facts["synthetic"] else ""
    shown: list[Any] = [
        f"Campaign {facts['name']}, protocol {facts['protocol']}.{made_up}",
        f"Collected: {number_of(facts['pairs'], 'pair')} of {number_of(facts['posts'], 'post')}, "
        f"{number_of(facts['images'], 'image')}" + (f"; dropped: {drops}." if drops else "."),
    ]
    shown += [
        f"Round {r['round']}: {r['size']:,} of {r['pool']:,} pairs, {r['arm']} arm, seed {r['seed']}."
        for r in facts["rounds"]
    ]
    shown += [table]
    for question, counts in facts["labels"].items():
        shown.append(f"Labels ({question}): " + ", ".join(f"{n:,} {by}" for by, n in counts.items()) + ".")
    if facts["splits"]:
        shown.append("Splits: " + ", ".join(f"{split} {n:,}" for split, n in facts["splits"].items()) + ".")
    if facts["releases"]:
        shown.append("Releases: " + ", ".join(facts["releases"]) + ".")
    several = len(facts["prevalences"]) > 1
    for question, found in facts["prevalences"].items():
        shown += [f"{question}: {line}" if several else line for line in _prevalence(found)]
    if facts["mixed"]:
        shown.append(facts["mixed"])
    shown.append(f"Next: {facts['next']['command']}  ({facts['next']['why']})")
    return Report(facts, shown)


def _prevalence(facts: dict[str, Any]) -> list[str]:
    """Return shares of the labels, what is left to find, and whether ranking pays; nothing before pairs are drawn."""
    from ccd.measures.prevalence import basis, interval, too_little

    if not facts["labels"] or not (facts["sent"] or any(one["found"] for one in facts["labels"])):
        return []
    if facts["labels"][0]["share"] is None:
        return [f"{too_little(facts)}."]
    each = (
        f"{one['label']} {one['share']:.1%}" + (f" ({interval(one)})" * bool(facts["left"])) for one in facts["labels"]
    )
    lines = [f"{basis(facts)}: {', '.join(each)}."]
    sought = next(one for one in facts["labels"] if one["label"] == facts["sought"])
    if facts["left"]:
        lines.append(
            f"{sought['label']}: {sought['found']:,} found, about {sought['unfound']:,.0f} still to find "
            f"({sought['unfound_low']:,.0f} to {sought['unfound_high']:,.0f}) among "
            f"{number_of(facts['left'], 'pair')} without a label."
        )
    return lines + ([_payoff(facts["payoff"], sought["label"])] if facts["payoff"] else [])


def _payoff(paid: dict[str, Any], label: str) -> str:
    from ccd.measures.prevalence import MARGIN

    verdict = {
        True: "ranking pays",
        False: f"ranking no longer pays: it surely finds less than {MARGIN} times what chance finds",
        None: "whether ranking pays cannot be told yet",
    }[paid["pays"]]
    high = "more" if paid["ratio_high"] is None else f"{paid['ratio_high']:.2f}"
    times = "" if paid["ratio"] is None else f", {paid['ratio']:.2f} times as many ({paid['ratio_low']:.2f} to {high})"
    return (
        f"Ranking ({number_of(paid['rounds'], 'round')}) found {label} in {paid['hits']:,} of "
        f"{number_of(paid['judged'], 'pair')}: {paid['rate']:.1%} ({paid['low']:.1%} to "
        f"{paid['high']:.1%}); random pairs would have held {paid['random']:.1%} "
        f"({paid['random_low']:.1%} to {paid['random_high']:.1%}){times}: {verdict}."
    )
