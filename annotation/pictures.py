"""How Label Studio gets at the pictures: it reads them from this disk (our local server), or they are uploaded."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from annotation import studio as local
from annotation.client import Studio
from annotation.desks import create_project, find_project
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import desks as table
from ccd.errors import DataDamage, ServerError

UPLOAD_BATCH = 50  # files a request; Label Studio refuses more than 100


class Pictures(Protocol):
    """A way to show images in a project."""

    def urls(self, images: dict[str, str], tick: Callable[[int], None]) -> dict[str, str]:
        """The address of each image, for a task's data; `images` maps SHA-256 to the file in the campaign's folder."""

    def attach(self, project: int) -> None:
        """Make the addresses work for those who label in this project."""


class FromDisk:
    """The local server reads the images itself: hard links in its folder, and a storage registered in every project."""

    def __init__(self, campaign: Campaign, studio: Studio) -> None:
        self._folder = campaign.folder
        self._studio = studio

    def urls(self, images: dict[str, str], tick: Callable[[int], None]) -> dict[str, str]:
        local.offer(self._folder, list(images.values()))
        tick(len(images))
        return {sha: local_address(file) for sha, file in images.items()}

    def attach(self, project: int) -> None:
        path = str(local.document_root(self._folder) / "images")
        if any(storage["path"] == path for storage in self._studio.get("/api/storages/localfiles", project=project)):
            return
        with self._studio.errors("register the images' folder"):
            self._studio.sdk.import_storage.local.create(
                project=project, path=path, title="images", use_blob_urls=True, request_options={"max_retries": 0}
            )


class Uploaded:
    """The images are uploaded once to a project that holds nothing else; every user of the server may see them."""

    def __init__(self, campaign: Campaign, studio: Studio) -> None:
        self._campaign = campaign
        self._studio = studio

    def urls(self, images: dict[str, str], tick: Callable[[int], None]) -> dict[str, str]:
        project = self._project()
        with self._campaign.read() as db:
            known = table.uploads(db, project)
        missing = [sha for sha in images if sha not in known]
        tick(len(images) - len(missing))
        for start in range(0, len(missing), UPLOAD_BATCH):
            batch = missing[start : start + UPLOAD_BATCH]
            known |= self._upload(project, {sha: images[sha] for sha in batch})
            tick(len(batch))
        return {sha: known[sha] for sha in images}

    def attach(self, project: int) -> None:
        """Nothing to do: an uploaded picture is shown in every project."""

    def _project(self) -> int:
        found = find_project(self._studio, self._campaign, "@pictures")
        if found is not None:
            return found
        # Label Studio takes files only where a task has a single data key.
        config = '<View><Image name="image" value="$image"/></View>'
        return create_project(self._studio, self._campaign, "@pictures", label_config=config)

    def _upload(self, project: int, batch: dict[str, str]) -> dict[str, str]:
        names = {}
        files = []
        for sha, file in batch.items():
            path = self._campaign.folder / file
            names[path.name] = sha
            try:
                files.append((path.name, (path.name, path.read_bytes())))
            except FileNotFoundError:
                raise DataDamage(f"{path}: the image is missing; restore it or collect it again") from None
        # Doubled after a lost reply is harmless here: an upload nobody refers to is shown nowhere.
        answer = self._studio.upload(f"/api/projects/{project}/import?commit_to_project=false", files)
        uploaded = self._studio.get(f"/api/projects/{project}/file-uploads", ids=json.dumps(answer["file_upload_ids"]))
        urls = {}
        for upload in uploaded:
            if upload["id"] in answer["file_upload_ids"]:
                file = upload["file"]  # upload/<project>/<8 hex>-<name>
                urls[names[Path(file).name.split("-", 1)[1]]] = f"/data/{file}"
        if set(urls) != set(batch):
            raise ServerError(f"{self._studio.url} took {len(urls)} of {len(batch)} pictures; run `ccd push` again")
        with self._campaign.write() as db:
            table.add_uploads(db, project, urls)
        return urls


def local_address(file: str) -> str:
    """Where the local server shows an image of the campaign's folder."""
    return f"/data/local-files/?d={file}"


def check(studio: Studio, urls: Iterable[str]) -> None:
    """See that the first picture really comes, before annotators are sent to it. Raises CcdError."""
    for url in urls:
        kind = studio.read(url).headers.get("Content-Type", "")
        if not kind.startswith("image/"):
            raise ServerError(
                f"{studio.url}{url} is {kind or 'nothing'}, not a picture; see the storage of that project"
            )
        return
