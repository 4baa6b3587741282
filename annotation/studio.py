"""The local Label Studio of a campaign: an environment of its own, one process on loopback, no call to the outside.

Everything it needs lies in `<campaign>/studio/`: `data/` is Label Studio's own, `files/` is all it may read of this
disk (hard links to pushed pictures), `server.json` says where it runs, `credentials.json` (mode 600) holds its admin's
token.
"""

import contextlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import psutil
import requests

from ccd.errors import DataDamage, EnvironmentFailure
from ccd.files.atomic import write_atomic
from ccd.files.lock import file_lock

VERSION = "1.23.2"
LAST_TIME_TRIES = 20  # for the port of last time, a tenth of a second apart
START_SECONDS = 300  # on a loaded machine a first start takes over a minute where its database is not prepared
DATABASE = "label_studio.sqlite3"
_PORTS = range(20_000, 30_000)
SWITCHES = {
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
    "LABEL_STUDIO_SENTRY_DSN": "",
    "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false",  # our own ML backend and webhooks run on loopback
    "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "false",
    "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
    "LABEL_STUDIO_TASK_LOCK_TTL": "900",
    "LOG_LEVEL": "WARNING",
    "AZURE_MOUNT_FIX": "1",  # SQLite in WAL mode: about twice the submits a second
}
ADMIN = "admin@ccd-toolkit.local"


@dataclass(frozen=True)
class Server:
    """A running local server: process id, address, and the admin's token."""

    pid: int
    url: str
    token: str


def environment() -> Path:
    """Where Label Studio's own virtual environment lies, shared by all campaigns of this user."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CCD_STUDIO_ENV") or cache / "ccd-toolkit" / f"label-studio-{VERSION}")


def is_installed() -> bool:
    """True where the environment and the prepared database are complete (an interrupted install is not)."""
    return all((environment() / name).exists() for name in ("complete", DATABASE))


def install(say: Callable[[str], None]) -> None:
    """Install Label Studio into its own environment, pinned; nothing to do where it is there.

    Raises CcdError where pip fails.
    """
    if is_installed():
        return
    folder = environment()
    folder.parent.mkdir(parents=True, exist_ok=True)
    busy = f"{folder}: another process installs Label Studio there; wait for it to end"
    with file_lock(folder.with_name(f".{folder.name}.lock"), busy) as lock:
        if not is_installed():
            say(f"installing Label Studio {VERSION} into {folder} (once; about a minute)")
            _install(folder, lock)


def _install(folder: Path, lock: int) -> None:
    if not (folder / "complete").exists():
        pins = resources.files("annotation") / "label-studio.txt"
        with resources.as_file(pins) as requirements:
            _run_step([sys.executable, "-Pm", "venv", "--clear", str(folder)], lock)
            _run_step([str(folder / "bin" / "pip"), "install", "--quiet", "--no-deps", "-r", str(requirements)], lock)
        (folder / "complete").touch()
    _prepare_database(folder, lock)


def _prepare_database(folder: Path, lock: int) -> None:
    """Run Label Studio's migrations once: its empty database is copied at a first start, which then takes seconds.

    Nothing else of that data folder is kept, as it also holds a secret key.
    """
    (package,) = folder.glob("lib/python*/site-packages/label_studio")
    data = folder / "migrated"
    migrate = [str(folder / "bin" / "python"), str(package / "manage.py"), "migrate", "--no-color", "-v0"]
    env = _own_environ() | SWITCHES | {"LABEL_STUDIO_BASE_DATA_DIR": str(data)}
    _run_step(migrate, lock, env | {"DJANGO_SETTINGS_MODULE": "core.settings.label_studio"})
    (data / DATABASE).replace(folder / DATABASE)
    shutil.rmtree(data)


def _run_step(step: list[str], lock: int, env: dict[str, str] | None = None) -> None:
    # What is left of a killed install holds the lock until it ends: nobody writes beside it.
    done = subprocess.run(step, capture_output=True, text=True, stdin=subprocess.DEVNULL, pass_fds=[lock], env=env)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise EnvironmentFailure(
            f"Label Studio could not be installed ({reason}); fix that and run `ccd studio install` again"
        )


def status(campaign_folder: Path) -> Server | None:
    """The running local server of a campaign, or None."""
    folder = _folder(campaign_folder)
    state = _state(folder)
    if state is None or not _is_ours(state["pid"], folder):
        return None
    return Server(state["pid"], state["url"], _credentials(folder)["token"])


def start(campaign_folder: Path, say: Callable[[str], None]) -> Server:
    """Start the campaign's server, or find it running; returns once it answers.

    Raises CcdError where it does not come up; its log is `studio/log.txt`.
    """
    folder = _folder(campaign_folder)
    running = status(campaign_folder)
    if running is None and (running := _unnoted(folder)):
        _note(running, folder)
    if running:
        _wait(running, folder)  # a start that was interrupted left it still coming up
        return running
    install(say)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)  # Label Studio's database holds the admin's token too
    (folder / "files" / "images").mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    _copy_database(folder / "data" / DATABASE)
    credentials = _credentials(folder)
    port = _port(folder)
    say("starting Label Studio")
    address = ("--internal-host", "127.0.0.1", "--port", str(port))
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [environment() / "bin" / "label-studio", "start", "--no-browser", *address],
            env=_environ(folder, credentials),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # it outlives this command and is not ended by its Ctrl-C
        )
    server = Server(process.pid, f"http://127.0.0.1:{port}", credentials["token"])
    _note(server, folder)
    _wait(server, folder)
    return server


def _copy_database(database: Path) -> None:
    """Begin with the prepared empty database; without one, Label Studio takes half a minute to make its own."""
    prepared = environment() / DATABASE
    if not database.exists() and prepared.exists():
        write_atomic(database, prepared.read_bytes())


def stop(campaign_folder: Path) -> bool:
    """Stop the campaign's server by its own process id; False where none runs."""
    server = status(campaign_folder)
    if server is None:
        return False
    os.kill(server.pid, signal.SIGTERM)
    for attempt in range(100):
        if not _is_ours(server.pid, _folder(campaign_folder)):
            return True
        if attempt == 50:
            os.kill(server.pid, signal.SIGKILL)
        time.sleep(0.1)
    raise EnvironmentFailure(f"process {server.pid} (Label Studio) does not end; end it by hand")


