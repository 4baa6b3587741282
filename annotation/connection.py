"""The Label Studio of a campaign: the server that campaign.toml names, else the local one of `ccd studio start`."""

from annotation import studio as local
from annotation.client import Studio, token_of_environment
from annotation.pictures import FromDisk, Pictures, Uploaded
from ccd.campaign.campaign import Campaign
from ccd.errors import EnvironmentFailure


def connect(campaign: Campaign) -> tuple[Studio, Pictures]:
    """The campaign's server, and how it gets at the pictures. Raises CcdError where there is none."""
    url = campaign.config.label_studio_url
    if url:
        studio = Studio(url, token_of_environment(url))
        return studio, Uploaded(campaign, studio)
    server = local.status(campaign.folder)
    if server is None:
        raise EnvironmentFailure(f"{campaign.folder}: no Label Studio runs for this campaign; run `ccd studio start`")
    studio = Studio(server.url, server.token)
    return studio, FromDisk(campaign, studio)
