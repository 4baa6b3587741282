"""`ccd bias` and `ccd push --assist` as they are typed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from apps.cli.bias import bias_command
from apps.cli.studio import push_command
from ccd.campaign.assist import decide
from ccd.campaign.campaign import Campaign
from ccd.campaign.revisions import current
from ccd.campaign.rounds import new_round
from ccd.campaign.tables import schema
from ccd.protocol import source
from tests.campaigns import judge, small_campaign
from tests.ccd.campaign.test_assist import predict
from tests.ccd.campaign.test_revisions import TONE


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(bias_command, ["--dir", str(folder), *words], catch_exceptions=False)


def assisted(folder: Path, taken_over: str, protocol: str = "ccd") -> None:
    """A round of which half the pairs showed `implicit`, and were given this label by everybody."""
    campaign = small_campaign(folder, pairs=40, protocol=protocol)
    new_round(campaign, 40, seed=1)
    predict(campaign, [f"x:{i}:0" for i in range(40)])
    decide(campaign, blind=0.5)
    with campaign.read() as db:
        shown = dict(db.execute(sa.select(schema.assists.c.pair_id, schema.assists.c.shown)).all())
    for pair, on in shown.items():
        for name in ("ann", "bob", "cy"):
            own = "implicit" if name == "cy" else "explicit"
            judge(campaign, pair, name, taken_over if on else own, prediction="m1" if on else None)


def test_facts_and_text(tmp_path: Path) -> None:
    assisted(tmp_path, "implicit")
    result = run(tmp_path, "--folds", "200", "--json", "-")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["rounds"] == [1]
    assert facts["assisted"] == facts["blind"] == {"pairs": 20, "judgments": 60}
    assert (facts["model"]["assisted"], facts["followed"], facts["toward"]) == (1.0, 1.0, True)
    assert facts["model"]["ci"] == pytest.approx([2 / 3, 2 / 3])
    assert facts["alpha"]["difference"] is None
    assert (facts["left_out"], facts["folds"], facts["seed"]) == (0, 200, 0)
    text = " ".join(result.stderr.split())
    assert "the model's label │ 100.0% │ 33.3% │ +66.7 │ +66.7 to +66.7" in text
    assert "WARNING: labels move toward the model. 100.0% of the judgments given beside its prediction" in text
    assert "in 100% of the judgments in which they would have said something else" in text


def test_it_is_said_that_the_first_of_several_questions_is_compared(tmp_path: Path) -> None:
    said = "All of this is of question relation, the only one that predictions are shown of"
    assisted(tmp_path / "one", "implicit")
    assert said not in run(tmp_path / "one", "--folds", "20").stdout
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "mine.toml").write_text(source("ccd")[0] + TONE)
    assisted(tmp_path / "two", "implicit", "mine.toml")
    assert said in " ".join(run(tmp_path / "two", "--folds", "20").stdout.split())
    assert json.loads(run(tmp_path / "two", "--folds", "20", "--json", "-").stdout)["question"] == "relation"


def test_mixed_revisions_are_said(tmp_path: Path) -> None:
    assisted(tmp_path, "implicit")
    assert json.loads(run(tmp_path, "--folds", "20", "--json", "-").stdout)["mixed"] is None
    campaign = Campaign.open(tmp_path)
    with campaign.write() as db:
        current(db, campaign.protocol)
        current(db, replace(campaign.protocol, guideline="Another."))
        db.execute(schema.judgments.update().where(schema.judgments.c.annotator == "cy").values(revision=2))
    assert "(revision 1, 80 judgments; revision 2, 40 judgments)" in run(tmp_path, "--folds", "20").stdout


def test_nothing_to_compare_is_one_line(tmp_path: Path) -> None:
    small_campaign(tmp_path, pairs=3)
    result = run(tmp_path)
    assert result.exit_code == 2
    assert (
        "no judgments of both assisted and blind pairs yet; send a round out with `ccd push --assist`" in result.stderr
    )


def test_a_blind_share_goes_with_assistance(tmp_path: Path) -> None:
    small_campaign(tmp_path)
    result = CliRunner().invoke(push_command, ["--dir", str(tmp_path), "--blind", "0.3"], catch_exceptions=False)
    assert result.exit_code == 2
    assert result.stderr == "ccd: --blind goes with --assist; without that every pair is blind: leave --blind out\n"
