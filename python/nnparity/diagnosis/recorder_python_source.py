"""Rewrites a candidate's syntax tree so that every value passes through a hook that returns it unchanged.

Nothing is evaluated twice, earlier, later or more often than in the untouched source: `z = W @ a + b` becomes
`z = value(1, value(2, value(3, W) @ value(4, a)) + value(5, b))`. Assignments to a part of something and in-place
operators are followed by a hook that looks at what they changed.
"""

import ast

BINARY = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
    ast.Pow: "**",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.BitAnd: "&",
}
UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not"}
COMPARISON = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
LOGICAL = {ast.And: "and", ast.Or: "or"}
COMPREHENSIONS = {
    ast.ListComp: "listcomp",
    ast.SetComp: "setcomp",
    ast.GeneratorExp: "genexp",
    ast.DictComp: "dictcomp",
}
STACKS = ("c_", "r_")  # of NumPy: np.c_[A, B] looks like an index and puts columns together
LITERALS = {ast.List: "list", ast.Tuple: "tuple", ast.Set: "set"}


class Book:
    """All nodes and functions of all files of a candidate, numbered from 1 in the order in which the files are read."""

    def __init__(self):
        self.nodes = []
        self.functions = []
        self.places = {}
        self.stores = {}
        self.filenames = set()
        self.children = {}
        self.sent = 0

    def unsent(self):
        """Return the nodes that no response has carried yet."""
        nodes, self.sent = self.nodes[self.sent :], len(self.nodes)
        return nodes

    def __getitem__(self, node):
        return self.nodes[node - 1]


class Source:
    """The text of one file or cell, from which an expression's source is cut (the columns of ast count bytes)."""

    def __init__(self, text):
        self.lines = [line.encode("utf-8", "surrogatepass") for line in text.split("\n")]

    def cut(self, line, col, end_line, end_col):
        """Return the text between two places, lines joined as they stand."""
        if line == end_line:
            return self.lines[line - 1][col:end_col].decode("utf-8", "replace")
        parts = [self.lines[line - 1][col:], *self.lines[line : end_line - 1], self.lines[end_line - 1][:end_col]]
        return b"\n".join(parts).decode("utf-8", "replace")

    def text(self, node):
        """Return the source of a node."""
        return self.cut(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)

    def column(self, line, col):
        """Return the number of characters before a byte column."""
        return len(self.lines[line - 1][:col].decode("utf-8", "replace"))


