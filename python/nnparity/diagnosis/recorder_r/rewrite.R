# The candidate's code with a recording call around every value: rewritten as an expression, never as text.
#
# `x` becomes `forceAndCall(1, record_value, x, id)`. forceAndCall is a primitive that evaluates x before it opens the context
# of record_value, so that sys.call, parent.frame, missing, match.arg, UseMethod and NextMethod see the very frames they would
# see without it. Functions stand in the expression as objects, not as names: a masked or removed name cannot reach them.

force_and_call <- base::forceAndCall
brace <- base::`{`

# Calls that are left exactly as they are: what stands inside is not evaluated, or not as a value, or not here.
LEFT_ALONE <- c(
  "quote", "substitute", "bquote", "expression", "~", "::", ":::", "function", "alist", "missing", "nargs", "match.call", "sys.call",
  "sys.function", "on.exit", "UseMethod", "standardGeneric", "library", "require", "requireNamespace", "loadNamespace", "rm", "remove",
  "formals", "body", "args", "deparse1", "deparse", "stopifnot", "curve", "browser", "debug", "undebug", "trace", "untrace", "detach",
  "attach", "data", "help", "?", "example", "demo", "Rprof", "set.seed", "source", "sys.source", "setClass", "callSuper", "initFields",
  "break", "next", "repeat_", "delayedAssign", "makeActiveBinding", "evalq", "match.arg", "exists", "Recall_", "suppressPackageStartupMessages",
  "candidate_lines", "ggplot", "aes", "subset", "transform", "filter", "mutate", "select", "summarise", "summarize", "group_by", "arrange",
  "substitute2", "str2lang", "parse", "setattr", ":=", "..", "environment", "new", "invokeRestart", "warning", "stop", "message", "NextMethod",
  "callNextMethod", "methods", "data.frame_", "library.dynam", "vignette", "options", "par", "plot", "lines", "legend", "points", "abline")
# Of those, the ones that may not even be wrapped as a whole.
HANDS_OFF <- c("UseMethod", "standardGeneric", "on.exit", "break", "next", "function", "::", ":::", "~", "delayedAssign", "browser")
# And the ones whose value is worth recording: the whole call is wrapped, its arguments are not.
WORTH_RECORDING <- c("NextMethod", "callNextMethod", "callSuper", "evalq", "match.arg", "subset", "transform", "candidate_lines")
# Calls that look at the names of their arguments: symbols stay symbols, other arguments are recorded.
NAMING <- c("cbind", "rbind", "data.frame", "table", "list2DF", "missing")
# A symbol in these places names a function.
FUNCTION_NAMING <- c("FUN", "f", "what", ".f", "fun", "FUNC", "fn", ".FUN")

OPERATORS <- c("+", "-", "*", "/", "^", "%%", "%/%", "%*%", "%o%", "%in%", "%x%", ":", "==", "!=", "<", ">", "<=", ">=", "!", "&", "|", "&&", "||")
LOOKS_AT_CODE <- c("substitute", "match.call", "sys.call", "enquo", "enquos", "ensym", "quo", "enexpr", "deparse1")

node_list <- vector("list", 1024L)   # with room to spare
node_count <- 0L
node_leaves <- logical(1024L)
nodes_sent <- 0L
function_list <- list()

# What the candidate's own functions do with their arguments, by name: filled by scan_definitions.
habits <- new.env(parent = emptyenv())
habits$look_at_code <- character()
habits$ask_missing <- character()

add_node <- function(source, row, parent, stmt, kind, op = NULL, arg = NULL, text = "", target = NULL, fun = NULL, code = NULL, keyword = NULL,
                     statement_row = row, leaves = FALSE) {
  id <- node_count + 1L
  node_count <<- id
  if (id > length(node_list)) {
    node_list[2L * id] <<- list(NULL)
    node_leaves[2L * id] <<- FALSE
  }
  if (is.na(statement_row)) statement_row <- row
  place <- if (is.na(statement_row)) c(source$line1_default, 1L, source$line1_default, 1L) else
    c(source$line1[statement_row], source$col1[statement_row], source$line2[statement_row], source$col2[statement_row])
  node_list[[id]] <<- list(
    id = id, parent = parent, stmt = if (is.null(stmt)) id else stmt, file = source$path, cell = source$cell[place[1]],
    line = source$line[place[1]], end_line = source$line[place[3]], col = place[2], end_col = place[4], kind = kind,
    op = if (is.null(op)) NA_character_ else op, arg = if (is.null(arg)) NA_integer_ else arg, text = text,
    target = if (is.null(target)) NA_character_ else target, fun = if (is.null(fun)) NA_character_ else fun,
    code = if (is.null(code)) NA_character_ else code, keyword = if (is.null(keyword) || !nzchar(keyword)) NA_character_ else keyword,
    first = place[1])
  node_leaves[id] <<- leaves
  id
}

