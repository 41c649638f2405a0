"""Finds the IP packet in a frame, and the one inside a tunnel: link layers, VXLAN, Geneve, GRE, IP in IP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_cli.capture.report import SkipReason

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_TUNNELS = 8
"""Tunnels inside each other that are followed, more than a cluster's network has."""

_ETHERNET, _PPP, _LINUX_COOKED, _NFLOG, _LINUX_COOKED_2 = 1, 9, 113, 239, 276
_ETHERTYPE_AND_PAYLOAD = {_ETHERNET: (12, 14), _LINUX_COOKED: (14, 16), _LINUX_COOKED_2: (0, 20)}
_RAW_IP = {12, 14, 101, 228, 229}  # RAW of the BSDs; LINKTYPE_RAW; IPv4; IPv6
_LOOPBACK = {0, 108}  # NULL, in the byte order of whoever captured; LOOP, in network byte order
_LOOPBACK_FAMILIES = {2, 10, 23, 24, 28, 30}  # AF_INET; AF_INET6 of Linux, Windows, NetBSD, FreeBSD, macOS

_IP_TYPES = {0x0800, 0x86DD}
_VLAN_TYPES = {0x8100, 0x88A8, 0x9100, 0x9200}
_MPLS_TYPES = {0x8847, 0x8848}
_PPPOE_SESSION = 0x8864
_BRIDGED_ETHERNET = 0x6558
_ERSPAN_2, _ERSPAN_3 = 0x88BE, 0x22EB
_PPP_IP = {0x0021, 0x0057}
_ETHERTYPES = {0x0806: "ARP", 0x88CC: "LLDP", 0x888E: "802.1X", 0x88E5: "MACsec", 0x8863: "PPPoE discovery"}

# IP protocols that hold another packet, and UDP ports that do (RFC 7348, RFC 8926, Linux' and flannel's 8472, GPE).
_IP_IN_IP, _IPV6_IN_IP, _GRE = 4, 41, 47
_VXLAN_PORTS, _VXLAN_GPE_PORT, _GENEVE_PORT = {4789, 8472}, 4790, 6081
_VXLAN_GPE_IP = {1, 2}
_VXLAN_GPE_ETHERNET = 3
_NFULA_PAYLOAD = 9


