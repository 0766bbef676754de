"""What faults of lists of rooms say in Vietnamese (`netmon conference import`). Pure tables."""

from __future__ import annotations

FAULTS: tuple[tuple[str, str], ...] = (
    (r"is larger than (\S+) MiB", r"lớn hơn \1 MiB"),
    (r"is an XLS file, or has a password", r"là tệp XLS, hoặc có mật khẩu"),
    (r"is a web page or XML, whatever its name ends in", r"là trang web hoặc XML, dù tên tệp ghi gì"),
    (r"is a PDF", r"là tệp PDF"),
    (r"is a text document \(RTF\)", r"là tệp văn bản (RTF)"),
    (r"is an OpenDocument file \(ODS\)", r"là tệp OpenDocument (ODS)"),
    (r"is an XLSB file", r"là tệp XLSB"),
    (r"is a text document or a presentation", r"là tệp văn bản hoặc trình chiếu"),
    (r"is an archive with (.+) in it", r"là tệp nén, trong đó có \1"),
    (r"a CSV file has one sheet only", r"tệp CSV chỉ có một trang tính"),
    (r"has more than (\S+) rows", r"có hơn \1 dòng"),
    (r"row (\S+) has more than (\S+) columns", r"dòng \1 có hơn \2 cột"),
    (r"row (\S+) has a cell of more than (\S+) letters", r"dòng \1 có ô dài hơn \2 ký tự"),
    (
        r"has no heading netmon knows; line (\d+), byte (\d+) is no UTF-8",
        r"không có dòng tiêu đề nào netmon nhận ra; dòng \1, byte \2 không phải UTF-8",
    ),
    (
        r"has no heading netmon knows; (\S+) of its cells are formulas that were never worked out",
        r"không có dòng tiêu đề nào netmon nhận ra; \1 ô là công thức chưa có kết quả",
    ),
    (r"has no heading netmon knows(.*)", r"không có dòng tiêu đề nào netmon nhận ra\1"),
    (
        r"(?:what begins in )?line (\S+) is no CSV: quotes are never closed",
        r"dòng \1 không phải CSV: dấu ngoặc kép mở ở đó không được đóng",
    ),
    (
        r"(?:what begins in )?line (\S+) is no CSV: something stands behind closing quotes",
        r"dòng \1 không phải CSV: có chữ sau dấu ngoặc kép đóng",
    ),
    (r"what begins in line (\S+) is no CSV(.*)", r"đoạn bắt đầu ở dòng \1 không phải CSV\2"),
    (r"line (\S+) is no CSV(.*)", r"dòng \1 không phải CSV\2"),
    (r"(.+) is no CSV(.*)", r"\1 không phải CSV\2"),
    (r"is no text", r"không phải văn bản"),
    (
        r"is no text: line (\S+), byte (\S+) is neither UTF-8, UTF-16 nor Windows-1258",
        r"không phải văn bản: dòng \1, byte \2 không thuộc UTF-8, UTF-16 hay Windows-1258",
    ),
    (r"is no XLSX that can be read(.*)", r"không đọc được như tệp XLSX\1"),
    (r"is too large unpacked", r"quá lớn sau khi giải nén"),
    (r"no sheet (.+)", r"không có trang tính \1"),
    (r"has a list on a hidden sheet only: (.+)", r"chỉ có danh sách ở trang tính bị ẩn: \1"),
    (r"has (\S+) lists: (.+)", r"có \1 danh sách: \2"),
    (r"cannot be read", r"không đọc được"),
)
WRITE: tuple[tuple[str, str], ...] = (
    (r"--sheet says which", r"chọn bằng --sheet"),
    (r"take pictures and other sheets out of it", r"bỏ hình ảnh và trang tính khác ra khỏi tệp"),
    (r"split it", r"tách thành nhiều tệp"),
    (r"delete what is not the list", r"xóa phần không thuộc danh sách"),
    (r"shorten it", r"rút ngắn"),
    (r"in a CSV, close the quotes", r"nếu là CSV, đóng dấu ngoặc kép"),
    (r"close the quotes", r"đóng dấu ngoặc kép"),
    (r'write a quotation mark within quotes twice: ""', r'dấu ngoặc kép bên trong ghi hai lần: ""'),
    (
        r"above the rooms there must be a row with titles as (.+)",
        r"phía trên các điểm cầu phải có một dòng tiêu đề như \1",
    ),
    (r"or save it as CSV UTF-8", r"hoặc lưu dạng CSV UTF-8"),
    (r"save it as XLSX or as CSV UTF-8, without a password", r"lưu dạng XLSX hoặc CSV UTF-8, không đặt mật khẩu"),
    (r"save it as CSV UTF-8 or as XLSX", r"lưu dạng CSV UTF-8 hoặc XLSX"),
    (r"open it in a spreadsheet, save it as XLSX or as CSV UTF-8", r"mở bằng bảng tính, lưu dạng XLSX hoặc CSV UTF-8"),
    (
        r"open it, save it as Excel Workbook \(\*\.xlsx\),? or (?:save it )?as CSV UTF-8",
        r"mở ra, lưu dạng Excel Workbook (*.xlsx) hoặc CSV UTF-8",
    ),
    (r"open it in a spreadsheet and save it", r"mở bằng bảng tính rồi lưu lại"),
    (r"open it and save it anew", r"mở ra và lưu lại"),
)