call_name <- function(expression) {
  head <- expression[[1]]
  if (is.symbol(head)) return(as.character(head))
  if (is.character(head)) return(head[1])
  if (is.call(head) && is.symbol(head[[1]]) && as.character(head[[1]]) %in% c("::", ":::")) return(as.character(head[[3]]))
  ""
}

is_function_literal <- function(x) is.call(x) && identical(x[[1]], quote(`function`))
is_assignment <- function(x) is.call(x) && is.symbol(x[[1]]) && as.character(x[[1]]) %in% c("<-", "<<-", "=")
is_empty <- function(x) is.symbol(x) && !nzchar(as.character(x))
is_dots <- function(x) is.symbol(x) && grepl("^\\.\\.(\\.|[0-9]+)$", as.character(x))

tag <- function(call, id) {
  attr(call, "nnparity_node") <- id
  call
}

wrap <- function(expression, id, statement) {
  if (is.call(expression)) expression <- tag(expression, id)
  if (statement) as.call(list(force_and_call, 2, record_statement, as.call(list(mark_statement, id)), expression)) else
    as.call(list(force_and_call, 1, record_value, expression, id))
}

# break and next must stay where their loop can see them.
has_jump <- function(expression) {
  if (!is.call(expression)) return(FALSE)
  name <- if (is.symbol(expression[[1]])) as.character(expression[[1]]) else ""
  if (name %in% c("break", "next")) return(TRUE)
  if (name %in% c("function", "quote", "for", "while", "repeat")) return(FALSE)
  for (part in as.list(expression)[-1]) if (!missing(part) && is.call(part) && has_jump(part)) return(TRUE)
  FALSE
}

# -- values ---------------------------------------------------------------------------------------------------------------------------

# at: list(stmt, parent, arg, keyword) for a part of a statement; list(kind, target, statement_row, parent) for its root.
rewrite_value <- function(expression, row, source, scope, at) {
  if (is_function_literal(expression)) return(rewrite_function(expression, row, source, scope, at$name))
  if (is.call(expression) && identical(expression[[1]], quote(`(`)) && length(expression) == 2L) {
    expression[[2]] <- rewrite_value(expression[[2]], argument_rows(source, expression, row), source, scope, at)
    return(expression)
  }
  if (is_assignment(expression) && is.null(at$kind)) return(rewrite_assignment(expression, row, source, scope, at$parent))
  if (is.call(expression)) expression <- unpiped(expression)
  root <- !is.null(at$kind)
  name <- if (is.call(expression)) call_name(expression) else ""
  special <- if (nzchar(name)) value_rewriters[[name]]
  kind <- if (root) at$kind else kind_of(expression, name)
  op <- if (is.call(expression)) operator_text(expression)
  if (!root && is_dots(expression)) return(expression)
  if (name %in% LEFT_ALONE && !(name %in% WORTH_RECORDING) && !root) return(expression)
  if (name %in% HANDS_OFF) return(expression)
  if (!root && !is.call(expression) && !is.symbol(expression) && !(is.numeric(expression) || is.logical(expression))) return(expression)
  id <- add_node(
    source, row, at$parent %or% 0L, if (root) NULL else at$stmt, kind, op, at$arg, expression_text(source, expression, row), at$target, scope$fun,
    code = if (root) text_of_row(source, at$statement_row %or% row), keyword = at$keyword,
    statement_row = if (root) at$statement_row %or% row else row, leaves = expands(kind, at))
  stmt <- if (root) id else at$stmt
  if (is.call(expression)) {
    jump <- has_jump(expression)
    if (!(name %in% LEFT_ALONE)) {
      rewriter <- if (is.null(special)) rewrite_arguments else special
      expression <- rewriter(expression, row, source, scope, stmt, id)
    }
    if (jump) return(expression)
  } else if (root && is.symbol(expression) && !is_dots(expression)) {
    inner <- add_node(source, row, id, id, "name", NULL, 1L, expression_text(source, expression, row), NULL, scope$fun, leaves = FALSE)
    expression <- wrap(expression, inner, FALSE)
  } else if (!root && !is.symbol(expression)) {
    return(expression)
  }
  wrap(expression, id, root)
}

