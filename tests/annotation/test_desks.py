"""Desks, accounts and uploaded pictures, against a server on loopback that holds projects and users."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from annotation import accounts, desks, ground_truth
from annotation.client import Studio, StudioError
from annotation.label_config import label_config
from annotation.pictures import Uploaded
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from tests.annotation.serving import Answer, Asked, serving
from tests.campaigns import small_campaign

TOKEN = "0123456789abcdef0123456789abcdef01234567"


class Projects:
    """What a Label Studio holds; with `lost`, a project is made and the answer to that is an error."""

    def __init__(self, *, lost: bool = False) -> None:
        self.made: dict[int, dict[str, Any]] = {}
        self.uploaded = list[str]()
        self.lost = lost

    def make(self, number: int, description: str, **fields: Any) -> None:
        self.made[number] = {
            "id": number, "title": "t", "description": description, "label_config": "", "task_number": 0,
            "show_collab_predictions": False, "total_predictions_number": 0, "model_version": "",
        } | fields  # fmt: skip

    def respond(self, asked: Asked) -> Answer:
        number = next((int(part) for part in asked.path.split("/") if part.isdigit()), None)
        if asked.path == "/api/users/":
            return Answer([{"id": 7, "email": "Ann@Example.org"}])
        if asked.path == "/api/version":
            return Answer({"release": "1.23.2"})
        if asked.path.endswith("/import"):
            names = [
                line.split(b'filename="')[1].split(b'"')[0] for line in asked.body.split(b"\r\n") if b"filen" in line
            ]
            self.uploaded += [name.decode() for name in names]
            return Answer({"file_upload_ids": list(range(len(names)))}, 201)
        if asked.path.endswith("/file-uploads"):
            rows = enumerate(self.uploaded[-len(json.loads(asked.query["ids"][0])) :])
            return Answer([{"id": i, "file": f"upload/{number}/0a1b2c3d-{name}"} for i, name in rows])
        if asked.method == "POST":
            self.make(max(self.made, default=0) + 1, json.loads(asked.body)["description"])
            return Answer({}, 502) if self.lost else Answer(self.made[max(self.made)], 201)
        if asked.path == "/api/projects/":
            page, size = (int(asked.query[key][0]) for key in ("page", "page_size"))
            rest = sorted(self.made.values(), key=lambda project: -project["id"])[(page - 1) * size :]
            return Answer({"results": rest[:size], "next": "more" if len(rest) > size else None})
        return Answer(self.made[number]) if number in self.made else Answer({}, 404)


def mark(campaign: Campaign, name: str) -> str:
    """What a desk's project is known by, as the toolkit writes it."""
    projects = Projects()
    with serving(projects.respond) as server:
        desks.create_project(Studio(server.url, TOKEN), campaign, name, label_config="<View/>")
    return str(projects.made[1]["description"])


def test_the_oldest_project_with_a_desks_mark_is_the_desk_on_whatever_page_it_is(tmp_path: Path) -> None:
    campaign, projects = small_campaign(tmp_path), Projects()
    anns = mark(campaign, "ann")
    for number in range(1, 251):
        projects.make(number, anns if number in (20, 30) else "another")
    with serving(projects.respond) as server:
        studio = Studio(server.url, TOKEN)
        assert desks.find_project(studio, campaign, "ann") == 20
        assert desks.find_project(studio, campaign, "bob") is None


def test_a_project_whose_answer_was_lost_is_found_and_not_made_again(tmp_path: Path) -> None:
    campaign, projects = small_campaign(tmp_path), Projects(lost=True)
    with serving(projects.respond) as server:
        assert desks.create_project(Studio(server.url, TOKEN), campaign, "ann", label_config="<View/>") == 1
    assert len(projects.made) == 1


@pytest.mark.parametrize(("user", "kept"), [(7, "2024-01-01"), (8, None), (None, None)])
def test_a_desk_of_another_account_is_pulled_from_its_beginning(
    tmp_path: Path, user: int | None, kept: str | None
) -> None:
    campaign, projects = small_campaign(tmp_path), Projects()
    projects.make(5, mark(campaign, "ann"), label_config=label_config(campaign.protocol))
    with campaign.write() as db:
        row = {"desk": "ann", "project_id": 5, "user_id": 7, "watermark": "2024-01-01"}
        db.execute(schema.desks.insert().values(row))
    with serving(projects.respond) as server:
        assert desks.open_desk(campaign, Studio(server.url, TOKEN), "ann", user, []).watermark == kept


def test_an_account_is_known_whatever_the_case_of_its_address() -> None:
    ann, bob = Person("ann", "ann@example.org"), Person("bob", "bob@example.org")
    with serving(Projects().respond) as server:
        studio = Studio(server.url, TOKEN)
        assert accounts.ids_of(studio, (ann,)) == {"ann": 7}
        with pytest.raises(CcdError, match=r"bob <bob@example\.org>: no account at"):
            accounts.ids_of(studio, (ann, bob))


def test_pictures_are_uploaded_once_a_project_and_again_where_the_project_was_deleted(tmp_path: Path) -> None:
    campaign, projects = small_campaign(tmp_path, pairs=3), Projects()
    names = [f"x-{number}-0.jpg" for number in range(3)]
    images = {f"sha-x:{number}:0": f"images/{name}" for number, name in enumerate(names)}
    for file in images.values():
        (campaign.folder / file).parent.mkdir(exist_ok=True)
        (campaign.folder / file).write_bytes(b"jpg")
    first, ticks = dict(list(images.items())[:1]), list[int]()
    with serving(projects.respond) as server:
        uploaded = Uploaded(campaign, Studio(server.url, TOKEN))
        assert uploaded.urls(first, ticks.append) == {"sha-x:0:0": "/data/upload/1/0a1b2c3d-x-0-0.jpg"}
        assert list(uploaded.urls(images, ticks.append)) == list(images)
        assert projects.uploaded == names
        projects.make(9, projects.made.pop(1)["description"])  # deleted by hand, and made anew
        urls = [f"/data/upload/9/0a1b2c3d-{name}" for name in names]
        assert list(uploaded.urls(images, ticks.append).values()) == urls
    assert projects.uploaded == names * 2
    assert sum(ticks) == 7
    with campaign.read() as db:
        assert set(db.scalars(sa.select(schema.uploads.c.project_id))) == {9}


def test_a_decision_withdraws_the_reviewers_own_ground_truth_and_no_other() -> None:
    annotations = [
        {"id": 1, "ground_truth": True, "completed_by": 7},
        {"id": 2, "ground_truth": True, "completed_by": {"id": 7}},
        {"id": 3, "ground_truth": True, "completed_by": 8},
        {"id": 4, "ground_truth": False, "completed_by": 7},
    ]
    with serving(lambda _asked: Answer({"annotations": annotations})) as server:
        ground_truth._withdraw(Studio(server.url, TOKEN), 3, 7)
        assert [call for call in server.calls if "DELETE" in call] == [
            "DELETE /api/annotations/1/",
            "DELETE /api/annotations/2/",
        ]


def test_a_refused_project_is_one_error_and_is_not_looked_for(tmp_path: Path) -> None:
    with serving(lambda _asked: Answer({"detail": "no"}, 400)) as server:
        with pytest.raises(StudioError, match="no"):
            desks.create_project(Studio(server.url, TOKEN), small_campaign(tmp_path), "ann")
        assert server.calls == ["POST /api/projects/"]
