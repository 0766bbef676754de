"""What the kind `media` tells: outcome, reason in words, values, and a table for people."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from probes.base import Field, Outcome, Row, Value
from probes.kinds.media.figures import SECOND_MS, Direction, Reception, WindowFigures
from probes.kinds.media.verdict import (
    IN_WORDS,
    PROFILES,
    Level,
    Limit,
    MediaVerdict,
    ProfileLimits,
    judge,
    remarks,
    together,
    worse,
    worst_cell,
)
from probes.wire.fleet.loss_runs import SHORTEST
from probes.wire.media.sender import MediaDone
from probes.wire.media.shape import Sort, Variant

Judgement = tuple[Outcome, str, dict[str, Value], tuple[Row, ...]]
_ENOUGH = {Level.WARN: "barely good enough", Level.FAIL: "not good enough"}
_SETTINGS = {  # limit of a profile → its settings
    "loss_percent": ("loss_pass_percent", "loss_fail_percent"),
    "window_loss_percent": ("window_loss_pass_percent", "window_loss_fail_percent"),
    "late_percent": ("late_pass_percent", "late_fail_percent"),
    "jitter_ms": ("jitter_pass_ms", "jitter_fail_ms"),
    "delay_ms": ("delay_pass_ms", "delay_fail_ms"),
    "freeze_percent": ("freeze_pass_percent", "freeze_fail_percent"),
    "audio_mos": ("mos_pass", "mos_fail"),
}


class VariantResult(NamedTuple):
    """One variant. `done` None: it broke, and why."""

    variant: Variant
    done: MediaDone | None
    local_drop: int
    broken: str = ""


class _Of(NamedTuple):
    """A value of a direction: its name with a place for `fwd` or `bwd`."""

    name: str
    unit: str
    meaning: str
    get: Callable[[Direction], Value | None]
    default: bool = False
    whole: bool = False


def _figure(get: Callable[[WindowFigures], Value | None]) -> Callable[[Direction], Value | None]:
    return lambda direction: get(direction.whole)


_EACH = (
    _Of("lost_{}_percent", "%", "lost {}", _figure(lambda figures: figures.lost_percent if figures.sent else None), True),
    _Of("freeze_{}_s", "s", "no new picture could be shown {}", _figure(lambda figures: figures.pictures.freeze_s if figures.pictures.many else None), True),
    _Of("mos_{}", "MOS", "of the sound {}, 1 to 4.5", _figure(lambda figures: figures.sound.mos if figures.sound else None), True),
    _Of("sent_{}", "packets", "sent {}, as far as it is evidence", _figure(lambda figures: figures.sent), whole=True),
    _Of("lost_{}", "packets", "lost {}", _figure(lambda figures: figures.lost), whole=True),
    _Of("ours_{}", "packets", "sent {} but no evidence: their sender was late", _figure(lambda figures: figures.ours), whole=True),
    _Of("late_80_{}", "packets", "later {} than a buffer of sound holds (80 ms)", _figure(lambda figures: figures.late_80), whole=True),
    _Of("late_200_{}", "packets", "later {} than a buffer of pictures holds (200 ms)", _figure(lambda figures: figures.late_200), whole=True),
    _Of("dup_{}", "packets", "came twice {}", _figure(lambda figures: figures.dup), whole=True),
    _Of("reordered_{}", "packets", "overtaken {} by a later one of their stream", _figure(lambda figures: figures.reordered), whole=True),
    _Of("loss_run_max_{}", "packets", "of the pictures, most lost in a row {}", _figure(lambda figures: figures.video.longest), whole=True),
    _Of("burst_density_{}", "", "share lost within loss bursts {} (RFC 3611, Gmin 16)", _figure(lambda figures: figures.video.burst_density)),
    _Of("gap_density_{}", "", "share lost outside of them {}", _figure(lambda figures: figures.video.gap_density)),
    _Of("burst_{}_ms", "ms", "mean length of a loss burst {}", _figure(lambda figures: figures.video.burst_ms)),
    _Of("gap_{}_ms", "ms", "mean length of what lies between them {}", _figure(lambda figures: figures.video.gap_ms)),
    _Of("pdv_p95_{}_ms", "ms", "95th percentile of delay {} over the least (RFC 5481)", _figure(lambda figures: figures.pdv_p95_ms)),
    _Of("pdv_p99_{}_ms", "ms", "99th percentile of delay {} over the least", _figure(lambda figures: figures.pdv_p99_ms)),
    _Of("frame_p95_{}_ms", "ms", "a picture's first packet sent to its last received {}, over the least delay, 95th percentile", _figure(lambda figures: figures.pictures.complete_p95_ms)),
    _Of("jitter_p95_{}_ms", "ms", "delay of a picture's slowest packet {} over the least, 95th percentile", _figure(lambda figures: figures.pictures.jitter_p95_ms)),
    _Of("frames_{}", "frames", "pictures sent {}", _figure(lambda figures: figures.pictures.many), whole=True),
    _Of("damaged_{}", "frames", "pictures damaged {}: a packet was lost or too late", _figure(lambda figures: figures.pictures.damaged), whole=True),
    _Of("intra_{}", "frames", "I-frames sent {}", _figure(lambda figures: figures.pictures.intra), whole=True),
    _Of("intra_damaged_{}", "frames", "I-frames damaged {}", _figure(lambda figures: figures.pictures.intra_damaged), whole=True),
    _Of("freeze_max_{}_s", "s", "longest freeze {}", _figure(lambda figures: figures.pictures.freeze_max_s)),
    _Of("loss_200ms_{}_percent", "%", "lost {} in the worst 200 ms", lambda direction: worst_cell(direction.cells(200))),
    _Of("loss_1s_{}_percent", "%", "lost {} in the worst second", lambda direction: worst_cell(direction.cells(SECOND_MS))),
    _Of("r_{}", "R", "of the sound {} (G.107)", _figure(lambda figures: figures.sound.r if figures.sound else None)),
    _Of("burst_r_{}", "", "length of the sound's loss runs {} over that of random ones", _figure(lambda figures: figures.sound.burst_r if figures.sound else None)),
    _Of("rate_{}_bps", "bit/s", "UDP payload that arrived {}, pictures and sound", _figure(lambda figures: figures.rate_bps)),
    _Of("dscp_seen_{}", "", "DSCP the pictures arrived with {}", lambda direction: direction.dscp(Sort.VIDEO), whole=True),
    _Of("audio_dscp_seen_{}", "", "DSCP the sound arrived with {}", lambda direction: direction.dscp(Sort.AUDIO), whole=True),
)  # fmt: skip
FIELDS = (
    Field("verdict", "", "0: good, 1: barely good enough, 2: not; absent when it was not measured", "int"),
    Field("limit", "", "which limit the verdict is due to; 0: none", "int"),
    *(
        Field(column.name.format(direction), column.unit, column.meaning.format(IN_WORDS[direction]), "int" if column.whole else "float", column.default)
        for column in _EACH
        for direction in IN_WORDS
    ),
    *(
        Field(f"loss_run_{direction}_b", "runs", f"of the pictures, lost in a row {words}: N or more, up to the next bucket", "int", False, True)
        for direction, words in IN_WORDS.items()
    ),
    Field("rtt_min_ms", "ms", "shortest round trip meanwhile", default=False),
    Field("rtt_p95_ms", "ms", "95th percentile of the round trips meanwhile", default=False),
    Field("dscp_sent", "", "DSCP of the pictures", "int", default=False),
    Field("audio_dscp_sent", "", "DSCP of the sound", "int", default=False),
    Field("verdict_burst", "", "verdict of the variant whose pictures leave at once", "int", default=False),
    Field("verdict_paced", "", "verdict of the variant whose pictures are spread", "int", default=False),
    Field("lost_paced_fwd_percent", "%", "lost there of the paced variant, when it is the second", default=False),
    Field("lost_paced_bwd_percent", "%", "lost back of the paced variant, when it is the second", default=False),
    Field("aborted", "", "1: cut short because it did harm", "int", default=False),
    Field("bytes_used", "B", "UDP payload sent for this test, both ways", "int", default=False),
    Field("local_drop", "packets", "dropped by our own buffer or the responder's", "int", default=False),
    Field("queue_full", "packets", "dropped there by a queue of this machine itself", "int", default=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Variant:
    """One variant, looked at."""

    seen: VariantResult
    done: MediaDone
    directions: dict[str, Direction]
    rtts_ms: list[float]
    verdict: MediaVerdict


def limits_of(settings: Any) -> ProfileLimits:
    """The profile's limits, or what the settings say instead; what passes never fails."""
    profile = PROFILES[settings.profile]
    limits = {}
    for limit in fields(ProfileLimits):
        given = (getattr(settings, key) for key in _SETTINGS[limit.name])
        good, bad = (new or old for new, old in zip(given, getattr(profile, limit.name), strict=True))
        limits[limit.name] = good, (min if limit.name == "audio_mos" else max)(good, bad)
    return ProfileLimits(**limits)


