"""How speech is rated on a connection: the E-model's R and the MOS it stands for.

ITU-T G.107 (06/2015), narrow band: R = Ro − Is − Id − Ie,eff + A. Levels are in dB, delays in ms, Ppl in percent. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log2, log10, pow, sqrt

Codec = tuple[float, float]  # Ie, Bpl
CODECS: dict[str, Codec] = {  # G.113 appendix I, packets of 20 ms
    "g711": (0.0, 4.3),
    "g711-plc": (0.0, 25.1),
    "g729a": (11.0, 19.0),
    "g723": (15.0, 16.1),
    "gsm-efr": (10.0, 10.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicePath:
    """A connection; the defaults are those of G.107 table 2, with which R is 93.2."""

    slr: float = 8.0  # loudness of sending
    rlr: float = 2.0  # … and of receiving
    stmr: float = 15.0  # how loud one hears oneself
    ds: float = 3.0  # D value of the sending telephone
    dr: float = 3.0  # … and of the receiving one
    telr: float = 65.0  # loudness of the talker's echo
    wepl: float = 110.0  # loss of the echo path at the listener
    t_ms: float = 0.0  # mean one-way delay of the echo path
    tr_ms: float = 0.0  # round trip in the four-wire loop
    ta_ms: float = 0.0  # delay without any echo
    qdu: float = 1.0  # quantising distortion units
    ie: float = 0.0  # equipment impairment of the codec
    bpl: float = 4.3  # how well the codec stands losses
    ppl: float = 0.0  # percent of the packets lost, too late ones among them
    burst_r: float = 1.0  # mean length of loss runs over that of random losses; G.107 (B.2)
    nc: float = -70.0  # circuit noise, dBm0p
    nfor: float = -64.0  # noise floor at the receiver
    ps: float = 35.0  # room noise at the sender, dB(A)
    pr: float = 35.0  # … and at the receiver
    a: float = 0.0  # what people forgive for an advantage
    st: float = 1.0  # how much delay troubles them; 1: anybody
    mt_ms: float = 100.0  # the delay nobody notices

    @property
    def olr(self) -> float:
        """Overall loudness."""
        return self.slr + self.rlr


@dataclass(frozen=True, slots=True)
class Rating:
    """R and its parts."""

    r: float
    ro: float
    simultaneous: float  # Is
    delay: float  # Id
    equipment: float  # Ie,eff

    @property
    def mos(self) -> float:
        """Estimated mean opinion of a conversation, 1 to 4.5."""
        return mos(self.r)


def rate(call: VoicePath) -> Rating:
    """The whole model."""
    no = _noise(call)
    ro = 15.0 - 1.5 * (call.slr + no)
    stmr_o = -10.0 * log10(10.0 ** (-call.stmr / 10.0) + exp(-call.t_ms / 4.0) * 10.0 ** (-call.telr / 10.0))
    ist = _sidetone(stmr_o)
    simultaneous = _loudness(call, no) + ist + _quantising(call, ro)
    delay = _talker_echo(call, no, ist) + _listener_echo(call, ro) + _long_delay(call)
    equipment = equipment_impairment(call.ie, call.bpl, call.ppl, call.burst_r)
    return Rating(ro - simultaneous - delay - equipment + call.a, ro, simultaneous, delay, equipment)


def equipment_impairment(ie: float, bpl: float, ppl: float, burst_r: float = 1.0) -> float:
    """Ie,eff of G.107 (7-29): what a codec and the loss of `ppl` percent of its packets cost."""
    return ie + (95.0 - ie) * ppl / (ppl / burst_r + bpl)


def mos(r: float) -> float:
    """Mean opinion score of R; G.107 annex B."""
    if r <= 0.0:
        return 1.0
    if r >= 100.0:
        return 4.5
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)


def burst_ratio(lost: int, bursts: int, sent: int) -> float | None:
    """BurstR: mean length of the loss runs over the length random loss of as many packets would give. At least 1; None
    when fewer than three runs say nothing."""
    if bursts < 3 or lost >= sent:
        return None
    return max(1.0, lost / bursts * (1.0 - lost / sent))


def _noise(call: VoicePath) -> float:
    """No: all noises together at the 0 dBr point."""
    nos = call.ps - call.slr - call.ds - 100.0 + 0.004 * (call.ps - call.olr - call.ds - 14.0) ** 2
    lstr = call.stmr + call.dr
    pre = call.pr + 10.0 * log10(1.0 + 10.0 ** ((10.0 - lstr) / 10.0))
    nor = call.rlr - 121.0 + pre + 0.008 * (pre - 35.0) ** 2
    return 10.0 * log10(sum(10.0 ** (noise_db / 10.0) for noise_db in (call.nc, nos, nor, call.nfor + call.rlr)))


def _loudness(call: VoicePath, no: float) -> float:
    """Iolr: too loud a connection."""
    x = (call.olr + 0.2 * (64.0 + no - call.rlr)) / 8.0
    return 20.0 * (pow(1.0 + x**8, 1 / 8) - x)


def _sidetone(stmr_o: float) -> float:
    """Ist: hearing oneself too loud or not at all."""
    low = 12.0 * pow(1.0 + ((stmr_o - 13.0) / 6.0) ** 8, 1 / 8)
    middle = 28.0 * pow(1.0 + ((stmr_o + 1.0) / 19.4) ** 35, 1 / 35)
    return low - middle - 13.0 * pow(1.0 + ((stmr_o - 3.0) / 33.0) ** 13, 1 / 13) + 29.0


def _quantising(call: VoicePath, ro: float) -> float:
    """Iq: distortion by quantising."""
    q = 37.0 - 15.0 * log10(call.qdu)
    g = 1.07 + 0.258 * q + 0.0602 * q * q
    y = (ro - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0
    return 15.0 * log10(1.0 + 10.0**y + 10.0 ** (46.0 / 30.0 - g / 40.0))


def _talker_echo(call: VoicePath, no: float, ist: float) -> float:
    """Idte: hearing oneself again."""
    t = call.t_ms
    terv = call.telr - 40.0 * log10((1.0 + t / 10.0) / (1.0 + t / 150.0)) + 6.0 * exp(-0.3 * t * t)
    if call.stmr < 9.0:
        terv += ist / 2.0
    half = (-1.5 * (no - call.rlr) - (80.0 + 2.5 * (terv - 14.0))) / 2.0
    idte = (half + sqrt(half * half + 100.0) - 1.0) * (1.0 - exp(-t))
    return sqrt(idte * idte + ist * ist) if call.stmr > 20.0 else idte


def _listener_echo(call: VoicePath, ro: float) -> float:
    """Idle: hearing the other twice."""
    half = (ro - 10.5 * (call.wepl + 7.0) / pow(call.tr_ms + 1.0, 0.25)) / 2.0
    return half + sqrt(half * half + 169.0)


def _long_delay(call: VoicePath) -> float:
    """Idd: waiting for the other, without any echo."""
    if call.ta_ms <= call.mt_ms:
        return 0.0
    x, power = log2(call.ta_ms / call.mt_ms), 6.0 * call.st
    return 25.0 * (pow(1.0 + pow(x, power), 1 / power) - 3.0 * pow(1.0 + pow(x / 3.0, power), 1 / power) + 2.0)
