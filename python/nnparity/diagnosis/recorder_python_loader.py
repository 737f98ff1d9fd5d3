"""Loads a candidate in Python: scripts and notebooks, with or without their actions, and its own modules with it."""

import __future__

import ast
import gc
import importlib.abc
import importlib.util
import json
import os
import re
import sys
import types

# What a definition may call: makers of constants and containers, none of which acts on the world.
MAKERS = frozenset(
    [
        "namedtuple",
        "partial",
        "vectorize",
        "frompyfunc",
        "array",
        "asarray",
        "matrix",
        "float32",
        "float64",
        "int32",
        "int64",
        "int",
        "float",
        "str",
        "bool",
        "complex",
        "list",
        "dict",
        "set",
        "tuple",
        "frozenset",
        "len",
        "range",
        "zip",
        "max",
        "min",
        "sum",
        "abs",
        "round",
        "RandomState",
        "default_rng",
        "Enum",
        "TypeVar",
        "NewType",
        "defaultdict",
        "deque",
        "OrderedDict",
        "Counter",
        "zeros",
        "ones",
        "eye",
        "full",
        "zeros_like",
        "ones_like",
        "linspace",
        "arange",
        "sqrt",
        "exp",
        "log",
        "log10",
        "pow",
        "finfo",
        "iinfo",
        "field",
        "Path",
        "getLogger",
        "Lock",
        "SimpleNamespace",
        "property",
        "staticmethod",
        "classmethod",
        "lru_cache",
    ]
)

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)

# Cells in another language, and lines that only a notebook understands.
FOREIGN_CELL = re.compile(
    r"%%(bash|sh|html|javascript|js|latex|markdown|svg|writefile|file|script|perl|ruby|cmd|R|cython|sql)\b"
)
MAGIC = re.compile(r"^(\s*)([%!].*|\?.*|[\w.]+\?{1,2}\s*)$")
MAGIC_VALUE = re.compile(r"^(\s*)[\w, ]+=\s*[%!]\w.*$")


class Missing:
    """Stands for what a failed import should have brought; it may be called, inherited from and used as a decorator."""

    def __init__(self, name):
        self.__dict__["_missing"] = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self._missing}.{name}")

    def __call__(self, *arguments, **options):
        if len(arguments) == 1 and not options and isinstance(arguments[0], types.FunctionType | type):
            return arguments[0]
        return Missing(f"{self._missing}()")

    def __mro_entries__(self, bases):
        return ()

    def __getitem__(self, key):
        return Missing(f"{self._missing}[…]")

    def __repr__(self):
        return f"<{self._missing}, which is not installed>"


class Piece:
    """One file, or one cell of a notebook: its statements as they are, and as they are recorded."""

    def __init__(self, file, cell, text):
        self.file, self.cell, self.text = file, cell, text
        self.filename = file if cell is None else f"{file} · cell {cell}"
        self.pairs = []
        self.flags = 0


class Unparsable(Exception):
    """A source that is not valid Python, with its place."""

    def __init__(self, message, file, cell, line, code):
        super().__init__(message)
        self.file, self.cell, self.line, self.code = file, cell, line, code