`%or%` <- function(x, y) if (is.null(x)) y else x

# Lists are taken apart into their leaves where a value is made or handed over, not where a list is merely indexed.
expands <- function(kind, at) kind %in% c("assign", "return", "call") || (kind %in% c("name", "index") && !isTRUE(at$container))

kind_of <- function(expression, name) {
  if (is.symbol(expression)) return("name")
  if (!is.call(expression)) return("constant")
  if (name %in% c("[", "[[", "$", "@")) return("index")
  if (name %in% OPERATORS || grepl("^%.*%$", name)) return("expr")
  "call"
}

operator_text <- function(expression) {
  head <- expression[[1]]
  if (is.symbol(head)) as.character(head) else if (is.call(head) && is_function_literal(head)) "function" else
    gsub("\\s+", " ", deparsed(head))
}

# How a callee treats its arguments: "values", "names" (symbols must stay), or "code" (nothing may be touched).
treatment <- function(name, expression, scope) {
  if (!nzchar(name)) return("values")
  if (name %in% habits$look_at_code) return("code")
  if (name %in% NAMING) return("names")
  if (name %in% PIPES) return("code")
  if (name %in% habits$own) return("values")
  cached <- habits$library[[name]]
  if (!is.null(cached)) return(cached)
  found <- get0(name, envir = globalenv(), mode = "function")
  answer <- if (!is.null(found) && package_of(found) %in% CODE_PACKAGES) "code" else if (is.null(found) || is.primitive(found) || name %in% RISKLESS || !any(LOOKS_AT_CODE %in% all.names(body(found)))) "values" else "code"
  if (!is.null(found)) habits$library[[name]] <- answer
  answer
}

# Packages whose functions take their arguments as code.
CODE_PACKAGES <- c("dplyr", "tidyr", "ggplot2", "data.table", "tidyselect", "rlang", "tibble", "forcats", "recipes", "plotly", "foreach")

package_of <- function(f) {
  home <- environment(f)
  if (is.null(home)) "base" else environmentName(topenv(home))
}

# Operators of packages whose right side is code.
PIPES <- c("%>%", "%<>%", "%T>%", "%$%", "%!>%", "%<-%", "%do%", "%dopar%", "%<>%")

# Functions of base R that call substitute for a label or a message only, or for an expression that they evaluate in the caller.
RISKLESS <- c("match.fun", "local", "with", "within", "suppressWarnings", "suppressMessages", "system.time", "try", "tryCatch", "withCallingHandlers",
              "invisible", "lapply", "sapply", "vapply", "mapply", "Map", "Reduce", "Filter", "apply", "outer", "sweep", "do.call", "eval", "print",
              "matrix", "array", "sum", "mean", "Vectorize", "stopifnot", "scale", "tapply", "aggregate", "replicate", "force", "identity", "crossprod",
              "setMethod", "setGeneric", "setRefClass", "setValidity", "R6Class", "as.data.frame", "as.matrix", "rowsum", "max.col", "rapply")

# x %>% f(y) is f(x, y), where the operator is the well-known one and no dot says where x goes.
unpiped <- function(expression) {
  if (!identical(expression[[1]], quote(`%>%`)) || length(expression) != 3L) return(expression)
  right <- expression[[3]]
  operator <- get0("%>%", envir = globalenv(), mode = "function")
  if (is.null(operator) || !identical(environmentName(environment(operator)), "magrittr")) return(expression)
  if (is.symbol(right)) return(as.call(list(right, expression[[2]])))
  plain <- is.call(right) && (is.symbol(right[[1]]) && grepl("^[A-Za-z.][A-Za-z0-9._]*$", as.character(right[[1]])) && !is_function_literal(right))
  if (!plain || "." %in% all.names(right)) return(expression)
  as.call(c(list(right[[1]], expression[[2]]), as.list(right)[-1]))
}

