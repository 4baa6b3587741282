"""Containerfile and compose.yaml, as far as they can be checked without an engine: linted, valid, closed to others."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from annotation import studio
from apps.cli.review import PASSWORD

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
COMPOSE = ROOT / "compose.yaml"
CONTAINER = (ROOT / "Containerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return found


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run([BIN / "hadolint", ROOT / "Containerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_fits_the_specification() -> None:
    check = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_compose_file_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text(encoding="utf-8").replace("interval: 5s", "intervall: 5s"))
    check = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", wrong]
    assert subprocess.run(check, capture_output=True).returncode == 1


def test_every_port_is_of_this_machine_alone(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_secrets_come_from_the_environment_or_nothing_starts() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    secret = re.findall(r"^\s+(\w*(?:PASSWORD|TOKEN|API_KEY)): (.*)$", text, re.MULTILINE)
    given = dict(secret) | {"LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "${:?}"}
    assert {PASSWORD, "PGPASSWORD", "LABEL_STUDIO_API_KEY", "POSTGRES_PASSWORD"} <= set(given)
    for name, value in given.items():
        assert re.match(r"\$\{\w*:\?", value), f"{name} is written in the file"


def test_versions_are_pinned_and_nobody_is_root(services: dict[str, Any]) -> None:
    (base,) = re.findall(r"^FROM (\S+/\S+) ", CONTAINER, re.MULTILINE)
    for image in (base, *(service["image"] for service in services.values())):
        assert not image.endswith(":latest")
        assert ":" in image
    assert services["label-studio"]["image"].endswith(f":{studio.VERSION}")
    assert f"label-studio=={studio.VERSION}" in (ROOT / "annotation" / "label-studio.txt").read_text(encoding="utf-8")
    stages = CONTAINER.split("\nFROM ")[2:]
    assert len(stages) == 2
    assert all("\nUSER 1000\n" in stage for stage in stages)
    assert services["postgres"]["user"] == "postgres"


def test_every_server_says_how_it_is(services: dict[str, Any]) -> None:
    servers = {name for name, service in services.items() if "profiles" not in service}
    assert servers == {"postgres", "label-studio", "review"}
    label_studio = CONTAINER.split(" AS label-studio")[1].split("\nFROM ")[0]
    assert "HEALTHCHECK" in label_studio
    assert all("healthcheck" in services[name] for name in servers - {"label-studio"})


def test_all_that_is_copied_is_there_and_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(r"^COPY (.*)$", CONTAINER, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists()
            assert name.split("/")[0] in let_in
