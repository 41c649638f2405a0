"""The first bytes of other protocols, to name what came instead of the expected one."""

from __future__ import annotations

import re
from typing import Final

LOOKED_AT: Final = 64
"""The number of bytes that `looks_like` looks at."""

# Tried in this order: the first that matches names the bytes. Each needs enough of them not to match another protocol.
# Sources: the protocols' specifications, and what their clients send first.
_TABLE: tuple[tuple[str, bytes], ...] = (
    ("HTTP/2", rb"PRI \* HTTP/2"),
    ("HTTP/2", rb"\0\0[\x06\x0c\x12\x18\x1e\x24]\x04\0\0{4}\0[\x01-\x09]"),  # a server's SETTINGS
    # The methods of RFC 9110 and RFC 5789, and those of WebDAV that clients begin with.
    ("HTTP/1", rb"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH|PROPFIND|REPORT|MKCOL) (?:/|\*|https?:|\Z)"),
    ("HTTP/1", rb"CONNECT (?:[\w\[.]|\Z)"),
    ("HTTP/1", rb"HTTP/[01]\.\d"),
    ("PROXY protocol v1", rb"PROXY "),
    ("PROXY protocol v2", rb"\r\n\r\n\0\r\nQUIT\n"),
    ("SSH", rb"SSH-"),
    # A length of two bytes whose first bit is set, the type CLIENT-HELLO, and the highest version that the client has.
    ("SSL 2.0 (ClientHello)", rb"[\x80-\x82][\x09-\xff]\x01(?:\0\x02|\x03[\0-\x03])"),
    ("SASL (Thrift's TSaslTransport)", rb"\x01\0\0\0[\x01-\x14][A-Z][A-Z0-9_-]*"),  # START and a mechanism
    ("telnet", rb"\xff[\xfb-\xfe][\0-\x31\xff]"),
    ("Dubbo", rb"\xda\xbb[\0-\xff][\0-\x64]"),
    ("Thrift", rb"(?:\0[\0-\xff]{3})?\x80\x01\0[\x01-\x04]"),
    ("Thrift", rb"(?:\0[\0-\xff]{3})?\x82[\x21\x41\x61\x81][\x80-\xff]{0,4}[\0-\x7f][\x01-\x7f][A-Za-z_]"),
    ("Thrift with THeader", rb"\0[\0-\xff]{3}\x0f\xff\0[\0-\xff]{5}\0[\0-\xff]"),
    ("TTHeader (Kitex)", rb"\0[\0-\xff]{3}\x10\0[\0-\xff]{6}\0[\0-\xff]"),
    ("bRPC", rb"(?:PRPC|STRM)\0"),
    ("tRPC", rb"\x09\x30[\0\x01][\0-\x04]\0[\0-\xff]{3}"),
    ("RocketMQ", rb'\0[\0-\xff]{3}\0\0[\0-\xff]{2}\{"'),
    ("Redis", rb"\*\d{1,7}\r\n(?:\$|\Z)|[$:]-?\d{1,19}\r\n|%\d{1,5}\r\n[$+]"),
    ("Redis", rb"\+(?:OK|PONG|QUEUED)\r\n|-(?:ERR|NOAUTH|NOPERM|WRONGTYPE|WRONGPASS|MOVED|ASK|LOADING|DENIED) "),
    ("Redis", rb"(?:PING|ping|INFO)\r\n|(?:GET|AUTH|SELECT|EXISTS|DEL) [!-~]+\r\n"),
    ("memcached", rb"(?:set|add|replace|append|prepend|cas) [!-~]+ \d+ \d+ \d+|(?:gets?|delete|touch) [!-~]+[ \r]"),
    ("memcached", rb"(?:version|stats|flush_all)\r\n|VERSION \d|STORED\r\n|END\r\n"),
    ("MySQL", rb"[\0-\xff]\0\0\0\x0a\d{1,2}\.\d"),  # the server's greeting
    ("PostgreSQL", rb"\0\0\0\x08\x04\xd2\x16[\x2f\x30]|\0\0[\0-\xff]{2}\0\x03\0[\0-\x02][a-z]"),
    ("MongoDB", rb"[\0-\xff]{3}[\0-\x02][\0-\xff]{4}\0{4}[\xd4\xdd]\x07\0\0"),  # OP_QUERY and OP_MSG
    ("Kafka", rb"\0\0\0[\0-\xff]\0\x12\0[\0-\x08][\0-\xff]{4}(?:\0[\x01-\x7f][!-~]|\xff\xff)"),  # ApiVersions
    ("ZooKeeper", rb"\0\0\0[\x2c\x2d]\0{12}|(?:ruok|mntr|srvr)(?:\n|\Z)"),
    ("MQTT", rb"\x10(?:[\x80-\xff]{1,3})?[\0-\x7f]\0(?:\x04MQTT|\x06MQIsdp)"),
    ("AMQP", rb"AMQP[\0-\x03]"),
    ("NATS", rb"(?:CONNECT|INFO) \{"),
    ("SMTP", rb"(?:EHLO|HELO) "),
    ("SMTP or FTP", rb"220[ -]"),
    ("SIP", rb"[A-Z]{3,9} sips?:|SIP/2\.0 "),
    ("RDP", rb"\x03\0\0[\x0b-\x40][\x06-\x3b]\xe0\0\0"),
    ("SMB", rb"\0\0[\0-\xff]{2}[\xfe\xff]SMB"),
    ("gzip", rb"\x1f\x8b\x08"),
    ("zstd", rb"\x28\xb5\x2f\xfd"),
    ("xz", rb"\xfd7zXZ\0"),
    ("bzip2", rb"BZh[1-9]1AY&SY"),
    ("lz4", rb"\x04\x22\x4d\x18"),
    ("zip", rb"PK\x03\x04"),
    ("XML", rb"<\?xml |<!DOCTYPE "),
    ("JSON", rb'\{\s*"[^"\0-\x1f]*"\s*:|\[\s*\{\s*"'),
    # Last, what a person types: a letter first, and the end of a line.
    ("a line of text (telnet)", rb"(?:[A-Za-z?][ -~]*\r|[A-Za-z][ -~]{3,})\n"),
)
_PATTERNS = tuple((name, re.compile(pattern)) for name, pattern in _TABLE)

