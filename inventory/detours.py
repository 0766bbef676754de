"""The ways a check's packets may go where links have backups. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

MAX_PATHS = 16  # of one check: four links on its way that are double
Path = tuple[str, ...]
Swaps = Mapping[str, str]  # a link of the tree → the backup that carries its traffic


class Detours:
    """Paths over backups. `between`: the way over the tree from one element to another; `is_behind(element, link)`: seen
    from the hub; `backups`: of a link, in the order of the file; `ends`: the two sites of a backup."""

    def __init__(
        self,
        between: Callable[[str, str], Path],
        is_behind: Callable[[str, str], bool],
        backups: Mapping[str, tuple[str, ...]],
        ends: Mapping[str, tuple[str, str]],
    ) -> None:
        self._between, self._is_behind = between, is_behind
        self._backups, self._ends = backups, ends

    def paths(self, start: str, end: str) -> tuple[Path, ...]:
        """The way over the tree first, then those with one link replaced by a backup of it, with two, …; at most
        `MAX_PATHS`. () when there is none."""
        first = self._between(start, end)
        if not first:
            return ()
        known: dict[Path, dict[str, str]] = {first: {}}
        waiting = [first]
        for path in waiting:  # grows while it is walked
            for swaps in self._more(path, known[path]):
                detour = self._over(start, end, swaps)
                if len(known) < MAX_PATHS and detour not in known and _is_clean(detour, swaps):
                    known[detour] = swaps
                    waiting.append(detour)
        return tuple(known)

    def _more(self, path: Path, swaps: dict[str, str]) -> list[dict[str, str]]:
        """One more link of a path replaced, by each of its backups."""
        links = [element for element in path if element in self._backups]
        return [swaps | {link: backup} for link in links for backup in self._backups[link]]

    def _over(self, start: str, end: str, swaps: Swaps) -> Path:
        """The way when those links are replaced."""
        path = self._between(start, end)
        link = next((element for element in path if element in swaps), None)
        if link is None:
            return path
        near, far = self._ends[swaps[link]]
        if self._is_behind(near, link) != self._is_behind(start, link):
            near, far = far, near
        rest = {other: backup for other, backup in swaps.items() if other != link}
        return (*self._over(start, near, rest), swaps[link], *self._over(far, end, rest))


def _is_clean(path: Path, swaps: Swaps) -> bool:
    """Does it cross nothing twice, and no link that is replaced?"""
    return len(set(path)) == len(path) and swaps.keys().isdisjoint(path)
