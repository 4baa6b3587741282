"""The review app as people meet it: a real browser, a real Label Studio, decisions by key, pages light and dark."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

from annotation.desks import known_desks
from ccd import decisions, schema
from ccd.campaign import ADJUDICATION_DESK, Campaign
from tests.e2e.browser import SWITCHES
from tests.e2e.conftest import Server, api, campaign_on, ccd

SIZE = 24
PAGES = ("", "disagreements", "agreement", "annotators", "model", "dataset")
ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "review"
LABELS = ("irrelevant", "implicit", "explicit")


@pytest.fixture
def campaign(server: Server, tmp_path: Path) -> Campaign:
    """Pushed to Label Studio and judged, every pair in dispute: ties and splits in turn."""
    campaign, _truth = campaign_on(server.url, tmp_path / f"review{tmp_path.name[-6:]}", SIZE)
    ccd(campaign.folder, "push")
    a = schema.assignments.c
    with campaign.write() as db:
        rows = db.execute(sa.select(a.pair_id, a.annotator).order_by(a.pair_id, a.annotator)).all()
        db.execute(
            schema.judgments.insert(),
            [
                {"annotation": f"{row.pair_id}/{row.annotator}", "version": 1, "project_id": 0, "task_id": 0}
                | {"pair_id": row.pair_id, "annotator": row.annotator, "role": "annotator", "status": "valid"}
                | {"answers": json.dumps({"relation": LABELS[place % 3 if place // 3 % 2 else 2 * (place % 3 // 2)]})}
                | {"seconds": 4.0, "created_at": f"2026-01-01T{place // 60:02d}:{place % 60:02d}:00.000000Z"}
                | {"digest": "", "pulled_at": ""}
                for place, row in enumerate(rows)
            ],
        )
    ccd(campaign.folder, "labels")
    return campaign


@contextlib.contextmanager
def app(campaign: Campaign, *options: str, **environment: str) -> Iterator[str]:
    """`ccd review` as a person runs it; gives its address, and ends it with Ctrl-C."""
    command = [sys.executable, "-m", "apps.cli.main", "review", "--dir", str(campaign.folder), *options]
    log = campaign.folder / "review.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"http://\S+:\d+", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield found[0]
    finally:
        process.send_signal(2)
        assert process.wait(60) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for switch in SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    yield started
    started.quit()


def wait(browser: webdriver.Chrome, script: str, *arguments: Any) -> Any:
    return WebDriverWait(browser, 120).until(lambda b: b.execute_script(f"return {script}", *arguments))


def drawn(browser: webdriver.Chrome) -> None:
    """Until the page stands: the script has run, and nothing is left to load."""
    wait(
        browser,
        "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning' "
        "&& document.querySelector('h1') && !document.querySelector('[data-testid=stSkeleton]') "
        "&& [...document.images].every(i => i.complete)",
    )


def press(browser: webdriver.Chrome, key: str) -> str:
    """Press a key and wait until the page shows another pair; gives the one that was shown before."""
    pair = "document.querySelector('[class*=st-key-later-]')?.className.match(/st-key-later-(\\S+)/)[1]"
    before = wait(browser, pair)
    ActionChains(browser).send_keys(key).perform()
    wait(browser, f"{pair} !== arguments[0]", before)
    drawn(browser)
    return str(before)


def ground_truths(server: Server, campaign: Campaign) -> dict[str, tuple[str, str]]:
    """What Label Studio itself says stands on the adjudicators' desk: pair → (label, who)."""
    people = {user["id"]: user["email"] for user in api(server).get("/api/users/")}
    desk = known_desks(campaign).get(ADJUDICATION_DESK)
    if desk is None:
        return {}
    return {
        task["data"]["pair_key"]: (annotation["result"][0]["value"]["choices"][0], people[annotation["completed_by"]])
        for task in api(server).tasks(desk.project_id, fields="data", annotations=True)
        for annotation in task["annotations"]
        if annotation["ground_truth"]
    }


def until_written(campaign: Campaign) -> None:
    deadline = time.monotonic() + 120
    while True:
        with campaign.read() as db:
            if not decisions.waiting(db):
                return
        assert time.monotonic() < deadline, "the decisions are not in Label Studio"
        time.sleep(0.5)