rewrite_arguments <- function(expression, row, source, scope, stmt, id) {
  name <- call_name(expression)
  how <- treatment(name, expression, scope)
  # A table of constants is one constant.
  if (length(expression) > 60L && all(vapply(as.list(expression)[-1], is.numeric, NA))) return(expression)
  if (how == "code") return(rewrite_literals(expression, row, source, scope, stmt, id))
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  keywords <- names(parts) %or% rep("", length(parts))
  naming <- function_places(name, keywords)
  method_name <- if (name %in% c("setMethod", "setGeneric", "setReplaceMethod") && length(parts) > 1 && is.character(parts[[2]])) parts[[2]]
  if (is.call(parts[[1]])) parts[[1]] <- rewrite_head(parts[[1]], source, scope, stmt, id, row)
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = ))) next
    part <- parts[[k]]
    if (is.null(part)) next
    if (is.symbol(part)) {
      if (how == "names" || naming[k]) next
      if (as.character(part) %in% scope$formals && name %in% habits$ask_missing) next
    }
    if (how == "names" && name == "data.frame" && !nzchar(keywords[k])) next
    at <- list(stmt = stmt, parent = id, arg = k - 1L, keyword = keywords[k],
               name = if (nzchar(keywords[k])) keywords[k] else method_name)
    # list(W1 = …, W2 = …) over several lines: each line says where its own mistake would be.
    if (name == "list" && is.call(part) && !is_assignment(part) && on_own_line(source, rows[k - 1L], row)) {
      at <- list(kind = "expr", statement_row = rows[k - 1L], parent = id, arg = k - 1L, keyword = keywords[k], name = at$name)
    }
    changed <- if (is.call(part) && identical(part[[1]], quote(`{`))) rewrite_branch(part, rows[k - 1L], source, scope, stmt, id, k - 1L) else
      rewrite_value(part, rows[k - 1L], source, scope, at)
    parts[k] <- list(changed)
  }
  as.call(parts)
}

on_own_line <- function(source, row, outer) !is.na(row) && !is.na(outer) && source$line1[row] != source$line1[outer]

rewrite_head <- function(head, source, scope, stmt, id, row) {
  if (is_function_literal(head)) return(rewrite_function(head, NA_integer_, source, scope, NULL))
  if (identical(head[[1]], quote(`(`)) && is_function_literal(head[[2]])) {
    inner <- kids_of(source, descend(source, row))
    literal <- if (length(inner)) argument_rows(source, head, inner[1]) else NA_integer_
    head[[2]] <- rewrite_function(head[[2]], literal, source, scope, NULL)
  }
  head
}

# Which arguments of a call name a function: by keyword, or by their place in the definition.
function_places <- function(name, keywords) {
  places <- keywords %in% FUNCTION_NAMING
  known <- FUNCTION_ARGUMENT[[name]]
  if (!is.null(known)) {
    unnamed <- which(!nzchar(keywords))[-1]
    before <- sum(keywords[-1] %in% known$before)
    if (!any(places) && length(unnamed) >= known$place - before) places[unnamed[known$place - before]] <- TRUE
  }
  places
}

FUNCTION_ARGUMENT <- list(
  lapply = list(place = 2L, before = "X"), sapply = list(place = 2L, before = "X"), vapply = list(place = 2L, before = "X"),
  apply = list(place = 3L, before = c("X", "MARGIN")), mapply = list(place = 1L, before = character()),
  Map = list(place = 1L, before = character()), Reduce = list(place = 1L, before = character()),
  Filter = list(place = 1L, before = character()), outer = list(place = 3L, before = c("X", "Y")),
  sweep = list(place = 4L, before = c("x", "MARGIN", "STATS")), do.call = list(place = 1L, before = character()),
  match.fun = list(place = 1L, before = character()), Vectorize = list(place = 1L, before = character()),
  map = list(place = 2L, before = ".x"), map2 = list(place = 3L, before = c(".x", ".y")), Recall = NULL)

# Only the function literals inside, for calls whose arguments may be looked at as code.
rewrite_literals <- function(expression, row, source, scope, stmt, id) {
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = ))) next
    if (is_function_literal(parts[[k]])) parts[[k]] <- rewrite_function(parts[[k]], rows[k - 1L], source, scope, names(parts)[k])
  }
  as.call(parts)
}

# -- calls with a shape of their own ----------------------------------------------------------------------------------------------------

