"""What Q.931 causes and H.225.0 reasons mean to people, in English and in Vietnamese; who asks chooses the language.

Numbers of causes: ITU-T Q.850; names of reasons: H.225.0 Annex H.
"""

from __future__ import annotations

Words = tuple[str, str]  # English, Vietnamese
LANGUAGES = ("en", "vi")

CAUSES: dict[int, Words] = {
    1: ("no such number", "số không tồn tại"),
    2: ("no route to the network it is in", "không có đường tới mạng của số này"),
    3: ("no route to the room", "không có đường tới phòng họp"),
    6: ("channel not acceptable", "kênh không được chấp nhận"),
    16: ("the call was ended normally", "cuộc gọi kết thúc bình thường"),
    17: ("the room is busy", "phòng họp đang bận"),
    18: ("the room's device does not respond", "thiết bị phòng họp không phản hồi"),
    19: ("it rings and nobody answers", "có chuông nhưng không ai nhận cuộc gọi"),
    20: ("the room is not registered now (wrong number, or its device is off)",
         "phòng họp chưa đăng ký (sai số hoặc thiết bị đang tắt)"),
    21: ("the far end rejects the call", "đầu bên kia từ chối cuộc gọi"),
    22: ("the number was changed", "số đã thay đổi"),
    25: ("the exchange cannot route it", "tổng đài không định tuyến được"),
    26: ("another user took the call", "người khác đã nhận cuộc gọi"),
    27: ("the room's device is out of order", "thiết bị phòng họp bị hỏng"),
    28: ("the number is incomplete or written wrongly", "số thiếu hoặc sai định dạng"),
    29: ("a facility was rejected", "dịch vụ bị từ chối"),
    31: ("it says no without a reason", "từ chối không nêu lý do"),
    34: ("no channel is free (licences or ports are used up)", "hết kênh (hết cổng hoặc giấy phép)"),
    38: ("the network is out of order", "mạng bị hỏng"),
    41: ("a passing failure, try again", "lỗi tạm thời, hãy gọi lại"),
    42: ("the equipment is overloaded", "thiết bị quá tải"),
    43: ("access information was thrown away", "thông tin truy nhập bị loại bỏ"),
    44: ("the channel asked for is not to be had", "kênh yêu cầu không có"),
    47: ("resources are used up", "hết tài nguyên"),
    49: ("the quality asked for is not to be had", "không đáp ứng chất lượng yêu cầu"),
    50: ("the service is not subscribed to", "dịch vụ chưa được đăng ký"),
    57: ("this kind of call is not allowed to us", "loại cuộc gọi này không được phép"),
    58: ("this kind of call is not possible now", "loại cuộc gọi này hiện không thực hiện được"),
    63: ("the service is not to be had", "dịch vụ không có"),
    65: ("this kind of call is not supported", "không hỗ trợ loại cuộc gọi này"),
    69: ("the facility asked for is not supported", "không hỗ trợ tính năng yêu cầu"),
    79: ("the service is not supported", "không hỗ trợ dịch vụ"),
    81: ("it does not know the call's reference", "không nhận ra mã cuộc gọi"),
    88: ("the devices do not fit together", "hai thiết bị không tương thích"),
    95: ("it calls our message invalid", "báo bản tin không hợp lệ"),
    96: ("it misses a mandatory part of our message", "báo thiếu thành phần bắt buộc trong bản tin"),
    97: ("it does not know the type of our message", "không biết loại bản tin"),
    98: ("our message does not fit the call's state", "bản tin không hợp với trạng thái cuộc gọi"),
    99: ("it does not know a part of our message", "không biết một thành phần của bản tin"),
    100: ("a part of our message is invalid", "một thành phần của bản tin không hợp lệ"),
    101: ("our message does not fit the call's state", "bản tin không hợp với trạng thái cuộc gọi"),
    102: ("a timer ran out at the far end", "hết thời gian chờ ở đầu bên kia"),
    111: ("a protocol error at the far end", "lỗi giao thức ở đầu bên kia"),
    127: ("interworking, no further reason", "lỗi liên mạng, không rõ lý do"),
}  # fmt: skip
RELEASES: dict[str, Words] = {
    "noBandwidth": ("the gatekeeper gives no bandwidth", "gatekeeper không cấp băng thông"),
    "gatekeeperResources": ("the gatekeeper's resources are used up", "gatekeeper hết tài nguyên"),
    "unreachableDestination": ("no way to the room", "không có đường tới phòng họp"),
    "destinationRejection": ("the room rejects the call", "phòng họp từ chối cuộc gọi"),
    "invalidRevision": ("it does not take our version of H.225.0", "không chấp nhận phiên bản H.225.0"),
    "noPermission": ("its gatekeeper does not permit the call", "gatekeeper không cho phép cuộc gọi"),
    "unreachableGatekeeper": ("it cannot reach its gatekeeper", "không tới được gatekeeper của nó"),
    "gatewayResources": ("ports or licences are used up", "hết cổng hoặc giấy phép"),
    "badFormatAddress": ("the number is written wrongly", "số sai định dạng"),
    "adaptiveBusy": ("its LAN is too busy", "mạng LAN của nó quá tải"),
    "inConf": ("the room is in a conference already", "phòng đang ở trong cuộc họp khác"),
    "undefinedReason": ("no reason given", "không nêu lý do"),
    "facilityCallDeflection": ("the call was sent elsewhere", "cuộc gọi được chuyển nơi khác"),
    "securityDenied": ("it demands security (H.235) we do not have", "yêu cầu bảo mật (H.235)"),
    "calledPartyNotRegistered": ("the room is not registered", "phòng họp chưa đăng ký"),
    "callerNotRegistered": ("it takes calls of registered callers only", "chỉ nhận cuộc gọi từ máy đã đăng ký"),
    "newConnectionNeeded": ("it wants a new connection", "cần mở kết nối mới"),
    "nonStandardReason": ("a reason of its maker's own", "lý do riêng của nhà sản xuất"),
    "replaceWithConferenceInvite": ("it will call us into a conference", "sẽ mời lại vào hội nghị"),
    "genericDataReason": ("a reason told as generic data", "lý do ghi trong dữ liệu chung"),
    "neededFeatureNotSupported": ("a feature it needs is missing", "thiếu tính năng bắt buộc"),
    "tunnelledSignallingRejected": ("it takes no tunnelled signalling", "không nhận báo hiệu đường hầm"),
    "invalidCID": ("it does not know the conference", "không biết hội nghị này"),
    "securityError": ("a security error (H.235)", "lỗi bảo mật (H.235)"),
    "hopCountExceeded": ("too many gatekeepers on the way (a loop?)", "qua quá nhiều gatekeeper (bị vòng lặp?)"),
}
GATEKEEPER_REJECTS: dict[str, Words] = {
    "resourceUnavailable": ("its resources are used up", "hết tài nguyên"),
    "terminalExcluded": ("it does not serve us", "không phục vụ máy này"),
    "invalidRevision": RELEASES["invalidRevision"],
    "undefinedReason": RELEASES["undefinedReason"],
    "securityDenial": RELEASES["securityDenied"],
    "genericDataReason": RELEASES["genericDataReason"],
    "neededFeatureNotSupported": RELEASES["neededFeatureNotSupported"],
    "securityError": RELEASES["securityError"],
}
LOCATION_REJECTS: dict[str, Words] = {
    "notRegistered": ("we are not registered there", "máy này chưa đăng ký ở đó"),
    "invalidPermission": ("its administrator does not allow us to ask", "quản trị không cho phép hỏi"),
    "requestDenied": ("it knows no such room", "không biết phòng họp này"),
    "undefinedReason": RELEASES["undefinedReason"],
    "securityDenial": RELEASES["securityDenied"],
    "aliasesInconsistent": ("the names belong to different rooms", "các tên thuộc phòng khác nhau"),
    "routeCalltoSCN": ("the room is in the telephone network", "phòng thuộc mạng điện thoại"),
    "resourceUnavailable": GATEKEEPER_REJECTS["resourceUnavailable"],
    "genericDataReason": RELEASES["genericDataReason"],
    "neededFeatureNotSupported": RELEASES["neededFeatureNotSupported"],
    "hopCountExceeded": RELEASES["hopCountExceeded"],
    "incompleteAddress": ("the number is incomplete", "số chưa đủ"),
    "securityError": RELEASES["securityError"],
    "securityDHmismatch": RELEASES["securityError"],
    "noRouteToDestination": CAUSES[3],
    "unallocatedNumber": CAUSES[1],
}
FACILITIES: dict[str, Words] = {
    "routeCallToGatekeeper": ("call its gatekeeper instead", "hãy gọi qua gatekeeper của nó"),
    "callForwarded": ("call another place instead", "cuộc gọi được chuyển tới nơi khác"),
    "routeCallToMC": ("call its MCU instead", "hãy gọi tới MCU của nó"),
}
_UNKNOWN: Words = ("no words for it", "không có giải thích")


def _said(words: Words | None, lang: str) -> str:
    return (words or _UNKNOWN)[LANGUAGES.index(lang)]


def cause(number: int, lang: str = "en") -> str:
    """A Q.931 cause in words."""
    return _said(CAUSES.get(number), lang)


def release(reason: str, lang: str = "en") -> str:
    """The reason of a RELEASE COMPLETE in words."""
    return _said(RELEASES.get(reason), lang)


def rejected(message: str, reason: str, lang: str = "en") -> str:
    """The reason of a `gatekeeperReject` or `locationReject` in words."""
    table = LOCATION_REJECTS if message == "locationReject" else GATEKEEPER_REJECTS
    return _said(table.get(reason), lang)


def facility(reason: str, lang: str = "en") -> str:
    """The reason of a FACILITY that sends a call elsewhere in words."""
    return _said(FACILITIES.get(reason), lang)
