"""Addresses behind which nobody outside may look, in every form."""

import pytest

from collection.fetch import Failure, host, is_public

PRIVATE = """
127.0.0.1 10.0.0.1 169.254.169.254 100.100.100.200 192.168.0.1 0.0.0.0 224.0.0.1 240.0.0.1 ::1 :: fe80::1
fc00::1 fd00:ec2::254 fec0::1 ::ffff:169.254.169.254 ::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 2002:a00:1::
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_in_every_form(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://h/", "http://[", "http://", "http://h:99999/"])
def test_what_is_no_web_address(url: str) -> None:
    with pytest.raises(Failure):
        host(url)