def test_three_decided_by_keyboard_and_one_undone(
    server: Server, campaign: Campaign, browser: webdriver.Chrome
) -> None:
    with app(campaign) as url:
        browser.get(f"{url}/disagreements")
        drawn(browser)
        decided = [press(browser, key) for key in "123"]
        press(browser, "u")
        until_written(campaign)
    t = schema.labels.c
    with campaign.read() as db:
        found = db.execute(sa.select(t.pair_id, t.label).where(t.resolved_by == "adjudicated"))
        rows = {row.pair_id: row.label for row in found}
    # A class of the page has no colons: pairs are compared without them.
    assert {re.sub(r"\W", "-", pair): label for pair, label in rows.items()} == {
        re.sub(r"\W", "-", pair): label for pair, label in zip(decided, ("explicit", "implicit"), strict=False)
    }
    there = ground_truths(server, campaign)
    assert there == {pair: (label, "lead@example.org") for pair, label in rows.items()}
    pulled = ccd(campaign.folder, "pull").facts
    assert (pulled["new"], pulled["notes"]) == ({}, [])  # ours come back neither as answers nor as strays
    settled = ccd(campaign.folder, "labels").facts
    assert sum(ways.get("adjudicated", 0) for ways in settled["counts"]["relation"].values()) == 2
    assert ccd(campaign.folder, "push").facts["notes"] == []
    assert ground_truths(server, campaign) == there


def test_a_decision_waits_while_label_studio_is_down(
    server: Server, campaign: Campaign, browser: webdriver.Chrome
) -> None:
    config = campaign.folder / "campaign.toml"
    text = config.read_text()
    config.write_text(text.replace(server.url, "http://127.0.0.1:9"))
    with app(campaign) as url:
        browser.get(f"{url}/disagreements")
        drawn(browser)
        press(browser, "2")
        wait(browser, "document.body.innerText.includes('wait for Label Studio')")
    with campaign.read() as db:
        assert len(decisions.waiting(db)) == 1
    config.write_text(text)
    with app(campaign):  # another run of the app writes what the first could not
        until_written(campaign)
    assert [label for label, _who in ground_truths(server, campaign).values()] == ["implicit"]


def test_every_page_light_and_dark_wide_and_narrow(campaign: Campaign, browser: webdriver.Chrome) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    with app(campaign) as url:
        for theme in ("light", "dark"):
            media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            for width in (1440, 1024):
                size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                for page in PAGES:
                    browser.get(f"{url}/{page}")
                    drawn(browser)
                    wide = "document.querySelector('[data-testid=stMain]')"
                    assert browser.execute_script(f"return {wide}.scrollWidth <= {wide}.clientWidth"), page
                    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), page
                    assert not browser.execute_script("return !!document.querySelector('[data-testid=stException]')")
                    browser.save_screenshot(str(ARTIFACTS / f"{page or 'campaign'}-{theme}-{width}.png"))
        severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    asked = {
        told["params"]["request"]["url"]
        for told in (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
        if told["method"] == "Network.requestWillBeSent"
    }
    assert [address for address in asked if not address.startswith((url, "data:", "blob:"))] == []


def test_hostile_text_runs_nothing(campaign: Campaign, browser: webdriver.Chrome) -> None:
    hostile = "<img src=x onerror=\"document.title='hit'\"> <script>document.title='hit'</script> **b** ‏שלום​ 😀"
    with campaign.write() as db:
        db.execute(schema.pairs.update().values(text=hostile + " long" * 2000))
        db.execute(schema.judgments.update().values(comment=hostile))
    with app(campaign) as url:
        for page in ("disagreements", "dataset", "annotators"):
            browser.get(f"{url}/{page}")
            drawn(browser)
            if page == "disagreements":
                assert "**b**" in browser.execute_script("return document.body.innerText")
            assert browser.title != "hit"
            assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0


def test_a_password_is_needed_for_others(campaign: Campaign) -> None:
    assert "CCD_REVIEW_PASSWORD" in ccd(campaign.folder, "review", "--host", "0.0.0.0", code=2).err
    with app(campaign, "--host", "0.0.0.0", CCD_REVIEW_PASSWORD="open sesame") as url:
        url = url.replace("0.0.0.0", "127.0.0.1")
        assert requests.get(url, timeout=30).status_code == 401
        assert requests.post(f"{url}/sign-in", data={"password": "wrong"}, timeout=30).status_code == 401
        session = requests.Session()
        begin = time.monotonic()
        assert session.post(f"{url}/sign-in", data={"password": "open sesame"}, timeout=30).status_code == 200
        assert time.monotonic() - begin >= 1  # the wrong one before made it wait
        assert session.get(f"{url}/dataset", timeout=30).status_code == 200
