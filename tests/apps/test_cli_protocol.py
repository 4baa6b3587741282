import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from apps.cli.protocol import protocol
from ccd.protocol import load, shipped


def run(*arguments: object) -> Result:
    return CliRunner().invoke(protocol, [str(argument) for argument in arguments], env={"COLUMNS": "2000"})


def facts(*arguments: object) -> dict[str, object]:
    result = run(*arguments, "--json", "-")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_list_shows_every_shipped_protocol() -> None:
    result = run("list")
    assert result.exit_code == 0
    for name in shipped():
        assert f" {name} " in result.output
    assert "N. Xu et al." in result.output
    listed = facts("list")["protocols"]
    assert [each["name"] for each in listed if each["questions"] == {"specificity": []}] == ["jas2015"]  # type: ignore[attr-defined]
    assert [each["year"] for each in listed] == sorted((each["year"] for each in listed), reverse=True)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", shipped())
def test_show_prints_every_text(name: str) -> None:
    result = run("show", name)
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    found = load(name)
    texts = [found.title, found.reference, found.guideline]
    for question in found.questions:
        texts += [question.title]
        for category in question.categories:
            texts += [category.title, category.guideline, *category.examples]
    for text in texts:
        assert " ".join(text.split()) in said
    shown = facts("show", name)
    assert shown["fingerprint"] == found.fingerprint
    assert shown["protocol"]["questions"][0]["name"] == found.question.name  # type: ignore[index]


def test_show_prints_brackets_as_they_are(tmp_path: Path) -> None:
    run("new", tmp_path / "own.toml")
    file = tmp_path / "own.toml"
    file.write_text(file.read_text().replace("Judge what is", "Judge [bold]what[/] is"))
    assert "[bold]what[/]" in run("show", file).output


def test_show_of_nothing_is_one_line() -> None:
    result = run("show", "nothing")
    assert result.exit_code == 2
    assert result.stderr.startswith("ccd: protocol nothing: no such file; name a TOML file or a shipped protocol: ccd")
    assert result.stderr.count("\n") == 1


@given(like=st.sampled_from(shipped()), stem=st.text("abcXYZ 09-_é", min_size=1, max_size=12).map(lambda s: f"Own{s}"))
def test_new_writes_a_protocol_equal_to_the_one_it_starts_from(
    like: str, stem: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("new") / f"{stem}.toml"
    said = facts("new", file, "--like", like)
    own, original = load(str(file)), load(like)
    assert said == {"file": str(file), "name": own.name, "like": like}
    assert own.name.startswith("own")
    assert (own.questions, own.reference, own.guideline) == (original.questions, original.reference, original.guideline)
    assert file.read_text(encoding="utf-8").startswith(f"# A protocol of your own, started from {like}.")


def test_new_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("mine")
    result = run("new", file)
    assert (result.exit_code, result.stderr) == (2, f"ccd: {file}: is there already; choose another name\n")
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("file", "options", "said"),
    [
        ("mine.toml", ["--like", "nothing"], "--like nothing: not a shipped protocol; choose one of ccd,"),
        ("no/folder/mine.toml", [], "there is no folder"),
        ("ccd.toml", [], "ccd is a shipped protocol; choose another file name"),
        ("null.toml", [], "name 'null' is no label"),
        ("7.toml", [], "the file name names the protocol: choose another"),
    ],
)
def test_new_refuses(file: str, options: list[str], said: str, tmp_path: Path) -> None:
    result = run("new", tmp_path / file, *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