class Loader:
    """Reads, rewrites and executes the sources of one candidate.

    Parameters
    ----------
    instrument : the class Instrument      book : its Book
    folder : the candidate's folder (or the copy in which it runs)
    functions_only : take definitions, not actions
    """

    def __init__(self, instrument, book, folder, functions_only):
        self.instrument, self.book, self.folder, self.functions_only = (
            instrument,
            book,
            os.path.abspath(folder),
            functions_only,
        )
        self.pieces = {}
        self.edited = {}
        self.plain = {}
        self.kept = []
        self.module = types.ModuleType("candidate")
        self.module.candidate_lines = self.candidate_lines

    # -- reading ---

    def read(self, file):
        """Return the pieces of a file, parsed and rewritten."""
        file = os.path.abspath(file)
        if file not in self.pieces:
            cells = notebook_cells(file) if file.endswith(".ipynb") else [(None, source_text(file))]
            pieces, imported = [], set()
            for cell, text in cells:
                text = self.edited.get((file, cell), text)
                text = text if cell is None else plain_python(text)
                pieces.append(self.prepare(Piece(file, cell, text), imported))
            self.pieces[file] = pieces
        return self.pieces[file]

    def prepare(self, piece, imported):
        """Parse a piece twice: one tree stays as it is, the other is rewritten."""
        tree, again = parse(piece), parse(piece)
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                for alias in node.names:
                    piece.flags |= getattr(__future__, alias.name).compiler_flag
        rewriter = self.instrument(piece.text, piece.file, piece.cell, piece.filename, self.book)
        piece.pairs = list(zip(tree.body, rewriter.rewrite_each(again, imported), strict=True))
        imported |= rewriter.imported
        return piece

    def compile(self, piece, plain, recorded):
        """Compile a statement both ways and remember which code belongs to which."""
        was = compile(ast.Module([plain], []), piece.filename, "exec", piece.flags, True)
        new = compile(ast.fix_missing_locations(ast.Module(recorded, [])), piece.filename, "exec", piece.flags, True)
        self.pair(new, was)
        return new

    def pair(self, recorded, plain):
        """Pair the code of the functions in a code object, to any depth."""
        inner = [[c for c in code.co_consts if isinstance(c, types.CodeType)] for code in (recorded, plain)]
        if len(inner[0]) != len(inner[1]):
            return
        for new, was in zip(*inner, strict=True):
            if new.co_name == was.co_name and new.co_freevars == was.co_freevars:
                self.plain[id(new)] = was
                self.kept.append(new)
                self.pair(new, was)

    def without_recording(self):
        """Give every function of the candidate its untouched code back."""
        for thing in gc.get_objects():
            if type(thing) is types.FunctionType:
                was = self.plain.get(id(thing.__code__))
                if was is not None:
                    thing.__code__ = was

    # -- executing ---

    def execute(self, file, namespace, functions_only):
        """Execute a file in a namespace, statement by statement."""
        for piece in self.read(file):
            for plain, recorded in piece.pairs:
                if functions_only:
                    self.define(piece, plain, recorded, namespace)
                else:
                    exec(self.compile(piece, plain, recorded), namespace)

    def define(self, piece, plain, recorded, namespace):
        """Execute a statement if it defines something; what cannot be defined without the actions is left out."""
        if isinstance(plain, ast.Import | ast.ImportFrom):
            self.bring(piece, plain, namespace)
        elif is_definition(plain, namespace):
            try:
                exec(self.compile(piece, plain, recorded), namespace)
            except Exception:
                if getattr(plain, "decorator_list", None):
                    plain.decorator_list = recorded[0].decorator_list = []
                    self.define(piece, plain, recorded, namespace)

    def bring(self, piece, plain, namespace):
        """Import; what is not there is stood in for, name by name."""
        for alias in plain.names:
            one = (
                ast.Import([alias])
                if isinstance(plain, ast.Import)
                else ast.ImportFrom(plain.module, [alias], plain.level)
            )
            ast.copy_location(one, plain)
            try:
                exec(
                    compile(
                        ast.fix_missing_locations(ast.Module([one], [])), piece.filename, "exec", piece.flags, True
                    ),
                    namespace,
                )
            except Exception:
                name = alias.asname or (alias.name.split(".")[0] if isinstance(plain, ast.Import) else alias.name)
                if name != "*":
                    namespace.setdefault(name, Missing(name))

    def load(self, candidate, before, prelude, adapter, as_step=None):
        """Execute everything in order; return the namespace of the candidate. A prelude is not executed twice."""
        namespace = self.module.__dict__
        sys.modules["candidate"] = self.module
        package = os.path.basename(self.folder)
        namespace.update(
            __file__=candidate, __name__="candidate", __package__=package if self.is_package(package) else ""
        )
        if candidate.endswith(".ipynb"):
            namespace.update(display=print, get_ipython=lambda: Missing("get_ipython()"))
        sys.meta_path.insert(0, Finder(self))
        for file in before:
            self.execute(file, namespace, False)
        self.execute(candidate, namespace, self.functions_only)
        # An adapter may import the candidate by its name: it is the same module, not a second one.
        sys.modules.setdefault(os.path.splitext(os.path.basename(candidate))[0], self.module)
        if as_step is not None:
            namespace["as_step"] = as_step
        elif prelude:
            # In a namespace of its own: its helpers are no business of the candidate's.
            library = {"__name__": "_nnparity_prelude"}
            with open(prelude, encoding="utf-8") as source:
                exec(compile(source.read(), prelude, "exec"), library)
            namespace["as_step"] = library["as_step"]
        if adapter:
            self.execute(adapter, namespace, False)
        return namespace

    def is_package(self, name):
        """Let relative imports find the modules beside the candidate."""
        if not name.isidentifier() or name in sys.modules:
            return False
        package = types.ModuleType(name)
        package.__path__ = [self.folder]
        sys.modules[name] = package
        return True

    def candidate_lines(self, first, last, env, cell=None, file=None):
        """Execute the candidate's statements on lines first to last, at any nesting, in a dict; recorded like the rest.

        Parameters
        ----------
        env : dict that holds the variables, and into which the statements write
        cell : which cell of a notebook      file : another file than the candidate
        """
        namespace = self.module.__dict__
        source = os.path.join(self.folder, file) if file else namespace["__file__"]
        chosen = []
        for piece in self.read(source):
            if piece.cell == cell or cell is None:
                for plain, recorded in piece.pairs:
                    chosen += [(piece, *pair) for pair in within(plain, recorded, first, last)]
        if not chosen:
            raise ValueError(
                f"candidate_lines({first}, {last}): no whole statement of {os.path.basename(source)} is on these lines"
            )
        space = namespace if env is namespace else {**namespace, **env}
        for piece, plain, recorded in chosen:
            try:
                code = self.compile(piece, plain, recorded)
            except SyntaxError as trouble:
                raise ValueError(f"candidate_lines({first}, {last}): {trouble.msg} (line {trouble.lineno})") from None
            exec(code, space)
        if space is not namespace:
            env.update(
                {
                    name: value
                    for name, value in space.items()
                    if name != "__builtins__" and (name not in namespace or namespace[name] is not value)
                }
            )
        return env

    def functions(self):
        """List the functions, classes and methods of the candidate and its modules."""
        found = []
        for file, pieces in self.pieces.items():
            for piece in pieces:
                for plain, _ in piece.pairs:
                    found += list_functions(plain, file)
        return found


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules in the candidate's folder before anything else does, so that they are recorded too."""

    def __init__(self, loader):
        self.loader = loader

    def find_spec(self, name, path=None, target=None):
        """Return the spec of a module that lies in the candidate's folder."""
        for folder in [self.loader.folder] if path is None else list(path):
            folder = os.path.abspath(folder)
            if folder != self.loader.folder and not folder.startswith(self.loader.folder + os.sep):
                continue
            stem = os.path.join(folder, name.rpartition(".")[2])
            for file, is_package in ((os.path.join(stem, "__init__.py"), True), (stem + ".py", False)):
                if os.path.isfile(file):
                    return importlib.util.spec_from_file_location(
                        name,
                        file,
                        loader=Executor(self.loader, file),
                        submodule_search_locations=[stem] if is_package else None,
                    )
        return None


