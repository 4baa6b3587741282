"""`ccd collect bluesky` and `ccd collect mastodon`: posts of open networks."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apps.cli import contract
from apps.cli.collect import AT_MOST, FACTS, report
from apps.cli.x import PHOTOS, _screen

if TYPE_CHECKING:
    from ccd.retries import Wait
    from collection.feed import Feed

READ = {
    "pages": "pages asked for in this run",
    "posts": "posts in them",
    "stopped": "the limit that ended the run before the network had no more, or null",
}
CAP = click.option(
    "--max-posts",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    metavar="N",
    help="Read at most N posts for this query, in all runs together.",
)
INSTANCE = click.option("--instance", required=True, metavar="SERVER", help="The server to ask, as mastodon.social.")


@click.group("bluesky")
def bluesky_group() -> None:
    """Collect posts with photos from Bluesky, as BLUESKY_HANDLE with BLUESKY_APP_PASSWORD."""


@bluesky_group.command("search")
@click.argument("query")
@PHOTOS
@AT_MOST
@CAP
@contract.in_campaign
@contract.reports(FACTS | READ)
def bluesky_search_command(folder: Path, query: str, photos: str, limit: int | None, max_posts: int) -> contract.Report:
    """Collect the posts with photos that match QUERY, newest first; run again for newer ones.

    Bluesky cannot leave posts without photos out: they are read and dropped. Every page is kept in raw/.

    \b
    Example:
      ccd collect bluesky search "cats lang:en" --max-posts 5000
    """

    def feed(wait: "Wait") -> "Feed":
        from collection import bluesky

        return bluesky.Search(bluesky.BlueskyApi.from_environment(wait), query)

    return _collect(folder, "bluesky", feed, photos, limit, max_posts)


@click.group("mastodon")
def mastodon_group() -> None:
    """Collect public posts with photos from a Mastodon server, as a stranger or with MASTODON_ACCESS_TOKEN."""


@mastodon_group.command("tag")
@click.argument("hashtag")
@INSTANCE
@PHOTOS
@AT_MOST
@CAP
@contract.in_campaign
@contract.reports(FACTS | READ)
def mastodon_tag_command(
    folder: Path, hashtag: str, instance: str, photos: str, limit: int | None, max_posts: int
) -> contract.Report:
    """Collect the posts with media and HASHTAG that a server knows, newest first; run again for newer ones.

    \b
    Example:
      ccd collect mastodon tag cats --instance mastodon.social --max-posts 2000
    """

    def feed(wait: "Wait") -> "Feed":
        from collection import mastodon

        return mastodon.Timeline(mastodon.MastodonApi.from_environment(instance, wait), hashtag)

    return _collect(folder, "mastodon", feed, photos, limit, max_posts)


@mastodon_group.command("public")
@INSTANCE
@PHOTOS
@AT_MOST
@CAP
@contract.in_campaign
@contract.reports(FACTS | READ)
def mastodon_public_command(
    folder: Path, instance: str, photos: str, limit: int | None, max_posts: int
) -> contract.Report:
    """Collect all public posts with media that a server knows, newest first; run again for newer ones.

    \b
    Example:
      ccd collect mastodon public --instance mastodon.social --max 500
    """

    def feed(wait: "Wait") -> "Feed":
        from collection import mastodon

        return mastodon.Timeline(mastodon.MastodonApi.from_environment(instance, wait))

    return _collect(folder, "mastodon", feed, photos, limit, max_posts)


def _collect(
    folder: Path, network: str, make: "Callable[[Wait], Feed]", photos: str, limit: int | None, max_posts: int
) -> contract.Report:
    """Open the campaign, walk the feed that `make` gives, and report."""
    from ccd.campaign.campaign import Campaign
    from collection import feed, reading

    campaign = Campaign.open(folder)
    with campaign.alone(f"collect-{network}"), _screen() as (say, wait):
        wanted = make(wait)
        run = reading.ReadingRun(
            tick=lambda run: say(f"{run.pages:,} pages, {run.posts:,} posts, {run.counts.read:,} read")
        )
        feed.walk(campaign, wanted, reading.Limits(max_posts, limit, photos), run)
    shown = [f"{run.posts:,} posts read on {run.pages:,} pages"]
    read = {"pages": run.pages, "posts": run.posts, "stopped": run.stopped or None}
    return report(campaign, [f"{network} {wanted.name}"], run.counts, shown, **read)
