"""The types of H.225.0 (version 7, 12/2009, Annex H) that a probe meets, as tables for `probes.wire.h323.per`.

What has no type beside its name is skipped where the encoding allows that, which is everywhere after a `...`.
"""

from __future__ import annotations

import ipaddress

from probes.wire.h323.per import BOOLEAN, NULL, OID, REST, Bmp, Choice, Fields, Ia5Text, Items, Octets, Part, Whole


def ip_bytes(address: str) -> bytes:
    """4 or 16 bytes of an address as text (a zone is left out); raises `ValueError`."""
    return ipaddress.ip_address(address.partition("%")[0]).packed


def ip_text(data: bytes) -> str:
    """An address of 4 or 16 bytes as text."""
    return str((ipaddress.IPv4Address if len(data) == 4 else ipaddress.IPv6Address)(data))


def _nulls(*names: str) -> list[Part]:
    return [(name, NULL) for name in names]


def _unread(*names: str) -> list[Part]:
    return [(name, None) for name in names]


PORT, BYTE, GUID, SEQUENCE_NUMBER = Whole(0, 65_535), Whole(0, 255), Octets(16, 16), Whole(1, 65_535)
_DIGITS = "0123456789#*,"
_H221 = Fields([("t35CountryCode", BYTE), ("t35Extension", BYTE), ("manufacturerCode", Whole(0, 65_535))], [])
NONSTANDARD = Fields(
    [
        ("nonStandardIdentifier", Choice([("object", OID), ("h221NonStandard", _H221)], [])),
        ("data", Octets()),
    ]
)
TRANSPORT = Choice(
    [
        ("ipAddress", Fields([("ip", Octets(4, 4)), ("port", PORT)])),
        (
            "ipSourceRoute",
            Fields(
                [
                    ("ip", Octets(4, 4)),
                    ("port", PORT),
                    ("route", Items(Octets(4, 4))),
                    ("routing", Choice(_nulls("strict", "loose"), [])),
                ],
                [],
            ),
        ),
        ("ipxAddress", Fields([("node", Octets(6, 6)), ("netnum", Octets(4, 4)), ("port", Octets(2, 2))])),
        ("ip6Address", Fields([("ip", Octets(16, 16)), ("port", PORT)], [])),
        ("netBios", Octets(16, 16)),
        ("nsap", Octets(1, 20)),
        ("nonStandardAddress", NONSTANDARD),
    ],
    [],
)
ALIAS = Choice(
    [("dialledDigits", Ia5Text(1, 128, _DIGITS)), ("h323-ID", Bmp(1, 256))],
    [
        ("url-ID", Ia5Text(1, 512)),
        ("transportID", TRANSPORT),
        ("email-ID", Ia5Text(1, 512)),
        *_unread("partyNumber", "mobileUIM", "isupNumber"),
    ],
)
ALIASES = Items(ALIAS)
VENDOR = Fields(
    [("vendor", _H221), ("productId?", Octets(1, 256)), ("versionId?", Octets(1, 256))],
    [("enterpriseNumber?", OID)],
)
_PLAIN = Fields([("nonStandardData?", NONSTANDARD)], [])
_PROTOCOLS = Choice(
    [
        ("nonStandardData", NONSTANDARD),
        *[(name, _PLAIN) for name in ("h310", "h320", "h321", "h322", "h323", "h324", "voice", "t120-only")],
    ],
    _unread("nonStandardProtocol", "t38FaxAnnexbOnly", "sip"),
)
ENDPOINT = Fields(
    [
        ("nonStandardData?", NONSTANDARD),
        ("vendor?", VENDOR),
        ("gatekeeper?", _PLAIN),
        ("gateway?", Fields([("protocol?", Items(_PROTOCOLS)), ("nonStandardData?", NONSTANDARD)], [])),
        ("mcu?", _PLAIN),
        ("terminal?", _PLAIN),
        ("mc", BOOLEAN),
        ("undefinedNode", BOOLEAN),
    ],
    _unread("set?", "supportedTunnelledProtocols?"),
)
_Q954 = Fields([("conferenceCalling", BOOLEAN), ("threePartyService", BOOLEAN)], [])
_SERVICES = Fields(
    [
        *[(f"q{number}Full", BOOLEAN) for number in ("932", "951", "952", "953", "955", "956", "957")],
        ("q954Info", _Q954),
    ],
    [],
)
CALL_ID = Fields([("guid", GUID)], [])
_GATEKEEPER_ID = Bmp(1, 128)
_BYTES = Items(Octets())

