"""What readiness says to people, in Vietnamese and English. Pure tables."""

from __future__ import annotations

from probes.base import Outcome

LANGUAGES = ("vi", "en")
_SILENT = {
    "vi": "Bật thiết bị đầu cuối, kiểm tra nguồn và cáp mạng; nếu vẫn im lặng, gọi đơn vị giữ đường truyền.",
    "en": "Switch the endpoint on, check power and cable; if it stays silent, call whoever keeps its link.",
}
_REFUSED = {
    "vi": "Thiết bị có mạng nhưng dịch vụ gọi không chạy hoặc bị tường lửa chặn: khởi động lại, kiểm tra tường lửa.",
    "en": "The device is on the network and takes no calls, or a firewall says no: restart it, look at the firewall.",
}
_TLS = {
    "vi": "Gia hạn hoặc cài đúng chứng thư của thiết bị; kiểm tra đồng hồ của nó.",
    "en": "Renew or install the device's certificate; check its clock.",
}
_ALIAS = {
    "vi": "Nhờ đội MCU kiểm tra tên phòng (alias) và đăng ký của thiết bị.",
    "en": "Have the MCU team check the room's alias and its registration.",
}
_CALL_LOST = {
    "vi": "Không ai nhận cuộc gọi: xem thiết bị đã bật chưa, bật tự động trả lời hoặc cử người trực.",
    "en": "Nobody takes the call: see that the device is on, switch automatic answering on, or put somebody there.",
}
_CALL = {
    "vi": "Phòng bận hoặc từ chối: kết thúc cuộc gọi khác, tắt chế độ không làm phiền.",
    "en": "The room is busy or declines: end its other call, switch do-not-disturb off.",
}
_CODEC = {
    "vi": "Không có codec chung: bật H.264 và G.711 hoặc Opus.",
    "en": "No common codec: allow H.264 and G.711 or Opus.",
}
_MEDIA = {
    "vi": "Báo hiệu qua được, tiếng hoặc hình thì không: mở dải cổng RTP (UDP) trên tường lửa cả hai chiều.",
    "en": "Signalling passes, sound or picture does not: open the RTP ports (UDP) in the firewalls, both ways.",
}
_QUALITY = {
    "vi": "Gọi nhà mạng của đường truyền, đọc số kênh; giảm tốc độ phòng nếu không kịp.",
    "en": "Call the link's carrier and quote the circuit; lower the room's rate if there is no time.",
}
RESPONDER = {
    "vi": "Phòng dùng được; chất lượng chưa đo: bật chương trình đáp cạnh phòng (netmon reflector --media) hoặc mở cổng của nó.",
    "en": "The room holds; its quality is not measured: start the responder beside it (netmon reflector --media), or open its port.",
}
_NAME = {"vi": "Kiểm tra DNS và tên của thiết bị.", "en": "Check DNS and the device's name."}
_ADDRESS = {
    "vi": "Ghi đúng địa chỉ và tên (alias) của phòng vào danh mục (rooms: address, alias).",
    "en": "Write the room's right address and alias into the inventory (rooms: address, alias).",
}
_OURS = {
    "vi": "Máy đo bận hoặc không có đường: đo lại; không phải lỗi của phòng.",
    "en": "The measuring machine was busy or has no way: measure again; the room is not at fault.",
}
_COMMON = {
    "vi": "{many} phòng hỏng cùng một bậc sau {name}: gọi {owner} trước, đừng gọi từng phòng.",
    "en": "{many} rooms break at the same rung behind {name}: call {owner} first, not each room.",
}
_DO = {
    ("port", Outcome.LOST): _SILENT,
    ("signalling", Outcome.LOST): _SILENT,
    ("call", Outcome.LOST): _CALL_LOST,
    ("call", Outcome.PROTOCOL): _CODEC,
    ("media", Outcome.PROTOCOL): _CODEC,
}
_DO_RUNG = {
    "port": _REFUSED, "signalling": _REFUSED, "tls": _TLS, "alias": _ALIAS, "call": _CALL, "media": _MEDIA,
    "quality": _QUALITY, "name": _NAME, "address": _ADDRESS,
}  # fmt: skip


def to_do(rung: str, outcome: Outcome) -> dict[str, str]:
    """What somebody should do about a broken rung, by language."""
    if outcome is Outcome.LOCAL:
        return _OURS
    return _DO.get((rung, outcome)) or _DO_RUNG[rung]


def common(many: int, name: str, owner: str) -> dict[str, str]:
    """What to do about a cause that rooms share."""
    return {lang: text.format(many=many, name=name, owner=owner or name) for lang, text in _COMMON.items()}
