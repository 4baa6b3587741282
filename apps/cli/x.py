"""`ccd collect x`, `ccd collect tir` and `ccd compliance`: what needs the X API."""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from apps.cli.collect import AT_MOST, FACTS, report
from ccd.wording import number_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ccd.campaign.campaign import Campaign
    from ccd.retries import Wait
    from collection.compliance import Result
    from collection.reading import Limits
    from collection.x import XRun
    from collection.x_api import XApi

BOUGHT = {
    "pages": "pages bought in this run",
    "posts": "posts in them, which is what X takes money for",
    "usd": "what they cost at the price in campaign.toml",
    "stopped": "the limit that ended the run before X had no more, or null",
}
STATUSES = {"statuses": "what X said of each id: ok, not found, forbidden, error or not asked"}
CAP = click.option(
    "--max-posts",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    metavar="N",
    help="Spending cap: buy at most N posts for this query or these ids, in all runs together.",
)
PHOTOS = click.option(
    "--photos",
    type=click.Choice(["all", "first"]),
    default="all",
    show_default=True,
    help="Make a pair of every photo of a post, or of the first.",
)


@click.group("x")
def x_group() -> None:
    """Collect posts with photos from the X API, with the token in X_BEARER_TOKEN."""


@x_group.command("search")
@click.argument("query")
@click.option("--full-archive", is_flag=True, help="Search everything since 2006, not the last seven days.")
@PHOTOS
@AT_MOST
@CAP
@contract.in_campaign
@contract.reports(FACTS | BOUGHT)
def search_command(
    folder: Path, query: str, full_archive: bool, photos: str, limit: int | None, max_posts: int
) -> contract.Report:
    """Collect the posts with photos that match QUERY, newest first; run again for newer ones.

    `has:images -is:retweet` is added to the query. Every page is kept in raw/: no page is bought twice.

    \b
    Example:
      ccd collect x search "(cat OR dog) lang:en" --max-posts 2000
    """
    from collection import x

    def work(campaign: "Campaign", api: "XApi", limits: "Limits", run: "XRun") -> list[str]:
        wanted = x.search(query, full_archive=full_archive)
        x.walk(campaign, api, wanted, limits, run)
        return [f"x {wanted.name}"]

    return _collect(folder, work, photos, limit, max_posts)


@x_group.command("ids")
@click.argument("file", type=click.Path(path_type=Path))
@PHOTOS
@AT_MOST
@CAP
@contract.in_campaign
@contract.reports(FACTS | BOUGHT | STATUSES)
def ids_command(folder: Path, file: Path, photos: str, limit: int | None, max_posts: int) -> contract.Report:
    """Look up the posts whose ids are in FILE, one a line, 100 a call.

    A retweet stands for the post it repeats. Ids that X settled before are not asked again.

    \b
    Example:
      ccd collect x ids ids.txt --max-posts 5000
    """
    from collection import x

    return _look_up(folder, x.read_ids(file), photos, limit, max_posts)


@x_group.command("user")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@PHOTOS
@AT_MOST
@CAP
@contract.in_campaign
@contract.reports(FACTS | BOUGHT)
def user_command(
    folder: Path, names: tuple[str, ...], photos: str, limit: int | None, max_posts: int
) -> contract.Report:
    """Collect the newest posts of each user NAME, at most 3,200 each; --max and --max-posts hold for each user.

    X cannot leave posts without photos out: they are bought too. Looking up a name costs a user read, once.

    \b
    Example:
      ccd collect x user NASA ESA --max-posts 500
    """
    from collection import x

    def work(campaign: "Campaign", api: "XApi", limits: "Limits", run: "XRun") -> list[str]:
        stopped = []
        for name in names:
            run.stopped = ""
            run.counts.met.clear()
            x.walk(campaign, api, x.user(campaign, api, name), limits, run)
            stopped += [f"{name}: {run.stopped}"] if run.stopped else []
        run.stopped = "; ".join(stopped)
        return [f"x user {name.removeprefix('@').lower()}" for name in names]

    return _collect(folder, work, photos, limit, max_posts)


