"""The local Label Studio's folder, port and process; the server itself runs in the end-to-end tests."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotation import studio as local
from annotation.connection import connect
from ccd.campaign.campaign import Campaign
from ccd.errors import CcdError
from tests.campaigns import small_campaign

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "studio").mkdir()
    return tmp_path


@pytest.fixture
def sleeper(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that runs on this campaign's data, as our server would."""
    env = os.environ | {"LABEL_STUDIO_BASE_DATA_DIR": str(folder / "studio" / "data")}
    process = subprocess.Popen(SLEEP, env=env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def note(folder: Path, pid: int, port: int = 8080) -> None:
    state = {"pid": pid, "url": f"http://127.0.0.1:{port}"}
    (folder / "studio" / "server.json").write_text(json.dumps(state))


def test_no_server_yet(tmp_path: Path) -> None:
    assert local.status(tmp_path) is None
    assert local.stop(tmp_path) is False


def test_a_strangers_process_is_not_ours(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    note(folder, os.getpid())  # alive, and not on this campaign's data
    assert local.status(folder) is None
    assert local.stop(folder) is False
    note(folder, 2**22 + 1)  # beyond the largest process id
    assert local.status(folder) is None


def test_another_campaigns_server_is_not_ours(
    sleeper: "subprocess.Popen[bytes]", tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "studio").mkdir()
    note(other, sleeper.pid)
    assert local.status(other) is None
    assert local.stop(other) is False
    assert sleeper.poll() is None


def test_our_process_is_found_and_stopped(folder: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    note(folder, sleeper.pid, 4321)
    found = local.status(folder)
    assert found is not None
    assert (found.pid, found.url) == (sleeper.pid, "http://127.0.0.1:4321")
    assert found.token == json.loads((folder / "studio" / "credentials.json").read_text())["token"]
    assert local.stop(folder) is True
    assert sleeper.wait() != 0
    assert local.status(folder) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": "x", "url": ""}'])
def test_a_server_file_of_somebody_else_is_told(folder: Path, text: str) -> None:
    (folder / "studio" / "server.json").write_text(text)
    with pytest.raises(CcdError, match=r"server\.json: is not what `ccd studio start` wrote"):
        local.status(folder)


def test_credentials_are_made_once_and_for_the_owner_only(folder: Path) -> None:
    (folder / "studio" / "credentials.part").write_text('{"email"')  # killed while writing
    made = local._credentials(folder / "studio")
    assert local._credentials(folder / "studio") == made
    assert (made["email"], len(made["token"])) == (local.ADMIN, 40)
    assert stat.S_IMODE((folder / "studio" / "credentials.json").stat().st_mode) == 0o600
    assert [path.name for path in (folder / "studio").iterdir()] == ["credentials.json"]


def test_the_port_of_last_time_is_taken_where_it_is_free(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = local._port(folder / "studio")
    assert first < 32_768  # Linux gives those from there on to outgoing connections
    assert first > 1023
    note(folder, 1, first)
    assert local._port(folder / "studio") == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        monkeypatch.setattr(local, "LAST_TIME_TRIES", 2)
        assert local._port(folder / "studio") not in (0, first)
        monkeypatch.setattr(time, "sleep", lambda _seconds: other.close())  # a killed one lets go of it a moment later
        assert local._port(folder / "studio") == first


def test_the_server_sees_no_settings_of_ours_and_no_python_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "of another server")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environ = local._environ(folder / "studio", local._credentials(folder / "studio"))
    assert "LABEL_STUDIO_API_KEY" not in environ
    assert "PYTHONPATH" not in environ
    assert environ["LANG"] == "C.UTF-8"
    assert environ["LABEL_STUDIO_COLLECT_ANALYTICS"] == "false"
    assert environ["LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"] == str(local.document_root(folder))


def image(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"jpeg")
    return path


def test_offered_images_are_hard_links_and_nothing_else_is_there(folder: Path) -> None:
    one, two = image(folder, "images/ab/one.jpg"), image(folder, "images/cd/two.jpg")
    image(folder, "images/ef/kept.jpg")
    for _twice in range(2):
        local.offer(folder, ["images/ab/one.jpg", "images/cd/two.jpg"])
    root = local.document_root(folder)
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*.jpg")) == ["images/ab/one.jpg", "images/cd/two.jpg"]
    assert all((root / p.relative_to(folder)).samefile(p) for p in (one, two))


def test_a_symbolic_link_is_never_offered_as_one(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    real = image(tmp_path_factory.mktemp("elsewhere"), "real.jpg")
    (folder / "images").mkdir()
    (folder / "images" / "a.jpg").symlink_to(real)
    local.offer(folder, ["images/a.jpg"])
    offered = local.document_root(folder) / "images" / "a.jpg"
    assert not offered.is_symlink()
    assert offered.read_bytes() == b"jpeg"


def test_a_disk_without_hard_links_gets_copies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = image(folder, "images/a.jpg")

    def refuse(*_paths: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    local.offer(folder, ["images/a.jpg"])
    offered = local.document_root(folder) / "images" / "a.jpg"
    assert offered.read_bytes() == b"jpeg"
    assert not offered.samefile(original)


def test_a_missing_image_is_told(folder: Path) -> None:
    with pytest.raises(CcdError, match=r"images/gone\.jpg: the image is missing; restore it"):
        local.offer(folder, ["images/gone.jpg"])


def test_the_environment_is_complete_only_when_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCD_STUDIO_ENV", str(tmp_path / "env"))
    (tmp_path / "env" / "bin").mkdir(parents=True)  # interrupted
    assert not local.is_installed()
    (tmp_path / "env" / "complete").touch()
    assert not local.is_installed()  # its database is not prepared
    (tmp_path / "env" / local.DATABASE).touch()
    assert local.is_installed()
    local.install(pytest.fail)  # nothing left to do, nothing said
    monkeypatch.delenv("CCD_STUDIO_ENV")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert local.environment() == tmp_path / "cache" / "ccd-toolkit" / f"label-studio-{local.VERSION}"


def test_a_first_start_copies_the_prepared_database_and_a_later_one_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCD_STUDIO_ENV", str(tmp_path))
    database = tmp_path / "data" / local.DATABASE
    database.parent.mkdir()
    local._copy_database(database)  # nothing is prepared: Label Studio makes its own
    assert not database.exists()
    (tmp_path / local.DATABASE).write_bytes(b"prepared")
    local._copy_database(database)
    assert database.read_bytes() == b"prepared"
    database.write_bytes(b"accounts and answers")
    local._copy_database(database)
    assert database.read_bytes() == b"accounts and answers"


def test_which_server_a_campaign_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = small_campaign(tmp_path)
    with pytest.raises(CcdError, match="no Label Studio runs for this campaign; run `ccd studio start`"):
        connect(campaign)
    path = tmp_path / "campaign.toml"
    path.write_text(path.read_text().replace('# url = "http://127.0.0.1:8080"', 'url = "https://h.example.org/"'))
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    with pytest.raises(CcdError, match="LABEL_STUDIO_API_KEY is not set"):
        connect(Campaign.open(tmp_path))
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "abc")
    studio, _pictures = connect(Campaign.open(tmp_path))
    assert studio.url == "https://h.example.org"
