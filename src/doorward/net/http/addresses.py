"""Which IP addresses a URL from a stranger may lead to."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# RFC 6890 and the registries that follow it, whole, plus what the registries leave out. Python's
# `is_global` is not used: its answer for the same address differs between 3.11, 3.12 and 3.13.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by number, and a cloud's internal control plane in fact
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

# Everything outside is refused: loopback, IPv4-mapped, NAT64 (64:ff9b::), unique local,
# link local, multicast, and future ranges.
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo (2001::/32) among others: it carries an IPv4 address inside
        "2001:db8::/32",
        "2002::/16",  # 6to4: so does this
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
# Networks of a company or of this machine. Link-local addresses are left out: 169.254.169.254 gives a
# cloud machine's credentials to any caller.
_INTERNAL_4 = tuple(
    IPv4Network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
    )
)
_INTERNAL_6 = (IPv6Network("::1/128"), IPv6Network("fc00::/7"))
# ISATAP writes an IPv4 address behind these in the interface identifier, under any prefix.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def is_public(address: str) -> bool:
    """
    Return whether ``address`` is a unicast address of the public internet.

    ``"203.0.113.7"``, ``"::ffff:8.8.8.8"`` and ``"fe80::1%eth0"`` are not, and neither is an
    unusual spelling of an address.

    An IPv6 address that contains an IPv4 address is always refused: a translator on the way decides
    where it leads.

    Spec: RFC 6890 §2.2; RFC 4291 §2.5.5; RFC 5214 §6.1; RFC 6052 §2.1; RFC 8215
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _NOT_PUBLIC_4)
    return _is_public_6(parsed)


def is_internal(address: str) -> bool:
    """
    Return whether ``address`` is on loopback or in a private network.

    Spec: RFC 1918 §3; RFC 4193 §3.1; RFC 6598 §7
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return any(parsed in network for network in _INTERNAL_4)
    return parsed.scope_id is None and any(parsed in network for network in _INTERNAL_6)


def not_public(addresses: Iterable[str]) -> list[str]:
    """
    Return the ``addresses`` of a name that are not public.

    One of them is enough to refuse the name. A name with public and private addresses is a rebinding
    attempt, and using the public one would only hide it.
    """
    return [address for address in addresses if not is_public(address)]


def not_unicast(addresses: Iterable[str]) -> list[str]:
    """
    Return the ``addresses`` that are neither public nor internal: no operator means one of them.

    The name that an operator configured can lead elsewhere when it is used. A link-local address has
    the credentials of a cloud machine, and 0.0.0.0 is this machine under another name.
    """
    return [one for one in addresses if not (is_public(one) or is_internal(one))]


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in _GLOBAL_6:
        return False
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return not any(address in network for network in _NOT_PUBLIC_6)