@click.command("tir")
@click.argument("file", type=click.Path(path_type=Path))
@PHOTOS
@AT_MOST
@CAP
@contract.in_campaign
@contract.reports(
    {
        "labels": "posts of the file with a label, now in the table priors",
        "new": "of these, new ones",
        "repaired": "rows that were repaired: line to what was wrong",
        "refused": "rows that were not: line to why",
        "hydrated": "whether X was asked for the posts, which needs X_BEARER_TOKEN",
        "collected": "where it was: the facts of `ccd collect x ids`; else null",
    }
)
def tir_command(folder: Path, file: Path, photos: str, limit: int | None, max_posts: int) -> contract.Report:
    """Read FILE, the text-image relationship data (Vempala and Preotiuc-Pietro 2019): ids and labels, no texts.

    Its labels are kept as priors, never as judgments. With X_BEARER_TOKEN set, the posts are looked up too.

    \b
    Example:
      ccd collect tir textimage.csv --max-posts 10000
    """
    import os

    from ccd.campaign.campaign import Campaign
    from collection import tir, x_api

    campaign = Campaign.open(folder)
    table = tir.read(file)
    new = tir.store(campaign, table.labels)
    shown: list[RenderableType] = [f"{len(table.labels):,} labels in the table priors, {new:,} of them new"]
    for verb, lines in (("repaired", table.repaired), ("refused", table.refused)):
        shown.append(f"{len(lines):,} rows {verb}" + (":" if lines else ""))
        shown += [f"  line {line}: {why}" for line, why in lines.items()]
    collected: contract.Report | None = None
    if os.environ.get(x_api.TOKEN):
        collected = _look_up(folder, [name.removeprefix("x:") for name in table.labels], photos, limit, max_posts)
        shown += collected.shown
    else:
        shown.append(f"no {x_api.TOKEN} in the environment: the posts were not looked up")
    facts = {"labels": len(table.labels), "new": new, "repaired": table.repaired, "refused": table.refused}
    facts |= {"hydrated": collected is not None, "collected": collected and dict(collected.facts)}
    return contract.Report(facts, shown)


@click.command("compliance")
@click.option(
    "--batch", is_flag=True, help="Hand all ids to X at once, as a compliance job, and wait until it is done."
)
@click.option(
    "--max-posts",
    type=click.IntRange(min=0),
    metavar="N",
    help="Ask about at most N posts in this run, those that waited longest (default: 1000; with --batch all).",
)
@click.option("--yes", is_flag=True, help="Take posts out although more than 5 % of those asked about are not found.")
@click.option("--undo", is_flag=True, help="Put back what the last run took out, while it is in quarantine.")
@contract.in_campaign
@contract.reports(
    {
        "asked": "posts of X asked about",
        "posts": "posts that X sent back, which is what it takes money for",
        "usd": "what they cost at the price in campaign.toml",
        "gone": "posts found gone in this run, by status: deleted, protected, suspended, withheld",
        "edited": "posts that have another text since they were collected; only --batch finds them",
        "unclear": "posts of which X said neither; asked again next time",
        "images": "image files removed, as no living pair shows them",
        "pages": "raw pages rewritten without the posts that are gone",
        "left": "posts still to be asked about; run again",
        "erased": "earlier runs whose time in quarantine was over",
        "put_back": "with --undo, posts that live again; else null",
    }
)
def compliance_command(folder: Path, batch: bool, max_posts: int | None, yes: bool, undo: bool) -> contract.Report:
    """Ask X which posts are gone, and take their texts and photos out of the campaign; ids and labels stay.

    They are in quarantine for the days that campaign.toml says, then erased. A post is asked about again after 24
    hours. Run `ccd push` afterwards, so that Label Studio forgets the texts too.

    \b
    Example:
      ccd compliance --max-posts 5000
    """
    from apps.cli.progress import bars
    from ccd.campaign.campaign import Campaign
    from collection import compliance, compliance_job, x_api

    campaign = Campaign.open(folder)
    if undo:
        return _undo(campaign)
    price = campaign.config.price_per_post
    with campaign.alone("compliance"), _screen() as (_say, wait):
        api = x_api.XApi.from_environment(wait)
        if batch:
            result = compliance_job.check(campaign, api, max_posts, wait, sure=yes)
        else:
            most = 1000 if max_posts is None else max_posts
            todo = min(most, len(compliance.due(campaign)))
            contract.say(f"{todo:,} posts to ask about: at most ${todo * price:,.2f}")
            with bars() as started:
                result = compliance.check(campaign, api, most, started("posts asked about", todo), sure=yes)
    facts = _facts(result) | {"usd": round(result.posts * price, 4)}
    gone = ", ".join(f"{number:,} {status}" for status, number in sorted(result.gone.items())) or "none"
    cost = "" if batch else f" (${result.posts * price:,.2f})"
    shown = [
        f"{result.asked:,} posts asked about{cost}; gone: {gone}",
        f"{result.images:,} image files removed, {result.pages:,} raw pages rewritten",
    ]
    if result.edited:
        shown.append(
            f"{result.edited:,} posts have another text since; their pairs show the one they were collected with"
        )
    if result.unclear:
        shown.append(f"{result.unclear:,} posts of which X said nothing; they are asked about again next time")
    if result.left:
        shown.append(f"{result.left:,} posts are still to be asked about; run again")
    return contract.Report(facts, shown)


