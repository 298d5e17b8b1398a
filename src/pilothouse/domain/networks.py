"""Where no request may lead, whoever named the address: link-local networks, clouds' metadata services, multicast."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_OFF_LIMITS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::/32",  # AWS metadata over IPv6
        "fd20:ce::/32",  # Google metadata over IPv6
        "100.100.100.200/32",  # Alibaba metadata
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.192/32",  # Oracle metadata
        "224.0.0.0/4",
        "ff00::/8",
        "255.255.255.255/32",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def off_limits(address: Address) -> bool:
    """Return whether an address is in one of these networks, also when it hides inside an IPv6 one."""
    hidden = inner(address)
    return any(address in network for network in _OFF_LIMITS) or (hidden is not None and off_limits(hidden))


def reachable(_host: str, _port: int, address: str) -> bool:
    """Return whether a host may be connected to at one of its addresses, in the text form of an IP address."""
    try:
        return not off_limits(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False


def inner(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for: mapped, of 6to4, or of a translated network."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
