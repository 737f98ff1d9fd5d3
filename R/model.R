# A model: a network with all that prediction and further training need, its scaling, classes, optimizer and state.
#
# Data come with one row per observation, as data frames have them; the core sees their transpose.

# A model before its first epoch, its widths and classes taken from the data: a list of class "nnparity_network" with
# network, optimizer, plan, state, scaling, targets, features (names of the inputs, or none) and arithmetic. X: n x p,
# one row per observation: a matrix or a data frame of numbers. y: n labels or numbers, or n rows of numbers; see
# `fit_targets`. hidden: widths of the hidden layers; empty for none. activation to l2: see `define_network`;
# output_activation NULL is sigmoid for classes and linear for numbers. init: see `initialize_parameters`. optimizer,
# eta, clip_norm, optimizer_options: see `define_optimizer`. epochs to monitor: see `define_training`. scaling: see
# `fit_scaling`. task: see `fit_targets`. seed: of one stream for first weights, shuffles and masks, in this order.
# arithmetic: "fast" or "exact".
prepare_model <- function(X, y, hidden = 30, activation = "sigmoid", output_activation = NULL, loss = "quadratic",
                          slope = 0.01, huber_delta = 1, elu_alpha = 1, no_bias = integer(), l1 = 0, l2 = 0,
                          init = "normal_scaled", optimizer = "sgd", eta = 0.5, clip_norm = NULL,
                          optimizer_options = NULL, epochs = 30, batch = 10, schedule = "constant",
                          schedule_options = NULL, dropout = 0, patience = NULL, monitor = "loss", scaling = "none",
                          task = "auto", seed = 1, arithmetic = "fast") {
  table <- input_table(X)
  targets <- fit_targets(y, task, one_unit = identical(loss, "binary_cross_entropy"))
  measured <- fit_scaling(scaling, table$X)
  if (is.null(output_activation)) output_activation <- if (length(targets$classes) > 0L) "sigmoid" else "linear"
  hidden <- vapply(unlist(hidden), check_count, 0, what = "hidden")
  network <- define_network(
    c(ncol(table$X), hidden, targets$units), activation, output_activation, loss, slope, huber_delta, elu_alpha,
    no_bias, l1, l2
  )
  rule <- do.call(define_optimizer, c(list(optimizer, eta, clip_norm), as.list(optimizer_options)))
  metric <- if (length(targets$classes) > 0L) "accuracy" else "rmse"
  plan <- do.call(
    define_training,
    c(list(epochs, batch, schedule, dropout, patience, monitor, metric), as.list(schedule_options))
  )
  stream <- r_set_seed(seed)
  parameters <- initialize_parameters(network, init, stream)
  state <- begin_training(network, rule, parameters$W, parameters$b, stream)
  new_model(network, rule, plan, state, measured, targets, table$names, get_arithmetic(arithmetic)$name)
}

new_model <- function(network, optimizer, plan, state, scaling, targets, features, arithmetic) {
  structure(
    list(
      network = network, optimizer = optimizer, plan = plan, state = state, scaling = scaling, targets = targets,
      features = features, arithmetic = arithmetic
    ),
    class = "nnparity_network"
  )
}

# Inputs as a matrix of doubles with one row per observation, and the names of its columns (none if it has none):
# list(X =, names =). features: the columns that are wanted, by name, in this order; for matrices their number has to
# be right.
input_table <- function(X, features = character()) {
  names <- character()
  if (is.data.frame(X)) {
    names <- names(X)
    if (length(features) > 0L) {
      missing <- setdiff(features, names)
      if (length(missing) > 0L) {
        stop_input(paste0("X must have the columns of training, but '", missing[1L], "' is missing"))
      }
      X <- X[match(features, names)] # by place, for a name may be empty
      names <- features
    }
    numbers <- vapply(X, function(column) (is.numeric(column) || is.logical(column)) && !is.factor(column), NA)
    if (!all(numbers)) {
      stop_input(paste0("X must hold numbers only, but column '", names[!numbers][1L], "' holds text or categories"))
    }
    X <- as.matrix(X)
  }
  list(X = check_finite(check_matrix(X, "X"), "X"), names = names)
}

# Inputs as the network sees them, n_0 x n.
model_inputs <- function(model, X) {
  table <- input_table(X, model$features)$X
  check_matrix(table, "X", nrow(table), model$network$sizes[1L])
  t(apply_scaling(model$scaling, table))
}

# Targets as the network sees them, n_L x n, for n observations.
model_targets <- function(model, y, n) {
  Y <- encode_targets(model$targets, y)
  if (nrow(Y) != n) stop_input(paste0("y must hold as many labels as X has rows, ", n, ", not ", nrow(Y)))
  t(Y)
}

