"""A campaign's folder, its campaign.toml and its database."""

import json
import multiprocessing
import re
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person, parse, read_config, render
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import record
from ccd.errors import CcdError
from ccd.files.atomic import write_atomic
from ccd.protocol import load
from ccd.release import verify
from ccd.splitting.options import LINKS, Quotas
from tests.campaigns import add_pairs, people, small_campaign
from tests.ccd.campaign.elsewhere import count_up, count_up_elsewhere, try_alone

THREE = "".join(f'[[annotators]]\nname = "{n}"\nemail = "{n}@example.org"\n' for n in "abc")


def config_of(folder: Path, text: str) -> str:
    """The error that this campaign.toml gives."""
    folder.mkdir(exist_ok=True)
    (folder / "campaign.toml").write_text(text)
    with pytest.raises(CcdError) as error:
        read_config(folder)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (THREE, "name is None"),
        ('name = "  "\n' + THREE, "name is empty"),
        ("name = 5\n" + THREE, "name is 5; it must be of type str"),
        ('name = "x"\nname = "y"\n', "not valid TOML"),
        ("name = " + "[" * 5000, "not valid TOML"),
        ('name = "x"\ncolour = 1\n' + THREE, "unknown entry 'colour'"),
        ('name = "x"\n[splits]\nvalidation = 0.1\n' + THREE, "unknown entry 'validation' in [splits]"),
        ('name = "x"\nsplits = 3\n' + THREE, "splits must be a table"),
        ('name = "x"\nlabel_studio = "http://h"\n' + THREE, "label_studio must be a table"),
        ('name = "x"\njudgments_per_pair = 1\n' + THREE, "judgments_per_pair is 1; write a number from 2 up"),
        ('name = "x"\njudgments_per_pair = true\n' + THREE, "judgments_per_pair is True; it must be of type int"),
        ('name = "x"\njudgments_per_pair = 4\n' + THREE, "3 annotators for 4 judgments a pair"),
        ('name = "x"\n', "0 annotators for 3 judgments a pair"),
        ('name = "x"\n[splits]\ntrain = 0.9\n' + THREE, "make them add up to 1"),
        ('name = "x"\n[splits]\ntrain = 1.1\ndev = -0.1\ntest = 0\n' + THREE, "[splits] dev is -0.1"),
        ('name = "x"\n[splits]\ntrain = nan\n' + THREE, "[splits] train is nan"),
        ('name = "x"\n[splits]\ntrain = 900\ndev = 0.5\ntest = 90\n' + THREE, "are not all shares"),
        ('name = "x"\n[splits]\ndev = 90\n' + THREE, "are not all shares"),
        ('name = "x"\n[splits]\nlike = "mnist"\n' + THREE, "[splits] like is 'mnist'"),
        ('name = "x"\n[splits]\nties = ["image", "colour"]\n' + THREE, "[splits] ties is ['image', 'colour']"),
        ('name = "x"\n[splits]\ntrain = "most"\n' + THREE, "[splits] train is 'most'"),
        ('name = "x"\n[splits]\nseed = -1\n' + THREE, "[splits] seed is -1"),
        ('name = "x"\n[label_studio]\nurl = "example.org"\n' + THREE, "must start with http:// or https://"),
        ('name = "x"\n[agreement]\nfastest_seconds = nan\n' + THREE, "[agreement] fastest_seconds is nan"),
        ('name = "x"\ntie_rule = "coin"\n' + THREE, "tie_rule is 'coin'"),
        ('name = "x"\ntie_rule = "expert"\n' + THREE, 'tie_rule is "expert" and nobody is one; write'),
        (
            'name = "x"\n[[annotators]]\nname = "a"\nemail = "a@b"\nexpert = "yes"\n',
            "number 1: expert is 'yes'; write true",
        ),
        ('name = "x"\n[[adjudicators]]\nname = "l"\nemail = "l@b"\nexpert = true\n' + THREE, "write exactly"),
        ('name = "x"\nannotators = 3\n', "annotators must be tables"),
        (
            'name = "x"\n[[annotators]]\nname = "a"\n',
            "[[annotators]] number 1 is no person; write exactly a name and an email",
        ),
        ('name = "x"\n[[annotators]]\nname = "a"\nemail = "a"\n', "is no name with an e-mail address"),
        ('name = "x"\n[[annotators]]\nname = "@a"\nemail = "a@b"\n', "is no name with an e-mail address"),
        ('name = "x"\n' + THREE + '[[annotators]]\nname = "a"\nemail = "d@b"\n', "name 'a' stands twice"),
        (
            'name = "x"\n' + THREE + '[[annotators]]\nname = "d"\nemail = "A@Example.org"\n',
            "email 'a@example.org' stands twice",
        ),
        ('name = "x"\n[[adjudicators]]\nname = ""\nemail = "l@b"\n' + THREE, "[[adjudicators]] number 1 is no person"),
        ('name = "x"\ndatabase_url = "bad"\n' + THREE, "database_url is no address"),
        ('name = "x"\ndatabase_url = "postgresql://h:port/db"\n' + THREE, "database_url is no address"),
    ],
)
def test_wrong_campaign_toml_is_one_line_with_file_and_entry(tmp_path: Path, text: str, says: str) -> None:
    message = config_of(tmp_path, text)
    assert message.startswith(str(tmp_path / "campaign.toml") + ": ")
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "entry",
    [
        'database_url = "postgresql+psycopg://me:hunter2@host/db"',
        'database_url = "postgresql://me:hunter2/9@host/db"',  # which urlsplit takes for a path
        'database_url = "postgresql://me:hunter2#9@host/db"',
        'database_url = "postgresql://host/db?password=hunter2"',
        'database_url = "me:hunter2@host"',
        '[label_studio]\nurl = "http://me:hunter2@host"',
        '[label_studio]\nurl = "http://hunter2@host"',
    ],
)
def test_passwords_in_addresses_are_refused_and_not_repeated(tmp_path: Path, entry: str) -> None:
    message = config_of(tmp_path, f'name = "x"\n{entry}\n' + THREE)
    assert "take it out and set" in message or "no address" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ('tie_rul = "drop"', "unknown entry 'tie_rul'; did you mean `tie_rule`? Known here: "),
        ("[splits]\nsed = 1", "unknown entry 'sed' in [splits]; did you mean `seed`? Known here: "),
        ("[filters]\nlanguage = []", "unknown entry 'language' in [filters]; did you mean `languages`? Known here: "),
        ("colour = 1", "unknown entry 'colour'; known here: name, protocol, judgments_per_pair"),
    ],
)
def test_an_unknown_entry_is_told_with_the_nearest(tmp_path: Path, entry: str, says: str) -> None:
    assert says in config_of(tmp_path, f'name = "x"\n{entry}\n' + THREE)