def tell(seen: list[VariantResult], settings: Any) -> Judgement:
    """Outcome, its reason, the values and the table. A bad verdict is an answer, so OK; our own lateness says nothing."""
    looked = [_look(result, result.done, settings) for result in seen if result.done is not None]
    first = looked[0]
    rows = tuple(row for variant in looked for row in _rows(variant))
    ours = next((why for variant in looked if (why := _ours(variant, settings))), "")
    if ours:
        return Outcome.LOCAL, ours, _counts(first), rows
    verdict = first.verdict if len(looked) == 1 else together(first.verdict, looked[1].verdict)
    values = _values(first, verdict, settings) | _both(looked)
    if all(direction.sent and not direction.rcvd for direction in first.directions.values()):
        return Outcome.LOST, "the responder answers, but nothing of the streams arrived", values, rows
    return Outcome.OK, _why(verdict, seen, looked, settings), values, rows


def _look(seen: VariantResult, done: MediaDone, settings: Any) -> _Variant:
    rtts_ms = sorted(done.rtts_ms)
    rtt_ms = rtts_ms[0] if rtts_ms else 0.0
    reception = Reception(
        audio_buffer_ms=settings.audio_buffer_ms, video_buffer_ms=settings.video_buffer_ms,
        recover_ms=settings.recover_ms, late_ms=settings.late_ms, delay_ms=rtt_ms / 2, rtt_ms=rtt_ms,
    )  # fmt: skip
    traces = {"fwd": done.forward, "bwd": done.backward}
    directions = {name: Direction(trace, reception) for name, trace in traces.items() if trace is not None}
    verdicts = [judge(direction, name, limits_of(settings), rtt_ms / 2) for name, direction in directions.items()]
    if done.aborted:
        verdicts.append(MediaVerdict(Level.FAIL, Limit.ABORTED, f"cut short: {done.aborted}"))
    return _Variant(seen, done, directions, rtts_ms, worse(*verdicts))


