"""`as_step`: an adapter in one call, for the common layouts of networks; available in every Python adapter."""

import ast
import functools

import numpy as np

SAMPLES = {
    "columns": "X is n_0 x m, one column per sample",
    "rows": "X is m x n_0, one row per sample",
    "one": "f takes one sample at a time, a vector",
    "one_column": "f takes one sample at a time, n_0 x 1",
    "one_row": "f takes one sample at a time, 1 x n_0",
}
WEIGHTS = {"out_by_in": "W[l] is n_l x n_(l-1)", "in_by_out": "W[l] is n_(l-1) x n_l"}
BIAS = {
    "separate": "b[l] stands apart",
    "first_row": "first row of W[l] (in_by_out)",
    "last_row": "last row of W[l] (in_by_out)",
    "first_column": "first column of W[l] (out_by_in)",
    "last_column": "last column of W[l] (out_by_in)",
    "none": "there is none",
}
BIAS_SHAPES = {"vector": "n_l numbers", "column": "n_l x 1", "row": "1 x n_l"}
RETURNS = {
    "parameters": "f returns the new weights and biases",
    "gradients": "f returns dW and db, means over the samples",
    "holder": "f changes its holder",
}


def as_step(
    f,
    takes="W, b, X, Y, eta",
    samples="columns",
    weights="out_by_in",
    bias="separate",
    bias_shape="vector",
    returns="parameters",
    holder=None,
    slots=None,
):
    """Make `step(W, b, X, Y, eta)` of a candidate's own function.

    Parameters
    ----------
    f : the function that makes one step or computes the gradients; with a holder, the name of its method, or a function
        that is given the holder first
    takes : what f takes, in order, names of arguments before an equals sign: ``"X, Y, W1, b1, W2, b2, lr=eta"``.
        The words: ``W``, ``b`` (lists), ``W1``, ``b1``, … (one layer), ``flat`` ([W1, b1, W2, …]), ``pairs``
        ([(W1, b1), …]), ``parameters`` ({"W1": …, "b1": …}), ``theta`` (all numbers in one vector), ``X``, ``Y``,
        ``batch`` ([(x, y), …]), ``Xs``, ``Ys`` (lists of samples), ``X_frame``, ``Y_frame`` (data frames), ``labels``
        (class numbers from 0), ``classes`` (from 1), ``eta``, ``m``, ``sizes``, or any constant
    samples : columns, rows, one, one_column or one_row; the latter three also say how the samples in ``batch`` look
    weights : out_by_in or in_by_out
    bias : separate, first_row, last_row, first_column, last_column or none
    bias_shape : vector, column or row, where the bias is separate
    returns : parameters, gradients or holder; arrays are recognised in a list, tuple or dict by their shapes
    holder : makes the object or dict with the parameters, from the widths: ``Network``, ``lambda sizes: Net(*sizes)``
    slots : attribute of the holder → word, as in takes: ``{"weights": "W", "biases": "b"}``

    Returns
    -------
    step : function of (W, b, X, Y, eta)

    Examples
    --------
    >>> step = as_step(train_step, "X, Y, W, b, eta", samples="rows", weights="in_by_out")  # doctest: +SKIP
    """
    for name, word, words in (
        ("samples", samples, SAMPLES),
        ("weights", weights, WEIGHTS),
        ("bias", bias, BIAS),
        ("bias_shape", bias_shape, BIAS_SHAPES),
        ("returns", returns, RETURNS),
    ):
        if word not in words:
            raise ValueError(f"as_step: {name} must be one of {', '.join(words)}, not {word!r}")
    for side, needed in (("row", "in_by_out"), ("column", "out_by_in")):
        if bias.endswith(side) and weights != needed:
            raise ValueError(
                f'as_step: bias="{bias}" goes with weights="{needed}", for a {side} has as many numbers as the bias'
            )
    if returns == "holder" and holder is None:
        raise ValueError('as_step: returns="holder" needs a holder')
    layout = Layout(samples, weights, bias, bias_shape)
    one_by_one = samples.startswith("one") and not {"batch", "Xs", "Ys"} & {word for _, word in words_of(takes)}

    def step(W, b, X, Y, eta):
        m = X.shape[1]
        found = []
        for i in range(m) if one_by_one else (None,):
            given = Given(layout, W, b, X, Y, eta, i)
            action = f
            if holder is not None:
                kept = holder([X.shape[0], *(w.shape[0] for w in W)])
                for name, word in (slots or {}).items():
                    put(kept, name, given.word(word))
                action = getattr(kept, f) if isinstance(f, str) else functools.partial(f, kept)
            values = [(name, given.word(word)) for name, word in words_of(takes)]
            result = action(*(v for name, v in values if name is None), **{name: v for name, v in values if name})
            if returns == "holder":
                # A dict may be changed in place, or another one returned.
                kept = result if isinstance(kept, dict) and isinstance(result, dict) else kept
                result = {name: kept[name] if isinstance(kept, dict) else getattr(kept, name) for name in slots}
            found.append(layout.recover(result, W, b, returns))
        # f is linear in the gradient, so the mean of its results is the result of the mean gradient.
        W_found = [sum(parts) / len(found) for parts in zip(*(part[0] for part in found), strict=True)]
        b_found = [sum(parts) / len(found) for parts in zip(*(part[1] for part in found), strict=True)]
        if returns == "gradients":
            return [w - eta * g for w, g in zip(W, W_found, strict=True)], [
                v - eta * g for v, g in zip(b, b_found, strict=True)
            ]
        return W_found, b_found

    return step