rewrite_index <- function(expression, row, source, scope, stmt, id) {
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  name <- call_name(expression)
  if (!is.null(parts[[2]])) parts[2] <- list(rewrite_value(parts[[2]], rows[1], source, scope, list(stmt = stmt, parent = id, arg = 1L, container = TRUE)))
  looks_at_code <- name == "[" && "data.table" %in% loadedNamespaces()
  if (name %in% c("[", "[[") && !looks_at_code) for (k in seq_along(parts)[-(1:2)]) {
    if (identical(parts[[k]], quote(expr = )) || is.null(parts[[k]])) next
    keyword <- names(parts)[k]
    if (!is.null(keyword) && keyword %in% c("drop", "exact")) next
    parts[k] <- list(rewrite_value(parts[[k]], rows[k - 1L], source, scope, list(stmt = stmt, parent = id, arg = k - 1L, keyword = keyword)))
  }
  as.call(parts)
}

# A branch on lines of its own is a statement of its own; the value of the whole is then the value of that branch.
rewrite_branch <- function(part, row, source, scope, stmt, id, arg, name = NULL) {
  own <- is.call(part) && identical(part[[1]], quote(`{`))
  if (!own && !is.na(row)) own <- source$line1[row] != node_list[[stmt]]$first
  if (own) rewrite_statement(part, row, source, scope, last = FALSE, parent = id, arg = arg, value = TRUE) else
    rewrite_value(part, row, source, scope, list(stmt = stmt, parent = id, arg = arg, name = name))
}

rewrite_if <- function(expression, row, source, scope, stmt, id) {
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  parts[2] <- list(rewrite_value(parts[[2]], rows[1], source, scope, list(stmt = stmt, parent = id, arg = 1L)))
  for (k in seq_along(parts)[-(1:2)]) if (!is.null(parts[[k]]))
    parts[k] <- list(rewrite_branch(parts[[k]], rows[k - 1L], source, scope, stmt, id, k - 1L))
  as.call(parts)
}

rewrite_switch <- function(expression, row, source, scope, stmt, id) {
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = )) || is.null(parts[[k]])) next
    parts[k] <- list(if (k == 2L) rewrite_value(parts[[k]], rows[1], source, scope, list(stmt = stmt, parent = id, arg = 1L)) else
      rewrite_branch(parts[[k]], rows[k - 1L], source, scope, stmt, id, k - 1L, name = names(parts)[k]))
  }
  as.call(parts)
}

rewrite_block_value <- function(expression, row, source, scope, stmt, id) rewrite_block(expression, row, source, scope, FALSE, id, TRUE)

# assign("W1", value): an assignment whose target is text.
rewrite_assign_call <- function(expression, row, source, scope, stmt, id) {
  parts <- as.list(expression)
  value <- match("value", names(parts) %or% "", nomatch = 3L)
  if (length(parts) < value || is_empty(parts[[value]])) return(expression)
  target <- if (is.character(parts[[2]])) parts[[2]] else gsub("\\s+", " ", deparsed(parts[[2]]))
  rows <- argument_rows(source, expression, row)
  at <- list(kind = "assign", target = target, statement_row = row, parent = 0L, name = target)
  parts[value] <- list(rewrite_value(parts[[value]], rows[value - 1L], source, scope, at))
  as.call(parts)
}

value_rewriters <- list(
  "if" = rewrite_if, "switch" = rewrite_switch, "{" = rewrite_block_value, "[" = rewrite_index, "[[" = rewrite_index, "$" = rewrite_index,
  "@" = rewrite_index, "assign" = rewrite_assign_call)

# -- statements -----------------------------------------------------------------------------------------------------------------------

# last: the value is the function's; value: it is the value of an expression around it.
rewrite_statement <- function(expression, row, source, scope, last = FALSE, parent = 0L, arg = NULL, value = FALSE) {
  if (!is.na(row)) row <- descend(source, row)
  source$line1_default <- if (is.na(row)) source$line1_default %or% 1L else source$line1[row]
  if (is_function_literal(expression)) return(rewrite_function(expression, row, source, scope, NULL))
  if (is_assignment(expression)) return(rewrite_assignment(expression, row, source, scope, parent))
  kind <- if (last) "return" else "expr"
  if (is.call(expression)) {
    name <- call_name(expression)
    rewriter <- if (nzchar(name)) statement_rewriters[[name]]
    if (!is.null(rewriter)) return(rewriter(expression, row, source, scope, last, parent, value))
  } else if (!last && !value) {
    return(expression)
  }
  rewrite_value(expression, row, source, scope, list(kind = kind, statement_row = row, parent = parent, arg = arg))
}

