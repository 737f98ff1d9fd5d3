"""nnparity train: data in, a model and its history out."""

from __future__ import annotations

from typing import Any

import click

from nnparity.commands.tables import Row, table_options

DATA_OPTIONS: tuple[Row, ...] = (
    ("--labels", "text", "FILE", "", "IDX file of the labels, where it does not lie beside the images."),
    ("--label", "text", "COLUMN", "auto", "Label column of a CSV file: its name or number, first or last."),
)
OPTIONS: tuple[Row, ...] = (
    *DATA_OPTIONS,
    ("--hidden", "counts", "N,N", "30", "Widths of the hidden layers; 0 for none."),
    ("--sizes", "counts", "N,N,N", "", "Widths of all layers, instead of --hidden; the data must fit them."),
    ("--activation", "words", "WORD", "sigmoid", "Activation of the hidden layers: one, or one per layer."),
    (
        "--output-activation", "text", "WORD", "",
        "Output activation; sigmoid for classes, linear for numbers.",
    ),
    ("--loss", "text", "WORD", "quadratic", "Loss, such as categorical_cross_entropy with softmax."),
    ("--slope", "number", "NUMBER", "0.01", "Slope of leaky_relu below zero."),
    ("--no-bias", "counts", "LAYERS", "", "Layers without a bias, such as 1,2."),
    ("--l1", "number", "NUMBER", "0", "Penalty on the sum of |W|."),
    ("--l2", "number", "NUMBER", "0", "Penalty on half the sum of squares of W."),
    ("--dropout", "number", "SHARE", "0", "Share of hidden units switched off in each step."),
    ("--init", "text", "WORD", "normal_scaled", "First weights."),
    ("--optimizer", "text", "WORD", "sgd", "sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw."),
    ("--eta", "number", "NUMBER", "0.5", "Learning rate."),
    ("--clip-norm", "number", "NUMBER", "", "Scale gradients down to this norm."),
    ("--epochs", "count", "N", "30", "Passes over the data, in all when resuming."),
    ("--batch", "count", "N", "10", "Samples in a batch."),
    ("--schedule", "text", "WORD", "constant", "Learning rate: constant, step, exponential, inverse_time or halving."),
    ("--patience", "count", "N", "", "Stop after N epochs without improvement; the best epoch's weights are kept."),
    ("--monitor", "text", "WORD", "loss", "What improvement means: loss or metric, of the validation data."),
    ("--scaling", "text", "WORD", "none", "Inputs: none, unit (to [0, 1]) or standard (mean 0, variance 1)."),
    ("--task", "text", "WORD", "auto", "What labels are: classes or numbers."),
    (
        "--validation", "text", "SHARE", "",
        "Hold out this share of the rows, or the last N; or a file of held-out data.",
    ),
    ("--seed", "count", "N", "1", "Seed of everything random."),
    ("--arithmetic", "text", "WORD", "fast", "fast, or exact, which gives the same bits in R and in Python."),
    ("--exact", "flag", "", "", "The same as --arithmetic exact."),
    ("--model", "text", "FILE", "model.txt", "Where the model goes."),
    ("--history", "text", "FILE", "", "Write the history as CSV."),
    ("--plot", "text", "FILE", "", "Draw the history: .png, .pdf or .svg."),
    ("--resume", "text", "FILE", "", "Go on from this model; its own options count, apart from --epochs."),
    ("--quiet", "flag", "", "", "No progress bar."),
)


@click.command("train", short_help="Train a network on a data set and save it with its history.")
@click.argument("data")
@table_options(OPTIONS)
def command(data: str, **options: Any) -> int:
    """Train a network on DATA and save it with its history.

    DATA is a CSV file with one row per observation, a folder with an IDX pair, an IDX file of images, or one of the
    words digits, clusters, spiral, image, xor.  The widths of the first and last layer come from the data.

    \b
      nnparity train digits --eta 3 --validation 0.2 --model digits.txt
      nnparity train digits --resume digits.txt --epochs 60 --model digits.txt
      nnparity evaluate digits.txt digits

    Ctrl-C ends the training after the last complete epoch and saves what there is.
    """
    from dataclasses import replace

    from nnparity.checks import check_word, stop_input
    from nnparity.commands.data import load_labelled, split_validation
    from nnparity.commands.outputs import check_picture_place, check_place
    from nnparity.estimator import show_progress
    from nnparity.model import describe_model, model_inputs, prepare_model, train_model
    from nnparity.model_file import load_model, save_model
    from nnparity.preprocessing import TASKS, saturation_warning

    check_word(options["task"], TASKS, "--task")
    check_place(options["model"], replaced=True)
    check_place(options["history"], replaced=True)
    check_picture_place(options["plot"])
    sample = load_labelled(data, options["labels"], options["label"], options["task"])
    sample, held = split_validation(sample, options["validation"], options["label"], options["task"])
    if options["resume"] is not None:
        model = load_model(options["resume"])
        if options["epochs"] <= model.state.epoch:
            done = model.state.epoch
            stop_input(f"--epochs must be more than the {done} that the model has done, not {options['epochs']}")
        model = replace(model, plan=replace(model.plan, epochs=options["epochs"]))
    else:
        hidden = options["hidden"] if options["sizes"] is None else options["sizes"][1:-1]
        model = prepare_model(
            sample.table, sample.labels, [n for n in hidden if n != 0], options["activation"],
            options["output_activation"], options["loss"], slope=options["slope"], no_bias=options["no_bias"] or (),
            l1=options["l1"], l2=options["l2"], init=options["init"], optimizer=options["optimizer"],
            eta=options["eta"], clip_norm=options["clip_norm"], epochs=options["epochs"], batch=options["batch"],
            schedule=options["schedule"], dropout=options["dropout"], patience=options["patience"],
            monitor=options["monitor"], scaling=options["scaling"], seed=options["seed"],
            task="numbers" if sample.data.classes is None else "classes",
            arithmetic="exact" if options["exact"] else options["arithmetic"],
        )  # fmt: skip
        if options["sizes"] is not None and tuple(options["sizes"]) != model.network.sizes:
            wanted, given = (",".join(map(str, sizes)) for sizes in (model.network.sizes, options["sizes"]))
            stop_input(f"--sizes must be {wanted} for these data, not {given}")
        sentence = saturation_warning(model.network, model.state.W, model.state.b, model_inputs(model, sample.table).T)
        if sentence is not None:
            click.echo(f"nnparity: warning: {sentence}", err=True)
    validation = None if held is None else (held.table, held.labels)
    on_epoch = None if options["quiet"] else lambda state: show_progress(state, model.plan.epochs)
    trained = train_model(model, sample.table, sample.labels, validation, None, on_epoch)
    save_model(trained, options["model"])
    if options["history"] is not None:
        write_history(trained.state.history, options["history"])
    if options["plot"] is not None:
        from nnparity.plots import plot_history, save_picture

        save_picture(plot_history(trained.state.history, trained.plan.metric), options["plot"])
    click.echo("\n".join(describe_model(trained)))
    click.echo(f"saved as {options['model']}")
    return 0


def write_history(history: list[dict[str, float]], path: str) -> None:
    """The history as CSV, the same text as R writes."""
    from nnparity.commands.outputs import write_text
    from nnparity.model_file import HISTORY_COLUMNS, number_text

    lines = [",".join(HISTORY_COLUMNS)]
    lines += [",".join(number_text(row[name]) for name in HISTORY_COLUMNS) for row in history]
    write_text(lines, path)
