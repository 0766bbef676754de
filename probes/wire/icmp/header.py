"""The head of ICMP messages (RFC 792, RFC 4443 §2.1): the numbers of echo, and the checksum."""

ECHO4, REPLY4, ECHO6, REPLY6 = 8, 0, 128, 129
HEADER = 8  # bytes


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total = int.from_bytes(data + b"\0" if len(data) & 1 else data, "big")
    # A ones' complement sum of 16-bit words is the remainder by 2^16 - 1, where only nothing at all adds up to 0.
    return ~(total % 0xFFFF or (0xFFFF if total else 0)) & 0xFFFF
