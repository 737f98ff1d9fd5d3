# A trace keeps every quantity of a gradient step in order of computation, so that two networks can be held side by
# side.

trace_magic <- "# nnparity trace 1"
trace_columns <- "step,quantity,row,col,value"
quantity_pattern <- "[A-Za-z][A-Za-z0-9_.]*"
number_pattern <- "NaN|-?Inf|[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]+)?"
scalar_quantities <- c("loss", "step_count")

# One gradient step, with every quantity it computes: a named list in order of computation,
# A0, Z1, A1, ..., ZL, AL, loss, deltaL, dWL, dbL, ..., delta1, dW1, db1, W1_new, b1_new, ... and the optimizer's state.
# Its attribute "inputs" holds what the step was computed from by the same names: W1, b1, ..., Y, state.
trace_step <- function(network, optimizer, W, b, X, Y, state, arithmetic = "fast") {
  activity <- forward(network, W, b, X, arithmetic)
  loss <- loss_value(network, W, activity$Z, activity$A, Y, arithmetic)
  gradient <- backward(network, W, activity$Z, activity$A, Y, arithmetic)
  new <- apply_update(optimizer, W, b, gradient$dW, gradient$db, state, arithmetic)
  trace <- name_quantities(
    activity$Z, activity$A, loss, gradient$delta, gradient$dW, gradient$db, new$W, new$b, new$state
  )
  attr(trace, "inputs") <- name_inputs(W, b, Y, state)
  trace
}

# The quantities of one step by name, in order of computation.
name_quantities <- function(Z, A, loss, delta, dW, db, W_new, b_new, state_new) {
  forward <- seq_along(Z)
  backward <- rev(forward)
  quantities <- c(
    A[1L], rbind(Z, A[-1L]), list(loss), rbind(delta[backward], dW[backward], db[backward]), rbind(W_new, b_new)
  )
  names(quantities) <- c(
    "A0", rbind(paste0("Z", forward), paste0("A", forward)), "loss",
    rbind(paste0("delta", backward), paste0("dW", backward), paste0("db", backward)),
    rbind(paste0("W", forward, "_new"), paste0("b", forward, "_new"))
  )
  c(quantities, state_new)
}

# What a step starts from, by name: W1, b1, ..., Y and the optimizer's state.
name_inputs <- function(W, b, Y, state) {
  inputs <- list()
  for (l in seq_along(W)) {
    inputs[[paste0("W", l)]] <- W[[l]]
    inputs[[paste0("b", l)]] <- b[[l]]
  }
  inputs$Y <- Y
  c(inputs, state)
}

# Traces as a data frame: one row per element, column by column; step, row and col count from 1.
trace_table <- function(traces) {
  steps <- as_steps(traces)
  blocks <- unlist(lapply(seq_along(steps), function(step) {
    lapply(names(steps[[step]]), function(quantity) {
      matrix <- as_matrix(steps[[step]][[quantity]])
      list(
        step = rep(step, length(matrix)), quantity = rep(quantity, length(matrix)),
        row = as.vector(row(matrix)), col = as.vector(col(matrix)), value = as.vector(matrix)
      )
    })
  }), recursive = FALSE)
  columns <- strsplit(trace_columns, ",", fixed = TRUE)[[1L]]
  data.frame(
    stats::setNames(lapply(columns, function(name) unlist(lapply(blocks, `[[`, name))), columns),
    stringsAsFactors = FALSE
  )
}

# Write traces to a file that R, Python and any third language can read without loss: "# nnparity trace 1", then CSV
# step,quantity,row,col,value, 1-based, column by column, values as %.17g. The file appears whole or not at all.
write_trace <- function(path, traces) {
  table <- trace_table(traces)
  lines <- sprintf("%d,%s,%d,%d,%s", table$step, table$quantity, table$row, table$col, format_number(table$value))
  write_text_atomically(path, c(trace_magic, trace_columns, lines))
}

# Read a trace file: a list of traces, one per step. Biases and their gradients are vectors, the loss a number,
# everything else a matrix. A missing or damaged file is an error that names the line.
read_trace <- function(path) {
  if (!file.exists(path) || dir.exists(path)) {
    stop_input(sprintf("trace file must be readable, but '%s' is not: No such file or directory", path))
  }
  text <- readBin(path, "raw", file.size(path))
  if (any(text == as.raw(0L)) || !validUTF8(rawToChar(text))) {
    stop_input(sprintf("'%s' is not a trace file: it is not text", path))
  }
  ended <- length(text) > 0L && text[length(text)] == charToRaw("\n")
  lines <- sub("\r$", "", strsplit(rawToChar(text), "\n", fixed = TRUE)[[1L]])
  first <- if (length(lines)) lines[[1L]] else ""
  if (first != trace_magic) {
    stop_input(sprintf(
      "'%s' is not a trace file: line 1 must be '%s', not '%s'", path, trace_magic, substr(first, 1L, 60L)
    ))
  }
  found <- if (length(lines) > 1L) lines[[2L]] else ""
  if (found != trace_columns) {
    found <- substr(found, 1L, 60L)
    stop_input(sprintf("trace file '%s', line 2: expected '%s', found '%s'", path, trace_columns, found))
  }
  if (!ended) {
    stop_input(sprintf("trace file '%s', line %d: the file is truncated, this line has no end", path, length(lines)))
  }
  traces_of_lines(path, lines[-(1:2)])
}