rewrite_block <- function(expression, row, source, scope, last, parent, value) {
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  end <- length(parts)
  for (k in seq_along(parts)[-1]) {
    if (is.null(parts[[k]])) next
    inner <- rewrite_statement(parts[[k]], rows[k - 1L], source, scope, last && k == end, parent, NULL, value && k == end)
    remember_statement(inner, source, rows[k - 1L])
    parts[k] <- list(inner)
  }
  as.call(parts)
}

rewrite_if_statement <- function(expression, row, source, scope, last, parent, value) {
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  parts[2] <- list(rewrite_value(parts[[2]], rows[1], source, scope, list(kind = "cond", statement_row = rows[1])))
  for (k in seq_along(parts)[-(1:2)]) if (!is.null(parts[[k]])) {
    parts[k] <- list(rewrite_statement(parts[[k]], rows[k - 1L], source, scope, last, parent, NULL, value))
    remember_statement(parts[[k]], source, rows[k - 1L])
  }
  as.call(parts)
}

rewrite_switch_statement <- function(expression, row, source, scope, last, parent, value) {
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = )) || is.null(parts[[k]])) next
    parts[k] <- list(
      if (k == 2L) rewrite_value(parts[[k]], rows[1], source, scope, list(kind = "cond", statement_row = rows[1])) else
        if (is_function_literal(parts[[k]])) rewrite_function(parts[[k]], rows[k - 1L], source, scope, names(parts)[k]) else
          rewrite_statement(parts[[k]], rows[k - 1L], source, scope, last, parent, NULL, value))
  }
  as.call(parts)
}

rewrite_for <- function(expression, row, source, scope, last, parent, value) {
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  if (!is.null(parts[[3]])) parts[3] <- list(rewrite_value(parts[[3]], rows[2], source, scope, list(kind = "cond", target = as.character(parts[[2]]), statement_row = rows[2])))
  parts[4] <- list(rewrite_statement(parts[[4]], rows[3], source, scope))
  remember_statement(parts[[4]], source, rows[3])
  as.call(parts)
}

rewrite_while <- function(expression, row, source, scope, last, parent, value) {
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  parts[2] <- list(rewrite_value(parts[[2]], rows[1], source, scope, list(kind = "cond", statement_row = rows[1])))
  parts[3] <- list(rewrite_statement(parts[[3]], rows[2], source, scope))
  as.call(parts)
}

rewrite_repeat <- function(expression, row, source, scope, last, parent, value) {
  parts <- as.list(expression)
  parts[2] <- list(rewrite_statement(parts[[2]], argument_rows(source, expression, row)[1], source, scope))
  as.call(parts)
}

# return(x) and invisible(x): what counts is x.
rewrite_return <- function(expression, row, source, scope, last, parent, value) {
  if (length(expression) != 2L || is.null(expression[[2]]) || is_dots(expression[[2]])) return(expression)
  inner <- argument_rows(source, expression, row)[1]
  parts <- as.list(expression)
  if (is_assignment(parts[[2]])) {
    parts[2] <- list(rewrite_assignment(parts[[2]], inner, source, scope, parent))
  } else {
    kind <- if (last || identical(expression[[1]], quote(return))) "return" else "expr"
    parts[2] <- list(rewrite_value(parts[[2]], inner, source, scope, list(kind = kind, statement_row = row, parent = parent)))
  }
  as.call(parts)
}

rewrite_paren_statement <- function(expression, row, source, scope, last, parent, value) {
  parts <- as.list(expression)
  parts[2] <- list(rewrite_statement(parts[[2]], argument_rows(source, expression, row)[1], source, scope, last, parent, NULL, TRUE))
  as.call(parts)
}

statement_rewriters <- list(
  "{" = rewrite_block, "if" = rewrite_if_statement, "switch" = rewrite_switch_statement, "for" = rewrite_for, "while" = rewrite_while,
  "repeat" = rewrite_repeat, "return" = rewrite_return, "invisible" = rewrite_return, "(" = rewrite_paren_statement,
  "assign" = function(expression, row, source, scope, last, parent, value) rewrite_assign_call(expression, row, source, scope, 0L, 0L))

value_rewriters[["return"]] <- function(expression, row, source, scope, stmt, id) rewrite_return(expression, row, source, scope, TRUE, id, TRUE)

