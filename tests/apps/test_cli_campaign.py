"""`ccd init`, `round new`, `status`, `doctor`, `studio stop`: exit codes, facts, and one line for an error."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from apps.cli.campaign import _prevalence, init_command, round_group, status_command
from apps.cli.contract import Report, in_campaign, reports
from apps.cli.doctor import doctor_command
from apps.cli.studio import studio_group
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import read_config
from ccd.errors import CcdError
from ccd.measures.prevalence import LabelShare, Payoff, Prevalence
from tests.annotation.serving import Answer, Asked, serving
from tests.campaigns import add_pairs, people, small_campaign


def run(command: click.Command, *arguments: object) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def facts_of(command: click.Command, *arguments: object, code: int = 0) -> Any:
    result = run(command, *arguments, "--json", "-")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def error_of(command: click.Command, *arguments: object) -> str:
    result = run(command, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("ccd: ")
    return line


def test_init_makes_a_campaign_to_edit(tmp_path: Path) -> None:
    facts = facts_of(
        init_command,
        tmp_path / "c",
        "--name",
        "my [b]campaign[/b]",
        "--annotator",
        "ann=Ann@example.org",
        "--annotator",
        "bob=b@x",
        "--annotator",
        "cy=c@x",
        "--adjudicator",
        "lea=l@x",
        "--protocol",
        "otto2020",
    )
    config = read_config(tmp_path / "c")
    assert Path(facts["file"]) == (tmp_path / "c" / "campaign.toml").resolve()
    assert facts["next"].endswith("ccd collect table FILE")
    assert (config.name, config.protocol) == ("my [b]campaign[/b]", "otto2020")
    assert [(p.name, p.email) for p in config.annotators + config.adjudicators] == [
        ("ann", "ann@example.org"),
        ("bob", "b@x"),
        ("cy", "c@x"),
        ("lea", "l@x"),
    ]


def test_init_without_options_takes_the_folders_name_and_examples(tmp_path: Path) -> None:
    result = run(init_command, tmp_path / "harbour")
    assert result.exit_code == 0
    assert "Next: cd " in result.stdout
    config = read_config(tmp_path / "harbour")
    assert config.name == "harbour"
    assert config.annotators == people("ann1", "ann2", "ann3")


def test_init_refuses(tmp_path: Path) -> None:
    small_campaign(tmp_path / "there")
    (tmp_path / "file").touch()
    assert "there is a campaign already" in error_of(init_command, tmp_path / "there")
    assert "--annotator ann: no name with an address; write NAME=EMAIL" in error_of(
        init_command, tmp_path / "new", "--annotator", "ann"
    )
    for entry in ("a=b=c@d", "a=<b@c>", "a=b@c,d@e", "a=b@@c", "=b@c", "a=", "a=b c@d", 'a="b"@c'):
        assert f"--annotator {entry}: no name with an address; write NAME=EMAIL" in error_of(
            init_command, tmp_path / "new", "--annotator", entry
        )
    assert "1 annotators for 3" in error_of(init_command, tmp_path / "new", "--annotator", "ann=a@b")
    assert "no such file" in error_of(init_command, tmp_path / "new", "--protocol", "nonsense")
    assert "choose another" in error_of(init_command, tmp_path / "file" / "below")
    assert not (tmp_path / "new").exists()


def test_round_new_says_what_it_drew(tmp_path: Path) -> None:
    small_campaign(tmp_path, pairs=8)
    facts = facts_of(round_group, "new", "--size", 2, "--seed", 5, "--dir", tmp_path)
    assert facts == {
        "round": 1,
        "arm": "random",
        "seed": 5,
        "size": 2,
        "pool": 8,
        "inclusion_probability": 0.25,
        "assigned": {"ann": 2, "bob": 2, "cy": 2},
    }
    shown = run(round_group, "new", "--size", 3, "--seed", 5, "--dir", tmp_path).stdout
    assert "Round 2: 3 of 6 pairs, each drawn with probability 0.5 (random arm, seed 5)." in shown
    assert "Next: ccd push" in shown


def test_round_new_refuses(tmp_path: Path) -> None:
    small_campaign(tmp_path, pairs=2)
    assert "2 pairs are in no round yet" in error_of(round_group, "new", "--size", 3, "--seed", 1, "--dir", tmp_path)
    assert "--seed -1" in error_of(round_group, "new", "--size", 1, "--seed", "-1", "--dir", tmp_path)
    assert "no campaign here" in error_of(round_group, "new", "--size", 1, "--seed", 1, "--dir", tmp_path / "no")
    assert run(round_group, "new", "--size", 1).exit_code == 2  # a draw without a seed cannot be repeated


def test_status_gives_every_stage(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    add_pairs(campaign, ["syn:1:0"], source="synthetic")
    facts = facts_of(status_command, "--dir", tmp_path)
    assert (facts["name"], facts["pairs"], facts["synthetic"], facts["rounds"]) == ("small", 1, True, [])
    assert facts["next"]["command"] == "ccd round new --size 1 --seed 1"
    shown = run(status_command, "--dir", tmp_path).stdout
    assert "SYNTHETIC" in shown
    assert "Next: ccd round new --size 1 --seed 1" in shown
    assert "no campaign here" in error_of(status_command, "--dir", tmp_path / "nowhere")


def test_what_people_wrote_is_shown_as_it_is(tmp_path: Path) -> None:
    Campaign.create(tmp_path, name="[/b] :100: [red]", annotators=people("[b]", "[/i]", ":dog:"), adjudicators=())
    shown = run(status_command, "--dir", tmp_path).stdout
    assert "Campaign [/b] :100: [red], protocol ccd." in shown
    assert all(name in shown for name in ("[b]", "[/i]", ":dog:"))


def test_facts_go_to_a_file_whole_or_not_at_all(tmp_path: Path) -> None:
    small_campaign(tmp_path / "c")
    result = run(status_command, "--dir", tmp_path / "c", "--json", tmp_path / "facts.json")
    assert "Campaign small" in result.stdout
    assert json.loads((tmp_path / "facts.json").read_text())["name"] == "small"
    message = error_of(status_command, "--dir", tmp_path / "c", "--json", tmp_path / "facts.json" / "below")
    assert "cannot be written" in message


def test_json_on_stdout_keeps_the_text_on_stderr(tmp_path: Path) -> None:
    small_campaign(tmp_path)
    result = run(status_command, "--dir", tmp_path, "--json", "-")
    assert json.loads(result.stdout)["name"] == "small"
    assert "Campaign small" in result.stderr


def test_the_contract_of_every_command() -> None:
    def command(report: Report | Exception) -> click.Command:
        @click.command("x")
        @in_campaign
        @reports({"a": "meaning of a"})
        def body(folder: Path) -> Report:
            if isinstance(report, Exception):
                raise report
            return report

        return body

    assert run(command(Report({"a": 1}))).exit_code == 0
    assert run(command(Report({"a": 1}, ["found"], ok=False))).exit_code == 1
    assert facts_of(command(Report({"a": "é"}, ok=False)), code=1) == {"a": "é"}
    assert error_of(command(CcdError("two\nlines"))) == "ccd: two lines"
    undocumented = CliRunner().invoke(command(Report({"b": 1})), [])
    assert isinstance(undocumented.exception, AssertionError)


def checks_of(folder: Path, code: int) -> dict[str, dict[str, Any]]:
    return {check["what"]: check for check in facts_of(doctor_command, "--dir", folder, code=code)["checks"]}


@pytest.fixture(autouse=True)
def no_label_studio(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCD_STUDIO_ENV", str(tmp_path_factory.mktemp("environment")))
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)


def test_doctor_finds_what_is_missing(tmp_path: Path) -> None:
    small_campaign(tmp_path, pairs=2)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x-0-0.jpg").write_bytes(b"123")
    (tmp_path / "images" / "x-1-0.jpg").write_bytes(b"12")  # cut short: 3 bytes were stored
    checks = checks_of(tmp_path, code=1)
    assert checks["campaign.toml, protocol, database"]["ok"]
    assert checks["images"] == {
        "what": "images",
        "ok": False,
        "found": "1 of 2 whole, not images/x-1-0.jpg",
        "remedy": "ccd doctor --fix, or restore them from a backup, or collect them again",
    }
    assert checks["Label Studio is installed"]["ok"] is False
    assert checks["Label Studio answers, accounts"]["remedy"] == "run `ccd studio start`"
    assert "FAILED" in run(doctor_command, "--dir", tmp_path).stdout


def test_doctor_without_a_campaign_says_so(tmp_path: Path) -> None:
    check = checks_of(tmp_path / "nowhere", code=1)["campaign.toml, protocol, database"]
    assert (check["ok"], check["remedy"]) == (False, "run `ccd init` or name its folder with --dir")


def name_server(folder: Path, url: str) -> None:
    path = folder / "campaign.toml"
    path.write_text(path.read_text().replace('# url = "http://127.0.0.1:8080"', f'url = "{url}"'))


def test_doctor_is_content_where_everything_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_campaign(tmp_path)
    accounts = [{"id": n, "email": f"{name}@Example.org"} for n, name in enumerate(("lead", "ann", "bob", "cy"))]

    def respond(request: Asked) -> Answer:
        return Answer({"release": "1.23.2"} if request.path == "/api/version" else accounts)

    with serving(respond) as server:
        name_server(tmp_path, server.url)
        check = checks_of(tmp_path, code=1)["Label Studio answers, accounts"]
        assert check["found"] == "LABEL_STUDIO_API_KEY is not set"
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", "abc")
        check = checks_of(tmp_path, code=0)["Label Studio answers, accounts"]
        assert check["found"] == f"1.23.2 at {server.url}"
        accounts.pop()
        check = checks_of(tmp_path, code=1)["Label Studio answers, accounts"]
    assert check["found"].startswith("cy <cy@example.org>: no account at")


@pytest.mark.parametrize("answer", [Answer("<html>"), Answer({}), Answer([]), Answer({}, 404)])
def test_doctor_meets_a_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "abc")
    small_campaign(tmp_path)
    with serving(lambda _request: answer) as server:
        name_server(tmp_path, server.url)
        assert not checks_of(tmp_path, code=1)["Label Studio answers, accounts"]["ok"]


def test_studio_commands_where_none_runs(tmp_path: Path) -> None:
    small_campaign(tmp_path)
    assert facts_of(studio_group, "stop", "--dir", tmp_path) == {"stopped": False}
    assert facts_of(studio_group, "status", "--dir", tmp_path) == {"url": None, "version": None, "desks": {}}
    assert "run `ccd studio start`" in error_of(studio_group, "accounts", "--dir", tmp_path)
    name_server(tmp_path, "http://127.0.0.1:1")
    assert "campaign.toml names a server" in error_of(studio_group, "start", "--dir", tmp_path)


def shares_as_printed(**fields: Any) -> list[str]:
    labels = (
        LabelShare("no", 100, 0.72, 0.64, 0.79, 617.0, 540.0, 690.0),
        LabelShare("yes", 39, 0.28, 0.21, 0.36, 238.2, 170.0, 320.0),
    )
    plain = Prevalence(990, 851, 139, 149, 0, labels, "yes", None)
    return _prevalence(asdict(replace(plain, **fields)))


def test_status_says_what_shares_are_of_and_nothing_where_too_little_is_known() -> None:
    first, second = shares_as_printed()
    assert first == (
        "Of 990 pairs, by 139 of 149 drawn at random (10 drawn and not settled are in no figure): "
        "no 72.0% (64.0% to 79.0%), yes 28.0% (21.0% to 36.0%)."
    )
    assert second == "yes: 39 found, about 238 still to find (170 to 320) among 851 pairs without a label."
    known = (LabelShare("no", 100, 0.72, 0.72, 0.72, 0.0, 0.0, 0.0), LabelShare("yes", 39, 0.28, 0.28, 0.28, 0, 0, 0))
    assert shares_as_printed(pairs=139, left=0, labels=known, uncovered=1) == [
        "Of 139 pairs, all judged (10 drawn and not settled are in no figure; 1 pair that no settled draw speaks for "
        "is in none): no 72.0%, yes 28.0%."
    ]
    unknown = (LabelShare("no", 1), LabelShare("yes", 0))
    assert shares_as_printed(drawn=1, labels=unknown) == [
        "Too little is known of how common the labels are: 1 of 149 pairs drawn at random is settled."
    ]
    assert shares_as_printed(drawn=0, sent=0, labels=(LabelShare("no", 0),)) == []


@pytest.mark.parametrize(
    ("pays", "verdict"),
    [(True, "ranking pays."), (None, "whether ranking pays cannot be told yet."), (False, "less than 1.25 times what")],
)
def test_status_says_whether_ranking_pays_does_not_or_cannot_be_told(pays: bool | None, verdict: str) -> None:
    paid = Payoff(2, 240, 76, 0.317, 0.258, 0.38, 0.103, 0.079, 0.131, 3.08, 2.25, None, pays)
    said = shares_as_printed(payoff=paid)[2]
    assert "Ranking (2 rounds) found yes in 76 of 240 pairs: 31.7% (25.8% to 38.0%)" in said
    assert "3.08 times as many (2.25 to more)" in said
    assert verdict in said
