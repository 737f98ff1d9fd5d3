"""Options that several commands share: what the network is, and how it runs."""

from __future__ import annotations

from collections.abc import Callable

import click

from nnparity.checks import InputError


def whole_numbers(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...]:
    """Read `4,6,3` as (4, 6, 3)."""
    if not text:
        return ()
    try:
        return tuple(int(word) for word in text.replace(" ", "").split(",") if word)
    except ValueError:
        raise InputError(
            f"{parameter.opts[0]} must be whole numbers separated by commas, such as 4,6,3, not {text!r}."
        ) from None


def words(context: click.Context, parameter: click.Parameter, text: str | None) -> str | tuple[str, ...] | None:
    """Read `tanh` as it is and `tanh,relu` as two words."""
    if text is None or "," not in text:
        return text
    return tuple(word.strip() for word in text.split(",") if word.strip())


def apply(options: list[Callable]) -> Callable:
    """One decorator out of several options, shown in the order in which they stand."""

    def decorate(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def network_options(sizes: str | None, activation: str | None, output: str | None, loss: str | None, batch: int | None,
                    eta: float | None) -> Callable:
    """The network options with the defaults of one command; None: inferred from the code or from the data."""
    return apply([
        click.option("--sizes", default=sizes, callback=whole_numbers, metavar="N,N,…", show_default=True,
                     help="Widths of all layers, inputs first."),
        click.option("--activation", default=activation, callback=words, metavar="WORD",
                     help="Activation of the hidden layers: one, or one per layer, separated by commas."),
        click.option("--output-activation", default=output, metavar="WORD", help="Activation of the output layer."),
        click.option("--loss", default=loss, metavar="WORD", help="Loss."),
        click.option("--slope", default=0.01, show_default=True, help="Slope of leaky_relu."),
        click.option("--batch", default=batch, type=int, show_default=True, help="Samples in a batch."),
        click.option("--eta", default=eta, type=float, show_default=True, help="Learning rate."),
        click.option("--seed", default=1, show_default=True, help="Seed of everything random."),
        click.option("--no-bias", default=None, callback=whole_numbers, metavar="LAYERS",
                     help="Layers without a bias, such as 1,2."),
    ])
