# What the bridge asks of R, answered the same whether R runs inside the asking process or beside it.
#
# A request is a line of R code and a list of vectors or matrices of doubles; an answer is a line of layout and the list
# of doubles it describes. The code calls a function of SERVED, or anything else of nnparity.

# Takes up a network at its seed: list(W1 =, b1 =, ...) as drawn, and from then on `run` holds what its steps depend on.
# network, optimizer: lists of arguments of `define_network` and `define_optimizer`. parameters: list(W =, b =) to
# start from instead of drawing them.
serve_begin <- function(run, network, optimizer, init, seed, arithmetic, parameters = NULL) {
  run$network <- do.call(define_network, network)
  run$optimizer <- do.call(define_optimizer, optimizer)
  run$arithmetic <- get_arithmetic(arithmetic)
  run$stream <- r_set_seed(seed)
  drawn <- if (is.null(parameters)) initialize_parameters(run$network, init, run$stream) else parameters
  drawn <- check_parameters(run$network, drawn$W, drawn$b)
  run$W <- drawn$W
  run$b <- drawn$b
  run$state <- initial_state(run$optimizer, run$W, run$b)
  named <- list()
  for (layer in seq_along(run$W)) named[paste0(c("W", "b"), layer)] <- list(run$W[[layer]], run$b[[layer]])
  c(named, run$state)
}

# Takes over the data: X n_0 x n and Y n_L x n, one column per sample.
serve_data <- function(run, X, Y) {
  run$X <- X
  run$Y <- Y
  run$order <- seq_len(ncol(X))
  list()
}

# Draws the order of an epoch.
serve_shuffle <- function(run) {
  run$order <- r_sample_int(run$stream, ncol(run$X))
  list(order = as.double(run$order))
}

# Takes one step on the samples from `first` to `last` of the epoch's order, and answers with its trace.
serve_step <- function(run, first, last) {
  batch <- run$order[first:last]
  X <- take_columns(run$X, batch)
  Y <- take_columns(run$Y, batch)
  trace <- trace_step(run$network, run$optimizer, run$W, run$b, X, Y, run$state, run$arithmetic)
  layers <- seq_along(run$W)
  run$W <- unname(trace[paste0("W", layers, "_new")])
  run$b <- unname(trace[paste0("b", layers, "_new")])
  run$state <- unclass(trace)[names(run$state)]
  trace
}

# Takes the steps on the samples from first[k] to last[k], k = 1, 2, ..., and answers with their traces, "k:Z1" for Z1
# of step k: as many as can be taken. Several in one answer cost less than one at a time.
serve_steps <- function(run, first, last) {
  traces <- list()
  for (k in seq_along(first)) {
    trace <- tryCatch(
      serve_step(run, first[k], last[k]),
      nnparity_input_error = function(error) if (k == 1L) stop(error)
    )
    if (is.null(trace)) break
    traces[[k]] <- stats::setNames(trace, paste0(k, ":", names(trace)))
  }
  unlist(traces, recursive = FALSE)
}

# The outputs A_L of the network as it stands, for X n_0 x m.
serve_outputs <- function(run, X) {
  A <- forward(run$network, run$W, run$b, X, run$arithmetic)$A
  list(A = A[[length(A)]])
}

# Trains from where the run stands through the epoch's order, `batch` at a time, without a trace: what the steps alone
# cost.
serve_train <- function(run, batch) {
  W <- run$W
  b <- run$b
  state <- run$state
  for (first in seq.int(1, length(run$order), by = batch)) {
    columns <- run$order[first:min(first + batch - 1, length(run$order))]
    X <- take_columns(run$X, columns)
    Y <- take_columns(run$Y, columns)
    taken <- gradient_step(run$network, run$optimizer, W, b, X, Y, state, run$arithmetic)
    W <- taken$W
    b <- taken$b
    state <- taken$state
  }
  list(loss = taken$loss)
}

# Who answers: the version of R and its BLAS, as names of empty values.
serve_about <- function(run) {
  stats::setNames(list(0, 0), c(R.version.string, paste("BLAS", extSoftVersion()[["BLAS"]])))
}

SERVED <- list(
  about = serve_about,
  begin = serve_begin,
  data = serve_data,
  shuffle = serve_shuffle,
  steps = serve_steps,
  outputs = serve_outputs,
  train = serve_train
)

# A server: a function of a request's code and arrays whose value is list(layout =, values =). It remembers its run. The
# code sees `ask`, the functions of SERVED with the run filled in, and `array_at`, which gives an array its shape, unless
# it came with it.
new_server <- function() {
  run <- new.env(parent = emptyenv())
  desk <- new.env(parent = environment(new_server))
  desk$ask <- lapply(SERVED, function(handler) function(...) handler(run, ...))
  desk$array_at <- function(k, shape) {
    taken <- desk$arrays[[k]]
    if (length(shape) == 2L && is.null(dim(taken))) dim(taken) <- shape
    taken
  }
  function(code, arrays) {
    desk$arrays <- arrays
    on.exit(desk$arrays <- NULL)
    tryCatch(
      {
        values <- eval(parse(text = code, keep.source = FALSE, encoding = "UTF-8"), desk)
        list(layout = layout_of(values), values = unname(lapply(values, as_doubles)))
      },
      nnparity_input_error = function(error) list(layout = paste0("input\t", conditionMessage(error)), values = list()),
      error = function(error) list(layout = paste0("error\t", one_line(error)), values = list())
    )
  }
}

# What an error says, with the call it stopped in.
one_line <- function(condition) {
  place <- conditionCall(condition)
  where <- if (is.null(place)) "" else paste0(" (in ", paste(deparse(place, nlines = 1L), collapse = ""), ")")
  paste0(gsub("[\t\n]+", " ", conditionMessage(condition)), where)
}

as_doubles <- function(value) {
  if (is.double(value)) value else structure(as.double(value), dim = dim(value))
}

# One field for each value, "name:length" or "name:rows:columns", after "values".
layout_of <- function(values) {
  shapes <- lapply(values, dim)
  plain <- lengths(shapes) != 2L
  shapes[plain] <- lengths(values)[plain]
  rows <- vapply(shapes, function(shape) shape[1L], 0L)
  columns <- vapply(shapes, function(shape) shape[2L], 0L)
  fields <- paste(names(values), rows, sep = ":")
  fields[!plain] <- paste(fields[!plain], columns[!plain], sep = ":")
  paste(c("values", if (length(values) > 0L) fields), collapse = "\t")
}

# Answers requests until `input` ends: for an R that runs beside. A request is the size of the code, the count of arrays
# and their lengths, all as doubles, the code, the arrays; an answer the size of the layout, the layout, its values.
serve_pipe <- function(input, output) {
  server <- new_server()
  repeat {
    sizes <- readBin(input, "double", 2L)
    if (length(sizes) < 2L) return(invisible())
    lengths <- readBin(input, "double", sizes[[2L]])
    code <- rawToChar(readBin(input, "raw", sizes[[1L]]))
    answer <- server(code, lapply(lengths, function(length) readBin(input, "double", length)))
    layout <- charToRaw(enc2utf8(answer$layout))
    writeBin(as.double(length(layout)), output)
    writeBin(layout, output)
    for (value in answer$values) writeBin(as.vector(value), output)
    flush(output)
  }
}
