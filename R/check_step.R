# A user's own gradient step against the reference, in R alone: which of its new weights and biases are right, and
# what the others are instead.

# Runs step(W, b, X, Y, eta) once on random data and compares what it returns with the reference: a data frame of class
# "nnparity_check" with one row for each new weight matrix and bias vector, in order of computation: quantity, verdict
# ("right", or what it is instead), factor (of the gradient, where it is the right one but for a factor), evidence
# (|difference| / what rounding can cause), place of the worst element, value there, expected.
# step: function(W, b, X, Y, eta) whose value is list(W =, b =): W a list of n_l x n_{l-1} matrices, b a list of
# vectors, one column per sample in X and Y. sizes, activation, output_activation, loss, slope, no_bias: as in
# `define_network`. batch, eta, seed: of the probe.
check_step <- function(step, sizes = c(4, 6, 3), activation = "sigmoid", output_activation = "sigmoid",
                       loss = "quadratic", slope = 0.01, batch = 7, eta = 0.5, seed = 1, no_bias = integer()) {
  if (!is.function(step)) stop_input(paste0("step must be a function(W, b, X, Y, eta), not ", describe(step)))
  network <- define_network(sizes, activation, output_activation, loss, slope, no_bias = no_bias)
  optimizer <- define_optimizer("sgd", eta)
  start <- initialize_parameters(network, "normal", seed)
  data <- draw_data(network, "normal", seed, check_count(batch, "batch"))
  returned <- step(start$W, start$b, data$X, data$Y, eta)
  new <- check_returned(network, returned)
  trace <- trace_step(network, optimizer, start$W, start$b, data$X, data$Y, list(), "fast")
  bounds <- run_bounds(network, optimizer, trace)
  rows <- list()
  for (l in seq_along(start$W)) {
    rows <- c(rows, list(
      judge_parameter(paste0("W", l), start$W[[l]], new$W[[l]], trace, bounds, batch, eta),
      if (!l %in% network$no_bias) judge_parameter(paste0("b", l), start$b[[l]], new$b[[l]], trace, bounds, batch, eta)
    ))
  }
  check <- do.call(rbind, rows)
  structure(check, class = c("nnparity_check", "data.frame"), network = network, batch = batch)
}

# What a step returned, as list(W =, b =) of the network's shapes; otherwise an input error that says what is expected.
check_returned <- function(network, returned) {
  if (!is.list(returned) || !all(c("W", "b") %in% names(returned))) {
    stop_input(paste0("step must return list(W =, b =), not ", describe(returned)))
  }
  b <- lapply(returned$b, function(bias) if (is.matrix(bias) && ncol(bias) == 1L) as.vector(bias) else bias)
  tryCatch(
    check_parameters(network, returned$W, b),
    nnparity_input_error = function(error) stop_input(paste("step returns another shape:", conditionMessage(error)))
  )
}

# What rounding can do to each quantity of a whole step, by name: each bound is taken given that the quantities before
# it are already as far off as theirs allow.
run_bounds <- function(network, optimizer, trace) {
  inputs <- attr(trace, "inputs")
  other <- trace
  bounds <- list()
  for (name in names(trace)) {
    bounds[[name]] <- step_bounds(network, optimizer, trace, other, inputs, inputs, quantities = name)[[name]]
    other[[name]] <- trace[[name]] + bounds[[name]]
  }
  bounds
}

# What a new parameter may be instead of W - eta dW, the likeliest first: a function of the parameter w, its gradient
# g, the right new value, the samples m and eta. NULL where it has no sense.
STEP_MISTAKES <- list(
  "unchanged: the new value is lost" = function(w, g, right, m, eta) w,
  "the gradient, not the updated parameter" = function(w, g, right, m, eta) g,
  "ascent: W + eta dW, the sign is wrong" = function(w, g, right, m, eta) w + eta * g,
  "W - dW: the learning rate is missing" = function(w, g, right, m, eta) w - g,
  "W - eta W_new: updated twice" = function(w, g, right, m, eta) w - eta * right,
  "W - (eta/m) W_new: updated twice" = function(w, g, right, m, eta) w - eta / m * right,
  "W - eta t(dW): transposed" = function(w, g, right, m, eta) {
    if (is.matrix(g) && nrow(g) == ncol(g)) w - eta * t(g)
  },
  "one scalar for the whole layer" = function(w, g, right, m, eta) if (!is.matrix(g)) w - eta * sum(g),
  "one mean for the whole layer" = function(w, g, right, m, eta) if (!is.matrix(g)) w - eta * mean(g)
)

# Those of them that are made after the gradient.
UPDATE_MISTAKES <- names(STEP_MISTAKES)[1:6]

# Factors of the gradient that have a name.
step_factors <- function(m, outputs) {
  list(
    "sum over the samples for mean" = m,
    "divided by the number of samples twice" = 1 / m,
    "twice: the half of the loss is missing" = 2,
    "half of the gradient" = 0.5,
    "2/n: mean squared error for half the squared error" = 2 / outputs
  )
}

