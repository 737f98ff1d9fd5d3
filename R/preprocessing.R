# What happens to data at the door, kept with the model: inputs scaled, classes turned into rows of 0 with one 1.
#
# Data have one row per observation here. Sums are taken in the exact arithmetic's order, so that both languages scale
# alike. Adding a scaling is one entry in SCALINGS.

# --- inputs ----------------------------------------------------------------------------------------------------------

# To [0, 1]: shift = min x, width = max x - min x (1 for a feature that does not vary).
unit_scaling <- function(X) {
  low <- -column_max(-X)
  list(low, positive_or_one(column_max(X) - low))
}

# To mean 0 and variance 1: shift = x_bar, width = sqrt(sum (x - x_bar)^2/n) (1 for a feature that does not vary).
standard_scaling <- function(X) {
  mean <- exact_col_sums(X) / nrow(X)
  centred <- X - rep(mean, each = nrow(X))
  list(mean, positive_or_one(sqrt(exact_col_sums(centred * centred) / nrow(X))))
}

# The widths, with 1 for those that are 0.
positive_or_one <- function(width) {
  width[!(width > 0)] <- 1
  width
}

SCALINGS <- list(
  none = function(X) list(numeric(), numeric()),
  unit = unit_scaling,
  standard = standard_scaling
)

# Scaling of that name, measured on the training data: list(name, shift, width), x' = (x - shift) / width for each
# feature. name: "none", "unit" (to [0, 1]) or "standard" (to mean 0 and variance 1). X: n x p, one row per
# observation.
fit_scaling <- function(name, X) {
  measured <- SCALINGS[[check_word(name, names(SCALINGS), "scaling")]](X)
  list(name = name, shift = measured[[1L]], width = measured[[2L]])
}

# (x - shift) / width for each feature of X, n x p.
apply_scaling <- function(scaling, X) {
  if (scaling$name == "none") return(X)
  (X - rep(scaling$shift, each = nrow(X))) / rep(scaling$width, each = nrow(X))
}

# The |z| beyond which a sigmoid's derivative is below 0.0004, a thousandth of its largest; tanh's at half of it.
SATURATED <- 8
SATURATING <- c("sigmoid", "tanh", "softmax")
RAW_RANGE <- 16

# A sentence about inputs so large that the first layer's units start saturated and cannot learn, or NULL. network, W,
# b: as training begins. X: n x n_0, the inputs as the network will see them, one row per observation; the first 100
# are looked at.
saturation_warning <- function(network, W, b, X) {
  first <- activation_parts(network$activations[1L])[1L]
  X <- X[seq_len(min(100L, nrow(X))), , drop = FALSE]
  largest <- max(abs(X))
  if (!first %in% SATURATING || largest <= RAW_RANGE) return(NULL)
  Z <- get_arithmetic("fast")$matmul(W[[1L]], t(X)) + b[[1L]]
  share <- sum(abs(Z) > SATURATED) / length(Z)
  if (share < 0.25) return(NULL)
  paste0(
    "the inputs reach ", describe(largest), ", and ", sprintf("%.0f", 100 * share), " % of the first layer's ", first,
    " units start saturated: their gradient is almost 0 and they will hardly learn; ",
    "scaling = 'unit' brings the inputs to [0, 1]"
  )
}

# --- targets ---------------------------------------------------------------------------------------------------------

TASKS <- c("auto", "classes", "numbers")

# Classes or numbers, and how many outputs they need: list(classes, numeric, units): names of the classes in their
# order (none for numbers), whether these names are numbers, outputs of the network. y: one label or number per
# observation, or a matrix of numbers with one row per observation. task: "classes", "numbers", or "auto": factors,
# text and logical values are classes; whole numbers are where they are at most 100 and begin with 0 or 1 (or are -1
# and 1); others are numbers. one_unit: whether two classes share one output, the probability of the second.
fit_targets <- function(y, task = "auto", one_unit = FALSE) {
  check_word(task, TASKS, "task")
  labels <- label_values(y)
  words <- labels$words
  numeric <- !is.null(words) && all(words %in% suppressWarnings(label_text(as.double(words))))
  if (is.null(words)) {
    values <- labels$values
    if (is.matrix(values)) {
      if (task == "classes") stop_input(paste0("y must be one label for each observation, not ", describe(values)))
      return(list(classes = character(), numeric = TRUE, units = ncol(values)))
    }
    distinct <- sort(unique(values))
    if (task == "numbers" || (task == "auto" && !look_like_classes(distinct))) {
      return(list(classes = character(), numeric = TRUE, units = 1))
    }
    words <- sprintf("%.15g", distinct)
    numeric <- TRUE
  } else if (task == "numbers") {
    stop_input("y must be numbers for task 'numbers', not text or categories")
  }
  if (length(words) < 2L) {
    stop_input(paste0("y must hold at least two classes, not only ", paste(words, collapse = ", ")))
  }
  list(classes = words, numeric = numeric, units = if (one_unit && length(words) == 2L) 1 else length(words))
}

# Labels as text with the classes' names in order, or numbers with NULL: list(values =, words =).
label_values <- function(y) {
  if (is.data.frame(y)) y <- if (length(y) == 1L) y[[1L]] else data.matrix(y)
  if (length(y) == 0L || !(is.atomic(y) || is.factor(y)) || length(dim(y)) > 2L) {
    stop_input(paste0("y must hold a label or a row of numbers for each observation, not ", describe(y)))
  }
  if (is.numeric(y) && !is.factor(y)) {
    values <- if (is.matrix(y)) y + 0 else as.double(y)
    check_finite(as.matrix(values), "y")
    return(list(values = values, words = NULL))
  }
  if (is.matrix(y) || anyNA(y)) stop_input("y must hold one label for each observation and no missing ones")
  text <- label_text(y)
  list(values = text, words = if (is.factor(y)) levels(y) else sort_labels(unique(text)))
}

# Labels in their order: by size where all are decimal numbers, else by code point.
sort_labels <- function(labels) {
  labels <- sort(labels, method = "radix")
  if (all(is_decimal(labels))) labels[order(as.double(labels))] else labels
}

# Labels' names, the same in both languages: numbers by 15 digits, logical values as FALSE and TRUE.
label_text <- function(label) {
  if (is.numeric(label) && !is.factor(label)) sprintf("%.15g", label) else as.character(label)
}

# Targets as the network's outputs should be: n x units. A class that was not there in training, or a matrix with
# another number of columns, is an input error.
encode_targets <- function(targets, y) {
  labels <- label_values(y)
  if (length(targets$classes) == 0L) {
    if (!is.null(labels$words)) stop_input("y must be numbers, as in training, not text or categories")
    Y <- as.matrix(labels$values)
    return(check_matrix(Y, "y", nrow(Y), targets$units))
  }
  text <- label_text(labels$values)
  codes <- match(text, targets$classes)
  if (anyNA(codes)) {
    stop_input(paste0(
      "y must hold the classes of training (", paste(targets$classes, collapse = ", "), "), not '",
      text[is.na(codes)][1L], "'"
    ))
  }
  if (targets$units == 1) return(matrix(codes - 1, ncol = 1L))
  outer(codes, seq_len(targets$units), `==`) + 0
}

# Predictions out of outputs, n x units: a factor of the classes, or numbers (a vector for one output).
decode_targets <- function(targets, outputs) {
  if (length(targets$classes) == 0L) return(if (targets$units == 1) outputs[, 1L] else outputs)
  factor(targets$classes[classify(t(outputs))], levels = targets$classes)
}
