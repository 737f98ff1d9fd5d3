# What may be done with the arguments of a call: most are values, some are names or code and must stay as they are.

# Calls whose arguments are left exactly as they are: they are not evaluated, or not as values, or not here.
LEFT_ALONE <- c(
  # code
  "quote", "substitute", "bquote", "expression", "~", "::", ":::", "function", "alist", "evalq", "missing", "nargs",
  "body",
  "formals", "args", "match.arg", "match.call", "sys.call", "sys.function", "on.exit", "delayedAssign", "deparse",
  ".Internal", "makeActiveBinding", "exists", "rm", "remove", "curve", "subset", "transform", "candidate_lines", ":=",
  "break",
  "next",
  # dispatch, which looks at its own frame
  "UseMethod", "standardGeneric", "NextMethod", "callNextMethod", "callSuper", "initFields",
  # messages, packages, plots: nothing in them is a network
  "stop", "warning", "message", "stopifnot", "library", "require", "requireNamespace", "loadNamespace", "attach",
  "detach",
  "suppressPackageStartupMessages", "source", "sys.source", "data", "options", "set.seed", "browser", "debug", "trace",
  "setClass", "help", "plot", "lines", "points", "abline", "legend", "par", "ggplot", "aes",
  # tables of other packages
  "filter", "mutate", "select", "summarise", "summarize", "group_by", "arrange")
# Of those, the ones that may not even be recorded as a whole,
HANDS_OFF <- c(
  "UseMethod", "standardGeneric", "on.exit", "break", "next", "function", "::", ":::", "~", "delayedAssign", "browser",
  "quote", "substitute", "formals", "alist")
# and the ones whose value is worth recording inside of another expression.
WORTH_RECORDING <- c(
  "NextMethod", "callNextMethod", "callSuper", "evalq", "match.arg", "subset", "transform", "candidate_lines")
# Calls that name their result after their arguments: symbols stay symbols, other arguments are recorded.
NAMING <- c("cbind", "rbind", "data.frame", "table", "list2DF")
# Operators of packages whose right side is code, and packages whose functions take code.
PIPES <- c("%>%", "%<>%", "%T>%", "%$%", "%!>%", "%<-%", "%do%", "%dopar%")
CODE_PACKAGES <- c(
  "dplyr", "tidyr", "ggplot2", "data.table", "tidyselect", "rlang", "tibble", "forcats", "recipes", "plotly", "foreach")
# Calls by which a function looks at its arguments as code; and functions of base R that do so for a label or a message
# only, or to evaluate the argument in the caller's frame, as it would be anyway.
LOOKS_AT_CODE <- c("substitute", "match.call", "sys.call", "enquo", "enquos", "ensym", "quo", "enexpr", "deparse1")
RISKLESS <- c(
  "match.fun", "local", "with", "within", "suppressWarnings", "suppressMessages", "system.time", "try", "tryCatch",
  "withCallingHandlers", "invisible", "lapply", "sapply", "vapply", "mapply", "Map", "Reduce", "Filter", "apply",
  "outer",
  "sweep", "do.call", "eval", "print", "matrix", "array", "sum", "mean", "Vectorize", "scale", "tapply", "aggregate",
  "replicate", "force", "identity", "crossprod", "setMethod", "setGeneric", "setRefClass", "setValidity", "R6Class",
  "as.data.frame", "as.matrix", "rowsum", "max.col", "rapply")

OPERATORS <- c(
  "+", "-", "*", "/", "^", "%%", "%/%", "%*%", "%o%", "%in%", "%x%", ":", "==", "!=", "<", ">", "<=", ">=", "!", "&",
  "|",
  "&&", "||")

# Arguments that name a function, by keyword or by place: a symbol there is looked up as a function and must stay one.
FUNCTION_KEYWORDS <- c("FUN", "f", "what", ".f", "fun", "FUNC", "fn", ".FUN")
FUNCTION_ARGUMENT <- list(
  lapply = list(place = 2L, before = "X"), sapply = list(place = 2L, before = "X"),
  vapply = list(place = 2L, before = "X"), apply = list(place = 3L, before = c("X", "MARGIN")),
  outer = list(place = 3L, before = c("X", "Y")), sweep = list(place = 4L, before = c("x", "MARGIN", "STATS")),
  mapply = list(place = 1L), Map = list(place = 1L), Reduce = list(place = 1L), Filter = list(place = 1L),
  do.call = list(place = 1L), match.fun = list(place = 1L), Vectorize = list(place = 1L),
  map = list(place = 2L, before = ".x"), map2 = list(place = 3L, before = c(".x", ".y")))