ENTRIES = re.sub(r"^# (?=\w+ =)", "", render("x", "ccd", (), ()), flags=re.M).splitlines()
VALUES = st.sampled_from(
    ['""', '"x"', "1", "-1", "1e999", "true", "nan", "[]", "[1]", '["a"]', "{}", "{a = 1}", "1979-05-27"]
)


@settings(deadline=None)
@given(st.integers(0, len(ENTRIES) - 1), st.one_of(st.none(), VALUES, st.text(max_size=20)))
def test_whatever_one_line_becomes_it_is_a_campaign_or_one_line(number: int, value: str | None) -> None:
    changed = [] if value is None else [f"{ENTRIES[number].split('=')[0]}= {value}"]
    text = "\n".join(ENTRIES[:number] + changed + ENTRIES[number + 1 :]) + "\n" + THREE
    said = None
    try:
        parse(text, Path("campaign.toml"))
    except CcdError as error:
        said = str(error)
    assert said is None or (said.startswith("campaign.toml: ") and "\n" not in said)


def test_no_campaign_and_no_text_are_told(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match="no campaign here; run `ccd init`"):
        Campaign.open(tmp_path / "nowhere")
    (tmp_path / "campaign.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CcdError, match="must be a UTF-8 text file"):
        Campaign.open(tmp_path)


def test_create_gives_the_defaults_of_the_template(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path / "deep" / "c")
    config = campaign.config
    assert (config.name, config.protocol) == ("small", "ccd")
    assert (config.judgments_per_pair, config.tie_rule) == (3, "adjudicate")
    assert config.quotas == Quotas({"train": 0.84, "dev": 0.08, "test": 0.08})
    assert config.split_ties == LINKS
    assert (config.split_seed, config.database_url, config.label_studio_url) == (1, None, None)
    assert config.annotators == people("ann", "bob", "cy")
    assert config.adjudicators == people("lead")
    assert campaign.protocol.labels == ("irrelevant", "implicit", "explicit")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1).filter(str.strip))