_TLS_VERSIONS = {0: "SSL 3.0", 1: "TLS 1.0", 2: "TLS 1.1", 3: "TLS 1.2 or 1.3"}
_TLS_CONTENTS = {0x14: "ChangeCipherSpec", 0x15: "alert", 0x16: "handshake", 0x17: "application data"}
_TLS_HELLOS = {1: "ClientHello", 2: "ServerHello"}
_TLS_LONGEST = 2**14 + 2048  # bytes of a record


def looks_like(data: bytes | bytearray | memoryview) -> str:
    """Return the protocol whose first bytes these are, such as "HTTP/1" or "TLS 1.2 or 1.3 (ClientHello)".

    Args:
        data: The first bytes of a connection or of a message. The first `LOOKED_AT` count.

    Returns:
        Its name; "" if the table has no protocol that begins so, or these are too few bytes to be sure.
    """
    head = bytes(data[:LOOKED_AT])
    return _tls(head) or next((name for name, pattern in _PATTERNS if pattern.match(head)), "")


def _tls(head: bytes) -> str:
    """Name a record of SSL 3.0 or TLS. A hello says its version itself: the record around it often claims less."""
    if len(head) < 3 or head[0] not in _TLS_CONTENTS or head[1] != 3 or head[2] > 4:
        return ""
    if len(head) >= 5 and not 1 <= int.from_bytes(head[3:5]) <= _TLS_LONGEST:
        return ""
    if head[0] != 0x16:
        return f"TLS ({_TLS_CONTENTS[head[0]]})" if len(head) >= 5 else ""
    hello = _TLS_HELLOS.get(head[5]) if len(head) >= 11 and head[9] == 3 else None
    if hello is None:
        return "TLS (handshake)"
    return f"{_TLS_VERSIONS.get(head[10], 'TLS')} ({hello})"