def _ours(variant: _Variant, settings: Any) -> str:
    """Why this is no evidence about the network; "" when it is."""
    dropped = variant.seen.local_drop + variant.done.far_dropped
    if dropped:
        return f"this machine, or the responder's, was too busy: {dropped} packets were dropped there"
    if variant.done.clock_set:
        return f"{variant.done.clock_set} clock was set meanwhile"
    for name, direction in variant.directions.items():
        if direction.sent and 100 * (1 - direction.whole.evidence) > settings.ours_percent:
            late = f"{direction.whole.ours} of {direction.sent} packets {IN_WORDS[name]} left late or beside such"
            return f"this machine, or the responder's, was too busy: {late}"
    return ""


def _why(verdict: MediaVerdict, seen: list[VariantResult], looked: list[_Variant], settings: Any) -> str:
    said = []
    if verdict.level:
        said.append(f"{_ENOUGH[verdict.level]} for {settings.profile}: {verdict.why}")
    if looked[0].done.aborted and verdict.limit is not Limit.ABORTED:
        said.append(f"cut short: {looked[0].done.aborted}")
    if verdict.level and looked[0].done.queue_full:
        said.append(f"{looked[0].done.queue_full} packets were dropped by a queue of this machine itself")
    if verdict.limit is Limit.INTRA and settings.variant == "burst":
        said.append("variant=both tells whether pacing helps")
    marks = {"pictures": (settings.dscp, Sort.VIDEO), "sound": (settings.audio_dscp, Sort.AUDIO)}
    for name, direction in looked[0].directions.items():
        if direction.intra and not direction.whole.pictures.intra:
            said.append(f"no I-frame left in time {IN_WORDS[name]}, so none was tested")
        said += remarks({what: (sent, direction.dscp(sort)) for what, (sent, sort) in marks.items()}, name)
    said += [f"{result.variant.name.lower()} could not be sent: {result.broken}" for result in seen if result.broken]
    return "; ".join(said)