class Executor(importlib.abc.Loader):
    """Executes a module of the candidate's folder, recorded; no byte code is read or written."""

    def __init__(self, loader, file):
        self.loader, self.file = loader, file

    def create_module(self, spec):
        """Let Python make the module."""
        return

    def exec_module(self, module):
        """Execute the file in the module."""
        self.loader.execute(self.file, module.__dict__, self.loader.functions_only)


def source_text(file):
    """Return the text of a source file, its line ends as Python sees them."""
    with open(file, "rb") as stream:
        raw = stream.read()
    try:
        text = importlib.util.decode_source(raw)
    except SyntaxError as trouble:
        raise Unparsable(trouble.msg, file, None, 1, None) from None
    except UnicodeDecodeError as trouble:
        line = raw.count(b"\n", 0, trouble.start) + 1
        raise Unparsable(f"line {line} is not UTF-8 text: save the file as UTF-8", file, None, line, None) from None
    return text.removeprefix("\ufeff").replace("\r", "\n").replace("\f", " ")


def notebook_cells(file):
    """Return [(cell, text)] of the code cells of a notebook; cells are counted from 1, text cells included."""
    try:
        with open(file, encoding="utf-8") as stream:
            notebook = json.load(stream)
        cells = (
            notebook["cells"]
            if "cells" in notebook
            else [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
        )
    except (ValueError, KeyError, TypeError):
        raise Unparsable("this is no Jupyter notebook (its JSON has no cells)", file, None, None, None) from None
    found = []
    for number, cell in enumerate(cells, start=1):
        if cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            found.append((number, "".join(source)))
    return found


def plain_python(text):
    """Return the text of a cell with what only a notebook understands blanked out, line for line."""
    if FOREIGN_CELL.match(text.lstrip()):
        return ""
    try:
        ast.parse(text)
    except SyntaxError:
        return "\n".join(
            re.sub(r"^(\s*).*$", r"\1pass", line) if MAGIC.match(line) or MAGIC_VALUE.match(line) else line
            for line in text.split("\n")
        )
    return text


def parse(piece):
    """Parse a piece, or say where it is not Python."""
    try:
        return ast.parse(piece.text, piece.filename)
    except SyntaxError as trouble:
        line, lines = trouble.lineno, piece.text.split("\n")
        message = trouble.msg or "invalid syntax"
        if "Missing parentheses in call to" in message or re.search(
            r"except\s+\w+\s*,\s*\w+\s*:", lines[line - 1] if line else ""
        ):
            message = "this is Python 2 and must be converted first (2to3 -w FILE): " + message
        code = lines[line - 1] if line and line <= len(lines) else None
        raise Unparsable(message, piece.file, piece.cell, line, code) from None
    except ValueError as trouble:
        raise Unparsable(str(trouble), piece.file, piece.cell, None, None) from None


def is_definition(node, namespace):
    """Tell whether a statement only defines: functions, classes, constants, and conditions or attempts around such."""
    if isinstance(node, DEFINITIONS):
        return True
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return all(is_quiet(target, namespace) for target in targets) and (
            node.value is None or is_quiet(node.value, namespace)
        )
    if isinstance(node, ast.If):
        return is_quiet(node.test, namespace) and all(
            is_definition(part, namespace) for part in (*node.body, *node.orelse)
        )
    if isinstance(node, ast.Try):
        parts = [
            *node.body,
            *node.orelse,
            *node.finalbody,
            *(part for handler in node.handlers for part in handler.body),
        ]
        return any(isinstance(part, DEFINITIONS) for part in node.body) and all(
            is_definition(part, namespace) or isinstance(part, ast.Expr) for part in parts
        )
    return False


def is_quiet(node, namespace):
    """Tell whether an expression calls nothing but makers of constants and the candidate's own classes."""
    if isinstance(node, ast.Lambda):
        return True
    if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
        return False
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        owned = isinstance(node.func, ast.Name) and isinstance(namespace.get(node.func.id), type)
        if name not in MAKERS and not owned:
            return False
    return all(
        is_quiet(child, namespace) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context)
    )


