"""Where NTP's time begins, which STAMP, RTCP and NTP itself all count from (RFC 5905 §6)."""

NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