# What the candidate's own functions do, by name: filled by scan_definitions.
habits <- new.env(parent = emptyenv())
habits$own <- character()
habits$look_at_code <- character()
habits$ask_missing <- character()
habits$library <- list()

is_left_alone <- function(name) name %in% LEFT_ALONE && !(name %in% habits$own)

# How a callee treats its arguments: "values", "names" (symbols must stay), or "code" (nothing may be touched).
treatment <- function(name) {
  if (!nzchar(name)) return("values")
  if (name %in% habits$look_at_code) return("code")
  if (name %in% habits$own) return("values")
  if (name %in% NAMING) return("names")
  if (name %in% PIPES) return("code")
  known <- habits$library[[name]]
  if (!is.null(known)) return(known)
  found <- get0(name, envir = globalenv(), mode = "function")
  if (is.null(found)) return("values")
  habits$library[[name]] <- treatment_by(found, name)
  habits$library[[name]]
}

treatment_by <- function(found, name) {
  if (is.primitive(found) || name %in% RISKLESS) return("values")
  if (package_of(found) %in% CODE_PACKAGES || any(LOOKS_AT_CODE %in% all.names(body(found)))) "code" else "values"
}

package_of <- function(f) {
  home <- environment(f)
  if (is.null(home)) "base" else environmentName(topenv(home))
}

# Which parts of a call (its head first) name a function.
function_places <- function(name, keywords) {
  places <- keywords %in% FUNCTION_KEYWORDS
  known <- FUNCTION_ARGUMENT[[name]]
  if (!is.null(known) && !any(places)) {
    unnamed <- which(!nzchar(keywords))[-1]
    place <- known$place - sum(keywords[-1] %in% known$before)
    if (length(unnamed) >= place) places[unnamed[place]] <- TRUE
  }
  places
}

# x %>% f(y) is f(x, y), where the operator is the well-known one and no dot says where x goes.
unpiped <- function(expression) {
  if (!calls(expression, "%>%") || length(expression) != 3L) return(expression)
  right <- expression[[3]]
  operator <- get0("%>%", envir = globalenv(), mode = "function")
  if (is.null(operator) || package_of(operator) != "magrittr") return(expression)
  if (is.symbol(right)) return(as.call(list(right, expression[[2]])))
  plain <- is.call(right) && is.symbol(right[[1]]) && grepl("^[A-Za-z.][A-Za-z0-9._]*$", as.character(right[[1]]))
  if (!plain || is_function_literal(right) || "." %in% all.names(right)) return(expression)
  as.call(c(list(right[[1]], expression[[2]]), as.list(right)[-1]))
}

# Names of the functions that a file defines, and of those that look at their arguments as code or ask whether they are
# missing. Of a file that is not recorded only the former count.
scan_definitions <- function(expressions, recorded = TRUE) {
  note <- function(name, body) {
    used <- all.names(body)
    if (any(LOOKS_AT_CODE %in% used)) habits$look_at_code <- c(habits$look_at_code, name)
    if (recorded) habits$own <- c(habits$own, name)
    if (recorded && any(c("missing", "nargs") %in% used)) habits$ask_missing <- c(habits$ask_missing, name)
  }
  walk <- function(expression, name) {
    if (!is.call(expression)) return(invisible())
    if (is_function_literal(expression)) {
      if (!is.null(name) && nzchar(name)) note(name, expression[[3]])
      name <- NULL
    }
    if (is_assignment(expression)) return(walk(expression[[3]], short_name(expression[[2]])))
    parts <- as.list(expression)
    text <- method_name(expression)
    for (k in seq_along(parts)) {
      if (identical(parts[[k]], quote(expr = ))) next
      keyword <- names(parts)[k]
      walk(parts[[k]], if (!is.null(keyword) && nzchar(keyword)) keyword else text)
    }
  }
  for (expression in as.list(expressions)) walk(expression, NULL)
}

# setMethod("forward", …): the name of the method that is defined.
method_name <- function(expression) {
  defines <- call_name(expression) %in% c("setMethod", "setGeneric", "setReplaceMethod")
  if (defines && length(expression) > 1L && is.character(expression[[2]])) expression[[2]]
}

# The name that a function gets from the target of its assignment: f, net$f, net[["f"]].
short_name <- function(target) {
  if (!is.call(target)) return(as.character(target))
  if (length(target) != 3L || !(call_name(target) %in% c("$", "@", "[["))) return(NULL)
  last <- target[[3]]
  if (is.character(last) || is.symbol(last) && call_name(target) != "[[") as.character(last)
}
