# Where every sub-expression stands in the untouched file: R's parse data walked beside the expression itself.

# A source file: its lines, and for each line the cell and the line inside the cell (notebooks) or the file.
new_source <- function(path, lines, cell = rep(NA_integer_, length(lines)), line = seq_along(lines)) {
  source <- new.env(parent = emptyenv())
  source$path <- path
  source$lines <- lines
  source$cell <- cell
  source$line <- line
  source
}

# Parses the whole file; expressions and the row of the parse data that each one came from.
parse_source <- function(source) {
  keep <- srcfilecopy(source$path, source$lines, isFile = FALSE)
  source$expressions <- tryCatch(
    parse(text = source$lines, srcfile = keep, keep.source = TRUE), error = function(e) stop(parse_failure(e, source)))
  data <- utils::getParseData(source$expressions, includeText = FALSE)
  if (is.null(data) || !nrow(data)) {
    source$row_count <- 0L
    source$rows <- rep(NA_integer_, length(source$expressions))
    return(source)
  }
  data <- without_lists(data[data$token != "COMMENT", , drop = FALSE])
  data <- data[order(data$line1, data$col1, -data$line2, -data$col2), , drop = FALSE]
  source$line1 <- data$line1
  source$col1 <- characters(source$lines, data$line1, data$col1)
  source$line2 <- data$line2
  source$col2 <- characters(source$lines, data$line2, data$col2)
  source$token <- data$token
  source$terminal <- data$terminal
  source$row_count <- nrow(data)
  parent_row <- match(data$parent, data$id)
  parent_row[is.na(parent_row)] <- 0L
  source$kids <- split(seq_len(nrow(data)), factor(parent_row, levels = 0:nrow(data)))
  top <- source$kids[[1]]
  top <- top[!data$terminal[top]]
  source$rows <- if (length(top) == length(source$expressions)) top else rep(NA_integer_, length(source$expressions))
  source
}

# Statements that end in a semicolon are kept by R in lists inside of lists: each becomes a child of what holds the list.
without_lists <- function(data) {
  repeat {
    holder <- match(data$parent, data$id[data$token == "exprlist"])
    if (all(is.na(holder))) break
    above <- data$parent[data$token == "exprlist"][holder]
    data$parent <- ifelse(is.na(holder), data$parent, above)
  }
  data[!data$token %in% c("exprlist", "';'"), , drop = FALSE]
}

# R's parser counts a tab as the columns up to the next multiple of eight; a column as the place of its character.
characters <- function(lines, line, column) {
  for (tabbed in intersect(unique(line), grep("\t", lines, fixed = TRUE))) {
    reached <- 0L
    columns <- vapply(strsplit(lines[tabbed], "")[[1]], function(character) {
      reached <<- reached + 1L
      if (character == "\t") reached <<- (reached + 7L) %/% 8L * 8L
      reached
    }, 1L)
    here <- line == tabbed
    places <- match(column[here], columns)
    column[here] <- ifelse(is.na(places), column[here], places)
  }
  column
}

kids_of <- function(source, row) if (is.na(row)) integer() else source$kids[[row + 1L]]

# A row whose only child is again an expression says nothing of its own.
descend <- function(source, row) {
  repeat {
    kids <- kids_of(source, row)
    if (length(kids) != 1L || source$terminal[kids]) return(row)
    row <- kids
  }
}

# The rows of arguments between brackets: one per comma-separated slot, NA for an empty one.
slots_of <- function(source, kids) {
  if (!length(kids)) return(integer())
  slot <- cumsum(source$token[kids] == "','")
  vapply(0:max(slot), function(k) {
    inside <- kids[slot == k & !source$terminal[kids]]
    if (length(inside)) inside[length(inside)] else NA_integer_
  }, 1L)
}

# The rows of a call's arguments, in the order of the call's own arguments (NA where unknown).
argument_rows <- function(source, expression, row) {
  count <- length(expression) - 1L
  unknown <- rep(NA_integer_, count)
  if (is.na(row)) return(unknown)
  row <- descend(source, row)
  kids <- kids_of(source, row)
  if (!length(kids)) return(unknown)
  token <- source$token[kids]
  inner <- kids[!source$terminal[kids]]
  piped <- "PIPE" %in% token || "SPECIAL" %in% token && !grepl("^%", paste(deparse(expression[[1]]), collapse = ""))
  if (piped && length(inner) == 2L) {
    right_kids <- kids_of(source, descend(source, inner[2]))
    rows <- c(inner[1], if (any(source$token[right_kids] == "'('")) bracket_slots(source, right_kids))
  } else if (length(kids) >= 3L && token[2] %in% c("'('", "'['", "LBB") && !source$terminal[kids[1]]) {
    rows <- bracket_slots(source, kids)
    if (token[2] != "'('") rows <- c(inner[1], rows)
  } else if ("FOR" %in% token) {
    condition <- kids_of(source, kids[token == "forcond"])
    rows <- c(NA_integer_, condition[!source$terminal[condition]], inner[length(inner)])
  } else if ("RIGHT_ASSIGN" %in% token) {
    rows <- rev(inner)
  } else {
    rows <- inner
  }
  if (length(rows) < count) rows <- c(rows, rep(NA_integer_, count - length(rows)))
  if (length(rows) > count && !("forcond" %in% token)) return(unknown)
  rows[seq_len(count)]
}

bracket_slots <- function(source, kids) {
  opening <- match(TRUE, source$token[kids] %in% c("'('", "'['", "LBB"))
  closing <- if (source$token[kids[opening]] == "LBB") 2L else 1L
  inside <- seq_along(kids) > opening & seq_along(kids) <= length(kids) - closing
  slots_of(source, kids[inside])
}

# The source text of a row, in its original formatting.
text_of_row <- function(source, row) {
  if (is.na(row)) return(NA_character_)
  text_between(source, source$line1[row], source$col1[row], source$line2[row], source$col2[row])
}

text_between <- function(source, line1, col1, line2, col2) {
  if (line1 == line2) return(substr(source$lines[line1], col1, col2))
  lines <- source$lines[line1:line2]
  lines[1] <- substr(lines[1], col1, nchar(lines[1]))
  lines[length(lines)] <- substr(lines[length(lines)], 1L, col2)
  paste(lines, collapse = "\n")
}

deparsed <- function(expression) paste(deparse(expression, width.cutoff = 500L), collapse = "\n")

# One-line text of an expression: the source itself where it stands on one line.
expression_text <- function(source, expression, row) {
  if (!is.na(row) && source$line1[row] == source$line2[row]) text_of_row(source, row) else
    gsub("\\s*\n\\s*", " ", deparsed(expression))
}

parse_failure <- function(condition, source) {
  message <- sub("^<text>:", "", conditionMessage(condition))
  message <- sub("^.*?:([0-9]+:[0-9]+: )", "\\1", strsplit(message, "\n")[[1]][1])
  line <- min(max(1L, as.integer(sub(":.*", "", message))), length(source$lines))
  if (is.na(line)) line <- 1L
  place <- list(file = source$path, cell = source$cell[line], line = source$line[line], end_line = source$line[line],
                code = source$lines[line])
  structure(
    list(message = sub("^[0-9]+:[0-9]+: ", "", message), call = NULL, place = place),
    class = c("nnparity_parse_error", "error", "condition"))
}
