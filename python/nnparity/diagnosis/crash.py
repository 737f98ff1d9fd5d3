"""A crash is a finding: the operands of the expression that stopped, their dims and labels, the form that conforms."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from nnparity.diagnosis.conclude import Conclusion
from nnparity.diagnosis.crash_origin import asked_for, made_by, misshapen, turned_product
from nnparity.diagnosis.finding import Finding
from nnparity.diagnosis.first_wrong import first_missing, layer_of, phase_of
from nnparity.diagnosis.labels import Label
from nnparity.diagnosis.matching import normal_form, proportion


def dims(value: np.ndarray) -> str:
    """The dims of an operand in words."""
    shape = value.shape
    if len(shape) == 0:
        return "1 number"
    return f"{shape[0]}" if len(shape) == 1 else " × ".join(map(str, shape))


def crash_finding(error, conclusion: Conclusion) -> Finding:
    """Explain an error inside `step`.

    Parameters
    ----------
    error : Failure
        Where and why the run stopped, with the operands of the failing expression where there are any.
    conclusion : Conclusion
        The account of what was computed before.
    """
    run, labels = conclusion.run, conclusion.labels
    operands = [(operand.text, operand.ref) for operand in error.operands if operand.ref is not None]
    shown, values = [], []
    for text, ref in operands:
        value = run.values[ref]
        label: Label | None = labels.get(ref)
        values.append((text, value, label))
        shown.append(f"{text}{f' = {label.text}' if label else ''} [{dims(value)}]")
    id, expected, fix, quantity, layer = None, "", "", "", None
    matrices = [(t, v, name) for t, v, name in values if v.size > 1]
    remedy = _remedy(matrices, error, conclusion)
    if remedy is not None:
        id, expected, fix, quantity, layer = remedy
    made, maker = made_by(error, conclusion)
    blamed = made is not None and (id is None or id in ("transposed", "r-vector-orientation"))
    if blamed:
        id = made
    other = _neighbour(values)
    if remedy is None and other is not None:
        id, expected, quantity, layer = other
        fix = f"Use the operands of one layer: {expected}."
    elif remedy is None:
        id, expected, quantity, layer = _misfit(values, conclusion) or (id, expected, quantity, layer)
    message = " ".join(str(error.message).split())
    if error.kind == "timeout" or "elapsed time limit" in message:
        message, fix = "step did not come back within the time limit", "Look for a loop that never ends."
    elif error.kind == "quit":
        message, fix, shown = "step ends the whole process", "Take what ends the process out of the path of step.", []
    elif error.kind == "crash":
        message = f"the interpreter itself died: {message}"
    lowered = message.lower()
    if id is None:
        id = _idiom(lowered, matrices)
    computes = f"{message}: " + ", ".join(shown) if shown else message
    if not quantity:
        quantity = first_missing(conclusion.textbook, conclusion.state, conclusion.follower)
        layer = layer_of(quantity)
    finding = Finding(
        id, "crash", phase_of(quantity), quantity, layer, computes, expected or _due(error), None
    )
    finding.fix = fix or _way_out(lowered, values, shown)
    finding.place = {
        "file": error.file,
        "cell": error.cell,
        "line": error.line,
        "end_line": error.end_line or error.line,
        "function": getattr(error, "function", None),
        "code": error.code,
    }
    node = run.nodes.get(error.stmt or -1)
    if node is not None:
        finding.place = run.place(node)
    finding.statement = error.stmt
    origin = None  # the cause; where it no longer fits is only where it shows
    if blamed and maker is not None and run.node(maker).file != run.adapter:
        origin = run.statement(maker)
    elif id == "transposed" and quantity.endswith("_new"):
        origin = turned_product(error, conclusion)
    elif remedy is None and not blamed:
        origin = misshapen(error, conclusion) or asked_for(error, run)
    if origin is not None and (origin.file, origin.line) != (finding.place["file"], finding.place["line"]):
        finding.computes += f" (it stops at line {finding.place['line']})"
        finding.statement = origin.id
        finding.place = run.place(origin)
    if finding.place["file"] == run.adapter and run.adapter is not None:
        _out_of_adapter(finding, error, conclusion)
    finding.proved = bool(remedy)
    finding.layers = [layer] if layer else []
    return finding


def _out_of_adapter(finding: Finding, error, conclusion: Conclusion) -> None:
    """What the adapter cannot use came from the candidate: the statement that computed it."""
    run = conclusion.run
    for operand in error.operands:
        label = conclusion.labels.get(operand.ref) if operand.ref is not None else None
        if label is None or not label.quantity.startswith("d"):
            continue
        maker = run.computed(operand.ref)
        if maker is not None and run.node(maker).file == run.adapter:
            maker = conclusion.places.out_of_adapter(maker, lost=True)
        if maker is not None:
            finding.computes += f" (it stops in {finding.place['file']}, line {finding.place['line']})"
            finding.statement = run.statement(maker).id
            finding.place = run.place(run.statement(maker))
            finding.quantity, finding.phase = label.quantity, phase_of(label.quantity)
            return


def _due(error) -> str:
    """What was expected of the statement, where no arrangement of its operands tells."""
    if error.kind in ("timeout", "quit", "crash"):
        return "a step that comes back"
    message = str(error.message).lower()
    if any(words in message for words in NO_PLACE):
        return "an index that is there"
    return "a name that is defined here" if any(words in message for words in NO_NAME) else "a value that conforms"


def _way_out(message: str, values: list, shown: list[str]) -> str:
    """What to do about an error of which no arrangement of the operands is known to help."""
    if any(words in message for words in NO_PLACE):
        numbers = [f"{text} is {float(value.ravel()[0]):g}" for text, value, _ in values if value.size == 1]
        return "Use an index that is there" + (f"; here {', '.join(numbers)}." if numbers else ".")
    if any(words in message for words in NO_NAME):
        return "Use a name that is defined where this statement runs."
    return f"Make the dimensions of the operands agree: {'; '.join(shown)}" if shown else "See the message."


#: What Python and R say of an index beyond the end, and of a name that nothing has.
NO_PLACE = ("index out of range", "out of bounds", "keyerror", "undefined columns selected")
NO_NAME = ("nameerror", "attributeerror", "' not found", "could not find function", "unboundlocalerror")


def _neighbour(values):
    """W of one layer against a or delta of another: which product was due."""
    quantities = [label.quantity for _, _, label in values if label is not None and label.quantity]
    weights = [q for q in quantities if q.startswith("W") and q[1:].isdigit()]
    deltas = [q for q in quantities if q.startswith("delta")]
    signals = [q for q in quantities if q.startswith("A")]
    if len(weights) == 1 and len(deltas) == 1 and weights[0][1:] != deltas[0][5:]:
        layer = int(deltas[0][5:])
        return "wrong-layer", f"W{layer}ᵀ·delta{layer}", f"delta{layer - 1}", layer - 1
    if len(weights) == 1 and len(signals) == 1 and int(weights[0][1:]) != int(signals[0][1:]) + 1:
        layer = int(signals[0][1:]) + 1
        return "wrong-layer", f"W{layer}·A{layer - 1}", f"Z{layer}", layer
    texts = [label.text for _, _, label in values if label is not None]
    return _slope_of_another(texts) or _gradient_of_another(texts)


def _slope_of_another(texts: list[str]):
    """What comes back from one layer, against a slope or an activation of another than the one before."""
    for back in filter(None, (re.search(r"W(\d+)ᵀ·delta\1$", text) for text in texts)):
        layer = int(back[1]) - 1
        for slope in filter(None, (re.search(r"(\w+)′\(Z(\d+)\)$|()A(\d+)\)?$", text) for text in texts)):
            if int(slope[2] or slope[4]) != layer:
                expected = f"(W{layer + 1}ᵀ·delta{layer + 1}) ⊙ {slope[1] or 'f'}′(Z{layer})"
                return "wrong-layer", expected, f"delta{layer}", layer
    return None


def _gradient_of_another(texts: list[str]):
    """A parameter of one layer, against the gradient of another."""
    for parameter in filter(None, (re.fullmatch(r"([Wb])(\d+)", text) for text in texts)):
        for gradient in filter(None, (re.search(r"d[Wb](\d+)$", text) for text in texts)):
            if gradient[1] != parameter[2]:
                name = parameter[0]
                return "wrong-layer", f"{name} − η·d{name}", f"{name}_new", int(parameter[2])
    return None


def _misfit(values, conclusion: Conclusion):
    """An operand that is a product of quantities which do not belong together."""
    state, t = conclusion.state, conclusion.textbook
    for _, value, label in values:
        form = normal_form(value)
        if label is not None or form.size < 2:
            continue
        if t.language == "Python" and form.shape == (t.m, t.m) and t.m > 1:
            return "np-broadcast", "shapes that agree", f"delta{t.depth}", t.depth
        for i, delta in state.delta.items():
            for j, signal in {**state.A}.items():
                if j == i - 1:
                    continue
                products = [delta @ signal.T] + [np.outer(delta[:, k], signal[:, k]) for k in range(t.m)]
                for product in products:
                    for shape in (product, product.T):
                        if shape.shape == form.shape and proportion(form, shape) is not None:
                            return "wrong-layer", f"delta{i}·A{i - 1}ᵀ, not delta{i}·A{j}ᵀ", f"dW{i}", i
    return None


def _idiom(message: str, matrices) -> str | None:
    if "condition has length" in message:
        return "r-condition-length"
    if "could not be broadcast" in message and any(value.ndim == 1 for _, value, _ in matrices):
        return "np-broadcast"
    if "non-conformable" in message and any(value.ndim == 1 for _, value, _ in matrices):
        return "r-vector-orientation"
    if "incorrect number of dimensions" in message:
        return "r-dropped-dimension"
    return None


def _remedy(matrices, error, conclusion: Conclusion):
    """An arrangement of the same operands that conforms and gives a quantity of the textbook."""
    if len(matrices) < 2:
        return None
    (text_a, a, label_a), (text_b, b, label_b) = matrices[0], matrices[1]
    run = conclusion.run
    operator = None
    node = run.nodes.get(error.node or -1)
    if node is not None:
        operator = (node.op or "").split(".")[-1].split("::")[-1]
    for name, value, swaps in _arrangements(a, b):
        hit = _known(normal_form(value), conclusion)
        if hit is None:
            continue
        text, quantity, layer = hit
        first = _in_brackets(label_a.text if label_a else text_a)
        second = _in_brackets(label_b.text if label_b else text_b)
        written = name.format(a=first, b=second)
        id = "transposed"
        elementwise = operator in ("*", "multiply")
        if elementwise == ("·" in name) and ("·" in name or "⊙" in name) and swaps < 1:
            id = "r-elementwise-for-matmul"
        elif a.ndim < 2 or b.ndim < 2:
            id = "r-vector-orientation"
        source = in_source(name, text_a, text_b, conclusion.textbook.language)
        expected = text if written == text else f"{written} = {text}"
        return id, expected, f"Write {source}: it conforms and gives {text}.", quantity, layer
    return None


def _in_brackets(text: str) -> str:
    """A sum or a difference as an operand."""
    return f"({text})" if re.search(r" [−+] ", text) and not re.fullmatch(r"\([^()]*\)", text) else text


def in_source(form: str, a: str, b: str, language: str) -> str:
    """An arrangement such as {a}ᵀ·{b} as the candidate's language writes it."""
    turned = "t({})" if language == "R" else "{}.T"
    form = form.replace("{a}ᵀ", turned.format("{a}") if language == "R" else "({a}).T")
    form = form.replace("{b}ᵀ", turned.format("{b}") if language == "R" else "({b}).T")
    product = " %*% " if language == "R" else " @ "
    return form.replace("·", product).replace("⊙", "*").replace("−", "-").format(a=a, b=b)