def put(kept, name, value):
    """Store a value in a field of an object or dict."""
    if isinstance(kept, dict):
        kept[name] = value
    else:
        setattr(kept, name, value)


def words_of(takes):
    """Split ``"X, lr=eta"`` into [(None, "X"), ("lr", "eta")]; a constant keeps its commas in brackets."""
    parts, depth, current = [], 0, ""
    for letter in takes + ",":
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += letter
    found = []
    for part in filter(None, parts):
        name, equals, word = part.partition("=")
        found.append((name.strip(), word.strip()) if equals and name.strip().isidentifier() else (None, part))
    return found


class Layout:
    """How a candidate lays its arrays out, and back."""

    def __init__(self, samples, weights, bias, bias_shape):
        self.samples, self.weights, self.bias, self.bias_shape = samples, weights, bias, bias_shape

    def weight(self, w, v):
        """Return W[l] (n_l x n_(l-1)) as the candidate has it, the bias folded in where it is."""
        w = np.array(w if self.weights == "out_by_in" else w.T, order="C")
        if self.bias.endswith("row"):
            return np.vstack([v, w] if self.bias == "first_row" else [w, v])
        if self.bias.endswith("column"):
            return np.column_stack([v, w] if self.bias == "first_column" else [w, v])
        return w

    def offset(self, v):
        """Return b[l] as the candidate has it."""
        return np.array(v, dtype=float).reshape({"vector": (-1,), "column": (-1, 1), "row": (1, -1)}[self.bias_shape])

    def sample(self, x):
        """Return one sample as the candidate has it."""
        return x.reshape({"one": (-1,), "one_row": (1, -1)}.get(self.samples, (-1, 1)))

    def apart(self, w):
        """Return (W[l], b[l]) of a weight in the candidate's layout; b[l] is None where it stands apart."""
        v = None
        if self.bias.endswith("row"):
            v, w = (w[0], w[1:]) if self.bias == "first_row" else (w[-1], w[:-1])
        elif self.bias.endswith("column"):
            v, w = (w[:, 0], w[:, 1:]) if self.bias == "first_column" else (w[:, -1], w[:, :-1])
        return (w if self.weights == "out_by_in" else w.T), v

    def recover(self, result, W, b, returns):
        """Return (list of W, list of b) from whatever was returned."""
        shapes = [self.weight(w, v).shape for w, v in zip(W, b, strict=True)]
        separate = self.bias == "separate"
        leaves = list(flat_arrays(result))
        if (
            len(leaves) == 1
            and leaves[0].ndim == 1
            and leaves[0].size == sum(w.size + v.size * separate for w, v in zip(W, b, strict=True))
        ):
            leaves = unroll(leaves[0], shapes, [len(v) for v in b] if separate else None)
        weights, rest = by_shape(leaves, shapes)
        if weights is None:
            wanted = ", ".join(" x ".join(map(str, shape)) for shape in shapes)
            came = ", ".join(" x ".join(map(str, a.shape)) or "one number" for a in leaves) or "no array"
            swapped = by_shape(leaves, [shape[::-1] for shape in shapes])[0] is not None
            hint = ": rows and columns of the weights are swapped, see weights=" if swapped else ""
            raise ValueError(f"as_step: expected {returns} with the shapes {wanted}, but {came} came back{hint}")
        pairs = [self.apart(w) for w in weights]
        if not separate:
            return [w for w, _ in pairs], [
                np.zeros_like(v) if u is None and returns == "gradients" else v if u is None else u
                for (_, u), v in zip(pairs, b, strict=True)
            ]
        offsets = by_size(rest, [len(v) for v in b])
        if offsets is None:
            wanted = ", ".join(str(len(v)) for v in b)
            came = ", ".join(" x ".join(map(str, a.shape)) or "one number" for a in rest) or "none"
            raise ValueError(f"as_step: expected biases of {wanted} numbers besides the weights, but {came} came back")
        return [w for w, _ in pairs], offsets