def within(plain, recorded, first, last):
    """Return [(plain, recorded)] of the outermost statements that lie on the lines, looking into blocks."""
    if first <= plain.lineno and plain.end_lineno <= last:
        return [(plain, recorded)]
    if plain.end_lineno < first or plain.lineno > last:
        return []
    found = []
    main = next((node for node in recorded if type(node) is type(plain)), None)
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(plain, name, None)
        if isinstance(inner, list) and main is not None:
            groups = group(inner, getattr(main, name))
            for node, new in zip(inner, groups, strict=True):
                found += within(node, new, first, last)
    return found


def group(plain, recorded):
    """Assign the statements of a rewritten block to those they come from, by their place in the text."""
    groups = [[] for _ in plain]
    starts = [(node.lineno, node.col_offset) if hasattr(node, "lineno") else None for node in plain]
    if None in starts or len(plain) == len(recorded):
        return [[node] for node in recorded] if len(plain) == len(recorded) else groups
    for node in recorded:
        place = (node.lineno, node.col_offset)
        chosen = [i for i, start in enumerate(starts) if start <= place]
        groups[chosen[-1] if chosen else 0].append(node)
    return groups


def list_functions(node, file, owner=""):
    """Return what the candidate offers: functions, classes, methods, their arguments, and which have defaults."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [offer(owner + node.name, node.args, file, node, bool(owner))]
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda) and isinstance(node.targets[0], ast.Name):
        return [offer(owner + node.targets[0].id, node.value.args, file, node, bool(owner))]
    if isinstance(node, ast.ClassDef):
        found = [part for inner in node.body for part in list_functions(inner, file, node.name + ".")]
        make = next((part for part in found if part["name"] == node.name + ".__init__"), {"args": [], "optional": []})
        itself = {
            "name": node.name,
            "args": make["args"],
            "optional": make["optional"],
            "file": file,
            "line": node.lineno,
        }
        return [{**itself, "class": True}, *(part for part in found if not part["name"].endswith("__init__"))]
    return [
        part
        for name in ("body", "orelse")
        for inner in getattr(node, name, [])
        if isinstance(node, ast.If | ast.Try)
        for part in list_functions(inner, file, owner)
    ]


def offer(name, arguments, file, node, is_method):
    """Return one function: its arguments (self apart), those that have defaults among them, and its place."""
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    optional = positional[len(positional) - len(arguments.defaults) :]
    optional += [
        a.arg for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is not None
    ]
    names = positional + [a.arg for a in arguments.kwonlyargs]
    names += ["*" + arguments.vararg.arg] if arguments.vararg else []
    names = names[1:] if is_method and names[:1] in (["self"], ["cls"]) else names
    return {"name": name, "args": names, "optional": optional, "file": file, "line": node.lineno}
