"""Name the first quantity of the textbook that a run lacks: what a changed line has put right."""

from __future__ import annotations

from nnparity.diagnosis.follow import Follower, State, Textbook
from nnparity.diagnosis.plain import Plain, plain_pass


def first_wrong(textbook: Textbook, state: State, follower: Follower, right: frozenset[str]) -> str | None:
    """The quantity, such as "delta1", in the order of computation; None where nothing is seen to be wrong.

    Parameters
    ----------
    textbook, state, follower : of the account of the run
    right : the returned parameters that are the textbook's
    """
    plain = plain_pass(textbook, state, textbook.X, textbook.Y)
    L = textbook.depth
    forward = [(f"{letter}{k}", values[k]) for k in range(1, L + 1) for letter, values in
               (("Z", plain.Z), ("A", plain.A))]  # fmt: skip
    seen = [place for place, (_, value) in enumerate(forward) if follower.present(value)]
    missing = forward[seen[-1] + 1 :] if seen else forward
    if missing and not right:
        return missing[0][0]
    backward = [k for k in range(L, 0, -1) if k in plain.delta]
    for k in backward:
        if not _delta_is_right(plain, k, follower, right):
            return f"delta{k}"
    for k in backward:
        for letter in "Wb":
            if f"{letter}{k}" not in right and not (letter == "b" and k in textbook.no_bias):
                gradient = plain.gradients[k]["Wb".index(letter)]
                recorded = follower.index.find(gradient, parts=True, edges=letter == "b")
                return f"{letter}{k}_new" if recorded else f"d{letter}{k}"
    return None


def first_missing(textbook: Textbook, state: State, follower: Follower) -> str:
    """The quantity that a run which stopped was about to compute: what follows on the last one that was seen."""
    plain = plain_pass(textbook, state, textbook.X, textbook.Y)
    order = [(f"{letter}{k}", values[k]) for k in range(1, textbook.depth + 1) for letter, values in
             (("Z", plain.Z), ("A", plain.A))]  # fmt: skip
    for k in (k for k in range(textbook.depth, 0, -1) if k in plain.delta):
        dW, db = plain.gradients[k]
        order += [(f"delta{k}", plain.delta[k]), (f"dW{k}", dW), (f"db{k}", db)]
    seen = [place for place, (_, value) in enumerate(order)
            if follower.present(value) or follower.index.find(value, parts=True, edges=value.ndim == 1)]  # fmt: skip
    following = order[seen[-1] + 1 :] if seen else order
    return following[0][0] if following else "W1_new"


def layer_of(quantity: str) -> int:
    """The layer of a quantity such as "delta1" or "W2_new"."""
    return int("".join(filter(str.isdigit, quantity)))


def phase_of(quantity: str) -> str:
    """Forward, backward or update: where a quantity belongs."""
    if quantity.endswith("_new"):
        return "update"
    return "backward" if quantity.startswith("d") else "forward"


def _delta_is_right(plain: Plain, layer: int, follower: Follower, right: frozenset[str]) -> bool:
    """A delta is right where it was seen, or where something is right that can only come from it."""
    below = {f"{letter}{k}" for k in range(1, layer + 1) for letter in "Wb"}
    return bool(below & right) or any(follower.present(plain.delta[k]) for k in range(layer, 0, -1))
