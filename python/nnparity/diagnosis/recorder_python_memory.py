"""Remembers copies of the numbers that pass through the hooks, and puts others in their place where it is told to."""

import builtins
import collections
import itertools
import struct
import sys
import types
from numbers import Number

import numpy as np

MOST_NUMBERS = 1_000_000
MOST_LEAVES = 200
MOST_DEPTH = 4

# What can hold no numbers of interest, told apart at once.
EMPTY = frozenset(
    {
        type(None),
        str,
        bytes,
        type,
        range,
        slice,
        zip,
        enumerate,
        map,
        filter,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.ModuleType,
        types.MethodType,
        types.GeneratorType,
        np.ufunc,
        np.random.Generator,
        np.random.RandomState,
        type(...),
        object,
        property,
    }
)
CLASSES = {"f": "numeric", "i": "integer", "u": "integer", "b": "logical"}
SCALARS = (int, float, np.number, np.bool_, Number)
EXACT = ("decimal", "fractions")  # the modules of numbers that are recorded as the nearest float


class Memory:
    """The events, frames and values of one run."""

    def __init__(self, book):
        self.book = book
        self.active = False
        self.recording = False
        self.start(0, 0)

    def start(self, most_events, most_bytes):
        """Forget the last run."""
        self.events, self.frames, self.refs, self.bytes = [], [], {}, 0
        self.most_events, self.most_bytes, self.truncated = most_events, most_bytes, False
        self.counts, self.frame_ids, self.call_places = {}, {}, {}
        self.held, self.seen = {}, {}
        self.injections, self.watches, self.refused = {}, {}, []

    # -- values ---

    def ref(self, key):
        """Return the number under which a value is kept; equal values share one."""
        ref = self.refs.get(key)
        if ref is None:
            ref = self.refs[key] = len(self.refs) + 1
            self.bytes += 8 * max(1, len(key[0]) // 8)
        return ref

    def look(self, value, whole):
        """Return [(path, ref)] for the numbers in a value; those inside a list, dict or object only if `whole` asks."""
        key = numbers_of(value)
        if key is not None:
            return [("", self.ref(key))]
        if not whole or (isinstance(value, np.ndarray | np.generic) and value.dtype.kind != "O"):
            return ()
        leaves = []
        collect(value, "", 0, leaves, whole == "object", [0])
        return [(path, self.ref(key)) for path, key in leaves] if len(leaves) <= MOST_LEAVES else ()

    def record(self, node, value, frame, whole):
        """Note the numbers in a value as events of a node."""
        occ = self.counts[node] = self.counts.get(node, 0) + 1
        if not self.recording or self.truncated:
            return occ
        found = self.look(value, whole)
        if found:
            number = self.frame_of(frame)
            for path, ref in found:
                self.events.append((node, number, occ, path, ref, None))
            if len(self.events) >= self.most_events or self.bytes >= self.most_bytes:
                self.truncated = True
                # From here on the candidate runs at its own pace; injections further on need the count of evaluations.
                self.active = bool(self.injections)
        return occ

    # -- frames ---

    def frame_of(self, frame):
        """Return the number of the call in which a Python frame runs: its own, or (comprehensions) its caller's."""
        ids = self.frame_ids
        while frame is not None:
            entry = ids.get(id(frame))
            if entry is not None and entry[1] is frame.f_code:
                return entry[0]
            frame = frame.f_back
        return 0

    def enter(self, function, frame):
        """Note the call of a function."""
        number = len(self.frames) + 1
        caller = frame.f_back
        parent = self.frame_of(caller)
        while caller is not None and caller.f_code.co_filename not in self.book.filenames:
            caller = caller.f_back
        self.frames.append(
            (number, parent, function, self.node_at(caller.f_code, caller.f_lasti) if caller is not None else None)
        )
        self.frame_ids[id(frame)] = (number, frame.f_code)

    def node_at(self, code, instruction):
        """Return the node that a code object is at, by the columns Python keeps for each instruction."""
        place = (id(code), instruction)
        if place not in self.call_places:  # the code is kept, for another may not have its id as long as that is known
            self.call_places[place] = (code, self.find_node(code, instruction))
        return self.call_places[place][1]

    def find_node(self, code, instruction):
        """Look up the node at an instruction: the very expression, a store, or nothing."""
        for i, place in enumerate(code.co_positions()):
            if i == instruction // 2:
                key = (code.co_filename, *place)
                return self.book.places.get(key) or self.book.stores.get(key)
        return None

    # -- injections ---

    def replaced(self, node, occ, value, in_place=False):
        """Return the value with the injected numbers in it."""
        for wanted, path, numbers in self.injections.get(node, ()):
            if wanted in (0, occ):
                try:
                    value = put(value, path_steps(path), numbers, in_place)
                except Exception as trouble:
                    self.refused.append(
                        {"node": node, "occ": occ, "path": path, "message": str(trouble) or type(trouble).__name__}
                    )
        return value

    def watch(self, node, occ, frame):
        """Evaluate the further expressions asked for at a node."""
        for wanted, text in self.watches.get(node, ()):
            if wanted in (0, occ):
                self.active = False
                try:
                    found = self.look(eval(text, frame.f_globals, frame.f_locals), True)
                except Exception:
                    found = ()
                finally:
                    self.active = True
                number = self.frame_of(frame)
                self.events += [(node, number, occ, path, ref, text) for path, ref in found]


def numbers_of(value):
    """Return (bytes by column, dtype, shape, container, class) of an array, number or rectangular list; else None."""
    kind = type(value)
    if kind is np.ndarray:
        if value.dtype.kind in CLASSES and value.size <= MOST_NUMBERS:
            return (value.tobytes("F"), value.dtype.str, value.shape, CONTAINERS.get(value.ndim, "array"), "")
        return None
    if kind is float:
        return (struct.pack("=d", value), "=f8", (), "scalar", "float")
    if kind in EMPTY:
        return None
    if kind is bool or kind is int:
        try:
            return (struct.pack("=d", value), "=f8", (), "scalar", kind.__name__)
        except OverflowError:
            return None
    if isinstance(value, np.ndarray):
        if value.dtype.kind in CLASSES and value.size <= MOST_NUMBERS:
            plain = np.asarray(value)
            return (
                plain.tobytes("F"),
                plain.dtype.str,
                plain.shape,
                CONTAINERS.get(plain.ndim, "array"),
                kind.__name__,
            )
        return None
    if isinstance(value, np.number | np.bool_):
        if value.dtype.kind in CLASSES:
            return (value.tobytes(), value.dtype.str, (), "scalar", "")
        return None
    if kind.__module__ in EXACT:
        try:
            return (struct.pack("=d", float(value)), "=f8", (), "scalar", kind.__name__)
        except (OverflowError, ValueError, TypeError):
            return None
    if kind is list or kind is tuple:
        shape = rectangle(value)
        if shape:
            try:
                return (np.array(value, dtype=np.float64).tobytes("F"), "=f8", shape, "list", kind.__name__)
            except (OverflowError, ValueError, TypeError):
                return None
        return None
    if kind.__module__.startswith("pandas") and hasattr(value, "to_numpy"):
        try:
            plain = np.asarray(value.to_numpy(), dtype=np.float64)
        except Exception:
            return None
        return (plain.tobytes("F"), "=f8", plain.shape, "data.frame" if plain.ndim == 2 else "vector", kind.__name__)
    return None


CONTAINERS = {0: "scalar", 1: "vector", 2: "matrix"}


def rectangle(value):
    """Return the shape of a list of numbers, or of a list of equally long lists of numbers; else None."""
    length = len(value)
    if not 0 < length <= MOST_NUMBERS:
        return None
    first = value[0]
    if isinstance(first, SCALARS):
        return (length,) if all(isinstance(x, SCALARS) for x in value) else None
    if type(first) is list or type(first) is tuple:
        width = len(first)
        if width and all(
            (type(row) is list or type(row) is tuple) and len(row) == width and all(isinstance(x, SCALARS) for x in row)
            for row in value
        ):
            return (length, width)
    return None


def collect(value, path, depth, leaves, objects, visited):
    """Append (path, numbers) of every numeric leaf of lists, dicts and object arrays (and of objects, where asked)."""
    visited[0] += 1
    if len(leaves) > MOST_LEAVES or visited[0] > 5 * MOST_LEAVES:
        leaves.extend([None] * (MOST_LEAVES + 1))
        return
    if type(value) in EMPTY:
        return
    key = numbers_of(value)
    if key is not None:
        leaves.append((path, key))
        return
    if depth >= MOST_DEPTH:
        return
    # The methods of list, tuple and dict themselves: those of the candidate's own subclasses may do anything.
    if isinstance(value, list | tuple):
        each = (list if isinstance(value, list) else tuple).__iter__(value)
        parts = [(f"[{i}]", part) for i, part in enumerate(itertools.islice(each, 5 * MOST_LEAVES))]
    elif isinstance(value, dict):
        short = dict.__len__(value) <= MOST_LEAVES
        parts = [(f"[{written(name)}]", part) for name, part in dict.items(value)] if short else []
    elif isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.ndim == 1:
        parts = [(f"[{i}]", part) for i, part in enumerate(value)]
    elif objects and type(getattr(value, "__dict__", None)) is dict and not isinstance(value, type | types.ModuleType):
        parts = [(f".{name}", part) for name, part in vars(value).items()]
    else:
        return
    for step, part in parts:
        collect(part, path + step, depth + 1, leaves, objects, visited)


def written(key):
    """Return a dict's key as it is written; keys of the candidate's own classes are not asked how."""
    return repr(key) if type(key) in (str, int, float, bool, tuple) else type(key).__name__


def path_steps(path):
    """Split a leaf's path, "[0]['W'].b", into its steps."""
    steps, rest = [], path
    while rest:
        if rest[0] == ".":
            end = min((i for i in (rest.find(".", 1), rest.find("[")) if i > 0), default=len(rest))
            steps.append((".", rest[1:end]))
        else:
            end = closing(rest)
            steps.append(("[", eval(rest[1 : end - 1], {"__builtins__": {}}, {"np": np})))
        rest = rest[end:]
    return steps


def closing(text):
    """Return the place after the bracket that closes the first one, quotes considered."""
    quote = ""
    for i, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "]":
            return i + 1
    raise ValueError(f"no path: {text}")


def put(value, steps, numbers, in_place):
    """Return a value with other numbers at the end of a path: containers are changed in place, tuples replaced."""
    if not steps:
        return refill(value, numbers, in_place)
    (kind, name), rest = steps[0], steps[1:]
    old = getattr(value, name) if kind == "." else value[name]
    new = put(old, rest, numbers, in_place)
    if new is old:
        return value
    if kind == ".":
        setattr(value, name, new)
        return value
    if isinstance(value, tuple):
        parts = [*value[:name], new, *value[name + 1 :]]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    value[name] = new
    return value


def refill(value, numbers, in_place):
    """Return numbers in the dress of the value that they replace: its type, shape and, where they fit, its dtype."""
    size = np.size(value)
    if size != numbers.size:
        raise ValueError(f"expected {size} numbers, not {numbers.size}")
    if isinstance(value, np.ndarray):
        new = numbers.reshape(value.shape, order="F")
        if in_place and value.flags.writeable:
            value[...] = new
            return value
        if value.dtype.kind == "f" or np.array_equal(new, new.astype(value.dtype)):
            fresh = np.array(value, copy=True, subok=True)
            fresh[...] = new
            return fresh
        return new.copy()
    if isinstance(value, list | tuple):
        fresh = numbers.reshape(np.shape(value), order="F").tolist()
        if in_place and isinstance(value, list):
            value[:] = fresh
            return value
        return fresh if isinstance(value, list) else tuple(map(tuple, fresh) if np.ndim(value) == 2 else fresh)
    number = float(numbers.reshape(-1)[0])
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return type(value)(number) if number == int(number) else number
    if isinstance(value, np.floating):
        return type(value)(number)
    if isinstance(value, float):
        return number
    if type(value).__module__ in EXACT:
        return type(value)(number)
    if hasattr(value, "to_numpy"):
        fresh = value.astype(float).copy()
        if fresh.ndim == 2:
            fresh.iloc[:, :] = numbers.reshape(fresh.shape, order="F")
        else:
            fresh.iloc[:] = numbers
        return fresh
    raise TypeError(f"cannot put numbers into {type(value).__name__}")


def install(memory):
    """Make the hooks known to all code of this process, under names that no candidate uses."""
    get_frame, nodes = sys._getframe, memory.book.nodes

    def value(node, v):
        if memory.active and type(v) not in EMPTY:
            try:
                frame = get_frame(1)
                kind = nodes[node - 1]["kind"]
                occ = memory.record(node, v, frame, "object" if kind in WHOLE else True)
                if memory.injections:
                    v = memory.replaced(node, occ, v)
                if memory.watches:
                    memory.watch(node, occ, frame)
            except Exception:
                return v
        return v

    def atomic(node, v):
        if memory.active and (isinstance(v, np.ndarray) or type(v) in (float, int, np.float64)):
            frame = get_frame(1)
            occ = memory.record(node, v, frame, False)
            if memory.injections:
                v = memory.replaced(node, occ, v)
        return v

    def in_lambda(_, v):
        return v

    def enter(function):
        if memory.active:
            memory.enter(function, get_frame(1))

    def watched(node, v):
        if memory.active:
            v = value_at(node, v, get_frame(1))
            if isinstance(v, np.ndarray) and v.dtype.kind in CLASSES and v.size <= MOST_NUMBERS:
                memory.seen[node, id(get_frame(1))] = (v, v.tobytes("F"), len(memory.frames))
        return v

    def value_at(node, v, frame):
        if type(v) in EMPTY:
            return v
        occ = memory.record(node, v, frame, False)
        return memory.replaced(node, occ, v) if memory.injections else v

    def changed(pairs, v):
        if memory.active:
            frame = get_frame(1)
            for node, after in zip(pairs[::2], pairs[1::2], strict=True):
                array, before, frames = memory.seen.pop((node, id(frame)), (None, b"", 0))
                if array is not None and frames == len(memory.frames) and array.tobytes("F") != before:
                    occ = memory.record(after, array, frame, False)
                    memory.replaced(after, occ, array, in_place=True)
        return v

    def base(after, is_first, v):
        if memory.active:
            key = (after, id(get_frame(1)))
            if is_first:
                memory.held[key] = [v]
            else:
                memory.held[key].append(v)
        return v

    def index(after, old, i):
        if memory.active:
            frame = get_frame(1)
            held = memory.held.get((after, id(frame)))
            if held is not None:
                held.append(i)
                if old and type(held[-2]) in PLAIN:
                    try:
                        v = held[-2][i]
                    except Exception:
                        return i
                    memory.record(old, v, frame, True)
        return i

    def holder(after, old, name, v):
        if memory.active:
            frame = get_frame(1)
            memory.held[after, id(frame)] = [v, Field(name)]
            found = attribute(v, name)
            if old and found is not None:
                memory.record(old, found, frame, True)
        return v

    def after(node):
        if not memory.active:
            return
        frame = get_frame(1)
        held = memory.held.pop((node, id(frame)), None)
        if held is None:
            return
        try:
            *containers, place = held
            if isinstance(place, Field):
                v = attribute(containers[-1], place)
                occ = memory.record(node, v, frame, True)
                new = memory.replaced(node, occ, v, in_place=True) if memory.injections else v
                if new is not v:
                    setattr(containers[-1], place, new)
                return
            # The innermost numeric array that was changed; lists of numbers count as one array.
            whole = next((c for c in containers if numbers_of(c) is not None), None)
            if whole is None and type(containers[-1]) not in PLAIN:
                return
            v = containers[-1][place] if whole is None else whole
            occ = memory.record(node, v, frame, True)
            if memory.injections:
                new = memory.replaced(node, occ, v, in_place=True)
                if new is not v and whole is None:
                    containers[-1][place] = new
        except Exception:
            return

    def after_name(node, v):
        if memory.active and type(v) not in EMPTY:
            frame = get_frame(1)
            occ = memory.record(node, v, frame, True)
            if memory.injections:
                v = memory.replaced(node, occ, v, in_place=True)
            if memory.watches:
                memory.watch(node, occ, frame)
        return v

    hooks = {
        "value": value,
        "atomic": atomic,
        "lambda": in_lambda,
        "enter": enter,
        "watched": watched,
        "changed": changed,
        "base": base,
        "index": index,
        "holder": holder,
        "after": after,
        "after_name": after_name,
        "slice": slice,
    }
    for name, hook in hooks.items():
        setattr(builtins, "_nnparity_" + name, hook)


# The roots of statements also show the numbers inside objects of the candidate's own classes.
WHOLE = frozenset({"assign", "return"})


# Containers that can be read once more without running anybody's code.
PLAIN = frozenset({np.ndarray, list, dict, collections.OrderedDict, collections.defaultdict})


class Field(str):
    """The name of an attribute that is assigned to, told apart from a key."""

    __slots__ = ()


def attribute(holder, name):
    """Return what an object stores under a name, without running a property or any other code; or None."""
    fields = getattr(holder, "__dict__", None)
    if type(fields) is dict and name in fields:
        return fields[name]
    return (
        getattr(holder, name, None)
        if isinstance(getattr(type(holder), name, None), types.MemberDescriptorType)
        else None
    )