# One row: a new parameter judged.
judge_parameter <- function(name, old, new, trace, bounds, m, eta) {
  right <- trace[[paste0(name, "_new")]]
  bound <- bounds[[paste0(name, "_new")]]
  gradient <- trace[[paste0("d", name)]]
  agrees <- function(value, slack = 1) !is.null(value) && isTRUE(all(abs(new - value) <= slack * bound))
  ratio <- max(evidence_ratio(abs(as.vector(new - right)), as.vector(bound)))
  worst <- which.max(replace(abs(new - right) / bound, is.nan(new), Inf))
  verdict <- "right"
  factor <- 1
  if (!agrees(right)) {
    outputs <- nrow(trace[[paste0("A", max(as.integer(sub("^A", "", grep("^A[0-9]+$", names(trace), value = TRUE)))))]])
    step <- (old - new) / eta
    factor <- sum(step * gradient) / sum(gradient * gradient)
    fits <- agrees(old - eta * factor * gradient, 1 + abs(factor))
    named <- Filter(function(mistake) agrees(mistake(old, gradient, right, m, eta), 4), STEP_MISTAKES)
    known <- Filter(function(value) abs(factor / value - 1) < 1e-6, step_factors(m, outputs))
    verdict <- if (anyNA(new)) {
      "NaN"
    } else if (length(named) > 0L) {
      gsub("W", substr(name, 1L, 1L), names(named)[1L], fixed = TRUE)
    } else if (fits && length(known) > 0L) {
      names(known)[1L]
    } else if (fits) {
      sprintf("the gradient times %.6g", factor)
    } else {
      "wrong"
    }
    if (!fits) factor <- NaN
  }
  place <- if (is.matrix(right)) arrayInd(worst, dim(right)) else worst
  data.frame(
    quantity = paste0(name, "_new"), verdict = verdict, factor = factor, evidence = ratio,
    place = element_place(paste0(name, "_new"), as.vector(place)), value = new[worst], expected = right[worst],
    stringsAsFactors = FALSE
  )
}

# Where to look, out of which rows are right: the last layer whose bias or weights are wrong is computed first on the
# way back.
check_advice <- function(check) {
  network <- attr(check, "network")
  layers <- length(network$sizes) - 1L
  wrong <- check$quantity[check$verdict != "right"]
  if (length(wrong) == 0L) return("Every new weight and bias is right: the step computes what the textbook says.")
  off <- check[check$verdict != "right", ]
  one_factor <- nrow(off) == nrow(check) && length(unique(signif(off$factor, 6))) == 1L
  if (one_factor && is.finite(off$factor[1L]) && off$factor[1L] > 0) {
    return(sprintf(
      "All gradients are right but for one factor, %.6g: a convention; a learning rate of eta/%.6g makes up for it.",
      off$factor[1L], off$factor[1L]
    ))
  }
  of_update <- gsub("b", "W", off$verdict, fixed = TRUE) %in% gsub("b", "W", UPDATE_MISTAKES, fixed = TRUE)
  if (all(of_update)) return("Look at the update.")
  l <- max(as.integer(gsub("[^0-9]", "", wrong)))
  right_bias <- !(paste0("b", l, "_new") %in% wrong)
  formula <- if (right_bias) {
    sprintf("delta%d is right, as b%d shows; look at dW%d = (1/m) delta%d A%d'.", l, l, l, l, l - 1L)
  } else if (!(paste0("W", l, "_new") %in% wrong)) {
    sprintf("delta%d is right, as W%d shows; look at db%d = (1/m) sum_i delta%d_i.", l, l, l, l)
  } else if (l == layers) {
    sprintf("Look at the way forward and at delta%d, the output's: dC_i/da f'(Z%d).", l, l)
  } else {
    sprintf("Layers above are right; look at delta%d = (W%d' delta%d) * f'(Z%d).", l, l + 1L, l + 1L, l)
  }
  formula
}

# Shows the table of a check and where to look.
print.nnparity_check <- function(x, ...) {
  network <- attr(x, "network")
  cat(sprintf(
    "%s %s, %s; %g samples\n", paste(network$sizes, collapse = "-"),
    paste(unique(network$activations), collapse = " "), network$loss, attr(x, "batch")
  ))
  shown <- data.frame(
    quantity = x$quantity, evidence = sprintf("%.3g", x$evidence), worst = x$place, value = sprintf("%.6g", x$value),
    expected = sprintf("%.6g", x$expected), factor = ifelse(is.nan(x$factor), "-", sprintf("%.4g", x$factor)),
    verdict = x$verdict, stringsAsFactors = FALSE
  )
  print(shown, row.names = FALSE, right = FALSE, width = 120L)
  cat(check_advice(x), "\n", sep = "")
  if (anyDuplicated(network$sizes) > 0L) {
    cat("Equal widths can hide a transposed matrix: check with distinct ones, too.\n")
  }
  invisible(x)
}