def offer(campaign_folder: Path, images: list[str]) -> None:
    """Let the local server read these images of the campaign, and nothing else of the disk.

    `images` are paths relative to the campaign's folder (images/ab/ab12….jpg). Hard links, copies where the disk has
    none; a link out of the folder would be followed by Label Studio and is therefore never made.
    Raises CcdError where an image is missing.
    """
    files = _folder(campaign_folder) / "files"
    for parent in {Path(image).parent for image in images}:
        (files / parent).mkdir(parents=True, exist_ok=True)
    for image in images:
        source, target = f"{campaign_folder}/{image}", f"{files}/{image}"
        try:
            # Of a symbolic link, what it stands for.
            os.link(os.path.realpath(source) if os.path.islink(source) else source, target)
        except FileExistsError:
            pass
        except FileNotFoundError:
            raise DataDamage(f"{source}: the image is missing; restore it or collect it again") from None
        except OSError:
            if not os.path.exists(target):
                write_atomic(Path(target), Path(source).read_bytes())


def document_root(campaign_folder: Path) -> Path:
    """The folder that a storage in Label Studio must name to show the offered images."""
    return _folder(campaign_folder) / "files"


def _folder(campaign_folder: Path) -> Path:
    return campaign_folder.resolve() / "studio"


def _state(folder: Path) -> dict[str, Any] | None:
    """Where the server was started last, {"pid", "url"}; None where it never was."""
    path = folder / "server.json"
    try:
        state: dict[str, Any] = json.loads(path.read_text())
        return {"pid": int(state["pid"]), "url": str(state["url"])}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise DataDamage(f"{path}: is not what `ccd studio start` wrote; run `ccd doctor --fix`") from None


def _note(server: Server, folder: Path) -> None:
    write_atomic(folder / "server.json", json.dumps({"pid": server.pid, "url": server.url}).encode())


def _unnoted(folder: Path) -> Server | None:
    """A server on this folder that a killed start did not note down; a second one would share its database."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ValueError):
            if _is_ours(process.pid, folder):
                words = process.cmdline()
                port = words[words.index("--port") + 1]
                return Server(process.pid, f"http://127.0.0.1:{port}", _credentials(folder)["token"])
    return None


def _credentials(folder: Path) -> dict[str, str]:
    path = folder / "credentials.json"
    if not path.exists():
        made = {"email": ADMIN, "password": secrets.token_urlsafe(12), "token": secrets.token_hex(20)}
        part = path.with_suffix(".part")  # whole or not at all: Label Studio learns the token once
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(made, file)
        part.replace(path)
    try:
        found: dict[str, str] = json.loads(path.read_text())
        return {key: found[key] for key in ("email", "password", "token")}
    except (ValueError, KeyError, TypeError):
        raise DataDamage(f"{path}: cannot be read as credentials; restore it from a backup") from None


def _environ(folder: Path, credentials: dict[str, str]) -> dict[str, str]:
    own = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        "LABEL_STUDIO_USERNAME": credentials["email"],
        "LABEL_STUDIO_PASSWORD": credentials["password"],
        "LABEL_STUDIO_USER_TOKEN": credentials["token"],
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(folder / "files"),
    }
    return _own_environ() | SWITCHES | own


def _own_environ() -> dict[str, str]:
    """This process's environment without what another Label Studio or Python was told."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("LABEL_STUDIO_", "PYTHON"))}


def _port(folder: Path) -> int:
    """The port of last time where it is free, so that bookmarks live; Label Studio itself would silently move on.

    A new one is none of those that the system gives to outgoing connections: one of them could take it after a crash.
    """
    state = _state(folder)
    known = [int(state["url"].rsplit(":", 1)[1])] if state else []
    for port in (*known * LAST_TIME_TRIES, *random.sample(_PORTS, 100)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                if port in known:
                    time.sleep(0.1)  # one that was killed is gone a moment before its port is free
                continue
            return port
    raise EnvironmentFailure("no free port on 127.0.0.1; end a server that is not needed")


def _wait(server: Server, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment is not meant for this machine, nor is the token for it
        session.headers["Authorization"] = f"Token {server.token}"
        while time.monotonic() < deadline:
            if not _is_ours(server.pid, folder):
                raise EnvironmentFailure(f"Label Studio ended while starting; see {folder / 'log.txt'}")
            try:
                # Our own token is accepted by our own server only: a stranger on that port does not pass for it.
                answer = session.get(f"{server.url}/api/current-user/whoami", timeout=5)
                if answer.status_code == 200 and answer.json().get("email") == ADMIN:
                    return
            except (requests.RequestException, ValueError):
                pass
            time.sleep(0.1)
    os.kill(server.pid, signal.SIGTERM)
    raise EnvironmentFailure(f"Label Studio did not answer within {START_SECONDS} s; see {folder / 'log.txt'}")


def _is_ours(pid: int, folder: Path) -> bool:
    """True where the process lives and runs on this folder: a number that was given to another process is not ours."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get("LABEL_STUDIO_BASE_DATA_DIR") == str(folder / "data")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
