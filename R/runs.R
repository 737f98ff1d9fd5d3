# The commands trace and compare, with the options of Python's: what a run starts from, its traces, and two of them.

NETWORK_OPTIONS <- list(
  c("--sizes", "counts", "N,N,...", "", "Widths of all layers, inputs first."),
  c("--activation", "words", "WORD", "sigmoid", "Activation of the hidden layers: one, or one per layer."),
  c("--output-activation", "text", "WORD", "sigmoid", "Activation of the output layer."),
  c("--loss", "text", "WORD", "quadratic", "Loss."),
  c("--slope", "number", "NUMBER", "0.01", "Slope of leaky_relu."),
  c("--batch", "count", "N", "", "Samples in a batch; 7 unless given."),
  c("--eta", "number", "NUMBER", "0.5", "Learning rate."),
  c("--seed", "count", "N", "1", "Seed of everything random."),
  c("--no-bias", "counts", "LAYERS", "", "Layers without a bias, such as 1,2.")
)

RUN_OPTIONS <- list(
  c("--data", "text", "PATH", "", "A CSV, an IDX file, a folder with an IDX pair, or a data set."),
  c("--labels", "text", "FILE", "", "IDX file of the labels."),
  c("--steps", "count", "N", "1", "Steps to take."),
  c("--init", "text", "WORD", "normal", "How the weights begin."),
  c("--optimizer", "text", "WORD", "sgd", "Update rule."),
  c("--l1", "number", "NUMBER", "0", "Penalty on |W|."),
  c("--l2", "number", "NUMBER", "0", "Penalty on W^2/2."),
  c("--clip-norm", "number", "NUMBER", "", "Largest norm of the whole gradient."),
  c("--arithmetic", "text", "fast|exact", "fast", "BLAS, judged by rounding, or one fixed order, judged by bits."),
  c("--exact", "flag", "", "", "The same as --arithmetic exact.")
)

TRACE_OPTIONS <- c(NETWORK_OPTIONS, RUN_OPTIONS, list(
  c("--output", "text", "FILE", "", "Where to; the screen unless given.")
))

COMPARE_OPTIONS <- c(NETWORK_OPTIONS, RUN_OPTIONS)

TRACE_HELP <- "Usage: nnparity trace [OPTIONS]

  Write every quantity of every step: first line '# nnparity trace 1', then CSV step,quantity,row,col,value.

  Steps, rows and columns count from 1, values stand column by column with 17 digits.  Without --data a batch is drawn
  from the seed after the weights, and every step uses it.  Without --sizes the network is 4-6-3.

    Rscript R/nnparity.R trace --sizes 4,6,3 --output b.csv"

COMPARE_HELP <- "Usage: nnparity compare [OPTIONS] FIRST SECOND

  Compare two trace files element by element; exit status 1 at a difference.

  What rounding can cause is allowed, as far as the run is known: give the options that trace had.  With --exact every
  bit must be the same.  Widths and batch are read off the first trace unless given.

    Rscript R/nnparity.R compare a.csv b.csv"

# Data for a network, from R's stream where the seed's weights leave it: list(X =, Y =). X is N(0, 1) by column, then
# Y by column: uniform on (0, 1), or a class for categorical cross-entropy.
draw_data <- function(network, init, seed, samples) {
  stream <- r_set_seed(seed)
  initialize_parameters(network, init, stream)
  n_in <- network$sizes[1L]
  n_out <- network$sizes[length(network$sizes)]
  X <- matrix(r_rnorm(stream, n_in * samples), n_in)
  Y <- if (network$loss == "categorical_cross_entropy") {
    diag(n_out)[, r_sample_int(stream, n_out, samples, replace = TRUE), drop = FALSE]
  } else {
    matrix(r_runif(stream, n_out * samples), n_out)
  }
  list(X = X, Y = Y)
}