def _facts(result: "Result") -> dict[str, Any]:
    found = dataclasses.asdict(result) | {"usd": 0.0, "put_back": None}
    del found["began"]
    return found


def _undo(campaign: "Campaign") -> contract.Report:
    from collection import compliance, quarantine

    with campaign.alone("compliance"):
        posts = quarantine.put_back(campaign)
    facts = _facts(compliance.Result()) | {"put_back": posts}
    return contract.Report(
        facts, [f"{number_of(posts, 'post')} put back; the next `ccd compliance` asks about them again"]
    )


# --- what the commands share ----------------------------------------------------------------------------------------


def _look_up(folder: Path, ids: list[str], photos: str, limit: int | None, max_posts: int) -> contract.Report:
    """Collect the posts that have these ids."""
    from collection import x

    def work(campaign: "Campaign", api: "XApi", limits: "Limits", run: "XRun") -> list[str]:
        x.hydrate(campaign, api, ids, limits, run)
        return [f"x {x.BY_IDS}"]

    return _collect(folder, work, photos, limit, max_posts, with_statuses=True)


def _collect(
    folder: Path,
    work: "Callable[[Campaign, XApi, Limits, XRun], list[str]]",
    photos: str,
    limit: int | None,
    max_posts: int,
    *,
    with_statuses: bool = False,
) -> contract.Report:
    """Open the campaign, say what it may cost, do the work, and report; `work` gives the sources it read."""
    from ccd.campaign.campaign import Campaign
    from collection import reading, x, x_api

    campaign = Campaign.open(folder)
    price = campaign.config.price_per_post
    with campaign.alone("collect-x"), _screen() as (say, wait):
        api = x_api.XApi.from_environment(wait)

        def start(left: int, bought: int) -> None:
            before = f" ({bought:,} were bought before)" if bought else ""
            contract.say(f"at most {left:,} posts at ${price:g}: ${left * price:,.2f}{before}")

        run = x.XRun(
            tick=lambda run: say(f"{run.pages:,} pages, {run.posts:,} posts bought, {run.counts.read:,} read"),
            start=start,
        )
        sources = work(campaign, api, reading.Limits(max_posts, limit, photos), run)
    bought: dict[str, Any] = {"pages": run.pages, "posts": run.posts, "usd": round(run.posts * price, 4)}
    bought["stopped"] = run.stopped or None
    shown = [f"{run.posts:,} posts bought on {run.pages:,} pages: ${run.posts * price:,.2f}"]
    if with_statuses:
        bought["statuses"] = run.statuses
        numbers = Counter(run.statuses.values())
        shown.append("ids: " + ", ".join(f"{numbers[status]:,} {status}" for status in sorted(numbers)))
    return report(campaign, sources, run.counts, shown, **bought)


@contextlib.contextmanager
def _screen() -> "Iterator[tuple[Callable[[str], None], Wait]]":
    """Open one line on stderr: a function that writes it, and one that waits with a countdown in it."""
    import time

    from rich.status import Status

    from apps.cli.screen import Screen

    screen = Screen()
    line = Status("", console=screen)

    def say(text: str) -> None:
        line.update(text)
        line.start()

    def wait(seconds: float, why: str) -> None:
        if not screen.is_terminal:
            contract.say(f"{why}: waiting {seconds:,.0f} s")
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if screen.is_terminal:
                say(f"{why}: {left:,.0f} s left")
            time.sleep(min(1.0, left))

    try:
        yield say, wait
    finally:
        line.stop()
