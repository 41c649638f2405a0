"""The forms of an address on the command line."""

import pytest

from metaprotocol_proxy import Address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("20880", "127.0.0.1", 20880),
        (":20880", "127.0.0.1", 20880),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("provider.example:65535", "provider.example", 65535),
        ("zürich.example:1", "zürich.example", 1),
        ("[::1]:20880", "::1", 20880),
        ("[fe80::1%eth0]:20880", "fe80::1%eth0", 20880),
    ],
)
def test_host_and_port(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize("text", ["127.0.0.1:20880", "[::1]:20880"])
def test_it_prints_in_the_form_that_parse_reads(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize("text", ["", "provider", "provider:", "::1:20880", "[::1]", "a b:1", "1:2:3", "127.0.0.1:-1"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address: expected HOST:PORT"):
        Address.parse(text)


def test_a_port_over_65535_is_refused() -> None:
    with pytest.raises(ValueError, match="the port 65536 is over 65535"):
        Address.parse("127.0.0.1:65536")


@pytest.mark.parametrize("name", ["a..example", "a" * 64])
def test_an_invalid_host_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is not a valid host name"):
        Address.parse(f"{name}:20880")