# What a command runs, out of its options: network, optimizer, arithmetic, init, seed, X, Y, batch, shuffle, steps.
prepare_run <- function(options) {
  batch <- if (is.null(options$batch)) 7 else options$batch
  sizes <- options$sizes
  data <- NULL
  if (!is.null(options$data)) {
    loaded <- load_data(options$data, options$labels)
    targets <- if (is.factor(loaded$y)) one_hot(loaded$y, levels(loaded$y)) else as.matrix(loaded$y)
    data <- list(X = t(loaded$X), Y = t(targets))
    if (is.null(sizes)) sizes <- c(nrow(data$X), 30, nrow(data$Y))
    if (sizes[1L] != nrow(data$X) || sizes[length(sizes)] != nrow(data$Y)) {
      stop_input(paste0(
        "--sizes must begin with ", nrow(data$X), " and end with ", nrow(data$Y), " for these data (", loaded$name,
        "), not ", paste(sizes, collapse = ",")
      ))
    }
  }
  network <- define_network(
    if (is.null(sizes)) c(4, 6, 3) else sizes, options$activation, options$output_activation, options$loss,
    slope = options$slope, no_bias = options$no_bias, l1 = options$l1, l2 = options$l2
  )
  optimizer <- define_optimizer(options$optimizer, options$eta, options$clip_norm)
  if (is.null(data)) data <- draw_data(network, options$init, options$seed, check_count(batch, "batch"))
  if (batch > ncol(data$X)) {
    stop_input(paste0("batch must be at most the number of samples, ", ncol(data$X), ", not ", batch))
  }
  list(
    network = network, optimizer = optimizer, init = options$init, seed = options$seed,
    arithmetic = get_arithmetic(if (options$exact) "exact" else options$arithmetic),
    X = data$X, Y = data$Y, batch = check_count(batch, "batch"), shuffle = !is.null(options$data),
    steps = check_count(options$steps, "steps")
  )
}

# The run at its start: an environment that `serve_step` moves on.
begin_run <- function(plan) {
  run <- new.env(parent = emptyenv())
  network <- unclass(plan$network)
  hidden <- network$activations[-length(network$activations)]
  network$activation <- if (length(hidden) > 0L) hidden else "sigmoid"
  network$output_activation <- network$activations[length(network$activations)]
  network$activations <- NULL
  optimizer <- c(plan$optimizer[c("name", "eta", "clip_norm")], plan$optimizer$hyper)
  named <- serve_begin(run, network, optimizer, plan$init, plan$seed, plan$arithmetic)
  serve_data(run, plan$X, plan$Y)
  list(run = run, named = named)
}

# First and last sample of step k (from 1) in the epoch's order; a new epoch begins with its shuffle.
place_step <- function(run, plan, k) {
  n <- ncol(plan$X)
  at <- (k - 1) %% ceiling(n / plan$batch) * plan$batch
  if (at == 0 && plan$shuffle) serve_shuffle(run)
  c(at + 1, min(at + plan$batch, n))
}

# The traces of a run, one for each step.
trace_run <- function(plan) {
  run <- begin_run(plan)$run
  lapply(seq_len(plan$steps), function(k) {
    place <- place_step(run, plan, k)
    serve_step(run, place[1L], place[2L])
  })
}

# What each step of a traced run was computed from, when the run is the plan's, as the samples in A0 show; otherwise
# NULL.
inputs_of_traces <- function(traces, plan) {
  begun <- begin_run(plan)
  parameters <- begun$named
  inputs <- list()
  for (k in seq_along(traces)) {
    place <- place_step(begun$run, plan, k)
    columns <- begun$run$order[seq.int(place[1L], place[2L])]
    if (!identical(as.double(traces[[k]]$A0), as.double(plan$X[, columns]))) return(NULL)
    inputs[[k]] <- c(parameters, list(Y = plan$Y[, columns, drop = FALSE]))
    for (name in names(parameters)) {
      new <- paste0(name, "_new")
      parameters[[name]] <- traces[[k]][[if (is.null(traces[[k]][[new]])) name else new]]
    }
  }
  inputs
}

command_trace <- function(words) {
  options <- parse_arguments(words, TRACE_OPTIONS, character())$options
  traces <- trace_run(prepare_run(options))
  path <- if (is.null(options$output)) tempfile("trace", fileext = ".csv") else options$output
  write_trace(path, traces)
  if (is.null(options$output)) {
    writeLines(readLines(path))
    unlink(path)
  }
  0L
}

command_compare <- function(words) {
  parsed <- parse_arguments(words, COMPARE_OPTIONS, c("FIRST", "SECOND"))
  options <- parsed$options
  first <- read_trace(parsed$arguments[[1L]])
  second <- read_trace(parsed$arguments[[2L]])
  activities <- grep("^A[0-9]+$", names(first[[1L]]), value = TRUE)
  if (is.null(options$sizes)) options$sizes <- vapply(first[[1L]][activities], nrow, 0L, USE.NAMES = FALSE)
  if (is.null(options$batch) && is.null(options$data)) options$batch <- ncol(first[[1L]]$A0)
  plan <- prepare_run(options)
  compared <- compare_runs(first, second, plan)
  writeLines(table_lines(compared$table, plan$arithmetic$name == "exact"))
  if (!compared$bounded && plan$arithmetic$name == "fast") {
    writeLines(paste(
      "No rounding bounds: the traces do not start from the weights and data of these options (give those that trace",
      "had); only equal bits agree."
    ))
  }
  writeLines(verdict_line(compared, parsed$arguments, plan$arithmetic$name))
  if (is.null(compared$difference)) 0L else 1L
}

