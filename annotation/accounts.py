"""Annotators' accounts in Label Studio: made by invitation, matched by e-mail address."""

import re
import secrets
from collections.abc import Callable

import requests

from annotation.client import Studio
from ccd.campaign.config import Person
from ccd.errors import ServerError


def users(studio: Studio) -> dict[str, int]:
    """Every account of the server: e-mail address in lower case to user id."""
    return {user["email"].lower(): user["id"] for user in studio.get("/api/users/")}


def ids_of(studio: Studio, people: tuple[Person, ...], known: dict[str, int] | None = None) -> dict[str, int]:
    """The user id of each person, by name; `known` are the server's `users` where they were asked for already.

    Raises CcdError naming who has no account.
    """
    known = users(studio) if known is None else known
    missing = [f"{p.name} <{p.email}>" for p in people if p.email not in known]
    if missing:
        raise ServerError(
            f"{', '.join(missing)}: no account at {studio.url}; `ccd studio accounts` makes it by invitation"
        )
    return {p.name: known[p.email] for p in people}


def create_missing(studio: Studio, people: tuple[Person, ...], tell: Callable[[Person, str], None]) -> dict[str, str]:
    """Make an account by invitation for each person who has none.

    `tell` gets each first password as soon as it is made, for it is kept nowhere; all are returned by name too.
    Raises CcdError where the server refuses an address.
    """
    known = users(studio)
    wanted = [person for person in people if person.email not in known]
    if not wanted:
        return {}
    invitation = studio.get("/api/invite")["token"]
    passwords = {}
    for person in wanted:
        passwords[person.name] = _sign_up(studio, person, invitation)
        tell(person, passwords[person.name])
    return passwords


def sign_in(url: str, email: str, password: str) -> requests.Session:
    """A browser-like session of one user; its requests need no token.

    Raises CcdError where the password is refused.
    """
    session = requests.Session()
    session.trust_env = False
    page = f"{url}/user/login/"
    answer = _post_form(session, page, {"email": email, "password": password, "persist_session": "on"})
    if answer.status_code != 302:
        raise ServerError(f"{url} does not let {email} in; check the password there")
    session.headers["X-CSRFToken"] = session.cookies.get("csrftoken") or ""
    session.headers["Referer"] = url
    return session


def _sign_up(studio: Studio, person: Person, invitation: str) -> str:
    password = secrets.token_urlsafe(9)
    page = f"{studio.url}/user/signup/?token={invitation}"
    with requests.Session() as session:
        session.trust_env = False
        answer = _post_form(session, page, {"email": person.email, "password": password, "allow_newsletters": "false"})
    if answer.status_code != 302:  # a refusal comes as a page with status 200
        why = re.search(r'class="[^"]*error[^"]*"[^>]*>\s*(?:<[^>]+>\s*)*([^<]{4,200})', answer.text)
        reason = " ".join(why.group(1).split()) if why else f"status {answer.status_code}"
        raise ServerError(
            f"{studio.url} refuses an account for {person.name} <{person.email}> ({reason}); mend the address in "
            "campaign.toml, or invite them there by hand"
        )
    return password


def _post_form(session: requests.Session, page: str, fields: dict[str, str]) -> requests.Response:
    """Open a page with a form and send it back filled in. Raises CcdError where the server is not reached."""
    try:
        session.get(page, timeout=60)
        return session.post(
            page,
            data={**fields, "csrfmiddlewaretoken": session.cookies.get("csrftoken") or ""},
            headers={"Referer": page},
            allow_redirects=False,
            timeout=60,
        )
    except requests.RequestException:
        raise ServerError(f"{page.partition('?')[0]} cannot be reached; see that Label Studio runs there") from None
