"""The words for each known mistake: what it means and what to do about it.  One entry is one mistake."""

from __future__ import annotations

#: id → one sentence of advice; {right} stands for the right formula, {quantity} for the quantity.
FIXES: dict[str, str] = {
    "missing-activation-derivative": "Multiply by the derivative of the activation: {quantity} = {right}.",
    "derivative-of-activation": "The derivative was given the wrong one of z and a: {quantity} = {right}.",
    "wrong-derivative": "This is the derivative of another function than the one used forward: {quantity} = {right}.",
    "activation-as-derivative": "The activation stands where its derivative belongs: {quantity} = {right}.",
    "relu-mask-wrong": "The mask of a rectifier is 1 where its own input z was positive: {quantity} = {right}.",
    "stale-weights-in-delta": "Compute every delta before any weight is updated: {quantity} = {right}.",
    "wrong-layer": "An operand belongs to a neighbouring layer: {quantity} = {right}.",
    "ascent": "The step goes uphill: turn the sign round ({quantity} = {right}).",
    "extra-output-derivative": (
        "With this pair of output and loss the derivative has already cancelled: {quantity} = {right}."
    ),
    "missing-output-derivative": (
        "This loss leaves the derivative of the output activation in delta: {quantity} = {right}."
    ),
    "softmax-jacobian-diagonal": (
        "Each softmax output depends on every input; use the whole Jacobian: {quantity} = {right}."
    ),
    "softmax-axis": "Normalise over the classes of each sample: {quantity} = {right}.",
    "softmax-twice": "Apply softmax once: {quantity} = {right}.",
    "softmax-overflow": "Subtract each sample's maximum before exp.",
    "transposed": "Transpose one operand: {quantity} = {right}.",
    "bias-gradient-collapsed": "Keep one number per unit; sum over the samples only: {quantity} = {right}.",
    "np-scalar-sum": "Give np.sum the axis of the samples; one number per unit must remain: {quantity} = {right}.",
    "bias-missing": "The bias takes part as every other parameter does: {quantity} = {right}.",
    "bias-sign": "The bias has one sign forward and backward: {quantity} = {right}.",
    "sum-for-mean": "The sum over the samples stands for their mean: divide by m, or the learning rate by m.",
    "wrong-count": "Divide by the number of samples in the batch, once: {quantity} = {right}.",
    "missing-half": "The factor 2 of the square is kept; halve it, or the learning rate.",
    "squared-error-as-delta": "The derivative of the squared error is the error itself: {quantity} = {right}.",
    "weights-for-inputs": "The gradient of a weight needs the input it was multiplied by: {quantity} = {right}.",
    "accumulator-not-reset": "Start every batch (and layer) with sums of zero: {quantity} = {right}.",
    "updated-parameters-as-gradient": (
        "The routine already returns updated parameters: assign them, do not subtract them again."
    ),
    "update-lost": "The new value never reaches the network: return it or assign it where the network is kept.",
    "sequential-update": "Compute all gradients first, then update all layers.",
    "batch-lost": "Every sample of the batch counts once: {quantity} = {right}.",
    "shuffle-unpaired": "Shuffle inputs and targets by the same permutation.",
    "label-encoding": "The one-hot rows are shifted against the classes.",
    "r-recycling": (
        "R recycles the bias down columns: keep units in rows, or use sweep(Z, 2, b, `+`) for samples in rows."
    ),
    "r-dropped-dimension": "A single row or column became a vector: add drop = FALSE.",
    "r-factor-codes": "R counts from 1, and index 0 does nothing: add 1 to labels that count from 0.",
    "r-elementwise-for-matmul": "`*` multiplies element by element; the matrix product is `%*%` (`@` in Python).",
    "r-pmax-dimension": "max() gives one number; pmax(Z, 0) works element by element and keeps the matrix.",
    "r-vector-orientation": (
        "A vector has no orientation: make it a one-column matrix before transposing or multiplying."
    ),
    "np-broadcast": "(m,) against (m, 1) gives (m, m): keep both shapes equal.",
    "np-alias": "Two names share one array: copy it.",
    "r-copy-semantics": "A function changes its own copy: return the value and assign it.",
}


def fix_for(id: str | None, quantity: str, right: str) -> str:
    """One sentence that says what to write instead."""
    template = FIXES.get(id or "", "Compute {quantity} = {right}.")
    return template.format(quantity=quantity, right=right)