GRJ_REASON = Choice(
    _nulls("resourceUnavailable", "terminalExcluded", "invalidRevision", "undefinedReason"),
    [*_nulls("securityDenial", "genericDataReason", "neededFeatureNotSupported"), ("securityError", None)],
)
LRJ_REASON = Choice(
    _nulls("notRegistered", "invalidPermission", "requestDenied", "undefinedReason"),
    [
        *_nulls("securityDenial", "aliasesInconsistent"),
        ("routeCalltoSCN", None),
        *_nulls("resourceUnavailable", "genericDataReason", "neededFeatureNotSupported"),
        *_nulls("hopCountExceeded", "incompleteAddress"),
        ("securityError", None),
        *_nulls("securityDHmismatch", "noRouteToDestination", "unallocatedNumber"),
    ],
)
RELEASE_REASON = Choice(
    _nulls(
        "noBandwidth", "gatekeeperResources", "unreachableDestination", "destinationRejection", "invalidRevision",
        "noPermission", "unreachableGatekeeper", "gatewayResources", "badFormatAddress", "adaptiveBusy", "inConf",
        "undefinedReason",
    ),
    [
        *_nulls("facilityCallDeflection", "securityDenied", "calledPartyNotRegistered", "callerNotRegistered"),
        *_nulls("newConnectionNeeded"),
        *_unread("nonStandardReason", "replaceWithConferenceInvite"),
        *_nulls("genericDataReason", "neededFeatureNotSupported", "tunnelledSignallingRejected", "invalidCID"),
        ("securityError", None),
        ("hopCountExceeded", NULL),
    ],
)  # fmt: skip
FACILITY_REASON = Choice(
    _nulls("routeCallToGatekeeper", "callForwarded", "routeCallToMC", "undefinedReason"),
    _nulls(
        "conferenceListChoice", "startH245", "noH245", "newTokens", "featureSetUpdate", "forwardedElements",
        "transportedInformation",
    ),
)  # fmt: skip

# -- RAS -----------------------------------------------------------------------------------------------------------
_NUMBER: Part = ("requestSeqNum", SEQUENCE_NUMBER)
_PROTOCOL: Part = ("protocolIdentifier", OID)
_FOREIGN: Part = ("nonStandardData?", NONSTANDARD)
_SECURITY = _unread("tokens?", "cryptoTokens?", "integrityCheckValue?")