class Given:
    """What `step` was given, under the words of `takes`."""

    def __init__(self, layout, W, b, X, Y, eta, sample=None):
        self.layout, self.eta, self.m, self.sizes = layout, eta, X.shape[1], [X.shape[0], *(w.shape[0] for w in W)]
        self.W = [layout.weight(w, v) for w, v in zip(W, b, strict=True)]
        self.b = [layout.offset(v) for v in b]
        if sample is not None:
            self.m = 1
            X, Y = X[:, [sample]], Y[:, [sample]]
        self.columns = X, Y

    def word(self, word):
        """Return what a word of `takes` stands for."""
        if word in WORDS:
            return WORDS[word](self)
        if word[:1] in ("W", "b") and word[1:].isdigit():
            layers = self.W if word[0] == "W" else self.b
            if not 1 <= int(word[1:]) <= len(layers):
                raise ValueError(f"as_step: {word} was asked for, but there are {len(layers)} layers")
            return layers[int(word[1:]) - 1].copy()
        try:
            return ast.literal_eval(word)
        except (ValueError, SyntaxError):
            raise ValueError(
                f"as_step: takes knows {', '.join(WORDS)}, W1, b1, … and constants, not {word!r}"
            ) from None

    def whole(self, array):
        """Return X or Y in the candidate's layout."""
        if self.layout.samples == "rows":
            return np.array(array.T, order="C")
        return self.layout.sample(array) if self.layout.samples.startswith("one") else array.copy()

    def each(self, array):
        """Return X or Y as a list of samples."""
        return [self.layout.sample(column.copy()) for column in array.T]

    def flat(self):
        """Return [W1, b1, W2, …]."""
        separate = self.layout.bias == "separate"
        return [a.copy() for w, v in zip(self.W, self.b, strict=True) for a in ((w, v) if separate else (w,))]


WORDS = {
    "W": lambda given: [w.copy() for w in given.W],
    "b": lambda given: [v.copy() for v in given.b],
    "flat": Given.flat,
    "pairs": lambda given: [(w.copy(), v.copy()) for w, v in zip(given.W, given.b, strict=True)],
    "parameters": lambda given: {
        f"{name}{i}": a.copy()
        for i, pair in enumerate(zip(given.W, given.b, strict=True), start=1)
        for name, a in zip("Wb", pair, strict=True)
        if name == "W" or given.layout.bias == "separate"
    },
    "theta": lambda given: np.concatenate([a.ravel() for a in given.flat()]),
    "X": lambda given: given.whole(given.columns[0]),
    "Y": lambda given: given.whole(given.columns[1]),
    "batch": lambda given: list(zip(*map(given.each, given.columns), strict=True)),
    "Xs": lambda given: given.each(given.columns[0]),
    "Ys": lambda given: given.each(given.columns[1]),
    "labels": lambda given: given.columns[1].argmax(axis=0),
    "classes": lambda given: given.columns[1].argmax(axis=0) + 1,
    "X_frame": lambda given: frame(given.columns[0]),
    "Y_frame": lambda given: frame(given.columns[1]),
    "eta": lambda given: given.eta,
    "m": lambda given: given.m,
    "sizes": lambda given: list(given.sizes),
}


def frame(array):
    """Return X or Y as a data frame, one row per sample."""
    import pandas

    return pandas.DataFrame(array.T.copy())


def flat_arrays(value):
    """Yield the arrays of numbers in lists, tuples and dicts, in order; a list of numbers is one array."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        try:
            plain = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            plain = None
        # A list of lists of numbers is a matrix, a list of arrays is not.
        if plain is not None and plain.size and not any(isinstance(part, np.ndarray) for part in value):
            yield plain
            return
        for part in value:
            yield from flat_arrays(part)
    elif value is not None and not isinstance(value, str):
        try:
            yield np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            return


def by_shape(leaves, shapes):
    """Return one array for each shape and the arrays that are left; they come forwards, backwards or in any order."""
    last = len(leaves) - 1
    backwards = in_order(leaves[::-1], shapes)
    for places in (in_order(leaves, shapes), backwards and [last - i for i in backwards], anywhere(leaves, shapes)):
        if places is not None:
            return [leaves[i] for i in places], [a for i, a in enumerate(leaves) if i not in places]
    return None, leaves


def in_order(leaves, shapes):
    """Return the places of arrays with these shapes, each behind the one before; or None."""
    places, start = [], 0
    for shape in shapes:
        place = next((i for i in range(start, len(leaves)) if leaves[i].shape == shape), None)
        if place is None:
            return None
        places.append(place)
        start = place + 1
    return places


def anywhere(leaves, shapes):
    """Return the places of arrays with these shapes in any order; or None."""
    places = []
    for shape in shapes:
        place = next((i for i, a in enumerate(leaves) if a.shape == shape and i not in places), None)
        if place is None:
            return None
        places.append(place)
    return places


def by_size(leaves, sizes):
    """Return one vector for each size; where sizes do not tell (a collapsed gradient), the order does."""
    vectors = [a.ravel() for a in leaves]
    shapes = [(size,) for size in sizes]
    found, _ = by_shape(vectors, shapes)
    if found is None and len(vectors) >= len(sizes):
        found = [v if v.size != 1 else np.full(size, v[0]) for v, size in zip(vectors, sizes, strict=False)]
    return found


def unroll(theta, shapes, sizes):
    """Split one vector into [W1, b1, W2, …]."""
    found, start = [], 0
    for i, shape in enumerate(shapes):
        for part in (shape, (sizes[i],)) if sizes else (shape,):
            count = int(np.prod(part))
            found.append(theta[start : start + count].reshape(part))
            start += count
    return found