def imported_names(tree):
    """Return the names that imports of a file bind: what hangs on them is a module's, not a value of the network."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


class Instrument:
    """Rewrites one file or notebook cell.

    Parameters
    ----------
    text : the source       file, cell : its name in nodes      filename : its name in code objects
    book : Book, which numbers the nodes
    """

    def __init__(self, text, file, cell, filename, book):
        self.source, self.file, self.cell, self.filename, self.book = Source(text), file, cell, filename, book
        self.imported = set()
        self.function = None
        self.statement_at = None
        self.root = 0
        book.filenames.add(filename)

    def rewrite_each(self, tree, imported=()):
        """Return, for each statement of the tree, the statements that stand in its place; the tree is used up."""
        self.imported = imported_names(tree) | set(imported)
        groups = [self.statement(node) for node in tree.body]
        for nodes in groups:
            for node in nodes:
                ast.fix_missing_locations(node)
        return groups

    # -- nodes ---

    def add(self, node, kind, parent, arg, op=None, target=None, keyword=None, text=None, **more):
        """Enter an expression into the book; return its number."""
        book, source = self.book, self.source
        number = len(book.nodes) + 1
        is_root = parent == 0 and kind in ROOTS
        if is_root:
            self.root = number
        entry = {
            "t": "node",
            "id": number,
            "parent": parent,
            "stmt": self.root,
            "file": self.file,
            "cell": self.cell,
            "line": node.lineno,
            "end_line": node.end_lineno,
            "col": source.column(node.lineno, node.col_offset) + 1,
            "end_col": source.column(node.end_lineno, node.end_col_offset),
            "kind": kind,
            "op": op,
            "arg": arg,
            "text": source.text(node) if text is None else text,
            "target": target,
            "fun": self.function,
        }
        if keyword is not None:
            entry["keyword"] = keyword
        entry.update(more)
        if is_root or kind == "after":
            line, col, end_line, end_col = self.statement_at
            entry["line"], entry["end_line"], entry["code"] = line, end_line, source.cut(line, col, end_line, end_col)
        book.nodes.append(entry)
        if parent and arg:
            book.children.setdefault(parent, []).append(number)
        book.places.setdefault(
            (self.filename, node.lineno, node.end_lineno, node.col_offset, node.end_col_offset), number
        )
        return number

    def hook(self, name, at, *arguments):
        """Return a call of a hook, placed where the expression stands."""
        arguments = [a if isinstance(a, ast.AST) else ast.Constant(a) for a in arguments]
        call = ast.Call(ast.Name("_nnparity_" + name, ast.Load()), arguments, [])
        for part in (call, call.func, *(a for a in arguments if not hasattr(a, "lineno"))):
            ast.copy_location(part, at)
        return call

    # -- statements ---

    def block(self, body):
        """Rewrite a list of statements."""
        return [new for statement in body for new in self.statement(statement)]

    def statement(self, node):
        """Rewrite one statement; return what stands in its place."""
        rewrite = getattr(self, "do_" + type(node).__name__, None)
        if rewrite is None:
            return [node]
        outer = self.statement_at, self.root
        self.statement_at, self.root = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset), 0
        new = rewrite(node)
        self.statement_at, self.root = outer
        return new if isinstance(new, list) else [new]

    def header(self, node, last):
        """Let the current statement end with the head of a loop or condition."""
        self.statement_at = (node.lineno, node.col_offset, last.end_lineno, last.end_col_offset)

    def do_FunctionDef(self, node):
        outer, self.function = self.function, node.name
        number = self.enter_function(node.name, node)
        first = 1 if ast.get_docstring(node, clean=False) is not None else 0
        enter = ast.copy_location(
            ast.Expr(self.hook("enter", node.body[first] if len(node.body) > first else node.body[0], number)),
            node.body[0],
        )
        node.body = [*node.body[:first], enter, *self.block(node.body[first:])]
        self.function = outer
        return node

    do_AsyncFunctionDef = do_FunctionDef

    def enter_function(self, name, node):
        """Enter a function into the book; return its number."""
        self.book.functions.append((name, self.file, self.cell, node.lineno))
        return len(self.book.functions) - 1

    def do_ClassDef(self, node):
        node.body = self.block(node.body)
        return node

    def do_Return(self, node):
        if node.value is not None:
            node.value = self.value(node.value, kind="return")
        return node

    def do_Assign(self, node):
        target = node.targets[0]
        if len(node.targets) == 1 and matching(target, node.value):
            # a, b = f(x), g(y): two assignments in one line.
            after, values = [], []
            for part, value in zip(target.elts, node.value.elts, strict=True):
                self.root = 0
                values.append(self.value(value, kind="assign", target=self.source.text(part)))
                after += self.targets(part, node, isinstance(part, ast.Tuple | ast.List))
            node.value.elts = values
            return [node, *after]
        node.value = self.value(node.value, kind="assign", target=" = ".join(map(self.source.text, node.targets)))
        return [
            node,
            *(new for t in node.targets for new in self.targets(t, node, isinstance(t, ast.Tuple | ast.List))),
        ]

    def do_AnnAssign(self, node):
        if node.value is None:
            return node
        node.value = self.value(node.value, kind="assign", target=self.source.text(node.target))
        return [node, *self.targets(node.target, node, False)]

    def do_AugAssign(self, node):
        target, text = node.target, self.source.text(node.target)
        op = BINARY[type(node.op)] + "="
        is_name = isinstance(target, ast.Name)
        numbers = len(self.book.nodes)
        # Numbers first: what is read (old) and what is changed (after) stand around the right side.
        root = numbers + 1
        value = self.value(node.value, kind="assign", target=text, always=True)
        old = self.add(target, "name" if is_name else "index", 0, None, None if is_name else "[]")
        self.book[old]["stmt"] = root
        self.root = root
        after = self.add(target, "after", 0, None, op, text, children=[old, root])
        self.book.children[after] = [old, root]
        self.book.stores[(self.filename, node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)] = after
        node.value = value
        if is_name:
            load = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            again = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            name = ast.copy_location(ast.Name(target.id, ast.Store()), target)
            return [
                ast.copy_location(ast.Expr(self.hook("value", target, old, load)), node),
                node,
                ast.copy_location(ast.Assign([name], self.hook("after_name", target, after, again)), node),
            ]
        self.watch_store(target, after, old)
        return [node, ast.copy_location(ast.Expr(self.hook("after", node, after)), node)]

    def targets(self, target, node, names):
        """Watch what an assignment stores; return the statements that look at it after (at names only if asked)."""
        if isinstance(target, ast.Tuple | ast.List):
            return [new for part in target.elts for new in self.targets(part, node, names)]
        if isinstance(target, ast.Starred):
            return self.targets(target.value, node, names)
        if not self.root or (isinstance(target, ast.Name | ast.Attribute) and not names):
            return []
        after = self.add(target, "after", 0, None, "=", self.source.text(target), children=[self.root])
        self.book.children[after] = [self.root]
        self.book.stores[
            (self.filename, target.lineno, target.end_lineno, target.col_offset, target.end_col_offset)
        ] = after
        if isinstance(target, ast.Name):
            load = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            name = ast.copy_location(ast.Name(target.id, ast.Store()), target)
            return [ast.copy_location(ast.Assign([name], self.hook("after_name", target, after, load)), node)]
        self.watch_store(target, after, 0)
        return [ast.copy_location(ast.Expr(self.hook("after", node, after)), node)]

    def watch_store(self, target, after, old):
        """Let the container and the index of a store pass through hooks that remember them until the store is done."""
        if isinstance(target, ast.Attribute):
            target.value = self.hook("holder", target.value, after, old, target.attr, target.value)
            return
        target.value = self.watch_base(target.value, after, 0)
        target.slice = self.hook("index", target.slice, after, old, self.as_value(target.slice))

    def watch_base(self, base, after, level):
        if isinstance(base, ast.Subscript):
            base.value = self.watch_base(base.value, after, level)
            return self.hook("base", base, after, False, base)
        return self.hook("base", base, after, True, base)

    def as_value(self, index):
        """Return an index as an expression that can be an argument: slices are written as calls."""
        if isinstance(index, ast.Slice):
            none = [
                ast.copy_location(ast.Constant(None), index) if part is None else part
                for part in (index.lower, index.upper, index.step)
            ]
            return self.hook("slice", index, *none)
        if isinstance(index, ast.Tuple):
            index.elts = [self.as_value(part) for part in index.elts]
        return index

    def do_For(self, node):
        self.header(node, node.iter)
        node.iter = self.value(node.iter, kind="cond", target=self.source.text(node.target))
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

    do_AsyncFor = do_For

    def do_While(self, node):
        self.header(node, node.test)
        node.test = self.value(node.test, kind="cond")
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

    do_If = do_While

    def do_With(self, node):
        self.header(node, node.items[-1].context_expr)
        for item in node.items:
            item.context_expr = self.value(item.context_expr, kind="expr")
        node.body = self.block(node.body)
        return node

    do_AsyncWith = do_With

    def do_Try(self, node):
        node.body, node.orelse, node.finalbody = (
            self.block(node.body),
            self.block(node.orelse),
            self.block(node.finalbody),
        )
        for handler in node.handlers:
            handler.body = self.block(handler.body)
        return node

    do_TryStar = do_Try

    def do_Match(self, node):
        self.header(node, node.subject)
        node.subject = self.value(node.subject, kind="cond")
        for case in node.cases:
            case.body = self.block(case.body)
        return node

    def do_Assert(self, node):
        node.test = self.value(node.test, kind="cond")
        return node

    def do_Expr(self, node):
        if isinstance(node.value, ast.Constant):
            return node
        call = node.value
        node.value = self.value(call, kind="expr")
        if not isinstance(call, ast.Call):
            return node
        # A bare call is made for what it changes: np.copyto(W, V), a.fill(0), np.add.at(dW, i, v).
        changeable = [k for k in self.book.children.get(self.root, ()) if self.book[k]["kind"] in ("name", "index")]
        if not changeable:
            return node
        root, numbers = self.root, []
        for k in changeable:
            after = len(self.book.nodes) + 1
            text = self.book[k]["text"]
            self.book.nodes.append(
                {**self.book[root], "id": after, "kind": "after", "text": text, "target": text, "children": [root]}
            )
            self.book.children[after] = [root]
            numbers += [k, after]
        receiver = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        for part in (*call.args, *(keyword.value for keyword in call.keywords), *receiver):
            if (
                isinstance(part, ast.Call)
                and part.args
                and isinstance(part.args[0], ast.Constant)
                and part.args[0].value in changeable
            ):
                part.func.id = "_nnparity_watched"
        node.value = self.hook("changed", node, tuple(numbers), node.value)
        return node

    # -- expressions ---

    def value(self, node, parent=0, arg=None, kind=None, target=None, keyword=None, atomic=False, always=False):
        """Rewrite an expression so that its value is recorded; `kind` makes it the root of a statement.

        `atomic`: only an array itself is of interest, not those in a list (the base of an index, a receiver).
        """
        if isinstance(node, ast.Starred):
            node.value = self.value(node.value, parent, arg)
            return node
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool | int | float):
                number = self.add(
                    node, kind or "constant", parent, arg, None, target, keyword, value=float_or_none(node.value)
                )
                return self.hook("value", node, number, node) if kind else node
            if not always:
                return node
        rewrite = getattr(self, "see_" + type(node).__name__, None)
        if rewrite is None:
            if kind:
                number = self.add(node, kind, parent, arg, None, target, keyword)
                return self.hook("value", node, number, node)
            return node
        return rewrite(node, (kind, parent, arg, target, keyword), atomic)

    def enter(self, node, place, kind, op=None):
        """Enter an expression: as the root of its statement, or as the kind of expression it is."""
        root_kind, parent, arg, target, keyword = place
        return self.add(node, root_kind or kind, parent, arg, op, target, keyword)

    def see_Name(self, node, place, atomic):
        if node.id in self.imported and not place[0]:
            return node
        return self.hook("atomic" if atomic else "value", node, self.enter(node, place, "name"), node)

    def see_Attribute(self, node, place, atomic):
        number = self.enter(node, place, "index", "." + node.attr)
        if not self.is_imported(node):
            node.value = self.value(node.value, number, 1, atomic=True)
        return self.hook("atomic" if atomic else "value", node, number, node)

    def is_imported(self, node):
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.imported

    def see_Subscript(self, node, place, atomic):
        stacks = isinstance(node.value, ast.Attribute) and node.value.attr in STACKS and self.is_imported(node.value)
        kind, op = ("call", ast.unparse(node.value)) if stacks else ("index", "[]")
        number = self.enter(node, place, kind, op)
        node.value = self.value(node.value, number, 1, atomic=True)
        node.slice = self.index(node.slice, number)
        return self.hook("atomic" if atomic else "value", node, number, node)

    def index(self, node, parent):
        """Rewrite what stands in square brackets: its numbers are the children from 2 on."""
        if isinstance(node, ast.Tuple):
            node.elts = [self.index_part(part, parent, i) for i, part in enumerate(node.elts, start=2)]
            return node
        return self.index_part(node, parent, 2)

    def index_part(self, node, parent, arg):
        if isinstance(node, ast.Slice):
            for name in ("lower", "upper", "step"):
                part = getattr(node, name)
                if part is not None:
                    setattr(node, name, self.value(part, parent, arg))
            return node
        return self.value(node, parent, arg)

    def see_BinOp(self, node, place, atomic):
        number = self.enter(node, place, "call", BINARY[type(node.op)])
        node.left, node.right = self.value(node.left, number, 1), self.value(node.right, number, 2)
        return self.hook("value", node, number, node)

    def see_UnaryOp(self, node, place, atomic):
        if (
            isinstance(node.op, ast.USub)
            and isinstance(node.operand, ast.Constant)
            and isinstance(node.operand.value, int | float)
        ):
            kind, parent, arg, target, keyword = place
            number = self.add(
                node, kind or "constant", parent, arg, None, target, keyword, value=float_or_none(-node.operand.value)
            )
            return self.hook("value", node, number, node) if kind else node
        number = self.enter(node, place, "call", UNARY[type(node.op)])
        node.operand = self.value(node.operand, number, 1)
        return self.hook("value", node, number, node)

    def see_Compare(self, node, place, atomic):
        number = self.enter(node, place, "call", COMPARISON[type(node.ops[0])])
        node.left = self.value(node.left, number, 1)
        node.comparators = [self.value(part, number, i) for i, part in enumerate(node.comparators, start=2)]
        return self.hook("value", node, number, node)

    def see_BoolOp(self, node, place, atomic):
        number = self.enter(node, place, "call", LOGICAL[type(node.op)])
        node.values = [self.value(part, number, i) for i, part in enumerate(node.values, start=1)]
        return self.hook("value", node, number, node)

    def see_IfExp(self, node, place, atomic):
        number = self.enter(node, place, "call", "if")
        node.test = self.value(node.test, number, 1)
        node.body, node.orelse = self.value(node.body, number, 2), self.value(node.orelse, number, 3)
        return self.hook("value", node, number, node)

    def see_Call(self, node, place, atomic):
        callee, first = node.func, 1
        if isinstance(callee, ast.Name):
            number = self.enter(node, place, "call", callee.id)
        elif isinstance(callee, ast.Attribute) and not self.is_imported(callee):
            number = self.enter(node, place, "call", "." + callee.attr)
            callee.value = self.value(callee.value, number, 1, atomic=True)
            first = 2
        elif isinstance(callee, ast.Attribute):
            number = self.enter(node, place, "call", self.source.text(callee))
        else:
            number = self.enter(node, place, "call", self.source.text(callee))
            node.func = self.value(callee, number, 0)
        node.args = [self.value(part, number, i) for i, part in enumerate(node.args, start=first)]
        for i, part in enumerate(node.keywords, start=first + len(node.args)):
            part.value = self.value(part.value, number, i, keyword=part.arg)
        return self.hook("atomic" if atomic else "value", node, number, node)

    def see_literal(self, node, place, atomic):
        number = self.enter(node, place, "call", LITERALS[type(node)])
        node.elts = [self.value(part, number, i) for i, part in enumerate(node.elts, start=1)]
        return self.hook("value", node, number, node)

    see_List = see_Tuple = see_Set = see_literal

    def see_Dict(self, node, place, atomic):
        number = self.enter(node, place, "call", "dict")
        node.values = [self.value(part, number, i) for i, part in enumerate(node.values, start=1)]
        return self.hook("value", node, number, node)

    def see_comprehension(self, node, place, atomic):
        number = self.enter(node, place, "call", COMPREHENSIONS[type(node)])
        if isinstance(node, ast.DictComp):
            node.value = self.value(node.value, number, 1)
        else:
            node.elt = self.value(node.elt, number, 1)
        arg = 2
        for part in node.generators:
            part.iter = self.value(part.iter, number, arg)
            part.ifs = [self.value(test, number, arg + i) for i, test in enumerate(part.ifs, start=1)]
            arg += 1 + len(part.ifs)
        return self.hook("value", node, number, node)

    see_ListComp = see_SetComp = see_GeneratorExp = see_DictComp = see_comprehension

    def see_NamedExpr(self, node, place, atomic):
        number = self.enter(node, place, "call", ":=")
        node.value = self.value(node.value, number, 1)
        return self.hook("value", node, number, node)

    def see_Lambda(self, node, place, atomic):
        outer, root = self.function, self.root
        kind, target = place[0], place[3]
        self.function = target if kind == "assign" and target and target.isidentifier() else "<lambda>"
        number = self.enter_function(self.function, node)
        body = self.value(node.body, kind="return", always=True)
        node.body = self.hook("lambda", node.body, self.hook("enter", node.body, number), body)
        self.function, self.root = outer, root
        return node

    def see_inner(self, node, place, atomic):
        """Rewrite yield and await: what is sent is looked at, the expression itself only as the root of a statement."""
        root = self.root
        if node.value is not None:
            node.value = self.value(node.value, kind="return" if isinstance(node, ast.Yield) else "expr")
        self.root = root
        if place[0]:
            return self.hook("value", node, self.enter(node, place, "call", "yield"), node)
        return node

    see_Yield = see_YieldFrom = see_Await = see_inner


ROOTS = frozenset({"assign", "return", "expr", "cond"})


def matching(target, value):
    """Tell whether a tuple is assigned to a tuple, element by element."""
    return (
        isinstance(target, ast.Tuple | ast.List)
        and isinstance(value, ast.Tuple | ast.List)
        and len(target.elts) == len(value.elts)
        and not any(isinstance(part, ast.Starred) for part in (*target.elts, *value.elts))
    )


def float_or_none(value):
    """Return a number of the source as the float it is, None where it is too large."""
    try:
        return float(value)
    except OverflowError:
        return None
