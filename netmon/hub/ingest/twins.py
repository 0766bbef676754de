"""Two agents under one name, as after a machine was cloned or a state folder copied: told, for their points are mixed. Pure.

A boot id is one process. One agent that is started anew goes over to its new id for good with what it sends live; ids that take
turns are two processes.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_RETURNS = 3  # a write that was long on its way comes back once
WITHIN_S = 300.0
AGAIN_S = 60.0  # told so often


@dataclass(slots=True)
class _Agent:
    boot: str
    before: str = ""
    returns: int = 0
    since_s: float = 0.0
    told_s: float = -AGAIN_S


class Twins:
    """Of all agents. `mono_s`: a clock nobody sets."""

    def __init__(self) -> None:
        self._agents: dict[str, _Agent] = {}

    def note(self, agent: str, boot: str, mono_s: float) -> str:
        """A live write; what is to be told of it, "" nearly always."""
        named = self._agents.setdefault(agent, _Agent(boot))
        if boot == named.boot:
            return ""
        is_back = boot == named.before
        named.boot, named.before = boot, named.boot
        if not is_back or mono_s - named.since_s > WITHIN_S:
            named.returns, named.since_s = int(is_back), mono_s
        else:
            named.returns += 1
        if named.returns < MIN_RETURNS or mono_s - named.told_s < AGAIN_S:
            return ""
        named.told_s = mono_s
        return (
            f"two agents run under the name {agent} (a cloned machine, a copied state folder?): all their points are kept, but"
            " mixed; stop one, or give it a name of its own in the inventory and in its agent.yaml"
        )
