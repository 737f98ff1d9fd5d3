"""A right value of another layer than the one that was due: the call that gave it, the name that brought it in."""

from __future__ import annotations

from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.run import Run

#: By quantity: how far the layers of its operands are from its own.
OPERANDS = {
    "Z": {"W": 0, "b": 0, "A": -1},
    "A": {"Z": 0},
    "delta": {"W": 1, "delta": 1, "Z": 0, "A": 0},
    "dW": {"delta": 0, "A": -1},
    "db": {"delta": 0},
}


class OtherLayers:
    """Looks for values of other layers in one recorded run."""

    def __init__(self, run: Run, labels: dict[int, Label]):
        self.run, self.labels = run, labels

    def _of(self, event) -> tuple[str, int]:
        """("W", 2) of a right W2; ("", 0) of what is no quantity of a layer."""
        label = self.labels.get(event.ref)
        quantity = label.quantity if label is not None and label.right else ""
        letter = quantity.rstrip("0123456789")
        return (letter, int(quantity[len(letter) :])) if letter != quantity else ("", 0)

    def _another(self, read, departure) -> bool:
        """A name was read that holds a right value of another layer than the departure's operand of that kind."""
        due = OPERANDS.get(departure.quantity.rstrip("0123456789"), {})
        letter, layer = self._of(read)
        return self.run.node(read).kind == "name" and letter in due and layer != departure.layer + due[letter]

    def given(self, event, departure):
        """The call that gave a function a right value of another layer than the one it was to compute."""
        calls = self.run.calls_above(event.frame)
        for operand in self.run.operands(event) if calls else ():
            if self._another(operand, departure) and self.run.definition(operand) is None:
                made = self.run.by_frame_node.get((calls[0][1], calls[0][0]), ())
                return next((one for one in made if one.seq > event.seq), None)
        return None

    def renamed(self, event, departure):
        """The assignment that gave a right value of another layer the name by which an expression uses it."""
        for read in reversed(self.run.events):
            if read.frame != event.frame or self.run.node(read).stmt != self.run.node(event).stmt:
                continue
            definition = self.run.definition(read) if self._another(read, departure) else None
            if definition is not None and self.run.node(definition).op is None:
                return definition
        return None