# Compares two runs step by step until the first difference: list(table =, difference =, step =, bounded =): the largest
# differences by quantity, and the first one, NULL where all agree.
compare_runs <- function(first, second, plan) {
  inputs <- list(inputs_of_traces(first, plan), inputs_of_traces(second, plan))
  bounded <- !is.null(inputs[[1L]]) && !is.null(inputs[[2L]])
  table <- NULL
  for (step in seq_len(min(length(first), length(second)))) {
    comparison <- compare_traces(
      first[[step]], second[[step]], if (bounded) plan$network, plan$optimizer, plan$arithmetic$name,
      inputs[[1L]][[step]], inputs[[2L]][[step]]
    )
    table <- merge_table(table, comparison)
    wrong <- first_difference(comparison)
    if (!is.null(wrong)) return(list(table = table, difference = wrong, step = step, bounded = bounded))
  }
  wrong <- if (length(first) != length(second)) {
    unmeasurable("step", paste(length(first), "steps against", length(second)))
  }
  step <- min(length(first), length(second)) + !is.null(wrong)
  list(table = table, difference = wrong, step = step, bounded = bounded)
}

# The table by quantity with one more step's comparison in it.
merge_table <- function(table, comparison) {
  columns <- c("max_abs", "max_rel", "max_ulp", "ratio")
  if (is.null(table)) return(comparison[c("quantity", "count", columns)])
  rows <- match(comparison$quantity, table$quantity)
  table$count[rows] <- table$count[rows] + comparison$count
  for (column in columns) table[[column]][rows] <- pmax(table[[column]][rows], comparison[[column]], na.rm = TRUE)
  table
}

# The table as text.
table_lines <- function(table, exact) {
  shown <- data.frame(
    quantity = table$quantity,
    values = format(table$count, big.mark = ",", trim = TRUE),
    lapply(table[c("max_abs", "max_rel", "max_ulp")], function(column) sprintf("%.3g", column)),
    stringsAsFactors = FALSE
  )
  if (!exact) shown$evidence <- ifelse(is.nan(table$ratio), "-", sprintf("%.3g", table$ratio))
  heads <- gsub("_", " ", sub("evidence", "evidence ratio", names(shown)))
  columns <- Map(function(head, column, right) formatC(c(head, column), width = if (right) 1L else -1L), heads, shown,
                 c(FALSE, rep(TRUE, length(heads) - 1L)))
  columns <- Map(function(column, right) {
    if (right) formatC(column, width = max(nchar(column))) else formatC(column, width = -max(nchar(column)))
  }, columns, c(FALSE, rep(TRUE, length(heads) - 1L)))
  sub(" +$", "", do.call(paste, c(unname(columns), sep = "  ")))
}

# SAME or DIFFERENT, with the first difference's element and both values, in hexadecimal too.
verdict_line <- function(compared, names, arithmetic) {
  wrong <- compared$difference
  if (is.null(wrong)) {
    ratio <- max(compared$table$ratio, 0, na.rm = TRUE)
    judged <- if (arithmetic == "exact") "0 ulp" else sprintf("largest evidence ratio %.3g", ratio)
    return(sprintf("SAME %s values compared, %s", format(sum(compared$table$count), big.mark = ","), judged))
  }
  if (nzchar(wrong$problem) && is.nan(wrong$value_a)) {
    return(sprintf("DIFFERENT %s differs at step %d: %s", wrong$quantity, compared$step, wrong$problem))
  }
  sprintf(
    "DIFFERENT %s differs at step %d: %s = %.17g (%a) in %s, %.17g (%a) in %s%s", wrong$quantity, compared$step,
    wrong$place, wrong$value_a, wrong$value_a, names[[1L]], wrong$value_b, wrong$value_b, names[[2L]],
    if (is.nan(wrong$ratio)) "" else sprintf(", %.3g times what rounding can cause", wrong$ratio)
  )
}

RUN_COMMANDS <- list(
  trace = list(run = command_trace, help = help_text(TRACE_HELP, TRACE_OPTIONS)),
  compare = list(run = command_compare, help = help_text(COMPARE_HELP, COMPARE_OPTIONS))
)
