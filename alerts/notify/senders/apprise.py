"""One attempt to hand a page to whatever apprise knows (the extra `apprise`), by the addresses in the secret file. Blocks."""

from __future__ import annotations

from alerts.notify.notice import Destination, Notice
from alerts.notify.said import details, headline
from alerts.notify.webhook import Delivery


def send(notice: Notice, to: Destination, at_s: float) -> Delivery:
    """All addresses, one a line; good when all of them took it. apprise does not say why one did not."""
    try:
        import apprise  # 30 MB only those pay who name it
    except ImportError:
        return Delivery(0, trouble="apprise is not installed: pip install 'cpnet-netmon[apprise]'")
    service = apprise.Apprise()
    if not all(service.add(address) for address in to.secret.split()):
        return Delivery(0, trouble="apprise cannot read an address of the secret file")
    kind = "success" if notice.is_over else "failure" if notice.severity == "critical" else "warning"
    taken = service.notify(title=headline(notice, to.lang), body="\n".join(details(notice, to.lang)), notify_type=kind)
    return Delivery(200) if taken else Delivery(0, trouble="apprise could not hand it over")