def _arrangements(a: np.ndarray, b: np.ndarray):
    forms_a = (
        [("{a}", a, 0), ("{a}ᵀ", a.T, 1)]
        if a.ndim == 2
        else [("{a}", a.reshape(-1, 1), 0), ("{a}ᵀ", a.reshape(1, -1), 1)]
    )
    forms_b = (
        [("{b}", b, 0), ("{b}ᵀ", b.T, 1)]
        if b.ndim == 2
        else [("{b}", b.reshape(-1, 1), 0), ("{b}ᵀ", b.reshape(1, -1), 1)]
    )
    options: list[tuple[float, str, Any]] = []
    for name_a, left, turned_a in forms_a:
        for name_b, right, turned_b in forms_b:
            if left.shape[1] == right.shape[0]:
                options.append((turned_a + turned_b, f"{name_a}·{name_b}", left @ right))
            if right.shape[1] == left.shape[0]:
                options.append((turned_a + turned_b + 0.5, f"{name_b}·{name_a}", right @ left))
            if left.shape == right.shape:
                options.append((turned_a + turned_b + 0.2, f"{name_a} ⊙ {name_b}", left * right))
                options.append((turned_a + turned_b + 0.3, f"{name_a} − {name_b}", left - right))
                options.append((turned_a + turned_b + 0.4, f"{name_a} + {name_b}", left + right))
    for cost, name, value in sorted(options, key=lambda option: option[0]):
        yield name, value, cost