rewrite_assignment <- function(expression, row, source, scope, parent = 0L) {
  rows <- argument_rows(source, expression, row)
  target <- expression[[2]]
  value <- expression[[3]]
  name <- if (is.symbol(target) || is.character(target)) as.character(target) else expression_text(source, target, rows[1])
  if (is_function_literal(value)) {
    expression[[3]] <- rewrite_function(value, rows[2], source, scope, short_name(target, name))
    return(expression)
  }
  first <- node_count + 1L
  if (is.null(value)) return(expression)
  if (is_assignment(value)) {
    # a <- b <- x: the value of the inner assignment is the outer one's.
    id <- add_node(source, row, parent, NULL, "assign", "<-", NULL, expression_text(source, value, rows[2]), name, scope$fun,
                   code = text_of_row(source, row), statement_row = row, leaves = TRUE)
    expression[[3]] <- wrap(rewrite_assignment(value, rows[2], source, scope, id), id, TRUE)
  } else expression[[3]] <- rewrite_value(value, rows[2], source, scope, list(kind = "assign", target = name, statement_row = row, parent = parent, name = short_name(target, name)))
  if (!is.call(target)) return(expression)
  changed <- changed_object(target)
  if (is.null(changed)) return(expression)
  stmt <- if (node_count >= first) first else NULL
  after <- add_node(source, row, stmt %or% 0L, stmt, "after", NULL, NULL, gsub("\\s+", " ", deparsed(changed)), name, scope$fun,
                    code = text_of_row(source, row), statement_row = row, leaves = FALSE)
  changes[[as.character(after)]] <- list(object = changed, superior = identical(expression[[1]], quote(`<<-`)))
  as.call(list(force_and_call, 1, record_after, tag(expression, after), after))
}

changes <- new.env(parent = emptyenv())

short_name <- function(target, name) {
  if (is.call(target) && length(target) == 3L && call_name(target) %in% c("$", "@", "[[")) {
    last <- target[[3]]
    if (is.symbol(last) && call_name(target) != "[[" || is.character(last)) return(as.character(last))
  }
  if (is.call(target)) NULL else name
}

# The innermost object that a partial assignment changes, as an expression that may safely be evaluated once more.
changed_object <- function(target) {
  accessor <- call_name(target)
  container <- target[[2]]
  object <- if (accessor %in% c("$", "@")) target else container
  if (accessor == "[[") object <- container
  while (is.call(object) && identical(object[[1]], quote(`(`))) object <- object[[2]]
  if (is.character(object)) object <- as.name(object)
  if (harmless(object)) object
}

harmless <- function(expression) {
  if (!is.call(expression)) return(TRUE)
  used <- all.names(expression)
  functions <- setdiff(used, all.vars(expression))
  all(functions %in% c("[", "[[", "$", "@", "(", "+", "-", "*", ":", "/", "%%", "length", "nrow", "ncol", "c", "as.character", "paste0", "paste"))
}

# -- functions ------------------------------------------------------------------------------------------------------------------------

# A generic that only dispatches must stay as it is: setGeneric looks at its body.
only_dispatches <- function(body) any(c("standardGeneric") %in% all.names(body)) || (is.call(body) && call_name(body) == "UseMethod")

rewrite_function <- function(literal, row, source, scope, name) {
  formals <- literal[[2]]
  body <- literal[[3]]
  if (!is.na(row)) row <- descend(source, row)
  inner <- kids_of(source, row)
  inner <- inner[!source$terminal[inner]]
  body_row <- if (length(inner)) inner[length(inner)] else NA_integer_
  id <- length(function_list) + 1L
  scope <- list(fun = if (is.null(name) || !nzchar(name)) scope$fun else name, formals = names(formals), definition = id)
  line <- if (is.na(row)) source$line1_default %or% 1L else source$line1[row]
  function_list[[id]] <<- list(name = name %or% "", fun = scope$fun, arguments = names(formals), file = source$path,
                               line = source$line[line], cell = source$cell[line])
  if (only_dispatches(body)) return(literal)
  given <- which(!vapply(as.list(formals), is_empty, NA))
  default_rows <- if (length(inner) == length(given) + 1L) inner[-length(inner)] else rep(NA_integer_, length(given))
  for (k in seq_along(given)) {
    default <- formals[[given[k]]]
    if (is.call(default) && !is_function_literal(default) && !holds_text(default) && !(call_name(default) %in% LEFT_ALONE)) {
      at <- list(kind = "assign", target = names(formals)[given[k]], statement_row = default_rows[k], parent = 0L)
      formals[[given[k]]] <- rewrite_value(default, default_rows[k], source, scope, at)
    } else if (is_function_literal(default)) {
      formals[[given[k]]] <- rewrite_function(default, default_rows[k], source, scope, names(formals)[given[k]])
    }
  }
  body <- rewrite_statement(body, body_row, source, scope, last = TRUE)
  enter <- as.call(list(enter_function, id))
  statements <- if (is.call(body) && identical(body[[1]], quote(`{`))) as.list(body)[-1] else list(body)
  parts <- as.list(literal)
  parts[2] <- list(formals)
  parts[[3]] <- as.call(c(list(quote(`{`), enter), statements))
  as.call(parts)
}

