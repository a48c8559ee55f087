"""Whom a load test may call: one form for every spelling of a host, and the allow-list.

Names are never looked up: an entry that is a name allows that name, an address or network allows addresses.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable

from tandem.domain.errors import FieldFault, InvalidValue

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")


def canonical_host(text: str) -> str | None:
    """Return the one spelling of a host (lower case, no trailing dot, ASCII, plain address); None when it is no host.

    Follows what can be reached through a spelling: ``2130706433``, ``0x7f.1`` and ``[::ffff:127.0.0.1]`` are all
    ``127.0.0.1``. A number with leading zeros is no host: Java reads it as decimal, the C library as octal.
    """
    host = unicodedata.normalize("NFKC", text).strip().lower()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if ":" in host:
        return _canonical_ipv6(host)
    try:
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    ascii_host = ascii_host.removesuffix(".")
    if not _NAME.fullmatch(ascii_host):
        return None
    if _NUMBER.fullmatch(ascii_host.rsplit(".", 1)[-1]):
        return _canonical_ipv4(ascii_host)
    return ascii_host


def _canonical_ipv6(text: str) -> str | None:
    try:
        address = ipaddress.IPv6Address(text.split("%", 1)[0])
    except ValueError:
        return None
    return str(address.ipv4_mapped or address)


def _canonical_ipv4(text: str) -> str | None:
    """Read one to four numbers as inet_aton does: the last fills all the bytes that remain."""
    parts = text.split(".")
    if len(parts) > 4 or any(not _NUMBER.fullmatch(part) or part == "0x" for part in parts):
        return None
    if any(len(part) > 1 and part[0] == "0" and part[1] != "x" for part in parts):
        return None
    numbers = [int(part, 16) if part.startswith("0x") else int(part) for part in parts]
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        return None
    value = numbers[-1]
    for index, number in enumerate(numbers[:-1]):
        value += number << (24 - 8 * index)
    return str(ipaddress.IPv4Address(value))


class TargetAllowList:
    """Host names, ``*.suffix`` wildcards, addresses and networks that a load test may call."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Raises InvalidValue naming each entry that is none of these."""
        self._hosts: set[str] = set()
        self._suffixes: list[str] = []
        self._networks: list[Network] = []
        faults = [fault for entry in entries if (fault := self._add(entry.strip())) is not None]
        if faults:
            raise InvalidValue("The list of allowed targets is wrong.", faults)

    def _add(self, entry: str) -> FieldFault | None:
        if "/" in entry:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                return FieldFault("allowedTargets", f"{entry!r} is no network: write it as 10.0.0.0/8 or fd00::/8")
            return None
        wildcard = entry.startswith("*.")
        host = canonical_host(entry[2:] if wildcard else entry)
        if host is None or (wildcard and _as_address(host) is not None):
            return FieldFault("allowedTargets", f"{entry!r} must be a host name, *.suffix, an address or a network")
        if wildcard:
            self._suffixes.append("." + host)
        else:
            self._hosts.add(host)
        return None

    def allows(self, host: str) -> bool:
        """Say whether a canonical host is on the list; ``*.a.example`` allows ``b.a.example`` but not ``a.example``."""
        address = _as_address(host)
        if address is None:
            return host in self._hosts or any(host.endswith(suffix) for suffix in self._suffixes)
        return host in self._hosts or any(address in network for network in self._networks)


def _as_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
