"""A release: what is published of a campaign, whole, hashed, and the same bytes from the same state."""

from ccd.release.facts import Form
from ccd.release.verify import verify
from ccd.release.write import Released, write_release

__all__ = ["Form", "Released", "verify", "write_release"]