GRQ = Fields(
    [
        _NUMBER, _PROTOCOL, _FOREIGN,
        ("rasAddress", TRANSPORT), ("endpointType", ENDPOINT), ("gatekeeperIdentifier?", _GATEKEEPER_ID),
        ("callServices?", _SERVICES), ("endpointAlias?", ALIASES),
    ],
    _unread(
        "alternateEndpoints?", "tokens?", "cryptoTokens?", "authenticationCapability?", "algorithmOIDs?", "integrity?",
        "integrityCheckValue?", "supportsAltGK?", "featureSet?", "genericData?", "supportsAssignedGK",
        "assignedGatekeeper?",
    ),
)  # fmt: skip
GCF = Fields(
    [_NUMBER, _PROTOCOL, _FOREIGN, ("gatekeeperIdentifier?", _GATEKEEPER_ID), ("rasAddress", TRANSPORT)],
    _unread(
        "alternateGatekeeper?", "authenticationMode?", "tokens?", "cryptoTokens?", "algorithmOID?", "integrity?",
        "integrityCheckValue?", "featureSet?", "genericData?", "assignedGatekeeper?", "rehomingModel?",
    ),
)  # fmt: skip
GRJ = Fields(
    [_NUMBER, _PROTOCOL, _FOREIGN, ("gatekeeperIdentifier?", _GATEKEEPER_ID), ("rejectReason", GRJ_REASON)],
    [*_unread("altGKInfo?"), *_SECURITY, *_unread("featureSet?", "genericData?")],
)
LRQ = Fields(
    [
        _NUMBER, ("endpointIdentifier?", _GATEKEEPER_ID), ("destinationInfo", ALIASES), _FOREIGN,
        ("replyAddress", TRANSPORT),
    ],
    [
        ("sourceInfo?", ALIASES), ("canMapAlias", BOOLEAN), ("gatekeeperIdentifier?", None), *_SECURITY,
        *_unread("desiredProtocols?", "desiredTunnelledProtocol?", "featureSet?", "genericData?"),
        ("hopCount?", Whole(1, 255)),
        *_unread("circuitInfo?", "callIdentifier?", "bandWidth?", "sourceEndpointInfo?", "canMapSrcAlias", "language?"),
    ],
)  # fmt: skip
LCF = Fields(
    [_NUMBER, ("callSignalAddress", TRANSPORT), ("rasAddress", TRANSPORT), _FOREIGN],
    [
        ("destinationInfo?", ALIASES), ("destExtraCallInfo?", None), ("destinationType?", ENDPOINT),
        *_unread("remoteExtensionAddress?", "alternateEndpoints?"), *_SECURITY,
        *_unread("alternateTransportAddresses?", "supportedProtocols?", "multipleCalls?", "featureSet?"),
        *_unread("genericData?", "circuitInfo?", "serviceControl?", "modifiedSrcInfo?", "bandWidth?"),
    ],
)  # fmt: skip
LRJ = Fields(
    [_NUMBER, ("rejectReason", LRJ_REASON), _FOREIGN],
    [*_unread("altGKInfo?"), *_SECURITY, *_unread("featureSet?", "genericData?", "serviceControl?")],
)
XRS = Fields([_NUMBER], [*_SECURITY, ("messageNotUnderstood", None)])
RAS = Choice(
    [
        ("gatekeeperRequest", GRQ), ("gatekeeperConfirm", GCF), ("gatekeeperReject", GRJ),
        *[
            (f"{what}{how}", REST)
            for what in ("registration", "unregistration", "admission", "bandwidth", "disengage")
            for how in ("Request", "Confirm", "Reject")
        ],
        ("locationRequest", LRQ), ("locationConfirm", LCF), ("locationReject", LRJ),
        ("infoRequest", REST), ("infoRequestResponse", REST), ("nonStandardMessage", REST),
        ("unknownMessageResponse", XRS),
    ],
    _unread(
        "requestInProgress", "resourcesAvailableIndicate", "resourcesAvailableConfirm", "infoRequestAck",
        "infoRequestNak", "serviceControlIndication", "serviceControlResponse", "admissionConfirmSequence",
    ),
)  # fmt: skip

# -- call signalling -----------------------------------------------------------------------------------------------
_H245: Part = ("h245Address?", TRANSPORT)
_SECURED = _unread("h245SecurityMode?", "tokens?", "cryptoTokens?")
_FAST: Part = ("fastStart?", _BYTES)
_KEPT: list[Part] = [("multipleCalls", BOOLEAN), ("maintainConnection", BOOLEAN)]
_ID: Part = ("callIdentifier", CALL_ID)

