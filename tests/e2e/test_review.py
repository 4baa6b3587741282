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
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from annotation.desks import known_desks
from annotation.simulated import Simulated, work
from ccd.campaign import adjudication
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign
from ccd.campaign.tables import schema
from collection.store import collect
from collection.synthetic.records import records
from tests.e2e.browser import chromium
from tests.e2e.conftest import PEOPLE, Server, api, campaign_on, ccd

FEW, MANY = 6, 48
PAGES = {
    "": (),
    "disagreements": (),
    "agreement": (),
    "annotators": (),
    "model": ("Candidates", "Attention", "Assistance"),
    "dataset": ("Splits and releases",),
}
"""Each page's address, and its tabs beside the first."""
ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "review"
WIDTHS = (1440, 1024)
LABELS = ("irrelevant", "implicit", "explicit")


@pytest.fixture
def campaign(server: Server, tmp_path: Path) -> Campaign:
    """Judged by everybody in Label Studio, and pulled: every pair is in dispute, ties and splits in turn."""
    campaign, _truth = campaign_on(server.url, tmp_path / f"review{tmp_path.name[-6:]}", FEW)
    ccd(campaign.folder, "push")
    with campaign.read() as db:
        pairs = sorted(db.scalars(sa.select(schema.pairs.c.pair_id)))
    for place, person in enumerate(PEOPLE):
        says = {pair: LABELS[place] if number % 2 else LABELS[2 * (place // 2)] for number, pair in enumerate(pairs)}
        sure = Simulated(person.email, server.passwords[person.name], 1, 1, (), seed=1, cannot_judge=0)
        desk = known_desks(campaign)[person.name].project_id
        assert work(sure, server.url, desk, campaign.protocol, says, lambda _done: None) == FEW
    assert ccd(campaign.folder, "pull").facts["new"] == {"valid": FEW * len(PEOPLE)}
    ccd(campaign.folder, "labels")
    return campaign


@pytest.fixture
def made(tmp_path: Path) -> Campaign:
    """Judged without Label Studio: most pairs are as the world made them, and every fourth is in dispute."""
    campaign, truth = campaign_on("http://127.0.0.1:9", tmp_path / "made", MANY)
    judge(campaign, truth, 1)
    ccd(campaign.folder, "labels")
    return campaign


def judge(campaign: Campaign, truth: dict[str, str], number: int) -> None:
    """Everybody judges their pairs of a round, with a comment now and then."""
    a = schema.assignments.c
    with campaign.write() as db:
        given = sa.select(a.pair_id, a.annotator).where(a.round == number)
        rows = db.execute(given.order_by(a.position, a.annotator)).all()
        shown = sa.select(schema.assists.c.pair_id, schema.assists.c.model_version).where(schema.assists.c.shown == 1)
        beside = {row.pair_id: row.model_version for row in db.execute(shown)}
        said = [LABELS[place % 3] if place % 4 < 1 else truth[row.pair_id] for place, row in enumerate(rows)]
        db.execute(
            schema.judgments.insert(),
            [
                {"annotation": f"{row.pair_id}/{row.annotator}", "version": 1, "project_id": 0, "task_id": 0}
                | {"pair_id": row.pair_id, "annotator": row.annotator, "role": "annotator", "status": "valid"}
                | {"answers": json.dumps({"relation": label}), "seconds": 0.5 + place % 9, "digest": ""}
                | {"comment": None if place % 7 else "What is on the sign?", "pulled_at": ""}
                | {"prediction": beside.get(row.pair_id)}
                | {"created_at": f"2026-01-{number:02d}T{place // 60:02d}:{place % 60:02d}:00.000000Z"}
                for place, (row, label) in enumerate(zip(rows, said, strict=True))
            ],
        )


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
            time.sleep(0.1)
        yield found[0]
    finally:
        process.send_signal(2)
        assert process.wait(60) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    with chromium(browser="ALL", performance="ALL") as started:
        yield started


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


SHOWN = "document.querySelector('[class*=st-key-later-]')?.className.match(/st-key-later-(\\S+)/)[1]"
LOOKED_AT = "!document.documentElement.hasAttribute('data-early')"


def press(browser: webdriver.Chrome, key: str) -> str:
    """Look at a pair, press a key and wait until the page shows another pair; gives the one that was shown before."""
    before = wait(browser, SHOWN)
    wait(browser, LOOKED_AT)
    ActionChains(browser).send_keys(key).perform()
    wait(browser, f"{SHOWN} !== arguments[0]", before)
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
            if not adjudication.waiting(db):
                return
        assert time.monotonic() < deadline, "the decisions are not in Label Studio"
        time.sleep(0.1)


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
        wait(browser, "document.body.innerText.includes('1 decision waits for Label Studio')")
    with campaign.read() as db:
        assert len(adjudication.waiting(db)) == 1
    config.write_text(text)
    with app(campaign):  # another run of the app writes what the first could not
        until_written(campaign)
    assert [label for label, _who in ground_truths(server, campaign).values()] == ["implicit"]


def decided(campaign: Campaign) -> int:
    """How many pairs are settled by decisions of the app."""
    with campaign.read() as db:
        return len({each.pair_id for each in adjudication.waiting(db) if each.status == "valid"})


PRESS = """
const [key, delays, repeat, next, done] = arguments;
const shown = () => SHOWN;
const before = shown();
const press = (number) => document.dispatchEvent(new KeyboardEvent("keydown",
  {key, code: `Digit${key}`, keyCode: 48 + Number(key), bubbles: true, cancelable: true, repeat: repeat && number > 0}
));
const start = () => delays.forEach((delay, number) => setTimeout(press, delay, number));
if (next) {  // from the moment at which the next pair is there
  new MutationObserver((_changes, observer) => {
    if (shown() !== before) { observer.disconnect(); start(); }
  }).observe(document.body, {subtree: true, childList: true, attributes: true});
  press(0);
} else start();
setTimeout(done, delays.at(-1) + 3000);
""".replace("SHOWN", SHOWN)


def presses(browser: webdriver.Chrome, *delays: int, repeat: bool = False, next_pair: bool = False) -> None:
    """Press 2 after so many milliseconds each, by the page's own clock; `repeat`: as a key that is held down.

    `next_pair`: once now, then so long after the next pair came.
    """
    browser.set_script_timeout(120)
    browser.execute_async_script(PRESS, "2", list(delays), repeat, next_pair)


def test_a_decision_counts_only_for_a_pair_that_was_looked_at(made: Campaign, browser: webdriver.Chrome) -> None:
    """Five presses in a fifth of a second; a second one just after the next pair came; a key that is held down."""
    with app(made) as url:
        browser.get(f"{url}/disagreements")
        drawn(browser)
        wait(browser, LOOKED_AT)
        presses(browser, 0, 50, 100, 150, 200)
        assert decided(made) == 1
        wait(browser, LOOKED_AT)
        presses(browser, 0, 250, 300, next_pair=True)
        assert decided(made) == 2
        wait(browser, LOOKED_AT)
        presses(browser, *range(0, 3000, 33), repeat=True)
        assert decided(made) == 3
        press(browser, "2")
        assert decided(made) == 4


def test_a_decision_counts_only_where_the_photo_was_seen(made: Campaign, browser: webdriver.Chrome) -> None:
    with app(made) as url:
        browser.execute_cdp_cmd("Network.enable", {})
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/media/*"]})
        browser.get(f"{url}/disagreements")
        drawn(browser)
        time.sleep(1.5)
        presses(browser, 0)
        browser.execute_script("document.querySelector('[class*=st-key-decide-] button').click()")
        time.sleep(1.5)
        assert decided(made) == 0
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        browser.get(f"{url}/disagreements")
        drawn(browser)
        press(browser, "2")
        assert decided(made) == 1


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.soak)])
def test_every_page_wide_and_narrow(made: Campaign, browser: webdriver.Chrome, theme: str) -> None:
    model_of(made)
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    with app(made) as url:
        media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        for page, tabs in PAGES.items():
            browser.get(f"{url}/{page}")
            drawn(browser)
            look(browser, page or "campaign", theme)
            for tab in tabs:
                # From the tab before: on a card, Attention is a button too, and it brings the pair along.
                click(browser, "button" if tab == "Attention" else "[role=tab]", tab)
                drawn(browser)
                if tab == "Attention":
                    wait(browser, "document.body.innerText.includes('alignment says')")
                    drawn(browser)
                look(browser, f"{page}-{tab.split()[0].lower()}", theme)
        severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    asked = {
        told["params"]["request"]["url"]
        for told in (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
        if told["method"] == "Network.requestWillBeSent"
    }
    assert [address for address in asked if not address.startswith((url, "data:", "blob:"))] == []


def model_of(campaign: Campaign) -> None:
    """A network trained on the campaign, and a round that it ranked, half of it judged beside its predictions."""
    for command in ("split", "train --epochs 1 --threads 1", "predict"):
        ccd(campaign.folder, *command.split())
    posts, truth = records(FEW, 2, campaign.folder / "more")
    collect(campaign, posts, "synthetic")
    ccd(campaign.folder, "predict")
    version = ccd(campaign.folder, "rank", "--size", str(FEW)).facts["model_version"]
    with campaign.write() as db:
        pairs = sorted(db.scalars(sa.select(schema.round_pairs.c.pair_id).where(schema.round_pairs.c.round == 2)))
        said = {"round": 2, "model_version": version, "label": "implicit", "score": 0.5}
        shown = [said | {"pair_id": pair, "shown": place % 2} for place, pair in enumerate(pairs)]
        db.execute(schema.assists.insert(), shown)
    judge(campaign, truth, 2)
    ccd(campaign.folder, "labels")


def click(browser: webdriver.Chrome, what: str, text: str) -> None:
    """Click what is seen and ends with this text; before it an icon has its name."""
    seen = f"[...document.querySelectorAll('{what}')].filter(e => e.offsetParent)"
    found = wait(browser, f"{seen}.find(e => e.innerText.trim().endsWith(arguments[0]))", text)
    browser.execute_script("arguments[0].click()", found)


def look(browser: webdriver.Chrome, name: str, theme: str) -> None:
    """Keep a picture of the whole page at both widths; nothing went wrong on it, and nothing scrolls sideways."""
    main = "document.querySelector('[data-testid=stMain]')"
    for width in WIDTHS:
        height, wanted = 0, 1000
        while height < wanted < 6000:  # a page that is higher is taken whole
            height = wanted
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            time.sleep(0.1)  # charts and tables follow the width
            drawn(browser)
            wanted = browser.execute_script(f"return {main}.scrollHeight")
        assert browser.execute_script(f"return {main}.scrollWidth <= {main}.clientWidth"), name
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), name
        assert not browser.execute_script("return !!document.querySelector('[data-testid=stException]')"), name
        browser.save_screenshot(str(ARTIFACTS / f"{name}-{theme}-{width}.png"))


def test_a_photo_can_be_looked_at_closely_and_a_note_ends_with_enter(made: Campaign, browser: webdriver.Chrome) -> None:
    photo = "document.querySelector('[class*=st-key-photo] img')"
    with app(made) as url:
        browser.get(f"{url}/disagreements")
        drawn(browser)
        width = f"{photo}.getBoundingClientRect().width"
        before = browser.execute_script(f"return {width}")
        browser.execute_script(f"{photo}.click()")
        assert browser.execute_script(f"return {width}") > 2 * before
        note = browser.find_element(By.CSS_SELECTOR, "input[placeholder^=Note]")
        note.send_keys("look at 3 signs" + Keys.ENTER)
        wait(browser, "document.activeElement.tagName !== 'INPUT'")
        press(browser, "2")  # decides, and is not written into the note
        assert browser.execute_script(f"return {width}") <= 2 * before  # the next photo is seen whole
    with made.read() as db:
        (decision,) = adjudication.waiting(db)
    assert (decision.answers, decision.comment) == ({"relation": "implicit"}, "look at 3 signs")


def test_a_feedback_sheet_is_saved(made: Campaign, browser: webdriver.Chrome, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    with app(made) as url:
        browser.get(f"{url}/annotators")
        drawn(browser)
        click(browser, "button", "Feedback sheet (HTML)")
        WebDriverWait(browser, 60).until(lambda _b: (tmp_path / "feedback-A1.html").exists())
    sheet = (tmp_path / "feedback-A1.html").read_text(encoding="utf-8")
    assert "Feedback for A1" in sheet
    assert "data:image/jpeg;base64," in sheet
    assert not [person.name for person in PEOPLE if f">{person.name}" in sheet]


def test_hostile_text_runs_nothing(made: Campaign, browser: webdriver.Chrome) -> None:
    hostile = "<img src=x onerror=\"document.title='hit'\"> <script>document.title='hit'</script> **b** ‏שלום​ 😀"
    with made.write() as db:
        db.execute(schema.pairs.update().values(text=hostile + " long" * 2000))
        db.execute(schema.judgments.update().values(comment=hostile))
    with app(made) as url:
        for page in ("disagreements", "dataset", "annotators"):
            browser.get(f"{url}/{page}")
            drawn(browser)
            if page == "disagreements":
                assert "**b**" in browser.execute_script("return document.body.innerText")
            assert browser.title != "hit"
            assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0


def test_a_password_is_needed_for_others(made: Campaign) -> None:
    assert "CCD_REVIEW_PASSWORD" in ccd(made.folder, "review", "--host", "0.0.0.0", code=2).err
    with app(made, "--host", "0.0.0.0", CCD_REVIEW_PASSWORD="open sesame") as url:
        url = url.replace("0.0.0.0", "127.0.0.1")
        assert requests.get(url, timeout=30).status_code == 401
        assert requests.post(f"{url}/sign-in", data={"password": "wrong"}, timeout=30).status_code == 401
        session = requests.Session()
        assert session.post(f"{url}/sign-in", data={"password": "open sesame"}, timeout=30).status_code == 200
        assert session.get(f"{url}/dataset", timeout=30).status_code == 200
