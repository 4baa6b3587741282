"""`ccd hydrate`: texts and images for a dehydrated release, from the X API or from an archive."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from apps.cli.photos import PRIVATE_HOSTS
from ccd.wording import number_of

if TYPE_CHECKING:
    from ccd.campaign.campaign import Campaign

_SHOWN = 5  # of those that are gone; gone.jsonl has all


@click.command("hydrate")
@click.argument("release", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--archive",
    "archives",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Take posts from an archive of the X API, as `ccd collect archive` reads it, not from the API; repeatable.",
)
@click.option(
    "--images",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="With --archive: folder with the downloaded photos (default: each file's folder).",
)
@click.option(
    "--max-posts",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    metavar="N",
    help="Buy at most N posts of X for this release, over all runs.",
)
@click.option("--out", metavar="FOLDER", type=click.Path(path_type=Path), help="Where to (default: FOLDER-hydrated).")
@contract.reports(
    {
        "folder": "the filled release; null while it is not whole",
        "pairs": "pairs with text and image again",
        "gone": "map from the others' pair ids to what is known of why",
        "posts": "posts bought from X in this run",
        "waiting": "photos and posts that are still to come: run again",
    }
)
def hydrate_command(
    release: Path, archives: tuple[Path, ...], images: Path | None, max_posts: int, out: Path | None
) -> contract.Report:
    """Fill a dehydrated release in FOLDER with texts and images again, in a folder beside it.

    Posts come from the X API, with the token in X_BEARER_TOKEN, or from archives on this disk. What is gone is listed,
    and is not in the new folder. Stopped at any moment, run it again: what was bought is kept until it is done.

    \b
    Example:
      ccd hydrate v1 --max-posts 13000
      ccd hydrate v1 --archive pages.jsonl.gz --images media
    """
    from ccd.errors import InputError
    from ccd.files.lock import folder_lock
    from ccd.release.refill import posts_of

    release = release.resolve()
    out = out.resolve() if out else release.with_name(f"{release.name}-hydrated")
    posts = posts_of(release)
    if images and not archives:
        raise InputError("--images goes with --archive FILE; photos of the X API are downloaded")
    work = out.with_name(f".{out.name}.work")
    with folder_lock(work, f"{out}: is being filled by another `ccd hydrate`; wait for it to end"):
        if out.exists():
            raise InputError(f"{out}: is there already; move it away, or choose another folder with --out")
        campaign = _work(work)
        found = _from_archives(campaign, posts, archives, images) if archives else _from_x(campaign, posts, max_posts)
        return _filled(release, out, campaign, *found)


def _filled(release: Path, out: Path, work: "Campaign", bought: int, left: int, why: dict[str, str]) -> contract.Report:
    """Download what is missing, and fill the release where nothing is still to come."""
    import shutil

    from ccd.release.refill import refill
    from collection import photos

    if photos.count(work)["todo"]:
        _download(work)
    waiting = left + photos.count(work)["todo"]
    if waiting:
        facts: dict[str, Any] = {"folder": None, "pairs": 0, "gone": {}, "posts": bought, "waiting": waiting}
        line = f"{waiting:,} posts or photos are still to come; run again, with a higher --max-posts if need be"
        return contract.Report(facts, [line], ok=False)
    done = refill(release, out, work, why)
    work.engine.dispose()
    shutil.rmtree(work.folder)
    facts = {"folder": str(out), "pairs": done.pairs, "gone": done.gone, "posts": bought, "waiting": 0}
    shown = [f"{number_of(done.pairs, 'pair has', 'pairs have')} text and image again: {out}"]
    if done.gone:
        shown.append(f"{len(done.gone):,} are gone (gone.jsonl lists them):")
        shown += [f"  {pair}: {reason}" for pair, reason in list(done.gone.items())[:_SHOWN]]
    return contract.Report(facts, shown)


def _work(folder: Path) -> "Campaign":
    """Open a campaign that only collects, beside the release: what was bought and downloaded so far."""
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.config import CONFIG, Person

    if (folder / CONFIG).exists():
        return Campaign.open(folder)
    nobody = tuple(Person(f"nobody {n}", f"nobody{n}@example.org") for n in range(3))
    return Campaign.create(folder, name="hydrate", annotators=nobody, adjudicators=())


def _from_archives(
    work: "Campaign", posts: list[str], archives: tuple[Path, ...], images: Path | None
) -> tuple[int, int, dict[str, str]]:
    """Collect the posts of the release that stand in these files; nothing is bought, and nothing left."""
    from collection import archive, store
    from collection.files import source_name
    from collection.records import Record

    wanted = set(posts)
    for file in archives:
        records = (each for each in archive.read(file, images) if isinstance(each, Record) and each.post_id in wanted)
        store.collect(work, records, source_name(file))
    return 0, 0, {}


def _from_x(work: "Campaign", posts: list[str], max_posts: int) -> tuple[int, int, dict[str, str]]:
    """Look the posts up: posts bought now, posts not asked for yet, and what X said of each post."""
    from apps.cli.x import _screen
    from ccd.errors import InputError
    from collection import reading, x, x_api

    ids = [post.removeprefix("x:") for post in posts if post.startswith("x:")]
    if not ids:
        raise InputError("none of its posts is of X; hydrate what came from elsewhere with --archive FILE")
    with _screen() as (say, wait):
        api = x_api.XApi.from_environment(wait)
        price = work.config.price_per_post

        def start(left: int, bought: int) -> None:
            before = f" ({bought:,} were bought before)" if bought else ""
            contract.say(f"{len(ids):,} posts; at most {left:,} at ${price:g}: ${left * price:,.2f}{before}")

        run = x.XRun(tick=lambda run: say(f"{run.pages:,} pages, {run.posts:,} posts bought"), start=start)
        x.hydrate(work, api, ids, reading.Limits(max_posts), run)
    why = {f"x:{name}": status for name, status in run.statuses.items()}
    return run.posts, sum(status == "not asked" for status in why.values()), why


def _download(work: "Campaign") -> None:
    from apps.cli.progress import bars
    from collection import photos

    private = [name.strip() for name in os.environ.get(PRIVATE_HOSTS, "").split(",") if name.strip()]
    with bars() as started:
        photos.download(work, private_hosts=private, progress=started("photos", photos.count(work)["todo"]))
