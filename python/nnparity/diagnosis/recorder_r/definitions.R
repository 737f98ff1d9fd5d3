# functions_only: which top-level statements define something and which act (train, plot, read data, install).

# Calls that only build a value from their arguments.
BUILDING <- c(
  # the language
  "function", "(", "{", "if", "switch", "return", "<-", "<<-", "=", "quote", "expression", "bquote", "~", "alist",
  "::", ":::",
  # values
  "c", "list", "structure", "vector", "numeric", "integer", "character", "logical", "double", "matrix", "array",
  "factor",
  "data.frame", "expand.grid", "rep", "rep_len", "rep.int", "seq", "seq_len", "seq_along", ":", "setNames",
  "modifyList",
  "append", "unlist", "rev", "head", "tail", "cbind", "rbind", "paste", "paste0", "sprintf", "file.path", "toupper",
  "tolower", "as.integer", "as.numeric", "as.double", "as.character", "as.logical", "as.matrix", "as.vector", "as.name",
  "runif", "rnorm", "sample",
  # arithmetic
  "+", "-", "*", "/", "^", "%%", "%/%", "%*%", "==", "!=", "<", ">", "<=", ">=", "!", "&", "|", "&&", "||", "sqrt",
  "exp",
  "log", "log2", "log10", "abs", "max", "min", "sum", "prod", "mean", "round", "floor", "ceiling", "t", "diag", "outer",
  "crossprod",
  # questions
  "[", "[[", "$", "@", "length", "nrow", "ncol", "dim", "names", "nchar", "is.null", "is.na", "is.function", "inherits",
  "exists", "Sys.getenv", "getOption",
  # functions, environments, classes
  "new.env", "emptyenv", "globalenv", "environment", "local", "Vectorize", "Negate", "match.fun", "as.function",
  "identity",
  "invisible", "lapply", "sapply", "vapply", "Map", "Reduce", "Filter", "mapply", "do.call", "eval", "parse", "cmpfun",
  "compose", "memoise", "setRefClass", "setClass", "setClassUnion", "R6Class")
# Bare calls that define.
DEFINING <- c(
  "setClass", "setGeneric", "setMethod", "setValidity", "setRefClass", "setReplaceMethod", "setClassUnion", "setAs",
  "setIs",
  "registerS3method", ".S3method", "R6Class", "assign", "local", "makeActiveBinding", "delayedAssign", "source",
  "sys.source", "library", "require", "requireNamespace", "loadNamespace", "options", "set.seed", "if", "{", "(",
  "invisible", "suppressPackageStartupMessages", "suppressWarnings", "suppressMessages")

is_definition <- function(expression, environment) {
  if (!is.call(expression)) return(FALSE)
  if (is_assignment(expression)) {
    return(builds(expression[[3]], environment) && place_is_plain(expression[[2]], environment))
  }
  name <- call_name(expression)
  if (!nzchar(name)) return(is_class_extension(expression))
  if (!(name %in% DEFINING)) return(FALSE)
  if (name %in% c("{", "(")) return(all(vapply(as.list(expression)[-1], is_definition, NA, environment)))
  if (name == "if") return(is_guarded_definition(expression, environment))
  if (name %in% c("suppressPackageStartupMessages", "suppressWarnings", "suppressMessages", "invisible")) {
    return(length(expression) > 1L && is_definition(expression[[2]], environment))
  }
  if (name == "assign") return(length(expression) > 2L && builds(expression[[3]], environment))
  TRUE
}

# Net$methods(f = function…), Net$set("public", "f", function…): a class generator is being completed.
is_class_extension <- function(expression) {
  head <- expression[[1]]
  completing <- c("methods", "set", "fields", "accessors", "lock")
  calls(head, "$") && as.character(head[[3]]) %in% completing
}

# if (!exists("f")) f <- function…, but not if (interactive()) main().
is_guarded_definition <- function(expression, environment) {
  builds(expression[[2]], environment) && all(vapply(as.list(expression)[-(1:2)], is_definition, NA, environment))
}

place_is_plain <- function(target, environment) {
  if (!is.call(target)) return(TRUE)
  all(vapply(as.list(target)[-1], function(part) is_empty(part) || builds(part, environment), NA))
}

# Whether evaluating an expression only builds a value: from constants, known names, functions and calls that build.
builds <- function(expression, environment) {
  if (is.symbol(expression)) return(is_empty(expression) || exists(as.character(expression), envir = environment))
  if (!is.call(expression)) return(TRUE)
  if (is_function_literal(expression)) return(TRUE)
  name <- call_name(expression)
  if (name %in% c("quote", "expression", "~", "bquote", "alist", "::", ":::")) return(TRUE)
  if (name == "new" || is_generator_call(expression)) return(all_build(expression, environment))
  if (!(name %in% BUILDING) && !is_factory(name, environment)) return(FALSE)
  if (name == "local") return(all_build_block(expression[[2]], environment))
  if (name %in% c("$", "@")) return(builds(expression[[2]], environment))
  if (name %in% c("setRefClass", "setClass", "R6Class")) return(TRUE)
  all_build(expression, environment)
}

all_build <- function(expression, environment) {
  for (part in as.list(expression)[-1]) if (!missing(part) && !builds(part, environment)) return(FALSE)
  TRUE
}

# The names that a block defines for itself count as known.
all_build_block <- function(block, environment) {
  statements <- if (is.call(block) && identical(block[[1]], quote(`{`))) as.list(block)[-1] else list(block)
  inner <- new.env(parent = environment)
  for (statement in statements) {
    if (is_assignment(statement)) {
      if (!builds(statement[[3]], inner)) return(FALSE)
      if (is.symbol(statement[[2]])) assign(as.character(statement[[2]]), NULL, envir = inner)
    } else if (!builds(statement, inner)) {
      return(FALSE)
    }
  }
  TRUE
}

is_generator_call <- function(expression) {
  head <- expression[[1]]
  calls(head, "$") && identical(head[[3]], quote(new))
}

# One of the candidate's own functions whose value is a function, or a list of functions: make_activation("relu").
is_factory <- function(name, environment) {
  found <- get0(name, envir = environment, mode = "function")
  if (is.null(found) || is.primitive(found) || !identical(environment(found), globalenv())) return(FALSE)
  makes_functions(last_value(body(found)))
}

last_value <- function(body) {
  while (is.call(body)) {
    name <- call_name(body)
    if (identical(body[[1]], force_and_call)) body <- body[[if (identical(body[[2]], 2)) 5L else 4L]] else
      if (name %in% c("{", "return", "(", "invisible") && length(body) > 1L) body <- body[[length(body)]] else break
  }
  body
}

makes_functions <- function(expression) {
  if (is_function_literal(expression)) return(TRUE)
  if (!is.call(expression)) return(FALSE)
  call_name(expression) %in% c("list", "structure", "c") && "function" %in% all.names(expression)
}