# Traces from the element lines of a file; line numbers in errors count from the top of the file.
traces_of_lines <- function(path, lines) {
  traces <- list()
  if (!length(lines)) return(traces)
  pattern <- sprintf("^[0-9]+,%s,[0-9]+,[0-9]+,(?:%s)$", quantity_pattern, number_pattern)
  bad <- which(!grepl(pattern, lines, perl = TRUE))
  if (length(bad)) {
    found <- substr(lines[[bad[[1L]]]], 1L, 60L)
    damaged(path, bad[[1L]], sprintf("expected step,quantity,row,col,value, found '%s'", found))
  }
  fields <- matrix(unlist(strsplit(lines, ",", fixed = TRUE)), nrow = 5L)
  rows <- as.numeric(fields[3L, ])
  cols <- as.numeric(fields[4L, ])
  values <- as.numeric(fields[5L, ])
  firsts <- which(c(TRUE, fields[1L, -1L] != fields[1L, -ncol(fields)] | fields[2L, -1L] != fields[2L, -ncol(fields)]))
  lasts <- c(firsts[-1L] - 1L, length(lines))
  for (k in seq_along(firsts)) {
    first <- firsts[[k]]
    step <- as.numeric(fields[1L, first])
    quantity <- fields[2L, first]
    if (step == length(traces) + 1L) {
      traces[[step]] <- list()
    } else if (step != length(traces) || step == 0) {
      damaged(path, first, sprintf("expected step %d, found step %.0f", length(traces) + 1L, step))
    }
    if (quantity %in% names(traces[[step]])) {
      damaged(path, first, sprintf("%s of step %.0f stands in two places", quantity, step))
    }
    block <- first:lasts[[k]]
    shape <- shape_of_block(path, quantity, rows[block], cols[block], first)
    traces[[step]][[quantity]] <- as_quantity(quantity, matrix(values[block], shape[[1L]], shape[[2L]]))
  }
  traces
}

# Rows and columns of a quantity whose elements must stand column by column, without a gap.
shape_of_block <- function(path, quantity, rows, cols, first) {
  other <- which(cols != 1)
  height <- if (length(other)) max(other[[1L]] - 1L, 1L) else length(cols)
  row <- (seq_along(rows) - 1L) %% height + 1L
  col <- (seq_along(rows) - 1L) %/% height + 1L
  bad <- which(rows != row | cols != col)
  if (length(bad)) {
    i <- bad[[1L]]
    damaged(path, first + i - 1L, sprintf(
      "expected row %d, column %d of %s, found row %.0f, column %.0f",
      row[[i]], col[[i]], quantity, rows[[i]], cols[[i]]
    ))
  }
  if (length(rows) %% height) {
    damaged(path, first + length(rows) - 1L, sprintf(
      "the last column of %s has %d of %d rows", quantity, length(rows) %% height, height
    ))
  }
  c(height, length(rows) %/% height)
}

# The error for the element line with this index (1-based); two header lines stand above it.
damaged <- function(path, index, sentence) {
  stop_input(sprintf("trace file '%s', line %d: %s", path, index + 2L, sentence))
}

# One trace is a sequence of one step.
as_steps <- function(traces) if (is.null(names(traces))) traces else list(traces)

# A scalar as 1 x 1, a vector as one column.
as_matrix <- function(value) if (is.matrix(value)) value else matrix(as.numeric(value), ncol = 1L)

# The shape a quantity has in a trace: biases are vectors, the loss is a number, all else is a matrix.
as_quantity <- function(quantity, matrix) {
  scalar <- quantity %in% scalar_quantities && length(matrix) == 1L
  vector <- grepl("^d?b[0-9]+(_.*)?$", quantity) && ncol(matrix) == 1L
  if (scalar || vector) as.vector(matrix) else matrix
}

# Doubles as %.17g with NaN, Inf, -Inf, -0: the text that every language reads back unchanged.
format_number <- function(x) {
  text <- sprintf("%.17g", x)
  text[is.na(x)] <- "NaN"
  text
}

# Write a text file whole or not at all.
write_text_atomically <- function(path, text) {
  obstacle <- write_lines_whole(text, path)
  if (!is.null(obstacle)) stop_input(sprintf("'%s' must be writable, but it is not: %s", path, obstacle))
  invisible(NULL)
}
