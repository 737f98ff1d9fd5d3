# The R twin against golden networks: truth from 110-digit arithmetic, gradients from differences of the loss.
# (Python: tests/python/golden.py and test_golden.py.)

golden_folder <- file.path(Sys.getenv("NNPARITY_FIXTURES"), "golden")
golden_files <- sort(list.files(golden_folder, pattern = "[.]csv$", full.names = TRUE))

split_words <- function(text) if (nzchar(text)) strsplit(text, ",", fixed = TRUE)[[1L]] else character()

# A golden file: header, network, optimizer, and the traces of its steps with their inputs.
read_golden <- function(path) {
  lines <- readLines(path)
  start <- match(trace_columns, lines)
  stopifnot(lines[[1L]] == "# nnparity golden 1")
  pairs <- regmatches(lines[2:(start - 1L)], regexec("^# ([a-z0-9_]+):[ ]?(.*)$", lines[2:(start - 1L)]))
  header <- stats::setNames(lapply(pairs, `[[`, 3L), vapply(pairs, `[[`, "", 2L))
  network <- define_network(
    as.numeric(split_words(header$sizes)),
    if (nzchar(header$activation)) split_words(header$activation) else "sigmoid",
    header$output_activation, header$loss, as.numeric(header$slope), as.numeric(header$huber_delta),
    as.numeric(header$elu_alpha), no_bias = as.numeric(split_words(header$no_bias)), l1 = as.numeric(header$l1),
    l2 = as.numeric(header$l2)
  )
  clip_norm <- if (nzchar(header$clip_norm)) as.numeric(header$clip_norm) else NULL
  optimizer <- define_optimizer(header$optimizer, as.numeric(header$eta), clip_norm)
  steps <- traces_of_lines(path, lines[-seq_len(start)])
  layers <- seq_len(length(network$sizes) - 1L)
  starts <- c(paste0("W", layers), paste0("b", layers), "Y")
  state <- initial_state(optimizer, unname(steps[[1L]][paste0("W", layers)]), unname(steps[[1L]][paste0("b", layers)]))
  traces <- list()
  for (k in seq_along(steps)) {
    trace <- steps[[k]][setdiff(names(steps[[k]]), starts)]
    attr(trace, "inputs") <- c(steps[[k]][starts], state)
    traces[[k]] <- trace
    state <- steps[[k]][names(state)]
  }
  list(header = header, network = network, optimizer = optimizer, traces = traces)
}

# What the twin makes of the golden network, from its first weights on.
follow <- function(golden, arithmetic) {
  layers <- seq_len(length(golden$network$sizes) - 1L)
  inputs <- attr(golden$traces[[1L]], "inputs")
  W <- unname(inputs[paste0("W", layers)])
  b <- unname(inputs[paste0("b", layers)])
  state <- initial_state(golden$optimizer, W, b)
  traces <- list()
  for (k in seq_along(golden$traces)) {
    truth <- golden$traces[[k]]
    trace <- trace_step(golden$network, golden$optimizer, W, b, truth$A0, attr(truth, "inputs")$Y, state, arithmetic)
    W <- unname(trace[paste0("W", layers, "_new")])
    b <- unname(trace[paste0("b", layers, "_new")])
    state <- trace[names(state)]
    traces[[k]] <- trace
  }
  traces
}

cases <- lapply(stats::setNames(golden_files, sub("[.]csv$", "", basename(golden_files))), read_golden)

# There are enough, and they cover every word.
expect_true(length(cases) >= 60L)
words <- unique(unlist(lapply(cases, function(case) strsplit(unlist(case$network$activations), "+", fixed = TRUE))))
expect_equal(sort(words), sort(names(ACTIVATIONS)))
expect_equal(sort(unique(vapply(cases, function(case) case$network$loss, ""))), sort(names(LOSSES)))
expect_equal(sort(unique(vapply(cases, function(case) case$optimizer$name, ""))), sort(names(OPTIMIZERS)))
expect_equal(setdiff(names(INITIALIZERS), vapply(cases, function(case) case$header$init, "")), character())

# Every quantity is within rounding of the truth.
for (arithmetic in c("fast", "exact")) {
  for (name in names(cases)) {
    case <- cases[[name]]
    ours <- follow(case, arithmetic)
    for (k in seq_along(ours)) {
      comparison <- compare_traces(ours[[k]], case$traces[[k]], case$network, case$optimizer)
      wrong <- first_difference(comparison)
      expect_true(is.null(wrong), info = paste(name, arithmetic, "step", k, wrong$quantity, wrong$ratio))
      expect_equal(comparison$quantity, names(case$traces[[k]]), info = name)
    }
  }
}

# First weights: qnorm is Wichura's AS 241, whose published accuracy is about 1 part in 10^16; a uniform draw is
# -limit + 2 limit u, four roundings of the limit, which the largest weight is near.
for (name in names(Filter(function(case) nzchar(case$header$init), cases))) {
  case <- cases[[name]]
  ours <- initialize_parameters(case$network, case$header$init, as.numeric(case$header$seed))
  inputs <- attr(case$traces[[1L]], "inputs")
  for (l in seq_along(ours$W)) {
    weights <- inputs[[paste0("W", l)]]
    biases <- inputs[[paste0("b", l)]]
    allowed <- if (grepl("uniform$", case$header$init)) 8 * max(abs(weights)) else 16 * abs(weights)
    expect_true(all(abs(ours$W[[l]] - weights) <= unit_roundoff * allowed), info = name)
    expect_true(all(abs(ours$b[[l]] - biases) <= unit_roundoff * 16 * abs(biases)), info = name)
  }
}

# By hand: the arithmetic stands at the top of fixtures/golden/make.py.
hand <- list(
  Z1 = rbind(c(-1, -3), c(1.5, 2)), A1 = rbind(c(0, 0), c(1.5, 2)), Z2 = rbind(c(-0.5, -1)), A2 = rbind(c(-0.5, -1)),
  loss = 2.3125, delta2 = rbind(c(-0.5, -3)), dW2 = rbind(c(0, -3.375)), db2 = -1.75,
  delta1 = rbind(c(0, 0), c(0.5, 3)),
  dW1 = rbind(c(0, 0), c(0.25, 5)), db1 = c(0, 1.75), W1_new = rbind(c(1, -1), c(0.375, -1.5)), b1_new = c(0, -1.875),
  W2_new = rbind(c(2, 0.6875)), b2_new = 1.875
)
trace <- follow(cases$by_hand, "exact")[[1L]]
for (quantity in names(hand)) {
  expect_identical(cases$by_hand$traces[[1L]][[quantity]], hand[[quantity]], info = quantity)
  expect_identical(trace[[quantity]], hand[[quantity]], info = quantity)
}

# A wrong digit is found, and named.
case <- cases$hidden_tanh
for (quantity in c("Z1", "A1", "Z2", "A2", "loss", "delta2", "dW2", "db2", "delta1", "dW1", "db1", "W1_new")) {
  ours <- follow(case, "fast")[[1L]]
  ours[[quantity]] <- ours[[quantity]] * (1 + 1e-12)
  comparison <- compare_traces(ours, case$traces[[1L]], case$network, case$optimizer)
  expect_equal(first_difference(comparison)$quantity, quantity)
}
