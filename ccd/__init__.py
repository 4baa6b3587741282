"""The dataset itself: protocol, campaign, votes, agreement, splits, release. Knows nothing of the web or of torch."""

__version__ = "0.1.0"