SETUP = Fields(
    [
        _PROTOCOL, _H245, ("sourceAddress?", ALIASES), ("sourceInfo", ENDPOINT), ("destinationAddress?", ALIASES),
        ("destCallSignalAddress?", TRANSPORT), ("destExtraCallInfo?", ALIASES), ("destExtraCRV?", Items(PORT)),
        ("activeMC", BOOLEAN), ("conferenceID", GUID),
        (
            "conferenceGoal",
            Choice(
                _nulls("create", "join", "invite"),
                _nulls("capability-negotiation", "callIndependentSupplementaryService"),
            ),
        ),
        ("callServices?", _SERVICES), ("callType", Choice(_nulls("pointToPoint", "oneToN", "nToOne", "nToN"), [])),
    ],
    [
        ("sourceCallSignalAddress?", TRANSPORT), ("remoteExtensionAddress?", None), _ID,
        *_unread("h245SecurityCapability?", "tokens?", "cryptoTokens?"), _FAST,
        ("mediaWaitForConnect", BOOLEAN), ("canOverlapSend", BOOLEAN), ("endpointIdentifier?", None), *_KEPT,
        *_unread(
            "connectionParameters?", "language?", "presentationIndicator?", "screeningIndicator?", "serviceControl?",
            "symmetricOperationRequired?", "capacity?", "circuitInfo?", "desiredProtocols?", "neededFeatures?",
            "desiredFeatures?", "supportedFeatures?", "parallelH245Control?", "additionalSourceAddresses?",
            "hopCount?", "displayName?",
        ),
    ],
)  # fmt: skip
PROCEEDING = Fields(
    [_PROTOCOL, ("destinationInfo", ENDPOINT), _H245],
    [_ID, *_SECURED, _FAST, *_KEPT, ("fastConnectRefused?", NULL), ("featureSet?", None)],
)
ALERTING = Fields(
    [_PROTOCOL, ("destinationInfo", ENDPOINT), _H245],
    [
        _ID, *_SECURED, _FAST, *_KEPT,
        *_unread("alertingAddress?", "presentationIndicator?", "screeningIndicator?"), ("fastConnectRefused?", NULL),
        *_unread("serviceControl?", "capacity?", "featureSet?", "displayName?"),
    ],
)  # fmt: skip
CONNECT = Fields(
    [_PROTOCOL, _H245, ("destinationInfo", ENDPOINT), ("conferenceID", GUID)],
    [
        _ID, *_SECURED, _FAST, *_KEPT,
        *_unread("language?", "connectedAddress?", "presentationIndicator?", "screeningIndicator?"),
        ("fastConnectRefused?", NULL),
        *_unread("serviceControl?", "capacity?", "featureSet?", "displayName?"),
    ],
)  # fmt: skip
RELEASE = Fields(
    [_PROTOCOL, ("reason?", RELEASE_REASON)],
    [
        _ID,
        *_unread("tokens?", "cryptoTokens?", "busyAddress?", "presentationIndicator?", "screeningIndicator?"),
        *_unread("capacity?", "serviceControl?", "featureSet?"), ("destinationInfo?", ENDPOINT), ("displayName?", None),
    ],
)  # fmt: skip
FACILITY = Fields(
    [
        _PROTOCOL, ("alternativeAddress?", TRANSPORT), ("alternativeAliasAddress?", ALIASES), ("conferenceID?", GUID),
        ("reason", FACILITY_REASON),
    ],
    [
        _ID, *_unread("destExtraCallInfo?", "remoteExtensionAddress?", "tokens?", "cryptoTokens?", "conferences?"),
        _H245, _FAST, *_KEPT, ("fastConnectRefused?", NULL),
        *_unread("serviceControl?", "circuitInfo?", "featureSet?"), ("destinationInfo?", ENDPOINT),
        ("h245SecurityMode?", None),
    ],
)  # fmt: skip
_INFORMATION = Fields([_PROTOCOL], [_ID, *_unread("tokens?", "cryptoTokens?"), _FAST])
PROGRESS = Fields(
    [_PROTOCOL, ("destinationInfo", ENDPOINT), _H245, _ID, *_SECURED, _FAST],
    [*_KEPT, ("fastConnectRefused?", NULL)],
)
BODY = Choice(
    [
        ("setup", SETUP), ("callProceeding", PROCEEDING), ("connect", CONNECT), ("alerting", ALERTING),
        ("information", _INFORMATION), ("releaseComplete", RELEASE), ("facility", FACILITY),
    ],
    _unread("progress", "empty", "status", "statusInquiry", "setupAcknowledge", "notify"),
)  # fmt: skip
_PDU = Fields(
    [("h323-message-body", BODY), _FOREIGN],
    [
        ("h4501SupplementaryService?", None), ("h245Tunnelling", BOOLEAN), ("h245Control?", _BYTES),
        *_unread(
            "nonStandardControl?", "callLinkage?", "tunnelledSignallingMessage?", "provisionalRespToH245Tunnelling?",
            "stimulusControl?", "genericData?",
        ),
    ],
)  # fmt: skip
USER = Fields(
    [
        ("h323-uu-pdu", _PDU),
        ("user-data?", Fields([("protocol-discriminator", BYTE), ("user-information", Octets(1, 131))], [])),
    ],
    [],
)
