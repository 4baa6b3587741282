"""Posts that are gone, asked about all at once: X's batch compliance job.

Create a job, put the ids where it says, wait until X has worked through them, fetch what it found. The ids stand in
`raw/x/compliance.jsonl.gz` while a job is open, so that a run that ended in the middle goes on with the same job.
Source: https://docs.x.com/x-api/compliance/batch-compliance/introduction and /integrate.
"""

import json
from pathlib import Path
from typing import Any

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables.frames import batches
from ccd.campaign.tables.live_posts import LIVE
from ccd.errors import CcdError, ServerError
from ccd.retries import Wait
from collection import compliance, pages
from collection.compliance import Result
from collection.x_api import XApi

MOST = 6_000_000  # ids a job: X takes 128 MB
BATCH = 500  # posts a transaction
POLL = (10.0, 60.0)  # seconds between two questions: the first pause, and the longest
_REASONS = {"bounced": "deleted", "deactivated": "deleted", "protected": "protected", "suspended": "suspended"}


def check(campaign: Campaign, api: XApi, limit: int | None, wait: Wait, *, sure: bool = False) -> Result:
    """Let X find out which posts are gone, at most `limit` of them, and remove their content.

    Interrupted or killed, run it again: the same job goes on. Raises CcdError where X refuses, where the job failed or
    expired (the next run makes a new one), and unless `sure` where more than a few posts are not found.
    """
    result = Result()
    compliance.begin(campaign, result)
    file = campaign.folder / "raw" / "x" / "compliance.jsonl.gz"
    if not file.exists() and not _create(campaign, api, file, limit):
        return result
    job = pages.read(file)
    ids: list[str] = job["ids"]
    found = _results(_finished(api, file, job, wait), ids)
    gone = {post: status for post, status in found.items() if status != LIVE}
    lives = [post for post in (f"x:{name}" for name in ids) if post not in gone]
    for some in batches(lives, BATCH):
        compliance.mark(campaign, some, dict.fromkeys(some, LIVE), result)
    compliance.take_out(campaign, gone, result, sure=sure)
    file.unlink()
    result.edited = list(found.values()).count(LIVE)
    result.left = len(compliance.due(campaign))
    return result


def _create(campaign: Campaign, api: XApi, file: Path, limit: int | None) -> bool:
    """Make a job for the posts that are due, and keep its ids on the disk; False where none is due."""
    ids = [post.removeprefix("x:") for post in compliance.due(campaign)[: MOST if limit is None else min(limit, MOST)]]
    if not ids:
        return False
    # one that waits for its ids: we were killed before we noted it
    open_jobs = api.ask("get_compliance_jobs", type="tweets", status="created").get("data") or []
    mine = [job for job in open_jobs if job.get("name") == f"ccd {campaign.uid}"]
    job = mine[0] if mine else _job(api.ask("create_compliance_job", type="tweets", name=f"ccd {campaign.uid}"))
    file.parent.mkdir(parents=True, exist_ok=True)
    pages.write(file, {"job": job["id"], "uploaded": False, "ids": ids})
    return True


def _finished(api: XApi, file: Path, open_job: pages.Page, wait: Wait) -> bytes:
    """Wait for what X finds and return it, one JSON object a line; the ids are put where it wants them."""
    pause, longest = POLL
    while True:
        job = _job(api.ask("get_compliance_job", id=open_job["job"]))
        status = job.get("status")
        if status == "complete":
            return api.transfer("GET", job["download_url"])
        if status in ("failed", "expired"):
            file.unlink()
            raise ServerError(f"X's compliance job {job['id']} has {status}; run again: a new one is made")
        if status == "created" and not open_job["uploaded"]:
            try:
                api.transfer("PUT", job["upload_url"], "\n".join([*open_job["ids"], ""]).encode())
            except CcdError:  # perhaps X has the ids, and only its answer was lost
                if _job(api.ask("get_compliance_job", id=job["id"])).get("status") == "created":
                    raise
            open_job["uploaded"] = True
            pages.write(file, open_job)
        wait(pause, f"X works on {len(open_job['ids']):,} ids (job {job['id']})")
        pause = min(longest, 2 * pause)


def _job(answer: pages.Page) -> dict[str, Any]:
    job = answer.get("data")
    if not isinstance(job, dict) or "id" not in job:
        raise ServerError("X answers something else than a compliance job; run again later")
    return job


def _results(found: bytes, ids: list[str]) -> dict[str, str]:
    """Return why posts are gone; LIVE for one that was edited. What X says nothing of lives.

    >>> _results(b'{"id": "7", "action": "delete", "reason": "suspended"}\\n', ["7", "8"])
    {'x:7': 'suspended'}
    """
    asked, events = set(ids), {}
    for number, line in enumerate(found.splitlines(), 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
            name, action, reason = str(event["id"]), event.get("action"), event.get("reason")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ServerError(
                f"X's list of gone posts: line {number} cannot be read; run again to fetch it anew"
            ) from None
        if name not in asked or "scrub_geo" in (action, reason):
            continue  # we keep no locations
        if action == "delete":
            events[f"x:{name}"] = _REASONS.get(reason, "deleted")
        elif action == "rehydrate":
            events.setdefault(f"x:{name}", LIVE)
    return events
