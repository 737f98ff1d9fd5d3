# The code cells of a Jupyter notebook: just enough of JSON for base R, which has no reader of it.

# Texts of the code cells, in order, named by their place among all cells of the notebook.
notebook_cells <- function(text) {
  cells <- parse_json(text)$cells
  code <- which(vapply(cells, function(cell) identical(cell$cell_type, "code"), NA))
  texts <- vapply(cells[code], function(cell) paste(unlist(cell$source), collapse = ""), "")
  names(texts) <- code
  texts
}

# A JSON text as R lists; numbers as doubles, objects as named lists.
parse_json <- function(text) {
  pattern <- "\"(?:[^\"\\\\]|\\\\.)*\"|[{}\\[\\]:,]|-?[0-9][0-9.eE+-]*|true|false|null"
  tokens <- regmatches(text, gregexpr(pattern, text, perl = TRUE))[[1]]
  at <- 0L
  following <- function() {
    at <<- at + 1L
    tokens[at]
  }
  value <- function(token) {
    first <- substr(token, 1L, 1L)
    if (first == "{") return(members())
    if (first == "[") return(elements())
    if (first == "\"") return(unescape_json(token))
    switch(token, true = TRUE, false = FALSE, null = NULL, as.numeric(token))
  }
  members <- function() {
    found <- list()
    repeat {
      token <- following()
      if (token == "}") return(found)
      if (token == ",") next
      following()
      found[unescape_json(token)] <- list(value(following()))
    }
  }
  elements <- function() {
    found <- list()
    repeat {
      token <- following()
      if (token == "]") return(found)
      if (token != ",") found[length(found) + 1L] <- list(value(token))
    }
  }
  value(following())
}

unescape_json <- function(token) {
  text <- substr(token, 2L, nchar(token) - 1L)
  if (!grepl("\\", text, fixed = TRUE)) return(text)
  pieces <- regmatches(text, gregexpr("\\\\u[0-9a-fA-F]{4}|\\\\.|[^\\\\]+", text, perl = TRUE))[[1]]
  plain <- c("\\n" = "\n", "\\t" = "\t", "\\r" = "\r", "\\\"" = "\"", "\\\\" = "\\", "\\/" = "/", "\\b" = "\b",
             "\\f" = "\f")
  known <- pieces %in% names(plain)
  coded <- grepl("^\\\\u", pieces)
  pieces[known] <- plain[pieces[known]]
  pieces[coded] <- vapply(pieces[coded], function(piece) intToUtf8(strtoi(substring(piece, 3L), 16L)), "")
  paste(pieces, collapse = "")
}