holds_text <- function(expression) {
  if (is.character(expression)) return(TRUE)
  if (!is.call(expression)) return(FALSE)
  for (part in as.list(expression)[-1]) if (!missing(part) && holds_text(part)) return(TRUE)
  FALSE
}

# Function literals anywhere in an expression that is otherwise left alone: for the top level, which runs unrecorded.
rewrite_definitions <- function(expression, row, source, scope, name = NULL) {
  if (!is.call(expression)) return(expression)
  if (is_function_literal(expression)) return(rewrite_function(expression, row, source, scope, name))
  if (!("function" %in% all.names(expression))) return(expression)
  head <- call_name(expression)
  if (head %in% c("quote", "bquote", "substitute", "expression", "~")) return(expression)
  rows <- argument_rows(source, expression, row)
  parts <- as.list(expression)
  if (is.call(parts[[1]])) parts[[1]] <- rewrite_head(parts[[1]], source, scope, 0L, 0L, row)
  text <- if (is_assignment(expression)) short_name(parts[[2]], if (is.call(parts[[2]])) NULL else as.character(parts[[2]]))
  if (head %in% c("setMethod", "setGeneric", "setReplaceMethod") && is.character(parts[[2]])) text <- parts[[2]]
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = )) || is.null(parts[[k]])) next
    keyword <- names(parts)[k]
    own <- if (!is.null(keyword) && nzchar(keyword)) keyword else text
    parts[k] <- list(rewrite_definitions(parts[[k]], rows[k - 1L], source, scope, own))
  }
  as.call(parts)
}

# -- statements by line, for candidate_lines ---------------------------------------------------------------------------------------------

remembered <- new.env(parent = emptyenv())
remembered$keep <- FALSE
remembered$list <- list()

remember_statement <- function(expression, source, row) {
  if (!remembered$keep || is.na(row)) return(invisible())
  remembered$list[[length(remembered$list) + 1L]] <- list(
    file = source$path, line1 = source$line[source$line1[row]], line2 = source$line[source$line2[row]],
    start = source$line1[row] * 1e4 + source$col1[row], end = source$line2[row] * 1e4 + source$col2[row], expression = expression)
  invisible()
}

# Names of the candidate's functions, and of those that look at their arguments as code or ask whether they are missing.
scan_definitions <- function(expressions) {
  walk <- function(expression, name) {
    if (!is.call(expression)) return(invisible())
    if (is_function_literal(expression)) {
      if (!is.null(name) && nzchar(name)) {
        habits$own <- c(habits$own, name)
        used <- all.names(expression[[3]])
        if (any(LOOKS_AT_CODE %in% used)) habits$look_at_code <- c(habits$look_at_code, name)
        if (any(c("missing", "nargs") %in% used)) habits$ask_missing <- c(habits$ask_missing, name)
      }
      name <- NULL
    }
    if (is_assignment(expression)) {
      target <- expression[[2]]
      label <- if (is.call(target)) short_name(target, NULL) else as.character(target)
      walk(expression[[3]], label)
      return(invisible())
    }
    parts <- as.list(expression)
    text <- if (length(parts) > 1 && call_name(expression) %in% c("setMethod", "setGeneric") && is.character(parts[[2]])) parts[[2]]
    for (k in seq_along(parts)) {
      if (identical(parts[[k]], quote(expr = ))) next
      keyword <- names(parts)[k]
      walk(parts[[k]], if (!is.null(keyword) && nzchar(keyword)) keyword else text)
    }
  }
  for (k in seq_along(expressions)) walk(expressions[[k]], NULL)
}