def _counts(variant: _Variant) -> dict[str, Value]:
    """What may be said when nothing can be judged."""
    values: dict[str, Value] = {f"ours_{name}": direction.whole.ours for name, direction in variant.directions.items()}
    values["local_drop"] = variant.seen.local_drop + variant.done.far_dropped
    return values


def _values(variant: _Variant, verdict: MediaVerdict, settings: Any) -> dict[str, Value]:
    values: dict[str, Value] = {"verdict": int(verdict.level), "limit": int(verdict.limit)}
    for of in _EACH:
        for name, direction in variant.directions.items():
            value = of.get(direction)
            if value is not None:
                values[of.name.format(name)] = value if of.whole else round(value, 4)
    for name, direction in variant.directions.items():
        for length, many in direction.whole.video.runs.items():
            bucket = f"loss_run_{name}_b{SHORTEST[bisect_right(SHORTEST, length) - 1]}"
            values[bucket] = values.get(bucket, 0) + many
    if variant.rtts_ms:
        values["rtt_min_ms"] = round(variant.rtts_ms[0], 4)
        values["rtt_p95_ms"] = round(variant.rtts_ms[int(0.95 * (len(variant.rtts_ms) - 1))], 4)
    return values | {
        "dscp_sent": settings.dscp,
        "audio_dscp_sent": settings.audio_dscp,
        "aborted": int(bool(variant.done.aborted)),
        "local_drop": variant.seen.local_drop + variant.done.far_dropped,
        "queue_full": variant.done.queue_full,
    }


def _both(looked: list[_Variant]) -> dict[str, Value]:
    """What each variant says, and the bytes of all."""
    traces = [trace for variant in looked for trace in (variant.done.forward, variant.done.backward) if trace]
    values: dict[str, Value] = {
        "bytes_used": sum(packet.size for trace in traces for packet in trace.plan[: len(trace.sent_ns)])
    }
    for variant in looked:
        if variant.seen.variant is not Variant.SMOOTH:
            values[f"verdict_{variant.seen.variant.name.lower()}"] = int(variant.verdict.level)
    for variant in looked[1:]:
        for name, direction in variant.directions.items():
            values[f"lost_paced_{name}_percent"] = round(direction.whole.lost_percent, 4)
    return values


def _rows(variant: _Variant) -> list[Row]:
    """A line for each direction and window of 20 s."""
    return [
        _row(variant.seen.variant, name, number, figures)
        for name, direction in variant.directions.items()
        for number, figures in enumerate(direction.windows)
    ]


def _row(variant: Variant, name: str, number: int, figures: WindowFigures) -> Row:
    pictures, sound = figures.pictures, figures.sound
    row: Row = {"variant": variant.name.lower(), "way": IN_WORDS[name], "window": number, "sent": figures.sent}
    row |= {"lost": figures.lost, "late": figures.late_200, "dup": figures.dup, "reordered": figures.reordered}
    row |= {"ours": figures.ours, "run": figures.video.longest, "frames": pictures.many, "damaged": pictures.damaged}
    row["I damaged"] = f"{pictures.intra_damaged}/{pictures.intra}"
    row["freeze s"] = round(pictures.freeze_s, 2)
    for column, value in (("pdv p95", figures.pdv_p95_ms), ("frame p95", pictures.complete_p95_ms)):
        row[column] = "-" if value is None else round(value, 2)
    row |= {"R": round(sound.r, 1), "MOS": round(sound.mos, 2)} if sound else {}
    return row