@pytest.mark.parametrize("kind", ["name", "annotator"])
def test_any_name_survives_the_template(tmp_path_factory: pytest.TempPathFactory, kind: str, name: str) -> None:
    folder = tmp_path_factory.mktemp("c")
    annotators = (*people("ann", "bob"), Person(f"n{name}" if kind == "annotator" else "cy", "cy@example.org"))
    Campaign.create(folder, name=name, annotators=annotators, adjudicators=())
    config = read_config(folder)
    assert config.name == name
    assert config.annotators == annotators


def test_a_name_of_half_a_character_is_no_crash(tmp_path: Path) -> None:
    # What Python makes of bytes on the command line that are no UTF-8.
    campaign = Campaign.create(tmp_path, name="caf\udce9", annotators=people("a", "b", "c"), adjudicators=())
    assert campaign.config.name == "caf?"


def test_create_refuses_an_existing_campaign_and_leaves_it_alone(tmp_path: Path) -> None:
    small_campaign(tmp_path)
    before = (tmp_path / "campaign.toml").read_bytes()
    with pytest.raises(CcdError, match="there is a campaign already"):
        Campaign.create(tmp_path, name="other", annotators=people("a", "b", "c"), adjudicators=())
    assert (tmp_path / "campaign.toml").read_bytes() == before


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_create_where_a_file_is_in_the_way(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CcdError, match="choose another"):
        small_campaign(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_create_with_a_wrong_protocol_or_people_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match="no such file"):
        small_campaign(tmp_path / "c", protocol="nonsense")
    with pytest.raises(CcdError, match="2 annotators for 3"):
        small_campaign(tmp_path / "c", annotators="ann bob")
    assert not (tmp_path / "c").exists()


def test_open_again_finds_the_same_campaign(tmp_path: Path) -> None:
    first = small_campaign(tmp_path, pairs=3)
    again = Campaign.open(tmp_path)
    assert again.uid == first.uid
    with again.read() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(schema.pairs)) == 3


def test_two_campaigns_never_share_a_database(tmp_path: Path) -> None:
    first = small_campaign(tmp_path / "one")
    for name in ("small", "other"):
        folder = tmp_path / name
        folder.mkdir()
        url = f'database_url = "sqlite:///{first.folder / "campaign.db"}"'
        (folder / "campaign.toml").write_text(f'name = "{name}"\n{url}\n' + THREE)
    with pytest.raises(CcdError, match=r"belongs to the campaign 'small', campaign\.toml says 'other'"):
        Campaign.open(tmp_path / "other")
    assert Campaign.open(tmp_path / "small").uid == first.uid  # the folder was moved, the campaign is the same


@pytest.mark.parametrize("found", ["garbage", "folder"])
def test_what_is_no_database_is_told_in_one_line(tmp_path: Path, found: str) -> None:
    small_campaign(tmp_path / "one")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "campaign.toml").write_text('name = "x"\n' + THREE)
    path = tmp_path / "c" / "campaign.db"
    if found == "garbage":
        path.write_bytes(b"not a database" * 100)
    else:
        path.mkdir()
    with pytest.raises(CcdError, match="cannot be used as a database") as error:
        Campaign.open(tmp_path / "c")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("url", ["nosuch://host/db", "postgresql+nosuch://host/db"])
def test_an_unknown_driver_is_told(tmp_path: Path, url: str) -> None:
    (tmp_path / "campaign.toml").write_text(f'name = "x"\ndatabase_url = "{url}"\n' + THREE)
    with pytest.raises(CcdError, match=r"install ccd-toolkit\[postgres\]"):
        Campaign.open(tmp_path)


