"""What an import says to people of rows and columns, in Vietnamese and English. Pure tables."""

from __future__ import annotations

from typing import NamedTuple

from probes.clean import clean


class Said(NamedTuple):
    """What is wrong, and the way out; `{…}` is filled in."""

    what: str
    write: str


_WAYS: dict[str, dict[str, Said]] = {
    # --- rows left out ---
    "no_place": {
        "vi": Said("không nói điểm cầu ở đâu", "ghi mã xã, hoặc tên xã và tỉnh"),
        "en": Said("does not say where the room is", "write the commune's code, or its name and province"),
    },
    "bad_code": {
        "vi": Said("'{text}' không phải mã xã", "ghi năm chữ số, như 00083"),
        "en": Said("'{text}' is no commune's code", "write five digits, as 00083"),
    },
    "strange_code": {
        "vi": Said("mã {code} không có trong danh mục", "sửa mã, hoặc thêm xã vào danh mục (sites)"),
        "en": Said("code {code} is not in the inventory", "correct it, or add its site to the inventory"),
    },
    "other_name": {
        "vi": Said("mã {code} là '{known}', dòng này ghi '{text}'", "sửa mã hoặc tên cho khớp"),
        "en": Said("code {code} is '{known}', the row says '{text}'", "correct the code or the name"),
    },
    "other_province": {
        "vi": Said("'{known}' thuộc tỉnh mã {code}, dòng này ghi '{text}'", "sửa tỉnh hoặc mã xã"),
        "en": Said("'{known}' lies in province {code}, the row says '{text}'", "correct the province or the code"),
    },
    "strange_name": {
        "vi": Said("'{text}' không có trong danh mục", "sửa tên, hoặc ghi mã xã"),
        "en": Said("'{text}' is not in the inventory", "correct the name, or write the code"),
    },
    "ambiguous": {
        "vi": Said("'{text}' có thể là: {known}", "ghi mã xã, hoặc ghi rõ tỉnh"),
        "en": Said("'{text}' may be any of: {known}", "write the code, or name the province"),
    },
    "needs_code": {
        "vi": Said("'{text}' không có mã", "ghi mã, hoặc chạy lại với --inventory"),
        "en": Said("'{text}' has no code", "write it, or run again with --inventory"),
    },
    "bad_address": {
        "vi": Said("'{text}' không phải địa chỉ", "ghi một địa chỉ IP, như 10.1.4.10"),
        "en": Said("'{text}' is no address", "write one IP address, as 10.1.4.10"),
    },
    "bad_domain": {
        "vi": Said("'{text}' không phải tên miền", "ghi một tên, như phong1.tinh.example"),
        "en": Said("'{text}' is no domain name", "write one name, as room1.province.example"),
    },
    "bad_protocol": {
        "vi": Said("'{text}' không phải giao thức gọi", "ghi SIP, SIP TLS hoặc H.323"),
        "en": Said("'{text}' is no protocol to call by", "write SIP, SIP TLS or H.323"),
    },
    "bad_alias": {
        "vi": Said("'{text}' không quay số được", "ghi số máy hoặc tên gọi, tối đa 256 ký tự"),
        "en": Said("'{text}' cannot be dialled", "write a number or alias, at most 256 letters"),
    },
    "double": {
        "vi": Said("trùng với dòng {first}", "bỏ một trong hai dòng, hoặc sửa địa chỉ"),
        "en": Said("says the same as row {first}", "keep one of them, or correct the address"),
    },
    "no_room": {
        "vi": Said("không phải một điểm cầu: '{text}'", "xoá dòng này, hoặc ghi mã xã"),
        "en": Said("is no room: '{text}'", "delete the row, or write the commune's code"),
    },
    "empty_number": {
        "vi": Said("chỉ có số thứ tự", "điền hoặc xoá dòng này"),
        "en": Said("has a number and nothing else", "fill the row in, or delete it"),
    },
    "hidden": {
        "vi": Said("bị ẩn hoặc bị lọc", "hiện dòng nếu điểm cầu tham dự, xoá dòng nếu không"),
        "en": Said("is hidden or filtered out", "show the row if its room shall come, delete it if not"),
    },
    "error": {
        "vi": Said("'{text}' là lỗi của công thức", "sửa công thức, hoặc ghi giá trị"),
        "en": Said("'{text}' is an error of a formula", "mend the formula, or write the value"),
    },
    "formula": {
        "vi": Said("công thức (formula) chưa có kết quả", "mở tệp bằng Excel, lưu lại, hoặc ghi giá trị"),
        "en": Said(
            "is a formula that was never worked out", "open the list in a spreadsheet and save it, or write the value"
        ),
    },
    "digits": {
        "vi": Said("'{text}' là số đã mất chữ số", "ghi lại số, để cột ở dạng văn bản"),
        "en": Said("'{text}' is a number that lost its digits", "write it anew, and keep the column as text"),
    },
    "date": {
        "vi": Said("'{text}' là ngày giờ do bảng tính tự đổi", "ghi lại giá trị, để cột ở dạng văn bản"),
        "en": Said(
            "'{text}' is a date, as a spreadsheet makes one of 8-1", "write it anew, and keep the column as text"
        ),
    },
    "percent": {
        "vi": Said("'{text}' là số phần trăm", "ghi lại giá trị, để cột ở dạng văn bản"),
        "en": Said("'{text}' is a percentage", "write it anew, and keep the column as text"),
    },
    "lost": {
        "vi": Said("'{text}' bị hỏng: có ký tự đã mất ({detail})", "ghi lại ô này"),
        "en": Said("'{text}' is damaged: a letter of it was lost ({detail})", "write the cell anew"),
    },
    "beside": {
        "vi": Said("còn một danh sách nữa ở bên phải, không đọc: '{text}'", "chuyển xuống dưới danh sách đầu"),
        "en": Said("has another list at its right, which is not read: '{text}'", "put it below the first one"),
    },
    "no_rows": {
        "vi": Said("không có dòng nào dưới dòng tiêu đề", "xem có đúng tệp, đúng trang tính không"),
        "en": Said("there is no row below the heading", "look whether it is the right file and sheet"),
    },
    "truth": {
        "vi": Said("'{text}' là giá trị đúng/sai", "ghi lại giá trị, để cột ở dạng văn bản"),
        "en": Said("'{text}' is a truth value", "write it anew, and keep the column as text"),
    },
    "byte": {
        "vi": Said("'{text}' bị hỏng: byte {detail} không phải UTF-8", "ghi lại ô này, lưu lại dạng CSV UTF-8"),
        "en": Said("'{text}' is damaged: byte {detail} is no UTF-8", "write the cell anew, and save it as CSV UTF-8"),
    },
    # --- worth a look, and taken ---
    "old_cell": {
        "vi": Said("'{text}' không phải Unicode ({font}), đã đổi thành '{known}'", "xem lại nếu không đúng"),
        "en": Said(
            "'{text}' is in other letters than Unicode's ({font}): '{known}' is taken", "look at it if that is not so"
        ),
    },
    "old_column": {
        "vi": Said("không phải Unicode ({font}), đã đổi sang Unicode", "xem lại các tên"),
        "en": Said("is in other letters than Unicode's ({font}), and was turned into Unicode", "look at the names"),
    },
    "hidden_column": {
        "vi": Said("là cột bị ẩn, vẫn dùng", "xoá cột nếu không dùng"),
        "en": Said("is hidden, and used", "delete the column if it shall not count"),
    },
    "hidden_sheet": {
        "vi": Said("còn danh sách ở trang tính bị ẩn, không đọc: '{text}'", "chọn bằng --sheet nếu cần"),
        "en": Said("has lists on hidden sheets, which are not read: '{text}'", "--sheet names one that is meant"),
    },
    "separators": {
        "vi": Said("'{text}' giống số có dấu phân cách hàng nghìn, giữ nguyên", "bỏ dấu phân cách nếu đó là số"),
        "en": Said(
            "'{text}' looks like a number with separators, and is taken as it is", "leave them out if it is one"
        ),
    },
    "sum": {"vi": Said("là dòng tổng, không phải điểm cầu", ""), "en": Said("is a sum, no room", "")},
    "section": {
        "vi": Said("là tên nhóm: '{text}'", ""),
        "en": Said("is a heading of rows: '{text}'", ""),
    },
    "again": {"vi": Said("lặp lại dòng tiêu đề", ""), "en": Said("is the heading again", "")},
    "another": {
        "vi": Said("là dòng tiêu đề khác, các dòng dưới đọc theo đó", ""),
        "en": Said("is another heading, by which the rows below are read", ""),
    },
    "zeros": {
        "vi": Said("'{text}' được hiểu là {code}", "để cột mã ở dạng văn bản"),
        "en": Said("'{text}' is taken for {code}", "keep the column of codes as text"),
    },
    "read_as": {
        "vi": Said("'{text}' được hiểu là '{known}' ({code})", "xem lại nếu không đúng"),
        "en": Said("'{text}' is taken for '{known}' ({code})", "look at it if that is not so"),
    },
    "no_address": {
        "vi": Said("không có địa chỉ để gọi", "ghi IP, tên miền hoặc số máy; chưa có thì chưa kiểm tra được"),
        "en": Said("has no address to call", "write an IP, a name or an alias; until then it cannot be checked"),
    },
    "domain_kept": {
        "vi": Said("có cả IP và tên miền: gọi theo IP, tên miền '{text}' không dùng", ""),
        "en": Said("has an IP and a name: it is called by IP, '{text}' is not used", ""),
    },
    "mask": {
        "vi": Said("'{text}' có mặt nạ mạng: chỉ lấy {known}", ""),
        "en": Said("'{text}' has a mask: {known} is taken", ""),
    },
    "two_protocols": {
        "vi": Said("'{text}': gọi theo {known}", "ghi một giao thức nếu muốn khác"),
        "en": Said("'{text}': it is called by {known}", "write one protocol if it shall be another"),
    },
    "second": {
        "vi": Said("là điểm cầu thứ {many} của {code}", ""),
        "en": Said("is room number {many} of {code}", ""),
    },
    "others": {
        "vi": Said("danh mục đã có điểm cầu khác ở {code}: {known}", "nếu là một phòng, sửa địa chỉ trong danh mục"),
        "en": Said(
            "the inventory has other rooms in {code}: {known}", "if it is one of them, correct its address there"
        ),
    },
    "known": {
        "vi": Said("đã có trong danh mục: {known}", ""),
        "en": Said("is in the inventory already: {known}", ""),
    },
    "phone": {
        "vi": Said("'{text}' được hiểu là {known}", "để cột điện thoại ở dạng văn bản"),
        "en": Said("'{text}' is taken for {known}", "keep the column of telephone numbers as text"),
    },
    "strange_province": {
        "vi": Said("tỉnh '{text}' không có trong danh mục", "đã tin theo mã xã"),
        "en": Said("province '{text}' is not in the inventory", "the commune's code was believed"),
    },
    "unused": {"vi": Said("cột '{text}' không dùng", ""), "en": Said("column '{text}' is not used", "")},
    "twice": {
        "vi": Said("cột '{text}' có hai lần: chỉ dùng cột đầu", ""),
        "en": Said("column '{text}' is there twice: the first is used", ""),
    },
    "old_font": {
        "vi": Said("tệp không dùng Unicode ({font}), đã đổi sang Unicode", "xem lại các tên"),
        "en": Said("is in other letters than Unicode's ({font}), and was turned into Unicode", "look at the names"),
    },
    "windows": {
        "vi": Said("tệp không phải UTF-8, đã đọc theo Windows-1258", "xem lại các tên, hoặc lưu lại dạng CSV UTF-8"),
        "en": Said("is not UTF-8 and was read as Windows-1258", "look at the names, or save it as CSV UTF-8"),
    },
}
_PLACE = {"vi": ("dòng {row}", "cột '{column}'"), "en": ("row {row}", "column '{column}'")}


class Remark(NamedTuple):
    """Something about one row (0: the whole file) and one column ("": the whole row). `left_out`: no room came of it."""

    row: int
    column: str
    code: str
    with_: dict[str, str]
    left_out: bool

    def what(self, lang: str) -> str:
        """What is the matter, harmless on a terminal."""
        return self._filled(_WAYS[self.code][lang].what)

    def write(self, lang: str) -> str:
        """What to write instead."""
        return self._filled(_WAYS[self.code][lang].write)

    def where(self, lang: str) -> str:
        """`row 12, column 'Mã xã'`."""
        row, column = _PLACE[lang]
        parts = [row.format(row=self.row)] if self.row else []
        return ", ".join([*parts, *([column.format(column=clean(self.column, 60))] if self.column else [])])

    def line(self, lang: str) -> str:
        """All of it in one line."""
        write = self.write(lang)
        text = f"{self.what(lang)} ({write})" if write else self.what(lang)
        return f"{self.where(lang)}: {text}" if self.row or self.column else text

    def _filled(self, text: str) -> str:
        return text.format(**{name: clean(value, 200) for name, value in self.with_.items()})
