"""Whether a function of the candidate is to blame for what it gave: not where that is right for what it was given."""

from __future__ import annotations

import numpy as np

from nnparity.diagnosis import textbook as book
from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.matching import normal_form, proportion
from nnparity.diagnosis.run import Run

#: Calls in the source that make a function one of a general kind, as the addition of a number with a gradient.
ENGINE = 3
SMOOTH = ("sigmoid", "tanh", "softplus", "elu", "gelu", "silu")


class Helpers:
    """Judges the functions of one recorded run by what they were given and what they gave."""

    def __init__(self, run: Run, labels: dict[int, Label], classes: int, wrong: frozenset[int]):
        self.run, self.labels, self.classes = run, labels, classes
        self.wrong = wrong  # the values at which the account departs, by which the labels go on

    def true_derivative(self, event) -> bool:
        """The value is the derivative of an activation at something that the helper received."""
        return self.right_for_its_input(event, by_output=False)

    def right_for_its_input(self, event, by_output: bool = True) -> bool:
        """The value is an activation, or the derivative of one, of something that the helper received; or a loss.

        With `by_output`, also the derivative by what the activation gave, or what the activation itself gives.
        """
        value = normal_form(self.run.value(event))
        function = self.run.frames.get(event.frame)
        if function is None or function.fun is None:
            return False
        if by_output and _cross_entropy(value, [self.run.value(one) for one in self.run.given(event.frame)]):
            return True
        for seen in self.run.given(event.frame):
            given = normal_form(self.run.value(seen))
            square = value.shape == (given.size, given.size) and given.ndim == 1 and given.size > 1
            if square and is_jacobian(value, given):
                return True
            if given.shape != value.shape or value.size == 0 or self._among_others(seen):
                continue
            if np.array_equal(value, given > 0) and 0 < value.sum() < value.size and self._only_array(event.frame):
                return True  # a rectifier's derivative
            column = given.reshape(given.shape[0] if given.ndim else 1, -1)
            forms = [book.activation_slope(name, column) for name in SMOOTH]
            shares: list[np.ndarray] = []
            if by_output and value.ndim == 2:
                shares = [book.softmax_over(column, k) for k in (0, 1) if column.shape[k] == self.classes]
            elif by_output and value.ndim == 1:  # of one vector there is one softmax, whatever it holds
                shares = [book.softmax_over(column, 0)]
            if any(np.allclose(value.reshape(column.shape), known, rtol=1e-9, atol=0) for known in shares):
                return True
            if by_output:
                forms += [column * (1 - column), 1 - column**2, *(book.activation_value(n, column) for n in SMOOTH)]
            for known in forms:
                factor = proportion(value.reshape(column.shape), known)
                if factor is not None and (value.size > 1 or abs(factor - 1) < 1e-12):
                    return True
        return False

    def _among_others(self, argument) -> bool:
        """The argument is a list, and this is one of its elements: they were read one after the other."""
        around = self.run.by_frame_node.get((argument.frame, argument.node), ())
        return any(abs(other.seq - argument.seq) == 1 for other in around)

    def _only_array(self, frame: int) -> bool:
        """The function was given one array."""
        return len({one.ref for one in self.run.given(frame) if self.run.value(one).size > 1}) == 1

    def right_elsewhere(self, event) -> bool:
        """Most calls of the same function from another place gave a value that the textbook knows."""
        mine = self.run.frames.get(event.frame)
        if mine is None or mine.fun is None or mine.call_node is None:
            return False
        number = self.run.value(event).size < 2
        places: dict[int, list[bool]] = {}
        for other in self.run.by_node.get(event.node, ()):
            frame = self.run.frames.get(other.frame)
            if other.frame != event.frame and frame is not None and frame.call_node != mine.call_node:
                label = self.labels.get(other.ref)
                known = label.quantity or "step" if label is not None and label.right else ""
                right = bool(known) and (self.run.value(other).size > 1 or (number and known != "step"))
                right = right and other.ref not in self.wrong
                places.setdefault(frame.call_node, []).append(right)
        if number:  # numbers are added and multiplied everywhere
            return sum(map(any, places.values())) >= 2
        return any(2 * sum(rights) > len(rights) for rights in places.values())  # |z| is a rectifier where z > 0

    def never_right(self, event) -> bool:
        """The function is called from several places, and from none of them it gave a value that the textbook knows."""
        mine = self.run.frames.get(event.frame)
        if mine is None or mine.fun is None or mine.call_node is None:
            return False
        places = set()
        for other in self.run.by_node.get(event.node, ()):
            frame, label = self.run.frames.get(other.frame), self.labels.get(other.ref)
            if label is not None and label.right:
                return False
            places.add(frame.call_node if frame is not None else None)
        return len(places) > 1

    def above_the_engine(self, event):
        """What a function that adds any two numbers was asked to add is a matter of its callers."""
        current = event
        while current.frame in self.run.frames:
            mine = self.run.frames[current.frame]
            calls = {frame.call_node for frame in self.run.frames.values() if (frame.fun, frame.file, frame.line)
                     == (mine.fun, mine.file, mine.line)}  # fmt: skip
            call = self.run.call_of(current.frame)
            if call is None or len(calls) < ENGINE:
                break
            later = [one for one in self.run.by_frame_node.get((call[1], call[0]), ()) if one.seq > current.seq]
            if not later:
                break
            current = later[0]
        return current


@book.quiet
def _cross_entropy(value: np.ndarray, given: list[np.ndarray]) -> bool:
    """Whether a value holds the terms of a cross-entropy of two arrays that were given."""
    alike = [one for one in map(normal_form, given) if one.shape == value.shape and one.size > 1]
    return any(
        np.allclose(value, terms, rtol=1e-9, atol=0)
        for y in alike
        for a in alike
        for terms in (-y * np.log(a) - (1 - y) * np.log(1 - a), -y * np.log(a))
    )


def is_jacobian(value: np.ndarray, given: np.ndarray) -> bool:
    """Whether a square matrix is softmax' Jacobian at what was given, or of what softmax gave."""
    return any(
        proportion(value, np.diag(p) - np.outer(p, p)) is not None
        for p in (given, book.activation_value("softmax", given.reshape(-1, 1)).ravel())
    )
