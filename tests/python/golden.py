"""Golden networks as Python objects: what each starts from, and what every quantity of its steps must be."""

from dataclasses import dataclass
from pathlib import Path

from nnparity.network import NetworkDefinition, define_network
from nnparity.optimizers import Optimizer, define_optimizer, initial_state
from nnparity.trace import TRACE_COLUMNS, Trace, trace_step, traces_of_lines

FOLDER = Path(__file__).resolve().parent.parent.parent / "fixtures" / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.csv"))
MAGIC = "# nnparity golden 1"


@dataclass
class Golden:
    """One golden file.

    Attributes
    ----------
    name : str
    header : dict of the words above the numbers
    network, optimizer : definitions
    traces : one per step, with their inputs
    """

    name: str
    header: dict[str, str]
    network: NetworkDefinition
    optimizer: Optimizer
    traces: list[Trace]


def read_golden(path: Path) -> Golden:
    """Read a golden file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = lines.index(TRACE_COLUMNS)
    assert lines[0] == MAGIC, f"{path.name} is not a golden file"
    header = dict(line.removeprefix("# ").rstrip(":").partition(": ")[::2] for line in lines[1:start])
    network = define_network(
        [int(size) for size in header["sizes"].split(",")],
        header["activation"].split(",") if header["activation"] else "sigmoid",
        header["output_activation"],
        header["loss"],
        *(float(header[word]) for word in ("slope", "huber_delta", "elu_alpha")),
        no_bias=[int(layer) for layer in header["no_bias"].split(",") if layer],
        l1=float(header["l1"]),
        l2=float(header["l2"]),
    )
    clip_norm = float(header["clip_norm"]) if header["clip_norm"] else None
    optimizer = define_optimizer(header["optimizer"], float(header["eta"]), clip_norm)
    steps = traces_of_lines(path, lines[start + 1 :])
    layers = range(1, len(network.sizes))
    starts = [f"{letter}{layer}" for layer in layers for letter in "Wb"] + ["Y"]
    first = steps[0]
    state = initial_state(optimizer, [first[f"W{l}"] for l in layers], [first[f"b{l}"] for l in layers])
    traces = []
    for step in steps:
        inputs = {name: step[name] for name in starts} | state
        traces.append(Trace({name: value for name, value in step.items() if name not in starts}, inputs))
        state = {name: step[name] for name in state}
    return Golden(path.stem, header, network, optimizer, traces)


def follow(golden: Golden, arithmetic) -> list[Trace]:
    """What the twin makes of the golden network, from its first weights on."""
    layers = range(1, len(golden.network.sizes))
    start = golden.traces[0].inputs
    W, b = [start[f"W{l}"] for l in layers], [start[f"b{l}"] for l in layers]
    state = initial_state(golden.optimizer, W, b)
    traces = []
    for truth in golden.traces:
        Y = truth.inputs["Y"]
        traces.append(trace_step(golden.network, golden.optimizer, W, b, truth["A0"], Y, state, arithmetic))
        W, b = [traces[-1][f"W{l}_new"] for l in layers], [traces[-1][f"b{l}_new"] for l in layers]
        state = {name: traces[-1][name] for name in state}
    return traces
