"""A page as an e-mail. Pure. Sources: RFC 5322 §3.6.4 (ids and threads), RFC 3834 §5 (`Auto-Submitted`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from alerts.notify.notice import CLIENT, Destination, Notice, cut
from alerts.notify.said import details, headline

MAX_SUBJECT = 200
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)")


def is_address(text: str) -> bool:
    """`name@domain`, in ASCII: what every server takes."""
    return text.isascii() and _ADDRESS.fullmatch(text) is not None


def message(notice: Notice, to: Destination, at_s: float) -> EmailMessage:
    """The same `Message-ID` at every attempt; what follows an incident's first page answers it, so that mails thread."""
    mail = EmailMessage(policy=SMTP)
    domain = to.sender.rpartition("@")[2]
    mail["Subject"] = cut(" ".join(headline(notice, to.lang).split()), MAX_SUBJECT)
    mail["From"] = Address(CLIENT, addr_spec=to.sender)
    mail["To"] = [Address(addr_spec=address) for address in to.to]
    mail["Date"] = format_datetime(datetime.fromtimestamp(int(at_s), UTC))
    mail["Message-ID"] = f"<{notice.page_id}@{domain}>"
    if notice.page_id != notice.first_id:
        mail["In-Reply-To"] = mail["References"] = f"<{notice.first_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Netmon-Incident"] = notice.key
    mail["X-Netmon-Status"] = notice.status
    if notice.severity == "critical" and not notice.is_over:
        mail["Importance"] = "high"
    mail.set_content(_text(notice, to.lang))
    return mail


def _text(notice: Notice, lang: str) -> str:
    other = "en" if lang == "vi" else "vi"
    return "\n".join([headline(notice, lang), "", *details(notice, lang), "", "-- ", notice.text(other), ""])