def test_sqlite_is_durable_and_keeps_references(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    with campaign.read() as db:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        found = [db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["wal", 2, 1]
    with pytest.raises(sa.exc.IntegrityError), campaign.write() as db:
        db.execute(schema.splits.insert().values(pair_id="nobody", split="train", leakage_group="g"))


def test_a_write_is_all_or_nothing_and_immediate(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)

    def stumble() -> None:
        with campaign.write() as db:
            record(db, "me", "try", "x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stumble()
    other = sqlite3.connect(tmp_path / "campaign.db", timeout=0, isolation_level=None)
    with campaign.write() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(schema.events)) == 0
        # Nothing is written yet, and still nobody else may begin to write.
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    with campaign.read():
        other.execute("BEGIN IMMEDIATE")  # a reader keeps no writer out
        other.execute("ROLLBACK")
    other.close()


def test_many_writers_in_threads_and_processes_lose_nothing(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    threads = [threading.Thread(target=count_up, args=(campaign, f"t{n}", 25)) for n in range(4)]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count_up_elsewhere, args=(tmp_path, f"p{n}")) for n in range(2)]
    for worker in (*processes, *threads):
        worker.start()
    for worker in (*processes, *threads):
        worker.join()
    assert [process.exitcode for process in processes] == [0, 0]
    with campaign.read() as db:
        seen = [json.loads(before) for before in db.scalars(sa.select(schema.events.c.before).order_by("event_id"))]
    assert seen == list(range(150))  # each saw all that were before it


def test_many_open_a_new_database_at_once(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text('name = "x"\n' + THREE)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(Campaign.open(tmp_path).uid)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_record_appends_before_and_after(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    with campaign.write() as db:
        record(db, "ccd labels", "label", "x:1:0", before=None, after={"label": "implicit"})
        record(db, "ccd labels", "label", "x:1:0", before={"label": "implicit"}, after={"label": "é"})
    with campaign.read() as db:
        rows = db.execute(sa.select(schema.events).order_by(schema.events.c.event_id)).all()
    assert [(r.who, r.what, r.subject, r.before, r.after) for r in rows] == [
        ("ccd labels", "label", "x:1:0", None, '{"label": "implicit"}'),
        ("ccd labels", "label", "x:1:0", '{"label": "implicit"}', '{"label": "é"}'),
    ]
    assert rows[0].at <= rows[1].at
    assert rows[0].at.endswith("+00:00")


def test_synthetic_is_known_by_the_source_of_posts(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=2)
    assert not campaign.is_synthetic
    add_pairs(campaign, ["syn:1:0"], source="synthetic")
    assert campaign.is_synthetic


def test_write_atomic_replaces_whole_files(tmp_path: Path) -> None:
    write_atomic(tmp_path / "f", b"one")
    write_atomic(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("place", ["file/below", "nowhere/f", "folder", "n" * 300])
def test_write_atomic_fails_in_one_line_and_leaves_nothing(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CcdError, match="cannot be written"):
        write_atomic(tmp_path / place, b"data")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "mine"


def test_alone_keeps_a_second_process_out_while_it_lasts(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()

    def ask() -> str:
        process = context.Process(target=try_alone, args=(tmp_path, answers))
        process.start()
        answer: str = answers.get(timeout=20)
        process.join()
        return answer

    with campaign.alone("push"):
        assert "another `ccd push` is at work" in ask()
    with campaign.alone("push", by="review"):
        assert ": `ccd review` is at work" in ask()
    with campaign.alone("push"):
        assert "another `ccd push` is at work" in ask()
        with campaign.alone("pull"):
            pass
    assert ask() == "in"


def test_alone_where_its_file_cannot_be_written(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    (tmp_path / ".push.lock").mkdir()
    with pytest.raises(CcdError, match="cannot be written"), campaign.alone("push"):
        pass


def test_splits_may_be_numbers_of_pairs(tmp_path: Path) -> None:
    path = tmp_path / "campaign.toml"
    path.write_text('name = "x"\n[splits]\ntrain = 10294\ndev = 975\ntest = 983\nlike = "ccd"\nties = []\n' + THREE)
    config = read_config(tmp_path)
    assert config.quotas.counts == {"train": 10294, "dev": 975, "test": 983}
    assert config.quotas.like == "ccd"
    assert config.split_ties == ()


@pytest.mark.parametrize("folder", [3, None, b"campaign", ["campaign"], "camp\0aign"])
def test_what_is_not_a_path_is_refused_in_one_line(folder: Any, tmp_path: Path) -> None:
    for use in (Campaign.open, verify, lambda path: load(path, tmp_path), made_in):
        with pytest.raises(CcdError, match=r"is .* which is not a path; write text or a pathlib\.Path"):
            use(folder)


def made_in(folder: Any) -> Campaign:
    return Campaign.create(folder, name="t", annotators=(), adjudicators=())