# The model after training, from where its state stands. model: from `prepare_model`, `load_model` or an earlier call.
# X, y: as in `prepare_model`. validation: list of X and y of data that are not trained on. epochs: how many in all;
# the plan's unless given. on_epoch: called with the training state after each epoch.
train_model <- function(model, X, y, validation = NULL, epochs = NULL, on_epoch = NULL) {
  if (!is.null(epochs)) model$plan$epochs <- check_count(epochs, "epochs")
  inputs <- model_inputs(model, X)
  targets <- model_targets(model, y, ncol(inputs))
  held <- NULL
  if (!is.null(validation)) {
    X_held <- model_inputs(model, validation[[1L]])
    held <- list(X_held, model_targets(model, validation[[2L]], ncol(X_held)))
  }
  model$state <- train_network(
    model$network, model$optimizer, model$plan, model$state, inputs, targets, held, model$arithmetic, on_epoch
  )
  model
}

# The network's outputs, n x n_L, one row per observation.
predict_outputs <- function(model, X) {
  final <- final_parameters(model$plan, model$state)
  A <- forward(model$network, final$W, final$b, model_inputs(model, X), model$arithmetic)$A
  t(A[[length(A)]])
}

# How good the model is on data, a named vector: loss, then accuracy and top-k accuracy for classes, RMSE and R^2 for
# numbers.
evaluate_model <- function(model, X, y, k = 5) {
  final <- final_parameters(model$plan, model$state)
  inputs <- model_inputs(model, X)
  Y <- model_targets(model, y, ncol(inputs))
  passed <- forward(model$network, final$W, final$b, inputs, model$arithmetic)
  A_L <- passed$A[[length(passed$A)]]
  values <- c(loss = loss_value(model$network, final$W, passed$Z, passed$A, Y, model$arithmetic))
  if (length(model$targets$classes) > 0L) {
    values[["accuracy"]] <- accuracy(A_L, Y)
    if (length(model$targets$classes) > k) values[[paste0("top_", k, "_accuracy")]] <- top_k_accuracy(A_L, Y, k)
  } else {
    values[["rmse"]] <- rmse(A_L, Y, model$arithmetic)
    values[["r_squared"]] <- r_squared(A_L, Y, model$arithmetic)
  }
  values
}

# The model in a few lines of text.
describe_model <- function(model) {
  sizes <- model$network$sizes
  layers <- seq_len(length(sizes) - 1L)
  fan_in <- sizes[layers] + !layers %in% model$network$no_bias
  parameters <- sum(fan_in * sizes[-1L])
  state <- model$state
  lines <- c(
    sprintf(
      "%s network, %s; loss %s; %.0f parameters", paste(sizes, collapse = "-"),
      paste(model$network$activations, collapse = ", "), model$network$loss, parameters
    ),
    sprintf(
      "%s, eta %.6g, batches of %.0f; %.0f epochs trained", model$optimizer$name, model$optimizer$eta, model$plan$batch,
      state$epoch
    )
  )
  if (length(model$targets$classes) > 0L) {
    lines <- c(lines, paste("classes:", paste(model$targets$classes, collapse = ", ")))
  }
  if (nrow(state$history) > 0L) {
    last <- state$history[nrow(state$history), ]
    text <- sprintf("last epoch: loss %.6g, %s %.6g", last$loss, model$plan$metric, last$metric)
    if (!is.nan(last$validation_loss)) {
      text <- paste0(text, sprintf(
        "; validation: loss %.6g, %s %.6g", last$validation_loss, model$plan$metric, last$validation_metric
      ))
    }
    lines <- c(lines, text)
  }
  c(lines, ending_note(model))
}

ENDINGS <- list(
  patience = "stopped early: no improvement for {patience} epochs; the parameters are those of epoch {best}",
  rate = "stopped: the learning rate was halved below its limit",
  diverged = "stopped: the loss is no longer finite; a smaller eta, or scaled inputs, may help",
  interrupted = "interrupted after {epoch} epochs; training can go on from here"
)

# Why training ended, where it was not for having done its epochs.
ending_note <- function(model) {
  if (!model$state$stopped %in% names(ENDINGS)) return(character())
  note <- ENDINGS[[model$state$stopped]]
  if (!is.null(model$plan$patience)) note <- sub("{patience}", model$plan$patience, note, fixed = TRUE)
  note <- sub("{best}", as.character(model$state$best_epoch), note, fixed = TRUE)
  sub("{epoch}", as.character(model$state$epoch), note, fixed = TRUE)
}
