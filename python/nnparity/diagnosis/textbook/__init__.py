"""What each quantity of a gradient step should be, and the mistakes that people make in its place.

Every quantity of the design's vocabulary has one *right* formula and a list of *departures*: formulas that hand-written
networks are known to compute instead, each with the id under which it is reported.  All of them are evaluated on the
values that the candidate really used, so that a second mistake is seen behind the first one.
"""

from nnparity.diagnosis.textbook.formula import (
    LOSSES,
    Formula,
    activation_slope,
    activation_value,
    delta_of,
    guarded_delta,
    loss_slope,
    quiet,
    softmax_over,
)
from nnparity.diagnosis.textbook.forward import forward_activations, forward_sums
from nnparity.diagnosis.textbook.gradients import bias_gradients, one_number_id, weight_gradients
from nnparity.diagnosis.textbook.hidden import hidden_deltas
from nnparity.diagnosis.textbook.output import output_deltas

__all__ = [
    "LOSSES",
    "Formula",
    "activation_slope",
    "activation_value",
    "bias_gradients",
    "delta_of",
    "forward_activations",
    "forward_sums",
    "guarded_delta",
    "hidden_deltas",
    "loss_slope",
    "one_number_id",
    "output_deltas",
    "quiet",
    "softmax_over",
    "weight_gradients",
]
