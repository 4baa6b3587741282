"""An annotator at a real browser: signs in, opens the desk, presses Label All Tasks, answers with keys."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root with it
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1500,1000",
)


@contextlib.contextmanager
def chromium(**logs: str) -> Iterator[webdriver.Chrome]:
    """A browser of one's own, closed with the block; `logs` are those to keep, such as browser="ALL"."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for switch in SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", logs)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:  # where it would leave a folder a start
        service = webdriver.ChromeService("/usr/bin/chromedriver", env=os.environ | {"TMPDIR": place})
        browser = webdriver.Chrome(options=options, service=service)
        try:
            yield browser
        finally:
            browser.quit()


def label_by_keyboard(url: str, email: str, password: str, project: int, keys: list[str], picture: Path) -> list[str]:
    """Answer `len(keys)` tasks of a desk, one key each, give the texts seen; a screenshot goes to `picture`."""
    with chromium() as browser:
        browser.get(f"{url}/user/login/")
        browser.find_element(By.NAME, "email").send_keys(email)
        browser.find_element(By.NAME, "password").send_keys(password + Keys.ENTER)
        WebDriverWait(browser, 60).until(lambda b: "/user/login" not in b.current_url)
        browser.get(f"{url}/projects/{project}/data")
        _wait_for(browser, "//button[contains(., 'Label All Tasks')]").click()
        _wait_for(browser, "//*[contains(text(), 'Labeling Instructions')]")  # the guidelines come by themselves
        close = _wait_for(browser, "//*[@aria-label='Close modal']")
        browser.execute_script("arguments[0].click()", close)
        texts = []
        for number, key in enumerate(keys):
            texts.append(_task(browser, texts))
            if number == 0:
                _image_is_there(browser)
                browser.save_screenshot(str(picture))
            ActionChains(browser).send_keys(key).perform()
            WebDriverWait(browser, 60).until(
                lambda b: b.find_element(By.XPATH, "//button[contains(., 'Submit')]").is_enabled()
            )
            ActionChains(browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
        WebDriverWait(browser, 60).until(lambda b: _text(b) != texts[-1])
        return texts


def _wait_for(browser: webdriver.Chrome, path: str):  # type: ignore[no-untyped-def]
    return WebDriverWait(browser, 60).until(lambda b: b.find_element(By.XPATH, path))


def _text(browser: webdriver.Chrome) -> str:
    found = browser.find_elements(
        By.CSS_SELECTOR, "[data-testid='richtext-container'], .lsf-richtext, .lsf-htx-richtext"
    )
    return found[0].text if found else ""


def _task(browser: webdriver.Chrome, before: list[str]) -> str:
    """The text of the task shown, once it is another than the one before."""
    WebDriverWait(browser, 60).until(lambda b: _text(b) and (not before or _text(b) != before[-1]))
    return _text(browser)


def _image_is_there(browser: webdriver.Chrome) -> None:
    script = "return [...document.images].some(i => !i.src.includes('/static/') && i.naturalWidth > 100)"
    WebDriverWait(browser, 60).until(lambda b: b.execute_script(script))
