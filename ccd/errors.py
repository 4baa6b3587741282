"""The two ways a command ends badly; both are one line for a person and never a traceback."""


class CcdError(Exception):
    """Bad input or a bad environment: the message says what, where and the remedy. Exit code 2.

    >>> raise CcdError("campaign.toml, line 3: judgments_per_pair is 0; write a number from 2 up")
    Traceback (most recent call last):
    ccd.errors.CcdError: campaign.toml, line 3: judgments_per_pair is 0; write a number from 2 up
    """