class Skip(Exception):
    """A packet is not used.

    Args:
        reason: The reason.
        what: What it is instead of TCP, such as "UDP port 53"; or "".
    """

    def __init__(self, reason: SkipReason, what: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.what = what


def ip_packet(data: bytes, link_type: int) -> bytes:
    """Return the IP packet in a frame.

    Args:
        data: The frame.
        link_type: The kind of header it begins with, a LINKTYPE_ number of tcpdump.org.

    Raises:
        Skip: It has none, or the link type is not supported.
    """
    if link_type in _RAW_IP:
        return data
    if link_type in _LOOPBACK:
        family = data[:4]
        if not _LOOPBACK_FAMILIES.isdisjoint((int.from_bytes(family, "big"), int.from_bytes(family, "little"))):
            return data[4:]
        raise Skip(SkipReason.NOT_TCP)
    if link_type == _NFLOG:
        return _nflog_payload(data)
    if link_type == _PPP:
        return _after_ppp(data[2:] if data[:2] == b"\xff\x03" else data)
    if link_type not in _ETHERTYPE_AND_PAYLOAD:
        raise Skip(SkipReason.LINK_TYPE)
    position, offset = _ETHERTYPE_AND_PAYLOAD[link_type]
    return _after_ethertype(_number(data, position), data[offset:])


def tunnelled(protocol: int, data: bytes) -> bytes:
    """Return the IP packet inside the payload of another.

    Args:
        protocol: The outer packet's protocol, or next header.
        data: Its payload.

    Raises:
        Skip: It is not a tunnel.
    """
    if protocol in (_IP_IN_IP, _IPV6_IN_IP):
        return data
    if protocol == _GRE:
        return _after_gre(data)
    if protocol == 17:
        port = _number(data, 2)
        unwrap = _udp_tunnel(port)
        if unwrap is not None:
            return unwrap(data[8:])
        raise Skip(SkipReason.NOT_TCP, f"UDP port {min(port, _number(data, 0))}")
    names = {1: "ICMP", 2: "IGMP", 50: "ESP (IPsec)", 58: "ICMPv6", 89: "OSPF", 112: "VRRP", 132: "SCTP"}
    raise Skip(SkipReason.NOT_TCP, names.get(protocol, f"IP protocol {protocol}"))


def _udp_tunnel(port: int) -> Callable[[bytes], bytes] | None:
    if port in _VXLAN_PORTS:
        return _after_vxlan
    return {_VXLAN_GPE_PORT: _after_vxlan_gpe, _GENEVE_PORT: _after_geneve}.get(port)


def _after_ethertype(ethertype: int, data: bytes) -> bytes:
    """Return the IP packet after an Ethernet type: after VLAN tags, MPLS labels, or the header of PPPoE."""
    offset = 0
    while ethertype in _VLAN_TYPES:
        ethertype = _number(data, offset + 2)
        offset += 4
    if ethertype in _IP_TYPES:
        return data[offset:]
    if ethertype in _MPLS_TYPES:
        while len(data) > offset + 4 and not data[offset + 2] & 1:  # the bottom of the stack
            offset += 4
        if data[offset + 4 : offset + 5] and data[offset + 4] >> 4 in (4, 6):
            return data[offset + 4 :]
        raise Skip(SkipReason.NOT_TCP, "MPLS that carries no IP")
    if ethertype == _PPPOE_SESSION:
        return _after_ppp(data[offset + 6 :])
    what = _ETHERTYPES.get(ethertype, f"Ethernet type {ethertype:04x}" if ethertype > 1500 else "IEEE 802.2")
    raise Skip(SkipReason.NOT_TCP, what)


def _after_ppp(data: bytes) -> bytes:
    if _number(data, 0) in _PPP_IP:
        return data[2:]
    if data[:1] and data[0] in _PPP_IP:  # compressed to one byte
        return data[1:]
    raise Skip(SkipReason.NOT_TCP, "PPP that carries no IP")


def _nflog_payload(data: bytes) -> bytes:
    """Return the packet in a message of Linux' netfilter log, whose attributes are in the byte order of the machine."""
    orders: tuple[int, int] = (0, 1)
    for order in orders:
        offset = 4
        while offset + 4 <= len(data):
            size, kind = (
                int.from_bytes(data[at : at + 2], "big" if order else "little") for at in (offset, offset + 2)
            )
            if size < 4:
                break
            if kind == _NFULA_PAYLOAD:
                return data[offset + 4 : offset + size]
            offset += size + -size % 4
    raise Skip(SkipReason.NOT_TCP, "NFLOG without a packet")


def _after_gre(data: bytes) -> bytes:
    flags, ethertype = _number(data, 0), _number(data, 2)
    if flags & 0x07:
        raise Skip(SkipReason.NOT_TCP, "GRE of PPTP")
    offset = 4 + 4 * (bool(flags & 0xC000) + bool(flags & 0x2000) + bool(flags & 0x1000))
    if ethertype == _ERSPAN_2:  # with a header only if there is a sequence number (type I has neither)
        offset += 8 if flags & 0x1000 else 0
        ethertype = _BRIDGED_ETHERNET
    elif ethertype == _ERSPAN_3:
        offset += 20 if data[offset + 11 : offset + 12] and data[offset + 11] & 1 else 12
        ethertype = _BRIDGED_ETHERNET
    return _bridged(ethertype, data[offset:])


def _after_vxlan(data: bytes) -> bytes:
    if len(data) < 8 or not data[0] & 0x08:
        raise Skip(SkipReason.NOT_TCP, "VXLAN without a network identifier")
    return _bridged(_BRIDGED_ETHERNET, data[8:])


def _after_vxlan_gpe(data: bytes) -> bytes:
    kind = data[3] if len(data) >= 8 else 0
    if kind in _VXLAN_GPE_IP:
        return data[8:]
    if kind == _VXLAN_GPE_ETHERNET:
        return _bridged(_BRIDGED_ETHERNET, data[8:])
    raise Skip(SkipReason.NOT_TCP, "VXLAN-GPE that carries no IP")


def _after_geneve(data: bytes) -> bytes:
    options = 4 * (data[0] & 0x3F) if data else 0
    return _bridged(_number(data, 2), data[8 + options :])


def _bridged(ethertype: int, data: bytes) -> bytes:
    if ethertype == _BRIDGED_ETHERNET:
        return _after_ethertype(_number(data, 12), data[14:])
    return _after_ethertype(ethertype, data)


def _number(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "big")