def _known(value: np.ndarray, conclusion: Conclusion):
    """The textbook quantity, or usual step towards one, that a value is."""
    from nnparity.diagnosis.labels import vocabulary

    for text, quantity, wanted, right, kind in vocabulary(conclusion.state, conclusion.textbook):
        if not right:
            continue
        targets = [wanted]
        if wanted.ndim == 2 and kind == "samples":
            targets += [wanted[:, i] for i in range(wanted.shape[1])]
        if isinstance(kind, tuple):
            _, d, a = kind
            targets += [d[:, i] if a is None else np.outer(d[:, i], a[:, i]) for i in range(d.shape[1])]
        for target in map(normal_form, targets):
            for form in (target, target.T):
                if form.shape != value.shape or form.size < 2 or not np.any(form):
                    continue
                factor = proportion(value, form)
                if factor is not None and conclusion.follower.index.is_known(factor):
                    digits = "".join(letter for letter in (quantity or text) if letter.isdigit())
                    name = quantity or text
                    if not quantity and text.startswith("W") and "delta" in text:
                        layer = int(digits[0]) - 1
                        return text, f"delta{layer}", layer
                    if not quantity and text.startswith("W") and "·A" in text:
                        layer = int(digits[0])
                        return text, f"Z{layer}", layer
                    return text, name, int(digits[0]) if digits else None
    return None
