"""The house: every import points down, from floor to floor and from room to room, and no files import each other."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {"ccd": 0, "collection": 1, "annotation": 1, "model": 1, "apps": 2}  # neighbours do not import each other
ROOMS = (  # of ccd, the lowest first: each knows those before it alone
    *(
        "ccd.errors",
        "ccd.wording",
        "ccd.times",
        "ccd.vocabulary",
        "ccd.templates",
        "ccd.validation",
        "ccd.retries",
        "ccd.files",
        "ccd.protocol_file",
        "ccd.protocol",
    ),
    *("ccd.measures", "ccd.judgment_tables", "ccd.splitting", "ccd.campaign.tables", "ccd.campaign"),
    *("ccd.reports", "ccd.release"),
)


def imports(file: Path) -> Iterator[str]:
    """Yield the modules of the house that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            while name.split(".")[0] in FLOORS:
                path = ROOT / name.replace(".", "/")
                if path.with_suffix(".py").is_file() or path.is_dir():
                    yield name
                    break
                name = name.rpartition(".")[0]


def modules(floor: str) -> dict[str, set[str]]:
    """Return each module of a floor and the modules of the house that it imports."""
    files = {file: ".".join(file.relative_to(ROOT).with_suffix("").parts) for file in (ROOT / floor).rglob("*.py")}
    return {name.removesuffix(".__init__"): set(imports(file)) for file, name in files.items()}


def room(module: str) -> str:
    """Return the room of ccd that a module is in."""
    return next((name for name in reversed(ROOMS) if f"{module}.".startswith(f"{name}.")), "")


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_point_down(floor: str) -> None:
    up = [
        f"{module} imports {other}"
        for module, others in modules(floor).items()
        for other in others
        if (below := other.split(".")[0]) != floor and FLOORS[below] >= FLOORS[floor]
    ]
    assert not up


def test_rooms_know_those_below_them() -> None:
    up = [
        f"{module} imports {other}"
        for module, others in modules("ccd").items()
        for other in others
        if room(module) and room(other) and ROOMS.index(room(other)) > ROOMS.index(room(module))
    ]
    assert not up


def test_every_module_of_the_dataset_is_in_a_room() -> None:
    assert [module for module in modules("ccd") if not room(module)] == ["ccd"]


def test_no_files_import_each_other() -> None:
    graph = {module: others - {module} for floor in FLOORS for module, others in modules(floor).items()}
    list(TopologicalSorter(graph).static_order())


def test_sql_is_written_for_the_campaign_and_the_release_alone() -> None:
    outside = [
        module
        for floor in FLOORS
        for module in modules(floor)
        if not module.startswith(("ccd.campaign", "ccd.release"))
        and re.search(
            r"\bsqlalchemy\b.*import|import sqlalchemy|ccd\.campaign\.tables import.*\bschema\b", source(module)
        )
    ]
    assert not outside


def source(module: str) -> str:
    """Return the text of a module."""
    path = ROOT / module.replace(".", "/")
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
