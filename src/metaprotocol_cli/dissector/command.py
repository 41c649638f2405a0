"""The command itself: its arguments, and its output."""

from __future__ import annotations

import click

from metaprotocol_cli.dissector.length import DissectorError, length_rule
from metaprotocol_cli.dissector.lua import render
from metaprotocol_cli.options import codec_argument, codec_from, option_option


@click.command("dissector")
@option_option
@click.option(
    "--port",
    "ports",
    type=click.IntRange(1, 65535),
    multiple=True,
    help="A TCP port whose traffic is this protocol. Repeatable. Without it, say so in Wireshark: Decode As.",
)
@codec_argument
def command(name: str, options: tuple[str, ...], ports: tuple[int, ...]) -> None:
    """Write a Wireshark dissector for a codec.

    The dissector, a Lua script, puts messages together that are split over packets, and shows the fields of the header
    that the codec declares (its layout). It does not read bodies. The codec's framing must be data: a LengthField, or a
    HeaderLength that adds up fields of the layout.

    \b
    Examples:
      metaprotocol dissector dubbo --port 20880 > dubbo.lua
      wireshark -X lua_script:dubbo.lua trace.pcapng
      tshark -X lua_script:dubbo.lua -d tcp.port==20881,dubbo -r trace.pcapng -V
    """
    codec = codec_from(name, options)
    try:
        script = render(codec, length_rule(codec), ports)
    except DissectorError as error:
        raise click.UsageError(str(error)) from error
    click.echo(script, nl=False)
