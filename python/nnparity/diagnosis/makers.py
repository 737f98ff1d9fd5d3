"""Which expressions computed a quantity, and not only read it: of the batch, of every sample, number by number."""

from __future__ import annotations

from typing import Any

from nnparity.diagnosis.follow import Seen
from nnparity.diagnosis.run import READS, Run


class Makers:
    """Looks for the computing events of one recorded run."""

    def __init__(self, run: Run, follower):
        self.run, self.follower = run, follower

    def events_of(self, seen: Seen) -> list:
        """The computing events of the hits, in order; names, indices and the adapter's copies do not compute."""
        events = []
        for hit in self._likeliest(seen.hits()):
            first = self.run.computed(hit.ref) or self.run.picked_from(hit.ref)
            if first is not None:
                events.append(first)
        own = [event for event in events if self.run.node(event).file != self.run.adapter]
        live = [event for event in own if event.seq in self.run.live]
        events = sorted(live or own or events, key=lambda event: event.seq)
        return self._of_every_sample(seen, events) or events

    def earliest(self, hits):
        """The first event that computed one of the hits, of those that went into the parameters where there are any."""
        events = [event for hit in self.live(hits) if (event := self.run.computed(hit.ref)) is not None]
        return min(events, key=lambda event: event.seq, default=None)

    def live(self, hits: list) -> list:
        """The hits of values that went into the parameters, where there are any."""
        made = [(hit, self.run.computed(hit.ref)) for hit in hits]
        return [hit for hit, event in made if event is not None and event.seq in self.run.live] or hits

    def _likeliest(self, hits: list) -> list:
        """The hits of the value itself, or with a factor that networks have; else all."""
        return [hit for hit in hits if self.follower.index.is_known(hit.factor)] or hits

    def _of_every_sample(self, seen: Seen, events: list) -> list:
        """The events of the one expression that gave every sample's value, where the first events gave only some.

        Where a target is zero, a − y is a: of some samples another expression has the value too.
        """
        if not seen.samples or not events:
            return []
        made: dict[int, dict[int, Any]] = {}
        values: dict[int, set] = {}
        for i, hits in seen.samples:
            for hit in hits:
                for event in self.run.by_ref.get(hit.ref, ()):
                    if self.run.node(event).kind not in READS and self.run.node(event).file != self.run.adapter:
                        made.setdefault(event.node, {}).setdefault(i, event)
                        values.setdefault(event.node, set()).add((i, hit.ref))  # of code that works number by number

        def covers(node: int) -> tuple[int, int, int]:
            by_sample = made.get(node, {})
            alive = sum(event.seq in self.run.live for event in by_sample.values())
            return alive, len(by_sample), len(values.get(node, ()))

        best = max(made, key=lambda node: (covers(node), -min(one.seq for one in made[node].values())), default=0)
        better = covers(best) > covers(events[0].node)
        return sorted(made[best].values(), key=lambda event: event.seq) if better else []
