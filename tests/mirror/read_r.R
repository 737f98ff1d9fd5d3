# Prints every top-level function of the R files named on the command line, one argument a line, by R's own parser:
# file <tab> function <tab> argument <tab> default ("" if none; a function without arguments has one line without them).

default_text <- function(arguments, i) {
  if (identical(arguments[[i]], quote(expr = ))) return("")
  paste(deparse(arguments[[i]], width.cutoff = 500L), collapse = " ")
}

print_functions <- function(path) {
  for (statement in as.list(parse(path, keep.source = FALSE, encoding = "UTF-8"))) {
    assigns <- is.call(statement) && identical(statement[[1L]], as.name("<-")) && is.name(statement[[2L]])
    if (!assigns || !is.call(statement[[3L]]) || !identical(statement[[3L]][[1L]], as.name("function"))) next
    arguments <- as.list(statement[[3L]][[2L]])
    names <- if (length(arguments)) names(arguments) else ""
    defaults <- if (length(arguments)) vapply(seq_along(arguments), default_text, "", arguments = arguments) else ""
    cat(sprintf("%s\t%s\t%s\t%s\n", basename(path), as.character(statement[[2L]]), names, defaults), sep = "")
  }
}

for (path in commandArgs(trailingOnly = TRUE)) print_functions(path)
