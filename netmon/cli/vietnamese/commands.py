"""What `--help` and faults of files and arguments say in Vietnamese. Pure tables; loaded where the language asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from netmon.cli.vietnamese import sheets as vietnamesesheets
from netmon.cli.vietnamese.messages import REASONS, SAID, SYSTEM, USAGE
from netmon.errors import Problem

# --- help: English → Vietnamese; what argparse says of its own is in it, too ---

HELP: dict[str, str] = {
    "usage: ": "cách dùng: ",
    "options": "tùy chọn",
    "positional arguments": "đối số",
    "verbs": "lệnh",
    "words": "lệnh con",
    "reports": "báo cáo",
    "show this help message and exit": "hiện trợ giúp này rồi thoát",
    "Measures the network, finds the one broken thing, tells the right people.": "Đo mạng, tìm đúng chỗ hỏng, báo đúng người.",
    "With every verb: --lang vi|en, --no-color, --log debug|info|warning|error.": "Với mọi lệnh: --lang vi|en, --no-color, --log debug|info|warning|error.",
    "language of what is printed; without it that of NETMON_LANG or the locale": "ngôn ngữ hiển thị; nếu không ghi thì theo NETMON_LANG hoặc locale",
    "no colours (as the variable NO_COLOR)": "không dùng màu (như biến NO_COLOR)",
    "how much to log": "mức ghi nhật ký",
    "agent, hub and store in one command; --lab builds a network to try them on": "agent, trung tâm và kho trong một lệnh; --lab dựng một mạng để thử",
    "measure and send, for ever": "đo và gửi, chạy mãi",
    "send points again that a database or a hub refused": "gửi lại các điểm đo đã bị cơ sở dữ liệu hoặc trung tâm từ chối",
    "the file of a hub or of an agent": "tệp của trung tâm hoặc của agent",
    "sinks or destinations (default: all that have some)": "các kho hoặc đích (mặc định: mọi nơi còn điểm đo bị từ chối)",
    "receive, judge, page, for ever": "nhận, phán đoán, gửi cảnh báo, chạy mãi",
    "answer STAMP tests": "trả lời phép đo STAMP",
    "one probe kind, now": "đo một phép đo, ngay bây giờ",
    "is every room ready, and whose fault is it if not": "phòng họp nào chưa sẵn sàng, và lỗi của ai",
    "the live screen of network operators": "màn hình trực tiếp của người vận hành mạng",
    "this machine's link in five lines, with or without the hub": "đường truyền của máy này trong năm dòng, có hay không có trung tâm",
    "what is broken, and what was in the last 24 h": "đang hỏng gì, và đã hỏng gì trong 24 giờ qua",
    "take an incident into your hands": "nhận xử lý một sự cố",
    "no pages for an element, for a time": "không gửi cảnh báo về một phần tử, trong một thời gian",
    "which heavy tests run now, and what links have carried of them today": "phép đo nặng nào đang chạy, và hôm nay đường truyền đã chở bao nhiêu vì chúng",
    "figures over days, from the hub's store": "số liệu nhiều ngày, từ kho của trung tâm",
    "check, show or explain configuration files": "kiểm tra, hiện hoặc giải thích tệp cấu hình",
    "send again what a database refused": "gửi lại những gì cơ sở dữ liệu đã từ chối",
    "build a network of namespaces with this many communes": "dựng một mạng thử với chừng này xã",
    "meeting rooms in the lab, and a conference to try them with": "thêm phòng họp và một hội nghị vào mạng thử",
    "end after this time (60s, 5m)": "dừng sau thời gian này (60s, 5m)",
    "no screen: events on stdout": "không có màn hình: sự kiện ra stdout",
    "send pages there instead of the lab's own receiver": "gửi cảnh báo tới đó thay cho máy nhận của mạng thử",
    "form of the events": "dạng của sự kiện",
    "what the lab's hosts are made of": "máy của mạng thử làm bằng gì",
    "close ICMP sockets to every group in the lab: agents fall back to raw sockets": "đóng ổ cắm ICMP trong mạng thử: agent dùng ổ cắm thô",
    "work in this folder and leave it there (files, logs, stores)": "làm việc trong thư mục này và giữ lại nó (tệp, nhật ký, kho)",
    "the agent's file (agent.yaml)": "tệp của agent (agent.yaml)",
    "the hub's file (hub.yaml)": "tệp của trung tâm (hub.yaml)",
    "where STAMP tests come in": "nơi nhận phép đo STAMP",
    "answer authenticated tests only": "chỉ trả lời phép đo có xác thực",
    "answer STAMP and throughput tests from there only (may be given again)": "chỉ trả lời phép đo STAMP và băng thông từ đó (ghi được nhiều lần)",
    "STAMP answers a second to one source": "số trả lời STAMP mỗi giây cho một nguồn",
    "STAMP answers a second to all sources together": "số trả lời STAMP mỗi giây cho mọi nguồn",
    "answer iperf3 tests there too": "trả lời cả phép đo iperf3 ở đó",
    "iperf3 tests by these users only: lines user,sha256": "chỉ cho những người dùng này đo iperf3: mỗi dòng user,sha256",
    "the RSA private key their logins are under (PEM)": "khóa riêng RSA của việc đăng nhập (PEM)",
    "RSA padding of logins: pkcs1 is iperf3's up to 3.16, oaep from 3.17 on": "kiểu đệm RSA: pkcs1 cho iperf3 đến 3.16, oaep từ 3.17",
    "answer capacity and headroom tests there too": "trả lời cả phép đo capacity và headroom ở đó",
    "answer media tests there too": "trả lời cả phép đo media ở đó",
    "media tests at once; two to one address": "số phép đo media cùng lúc; hai cho một địa chỉ",
    "address, name, or host:port": "địa chỉ, tên, hoặc máy:cổng",
    "a setting, with its unit": "một thiết lập, kèm đơn vị",
    "packets of the one measurement (default 5)": "số gói của phép đo (mặc định 5)",
    "say the settings and what each value means (stderr), and every event of the run": "nói các thiết lập, ý nghĩa từng giá trị (stderr) và mọi sự kiện",
    "try every room now, and say which are not ready, and whose it is": "thử mọi phòng ngay, nói phòng nào chưa sẵn sàng và thuộc về ai",
    "those the hub knows, their last rehearsal, and the next": "các hội nghị trung tâm biết, lần thử cuối và lần tới",
    "the live board of one, from what the hub knows; nothing is measured": "bảng trực tiếp của một hội nghị, theo những gì trung tâm biết; không đo gì",
    "after it: rehearsals, bad minutes, losses and incidents by room": "sau hội nghị: lần thử, phút xấu, mất gói và sự cố theo phòng",
    "a list of rooms an office sent → what to add to the inventory": "danh sách phòng do đơn vị gửi → những gì cần thêm vào danh mục",
    "what the MCU reports of each room beside what agents measure": "những gì MCU báo về từng phòng, cạnh số đo của agent",
    "what its links and MCUs must carry; nothing is measured": "đường truyền và MCU phải chở bao nhiêu; không đo gì",
    "local socket of the hub, or https://host:port": "ổ cắm tại chỗ của trung tâm, hoặc https://máy:cổng",
    "file with a read token (for a URL)": "tệp chứa mã đọc (khi dùng URL)",
    "the hub's ca.pem (for a URL)": "ca.pem của trung tâm (khi dùng URL)",
    "file with a read token (for a hub's URL)": "tệp chứa mã đọc (khi dùng URL của trung tâm)",
    "the hub's ca.pem (for a hub's URL)": "ca.pem của trung tâm (khi dùng URL của trung tâm)",
    "how a hub itself fares, instead of an agent": "chính trung tâm ra sao, thay cho agent",
    "show communes with these words only": "chỉ hiện xã có những từ này",
    "write the screen into an SVG file and exit": "ghi màn hình vào tệp SVG rồi thoát",
    "print and exit": "in ra rồi thoát",
    "the agent's file (/etc/netmon/agent.yaml)": "tệp của agent (/etc/netmon/agent.yaml)",
    "the agent's socket, instead of a file": "ổ cắm của agent, thay cho tệp",
    "only those that are not over": "chỉ những sự cố chưa xong",
    "the incident, as `netmon incidents` shows it": "mã sự cố, như `netmon incidents` hiện",
    "what you are about to do": "bạn sắp làm gì",
    "your name (default: the user of this machine)": "tên bạn (mặc định: người dùng của máy)",
    "as link:core-province or commune:26734": "như link:core-province hoặc commune:26734",
    "how long: 30m, 2h, 1d": "bao lâu: 30m, 2h, 1d",
    "why": "vì sao",
    "what is silenced now": "đang im lặng những gì",
    "end a silence now": "bỏ im lặng ngay",
    "how test calls went in each province: the figures of RFC 6076 (SER, SEER, ISA, SCR, SRD, SDD)": "cuộc gọi thử của từng tỉnh: số liệu theo RFC 6076 (SER, SEER, ISA, SCR, SRD, SDD)",
    "the hub's file (hub.yaml), which says where its store is": "tệp của trung tâm (hub.yaml), nói kho ở đâu",
    "the store itself (default: /var/lib/netmon/hub/store)": "chính kho (mặc định: /var/lib/netmon/hub/store)",
    "length of the window (default: 7)": "độ dài khoảng thời gian, ngày (mặc định: 7)",
    "only this province": "chỉ tỉnh này",
    "tell every fault of all files at once (exit code 78)": "nói mọi lỗi của mọi tệp một lần (mã thoát 78)",
    "what takes effect, defaults marked, secrets not shown": "những gì có hiệu lực, đánh dấu giá trị mặc định, không hiện bí mật",
    "JSON Schema of a kind of file, for editors": "JSON Schema của một loại tệp, cho trình soạn thảo",
    "a file to begin with": "một tệp để bắt đầu",
    "a hub's file brings those it names along": "tệp của trung tâm kéo theo các tệp nó nêu",
    "which kind of file it is (else found from its keys)": "đó là loại tệp nào (nếu không ghi thì đoán theo khóa)",
    "a setting of the kind `room`": "một thiết lập của phép đo `room`",
    "as 2026-12-01T08:00:00+07:00": "như 2026-12-01T08:00:00+07:00",
    "ask this one only": "chỉ hỏi MCU này",
    "begin nothing after so long (20m); the rest is not measured": "sau chừng này (20m) không bắt đầu gì nữa; phần còn lại không đo",
    "call rooms although a conference goes on there": "gọi cả phòng đang họp",
    "calls and streams at one time (default 12)": "số cuộc gọi và luồng cùng lúc (mặc định 12)",
    "end, with all that was started, when stdin ends": "kết thúc mọi thứ khi stdin đóng",
    "every room, also those of which nothing failed": "mọi phòng, cả phòng không hỏng gì",
    "hold names, codes and ids against it": "đối chiếu tên, mã và id với nó",
    "id of the conference to make": "id của hội nghị cần lập",
    "its MCU; may be given again": "MCU của nó; ghi được nhiều lần",
    "its id in the hub's inventory": "id trong danh mục của trung tâm",
    "its id in the inventory, or its name": "id trong danh mục, hoặc tên",
    "its name for people": "tên cho người đọc",
    "jsonl: one line for each change": "jsonl: một dòng cho mỗi thay đổi",
    "only ask: no call, no stream": "chỉ hỏi: không gọi, không phát luồng",
    "the list: CSV or XLSX": "danh sách: CSV hoặc XLSX",
    "which sheet of an XLSX with several lists": "trang nào của tệp XLSX có nhiều danh sách",
}  # fmt: skip
_HELP_WITH_NUMBERS: tuple[tuple[str, str], ...] = (
    (r"what breaks in the lab \(breaks at (\d+) s, mends at (\d+) s\)", r"cái gì hỏng trong mạng thử (hỏng lúc \1 s, sửa xong lúc \2 s)"),
    (r"longest iperf3 test, in seconds \((.+)\)", r"phép đo iperf3 dài nhất, giây (\1)"),
    (r"most streams of an iperf3 test \((.+)\)", r"số luồng nhiều nhất của phép đo iperf3 (\1)"),
    (r"most bit/s of an iperf3 test by UDP \((.+)\)", r"số bit/s lớn nhất của phép đo iperf3 bằng UDP (\1)"),
    (r"iperf3 clients that may wait their turn \((.+)\)", r"số máy iperf3 được xếp hàng (\1)"),
    (r"how far a login's clock may be from ours, in seconds \((.+)\)", r"đồng hồ người đăng nhập được lệch bao nhiêu giây (\1)"),
    (r"is the 95th percentile of each link's five-minute samples at most 90 (%+) (.+)\?", r"bách phân vị 95 của các mẫu 5 phút trên từng đường truyền có quá 90 \1 không (Thông tư 06/2026, Điều 5.6)?"),
    (r"hub.yaml with mcus: \(default (.+)\)", r"hub.yaml có mcus: (mặc định \1)"),
    (r"the hub's file, which says where (.+) are \(default (.+)\)", r"tệp của trung tâm, nói danh mục, kho và ổ cắm ở đâu (mặc định \2)"),
    (r"\(default (.+)\)", r"(mặc định \1)"),
)  # fmt: skip

# --- faults: patterns over the English sentences; `\1` is what stood in them ---

_Q = r"('(?:[^']|'(?=\w))*'|\S+)"  # a quoted word
_FAULTS: tuple[tuple[str, str], ...] = (
    (r"is missing", r"thiếu"),
    (rf"target {_Q} is not understood", r"không hiểu đích \1"),
    (r"conference (\S+) has not started (.+)", r"hội nghị \1 chưa bắt đầu \2"),
    (rf"no conference {_Q} in (.+)", r"không có hội nghị \1 trong \2"),
    (rf"{_Q} is no hub's address", r"\1 không phải địa chỉ của trung tâm"),
    (rf"{_Q} is no (?:address|rate|number of tests)", r"\1 không phải giá trị dùng được"),
    (r"has no value", r"không có giá trị"),
    (r"unknown key", r"khóa không có"),
    (r"is empty", r"trống"),
    (r"is a folder", r"là thư mục"),
    (r"is an empty list", r"là danh sách trống"),
    (r"the secret's file (.+) is not there(.*)", r"không có tệp bí mật \1\2"),
    (r"is not a table", r"không phải bảng khóa"),
    (r"is not a list", r"không phải danh sách"),
    (r"is (.+), not a single value", r"là bảng hoặc danh sách, không phải một giá trị"),
    (r"is not text", r"không phải văn bản"),
    (r"is written twice, first in line (\d+)", r"ghi hai lần, lần đầu ở dòng \1"),
    (rf"{_Q} is already taken in line (\d+)(.*)", r"\1 đã dùng ở dòng \2\3"),
    (rf"{_Q} is already taken(.*)", r"\1 đã dùng rồi\2"),
    (r"cannot be read: (.*)", r"không đọc được: \1"),
    (r"is larger than (\w+) bytes", r"lớn hơn \1 byte"),
    (r"is not UTF-8 text(.*)", r"không phải văn bản UTF-8\1"),
    (r"is not YAML: (.*)", r"không phải YAML: \1"),
    (r"is nested deeper than (\d+) levels", r"lồng sâu hơn \1 tầng"),
    (r"(.*): aliases are not read", r"\1: không đọc bí danh YAML"),
    (r"(.*): anchors are not read", r"\1: không đọc mỏ neo YAML"),
    (r"(.*): tags are not read", r"\1: không đọc thẻ YAML"),
    (r"a second document begins here", r"tài liệu thứ hai bắt đầu ở đây"),
    (r"a key must be a word", r"khóa phải là một từ"),
    (r"is none of netmon's files by its keys", r"theo các khóa thì không phải tệp nào của netmon"),
    (rf"{_Q} is not a probe kind", r"\1 không phải loại phép đo"),
    (rf"{_Q} needs (.+), which is not installed", r"\1 cần \2, chưa được cài"),
    (rf"{_Q} is not a value of (\S+)", r"\1 không phải giá trị của \2"),
    (r"(\S+) runs all the time", r"\1 chạy liên tục"),
    (rf"{_Q} is not another check of this agent", r"\1 không phải phép đo khác của agent này"),
    (rf"{_Q} is not ADDRESS:PORT(.*)", r"\1 không phải ĐỊA_CHỈ:CỔNG\2"),
    (r"nobody's traps would be heard", r"sẽ không nghe trap của ai cả"),
    (rf"{_Q} cannot be used here", r"\1 không dùng được ở đây"),
    (rf"{_Q} cannot be dialled", r"không gọi được \1"),
    (r"is not a web address", r"không phải địa chỉ web"),
    (r"has a user or password in it", r"có tên người dùng hoặc mật khẩu trong địa chỉ"),
    (r"would send the (password|token) in the clear(.*)", r"sẽ gửi mật khẩu hoặc mã bí mật không mã hóa\2"),
    (rf"{_Q} is not known", r"không có \1"),
    (rf"{_Q} is not a duration", r"\1 không phải thời gian"),
    (rf"{_Q} is not a rate", r"\1 không phải tốc độ"),
    (rf"{_Q} is not a size", r"\1 không phải dung lượng"),
    (rf"{_Q} is not a whole number of (\S+)", r"\1 không phải số nguyên \2"),
    (rf"{_Q} is not a whole number", r"\1 không phải số nguyên"),
    (rf"{_Q} is not a number", r"\1 không phải số"),
    (rf"{_Q} is too low", r"\1 quá nhỏ"),
    (rf"{_Q} is too high", r"\1 quá lớn"),
    (rf"{_Q} is not understood", r"không hiểu \1"),
    (rf"{_Q} is not (.+)", r"\1 không phải \2"),
    (rf"{_Q} is no agent of (.+)", r"\1 không phải agent trong \2"),
    (rf"{_Q} is no MCU of (.+)", r"\1 không phải MCU trong \2"),
    (rf"{_Q} is no (.+) of this file(.*)", r"\1 không có trong tệp này\3"),
    (rf"{_Q} is a check of agent {_Q} in (.+)", r"\1 là phép đo của agent \2 trong \3"),
    (
        rf"{_Q} is not in (\S+): it is measured and stored, and opens no incident",
        r"\1 không có trong \2: vẫn đo và lưu, nhưng không mở sự cố",
    ),
    (rf"{_Q} owns nothing in (.+)", r"\1 không sở hữu gì trong \2"),
    (rf"has no {_Q}, which (\S+) lists for this agent", r"không có \1, mà \2 ghi cho agent này"),
    (
        r"may last (\S+) s, longer than (.+): it never runs",
        r"có thể kéo dài \1 s, lâu hơn \2: sẽ không bao giờ chạy",
    ),
    (r"may send (\S+) MB, more than (.+): it never runs", r"có thể gửi \1 MB, nhiều hơn \2: sẽ không bao giờ chạy"),
    (r"has no rules", r"không có luật nào"),
    (rf"(.+) has no field {_Q}", r"\1 không có trường \2"),
    (r"(.+) has no distribution of round trips", r"\1 không có phân bố thời gian khứ hồi"),
    (r"closes a ring: there is a way from (.+) to (.+) already", r"tạo vòng: đã có đường từ \1 đến \2"),
    (
        r"(.+) hangs on nothing: no link leads from it to hub_site (.+)",
        r"\1 không nối vào đâu: không đường truyền nào dẫn từ đó đến hub_site \2",
    ),
    (r"leads from (.+) to itself", r"nối \1 với chính nó"),
    (r"(.+) is not a commune's code", r"\1 không phải mã xã"),
    (r"(.+) is not a province's code", r"\1 không phải mã tỉnh"),
    (r"(.+) is no province of this file", r"\1 không phải tỉnh có trong tệp này"),
    (r"(.+) is not its own code", r"\1 không phải mã của chính nó"),
    (r"(.+): only communes and provinces have a code", r"\1: chỉ xã và tỉnh có mã"),
    (r"(.+) has an unknown unit", r"\1 có đơn vị lạ"),
    (r"is no address to call", r"không phải địa chỉ để gọi"),
    (r"No such file or directory", r"không có tệp này"),
    (r"Is a directory", r"là thư mục"),
    (r"Permission denied", r"không có quyền đọc"),
    (r"is not HOST:PORT", r"không phải MÁY:CỔNG"),
    (r"packets measure nothing", r"gói thì không đo được gì"),
    (r"(-?\d+) (packets|streams) measures? nothing", r"\1 thì không đo được gì"),
)
_WRITE: tuple[tuple[str, str], ...] = (
    (r"name of this agent, unique in the network", r"tên của agent này, duy nhất trong mạng"),
    (r"id of the site it stands in", r"id của địa điểm đặt agent"),
    (r"where points go", r"nơi nhận điểm đo"),
    (r"what is measured", r"những gì cần đo"),
    (r"id of the site the hub stands in: (.+)", r"id của địa điểm đặt trung tâm"),
    (r"places with equipment", r"các địa điểm có thiết bị"),
    (r"the rules", r"các luật"),
    (r"netmon conference watch shows how it stands", r"netmon conference watch cho xem tình hình"),
    (r"write https://host:port or the path of its socket", r"ghi https://máy:cổng hoặc đường dẫn ổ cắm của nó"),
    (r"--ca takes the hub's ca.pem", r"--ca nhận ca.pem của trung tâm"),
    (r"write the value itself", r"ghi chính giá trị đó"),
    (r"write the value wherever it is needed", r"ghi giá trị ở mọi nơi cần"),
    (r"write whsec_… or any text into it", r"ghi vào đó whsec_… hoặc một chuỗi bất kỳ"),
    (r"remove it: every value is text", r"bỏ đi: mọi giá trị là chữ"),
    (r"close the list with \]", r"đóng danh sách bằng ]"),
    (r"close the table with \}", r"đóng bảng bằng }"),
    (r"close the quotes", r"đóng dấu nháy"),
    (r"write key: value", r"ghi khóa: giá trị"),
    (r"choose another address", r"chọn địa chỉ khác"),
    (r"one `- …` a line", r"mỗi dòng một `- …`"),
    (r"write an address, a name, or host:port (.+)", r"ghi địa chỉ, tên, hoặc máy:cổng \1"),
    (r"did you mean (.+)\?", r"có phải \1?"),
    (r"known: (.*)", r"có: \1"),
    (r"remove the (.+) character", r"xóa ký tự hỏng"),
    (r"--as (.+) says which", r"--as \1 nói loại nào"),
    (r"make it before the start(.*)", r"tạo nó trước khi chạy"),
    (r"write at least one, or leave the key out", r"ghi ít nhất một, hoặc bỏ khóa"),
    (r"name the file in it", r"nêu tên tệp trong đó"),
    (r"keep one", r"giữ một"),
    (r"choose another name", r"chọn tên khác"),
    (r"leave it out(.*)", r"bỏ đi"),
    (r"name it once", r"chỉ nêu một lần"),
    (r"add a link", r"thêm một đường truyền"),
    (r"add it to (\w+): there", r"thêm vào \1: ở đó"),
    (r"save the file as UTF-8", r"lưu tệp bằng UTF-8"),
    (r"install (\S+)", r"cài \1"),
    (r"check the indentation", r"xem lại thụt lề"),
    (r"indent with spaces, never tabs; (.*)", r"thụt lề bằng dấu cách, không dùng tab; đặt chữ có ký tự đặc biệt trong dấu nháy"),
    (r"put text (.*) in quotes(.*)", r"đặt chữ có ký tự đặc biệt trong dấu nháy"),
    (r"put the secret into a file and name the file", r"để bí mật trong một tệp và nêu tên tệp"),
    (r"one file holds one document: remove ---", r"một tệp một tài liệu: bỏ ---"),
    (r"netmon config sample prints a file to begin with", r"netmon config sample in một tệp để bắt đầu"),
    (r"only other kinds run at once", r"chỉ loại khác mới chạy ngay"),
    (r"(.+) or more", r"\1 trở lên"),
    (r"(.+) or less", r"\1 trở xuống"),
    (r"write letters, digits, (.+) at most 64, (.+)", r"ghi chữ cái, chữ số, . _ và -, nhiều nhất 64, bắt đầu bằng chữ cái hoặc chữ số"),
    (r"write five digits, as (\d+)", r"ghi năm chữ số, như \1"),
    (r"write two digits, as (\d+)", r"ghi hai chữ số, như \1"),
    (r"write digits, as (\S+)", r"ghi chữ số, như \1"),
    (r"write key=value", r"ghi khóa=giá trị"),
    (r"write its keys below it, one a line: key: value", r"ghi các khóa bên dưới, mỗi dòng một: khóa: giá trị"),
    (r"write \[one, two\], or one `- …` a line", r"ghi [một, hai], hoặc mỗi dòng một `- …`"),
    (r"write one `- …` a rule", r"ghi mỗi luật một `- …`"),
    (r"write one, or leave the key out", r"ghi một giá trị, hoặc bỏ khóa"),
    (r"write a later time", r"ghi thời điểm muộn hơn"),
    (r"write date, time and offset, as (\S+)", r"ghi ngày, giờ và múi giờ, như \1"),
    (r"write (.+) or (.+)", r"ghi \1 hoặc \2"),
    (r"write (.+)", r"ghi \1"),
    (r"address, name, or host:port", r"địa chỉ, tên, hoặc máy:cổng"),
)  # fmt: skip


def help_text(text: str) -> str:
    """One text of `--help`; one that nobody has turned stays English."""
    return HELP.get(text) or _turned(text, _HELP_WITH_NUMBERS)


def usage(message: str) -> str:
    """What argparse says of a command line it does not understand."""
    return _turned(message, USAGE)


def what(text: str) -> str:
    """What is wrong; the system's and YAML's own words behind the last colon, too."""
    head, colon, tail = text.rpartition(": ")
    return _turned(head + colon + SYSTEM[tail] if tail in SYSTEM else text, vietnamesesheets.FAULTS + _FAULTS)


def said(text: str) -> str:
    """Why a verb could not do its work: the agent, the hub, this machine or its system says no."""
    told = _turned(text, SAID)
    if told != text:
        return told
    found = re.fullmatch(r"(.+) \((.+)\)", text, re.DOTALL)
    return f"{what(found[1])} ({write(found[2])})" if found else what(text)


def write(text: str) -> str:
    """What to write instead."""
    return "; ".join(_turned(part, vietnamesesheets.WRITE + _WRITE) for part in text.split("; "))


def why(text: str) -> str:
    """Why a measurement failed, or a destination takes nothing."""
    return ": ".join(_turned(part, REASONS) for part in text.split(": "))


def problems(faults: Iterable[Problem]) -> str:
    """Faults of files or arguments, one a line."""
    names = {"command line": "dòng lệnh"}
    return "\n".join(
        str(Problem(names.get(fault.where, fault.where), fault.key, what(fault.what), write(fault.write)))
        for fault in map(_with_way_out, faults)
    )


def _with_way_out(fault: Problem) -> Problem:
    """A fault whose way out stands in brackets at its end, as exceptions of the measuring part have it."""
    found = (
        None if fault.write else re.fullmatch(r"(.+?) \(((?:write|known:|did you mean) ?.*)\)", fault.what, re.DOTALL)
    )
    return replace(fault, what=found[1], write=found[2]) if found else fault


def _turned(text: str, patterns: tuple[tuple[str, str], ...]) -> str:
    for pattern, vietnamese in patterns:
        found = re.fullmatch(pattern, text, re.DOTALL)
        if found:
            return found.expand(vietnamese)
    return text
