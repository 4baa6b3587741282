"""What the pages say is so: links lead somewhere, commands exist, examples can be read."""

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from apps.cli.main import cli
from ccd import vocabulary
from ccd.campaign.campaign import ADJUDICATION_DESK
from ccd.campaign.config import read_config, render
from ccd.vocabulary import Status
from docs.reference import PAGE, leaves, reference

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LEAVES = dict(leaves(cli))


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def code_blocks(text: str) -> list[str]:
    """Fenced blocks, and blocks indented by four spaces after an empty line; without fences and indentation."""
    fenced = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
    indented = re.compile(r"(?:^|\n)\n((?:    [^\n]*\n|\n)+)")
    blocks = fenced.findall(text)
    return blocks + [re.sub("^    ", "", block, flags=re.MULTILINE) for block in indented.findall(fenced.sub("", text))]


def command_lines(text: str) -> Iterator[list[str]]:
    """The words of every `ccd …` in a page's code blocks, and in `code` within its lines."""
    blocks = code_blocks(text)
    inline = re.findall(r"(?<!`)`(ccd [^`]+)`(?!`)", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S))
    for line in "\n".join([*blocks, *inline]).replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|;|\||>", re.sub(r"\s#.*", "", line)):
            found = re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?ccd (?=[a-z-])(.*)", part)
            if found:
                yield [word for word in shlex.split(found[1]) if word != "[OPTIONS]"]  # as a usage line has it


def check(words: list[str]) -> click.Command:
    """The command that the words call. Raises click.UsageError where it, an option or an argument is wrong.

    A group alone may be named; a command may be named without its arguments, as texts do (`ccd release`).
    """
    command: click.Command = cli
    context = click.Context(cli, info_name="ccd")
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            raise click.UsageError(f"no command {name!r} in `{context.command_path}`")
        command = command.commands[name]
        context = click.Context(command, info_name=name, parent=context)
    _values, extra, _order = command.make_parser(context).parse_args(rest)
    if extra:
        raise click.UsageError(f"`{context.command_path}` takes no {extra}")
    return command


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(cli), "run `make docs`"


def test_the_reference_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = reference(cli)
    monkeypatch.setenv("COLUMNS", "30")
    assert reference(cli) == wide


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    text = inspect.cleandoc(command.help or "")
    summary = text.split("\n\n")[0]
    assert summary.endswith("."), "the first paragraph is the summary"
    example = text.partition("Example:")[2].replace("\\\n", " ").strip().splitlines()
    assert example, "no line with an Example:"
    for line in example:
        words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])
        assert words[0] == "ccd"
        assert check(words[1:]) is command
        try:
            command.make_context(path[-1], words[1 + len(path) :])  # all arguments are there, all values are allowed
        except click.BadParameter as error:
            if "does not exist" not in error.message:  # the example's files are not here, all else is right
                raise
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            assert (parameter.metavar or str(parameter.name).upper()).strip("[].") in text
    assert "Exit codes: 0" in command.get_help(click.Context(command))
    facts = getattr(command.callback, "fact_keys", {})
    assert facts, "no documented facts"
    assert all(facts.values())
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.opts[0]} has no help"


@pytest.mark.parametrize("page", names(PAGES))
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    prose = re.sub(r"`[^`\n]*`", "code", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S))
    for target, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)", prose):
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), f"{page} links {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), flags=re.M)
            assert anchor in map(slug, headings), f"{page} links {target}#{anchor}"


@pytest.mark.parametrize("page", names(PAGES))
def test_command_lines_are_right(page: str) -> None:
    for words in command_lines((ROOT / page).read_text(encoding="utf-8")):
        try:
            check(words)
        except click.UsageError as error:
            pytest.fail(f"{page}: ccd {' '.join(words)}: {error.message}")


@pytest.mark.parametrize(
    "line", ["ccd pul", "ccd round old", "ccd pull --folow", "ccd pull --every", "ccd push now", "$ ccd studio begin"]
)
def test_a_wrong_command_line_is_found(line: str) -> None:
    (words,) = command_lines(f"Text.\n\n```bash\n{line}   # comment\n```\n")
    with pytest.raises(click.UsageError):
        check(words)


def test_command_lines_are_found_wherever_they_stand() -> None:
    text = (
        "Say `ccd push` or `ccd`.\n\n    ccd labels   # settle\n    python3\n\n"
        "```bash\ncd x && ccd init a \\\n  --name b\nPGPASSWORD=x ccd pull\n```\n"
    )
    assert sorted(command_lines(text)) == [["init", "a", "--name", "b"], ["labels"], ["pull"], ["push"]]


def test_the_readme_walks_through_every_stage() -> None:
    shown = [check(words) for words in command_lines((ROOT / "README.md").read_text(encoding="utf-8"))]
    stages = "init status studio-start push pull labels agreement split release verify collect-table round-new doctor"
    for stage in stages.split():
        assert LEAVES[tuple(stage.split("-"))] in shown, f"README.md does not show ccd {stage.replace('-', ' ')}"


def test_the_index_links_every_page() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in text


def test_the_campaign_file_in_the_docs_is_valid_and_explained(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "campaign.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", text, flags=re.S)
    (tmp_path / "campaign.toml").write_text(shown, encoding="utf-8")
    assert len(read_config(tmp_path).annotators) == 3
    for key in re.findall(r"^(?:# )?(\w+) =", render("x", "ccd", (), ()), flags=re.M):
        assert re.search(rf"^\|[^|]*`{key}`", text, flags=re.M), f"docs/campaign.md does not explain {key}"


def test_every_status_of_a_judgment_is_explained() -> None:
    text = (ROOT / "docs" / "annotate.md").read_text(encoding="utf-8")
    statuses = {
        Status.VALID,
        Status.CANNOT_JUDGE,
        Status.SKIPPED,
        Status.DELETED,
        Status.OUTSIDE_PROTOCOL,
    }
    statuses |= set(vocabulary.REPORTED)
    for status in statuses:
        assert f"| `{status}` |" in text
    assert f"`{ADJUDICATION_DESK}`" in text
