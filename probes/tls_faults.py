"""What OpenSSL's numbers for a certificate that is not trusted mean to people (<openssl/x509_vfy.h>, X509_V_ERR_…)."""

from __future__ import annotations

EXPIRED, NOT_YET = 10, 9
OTHER_NAME = (62, 63, 64)  # of a host, a mail address, an IP address

_WORDS = {
    2: "its issuer is missing",
    3: "the list of revoked certificates is missing",
    4: "its signature cannot be read",
    6: "its key cannot be read",
    7: "its signature is wrong: it was changed, or another key signed it",
    8: "the signature of the list of revoked certificates is wrong",
    11: "the list of revoked certificates is not valid yet",
    12: "the list of revoked certificates has ended",
    13: "the day it begins on cannot be read",
    14: "the day it ends on cannot be read",
    18: "it is signed by itself",
    19: "its root is not one we trust",
    20: "its issuer is unknown here",
    21: "it shows no chain to an authority",
    22: "its chain of authorities is too long",
    23: "it was revoked",
    24: "who issued it is no authority",
    25: "its chain is longer than an authority in it allows",
    26: "it is not made for servers: its extended key usage says another purpose",
    27: "its authority is not trusted for servers",
    28: "its authority is rejected for servers here",
    29: "the name of its issuer and that authority's own do not fit",
    30: "its issuer's key and that authority's own do not fit",
    31: "its issuer's name or number and that authority's own do not fit",
    32: "who issued it may not sign certificates: its key usage does not say so",
    34: "it has a critical extension that nobody here knows",
    37: "it says it is an authority and is none",
    40: "it is a proxy certificate, which is not allowed",
    41: "an extension of it is invalid or contradicts another",
    42: "a policy of it is invalid",
    43: "it has no policy that is needed",
    47: "an authority of it may not certify this name (name constraints)",
    48: "an authority of it must not certify this name (name constraints)",
    51: "a name constraint in its chain is of a kind nobody here knows",
    52: "a name constraint in its chain cannot be read",
    53: "a name in it cannot be held against its authority's constraints",
    65: "its chain of authorities goes in a circle",
    66: "its key is too weak (an RSA key needs 2048 bits)",
    67: "the key of an authority in its chain is too weak (an RSA key needs 2048 bits)",
    68: "a signature in its chain is made with a hash that is too weak (SHA-1 or MD5)",
    71: "no log of certificates has vouched for it",
    76: "it is signed in a way nobody here knows",
    77: "it is signed in another way than its issuer's key is for",
    78: "it says two different things about how it is signed",
    79: "an authority in its chain is none: basic constraints",
    80: "it limits a chain and is no authority",
    81: "an authority in its chain limits it and may not sign certificates",
    82: "it may sign certificates and is no authority",
    83: "it names no issuer",
    84: "it names no subject",
    85: "it does not say whose key signed it (authority key identifier)",
    86: "an authority in its chain does not name its key (subject key identifier)",
    87: "its subjectAltName is empty",
    88: "it has no subject, and its subjectAltName is not critical",
    89: "the basic constraints of an authority in its chain are not critical",
    92: "an authority in its chain does not say what its key is for (key usage)",
    93: "it has extensions and is not of version 3",
    94: "its key brings a curve of its own",
}  # fmt: skip


def distrust(code: int, message: str = "") -> str:
    """Why a certificate is not trusted; for a number that is new, OpenSSL's own `message`."""
    return _WORDS.get(code) or message or f"OpenSSL says {code}"
