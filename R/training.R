# Training: epochs of mini-batches in R's own shuffles, from one state to the next, so that it can stop and go on
# anywhere.
#
# A state holds all that the next epoch depends on, the random stream included: going on from a saved one gives the
# same bits as never having stopped. An epoch that is interrupted is undone; the state is that of the last one that
# was complete.
#
# Adding a schedule is one entry in SCHEDULES:
#
#     name           eta of epoch t + 1, after t                      hyper-parameters
#     constant       eta                                              none
#     step           eta factor^floor(t/every)                        factor = 0.5, every = 10
#     exponential    eta factor^t                                     factor = 0.95
#     inverse_time   eta / (1 + rate t)                               rate = 0.1
#     halving        eta / 2^h, h halvings so far: one after every    wait = 5, until = 128
#                    `wait` epochs without improvement; below
#                    eta/until training ends (Nielsen, chapter 3)

# One entry for each schedule.
#   eta     (eta, epochs, halvings, hyper): learning rate of the next epoch, after so many epochs and halvings
#   hyper   hyper-parameters with their defaults
SCHEDULES <- list(
  constant = list(eta = function(eta, epochs, halvings, hyper) eta, hyper = list()),
  step = list(
    eta = function(eta, epochs, halvings, hyper) eta * raise_to(hyper$factor, epochs %/% hyper$every),
    hyper = list(factor = 0.5, every = 10)
  ),
  exponential = list(
    eta = function(eta, epochs, halvings, hyper) eta * raise_to(hyper$factor, epochs), hyper = list(factor = 0.95)
  ),
  inverse_time = list(
    eta = function(eta, epochs, halvings, hyper) eta / (1 + hyper$rate * epochs), hyper = list(rate = 0.1)
  ),
  halving = list(
    eta = function(eta, epochs, halvings, hyper) eta / raise_to(2, halvings), hyper = list(wait = 5, until = 128)
  )
)

MONITORS <- c("loss", "metric")

# A training plan, checked: a list of class "training_plan". epochs: passes over the data. batch: samples in a batch;
# the last one of an epoch may be shorter. schedule: a word of SCHEDULES. dropout: share of hidden units switched off
# in each step, at least 0 and below 1. patience: stop after that many epochs without improvement, and keep the best
# epoch's parameters; NULL: never. monitor: "loss" or "metric": what improvement is measured by, on the validation
# data where there are some. metric: a word of METRICS. ...: hyper-parameters of the schedule, by name; the defaults
# stand in the table above.
define_training <- function(epochs = 30, batch = 10, schedule = "constant", dropout = 0, patience = NULL,
                            monitor = "loss", metric = "accuracy", ...) {
  rule <- SCHEDULES[[check_word(schedule, names(SCHEDULES), "schedule")]]
  hyper <- list(...)
  values <- rule$hyper
  words <- if (is.null(names(hyper))) rep("", length(hyper)) else names(hyper)
  for (k in seq_along(hyper)) {
    if (length(rule$hyper) == 0L) {
      stop_input(paste0("schedule ", schedule, " has no hyper-parameters, not even '", words[k], "'"))
    }
    check_word(words[k], names(rule$hyper), paste("hyper-parameter of", schedule))
    values[[words[k]]] <- check_number(hyper[[k]], words[k], above = 0)
  }
  structure(
    list(
      epochs = check_count(epochs, "epochs"),
      batch = check_count(batch, "batch"),
      schedule = schedule,
      dropout = check_number(dropout, "dropout", at_least = 0, below = 1),
      patience = if (!is.null(patience)) check_count(patience, "patience"),
      monitor = check_word(monitor, MONITORS, "monitor"),
      metric = check_word(metric, names(METRICS), "metric"),
      hyper = values
    ),
    class = "training_plan"
  )
}

# The state before the first epoch: a list of class "training_state".
#   W, b, optimizer_state    parameters and the optimizer's memory
#   random_seed              the stream's state, as .Random.seed
#   epoch                    complete epochs
#   history                  data frame, one row an epoch: epoch, eta, loss, metric, validation_loss,
#                            validation_metric, seconds
#   best_value, best_epoch, best_W, best_b
#                            the best epoch by the plan's monitor, and its parameters where patience is set
#   halvings, halved         of the learning rate, by the schedule "halving", and the epoch of the last one
#   stopped                  why training ended: "", "epochs", "patience", "rate", "diverged" or "interrupted"
# W, b: from `initialize_parameters`. seed: of the shuffles and masks: a whole number, or a stream of `r_set_seed`,
# from where it stands.
begin_training <- function(network, optimizer, W, b, seed = 1) {
  parameters <- check_parameters(network, W, b)
  stream <- if (inherits(seed, "r_stream")) seed else r_set_seed(seed)
  structure(
    list(
      W = parameters$W, b = parameters$b, optimizer_state = initial_state(optimizer, parameters$W, parameters$b),
      random_seed = r_get_state(stream), epoch = 0, history = data.frame(), best_value = NaN, best_epoch = 0,
      best_W = list(), best_b = list(), halvings = 0, halved = 0, stopped = ""
    ),
    class = "training_state"
  )
}

# The learning rate of the state's next epoch.
scheduled_eta <- function(optimizer, plan, state) {
  SCHEDULES[[plan$schedule]]$eta(optimizer$eta, state$epoch, state$halvings, plan$hyper)
}

# One step on one batch, with dropout where there is some: list(W =, b =, state =, Z_L =, A_L =), the outputs n_L x m
# are those before it.
training_step <- function(network, optimizer, dropout, W, b, X, Y, state, stream, arithmetic) {
  if (dropout > 0) {
    masks <- draw_masks(network, dropout, ncol(X), stream)
    passed <- dropout_forward(network, W, b, X, masks, arithmetic)
    gradients <- dropout_backward(network, W, passed$Z, passed$A, passed$D, Y, masks, arithmetic)
  } else {
    passed <- forward(network, W, b, X, arithmetic)
    gradients <- backward(network, W, passed$Z, passed$A, Y, arithmetic)
  }
  updated <- apply_update(optimizer, W, b, gradients$dW, gradients$db, state, arithmetic)
  layers <- length(W)
  list(W = updated$W, b = updated$b, state = updated$state, Z_L = passed$Z[[layers]], A_L = passed$A[[layers + 1L]])
}

# One step for each batch, the samples in that order; Y_seen, n_L x n, holds their targets in it already:
# list(W =, b =, state =, Z_L =, A_L =): parameters and memory after the last step; each sample's outputs before its
# step, n_L x n, in the order of the samples.
run_batches <- function(network, optimizer, plan, W, b, X, Y_seen, state, order, stream, arithmetic) {
  n <- ncol(X)
  Z_L <- matrix(0, nrow(Y_seen), n)
  A_L <- matrix(0, nrow(Y_seen), n)
  for (first in seq.int(1, n, by = plan$batch)) {
    places <- seq.int(first, min(first + plan$batch - 1, n))
    X_batch <- take_columns(X, order[places])
    Y_batch <- take_columns(Y_seen, places)
    stepped <- training_step(network, optimizer, plan$dropout, W, b, X_batch, Y_batch, state, stream, arithmetic)
    W <- stepped$W
    b <- stepped$b
    state <- stepped$state
    Z_L[, places] <- stepped$Z_L
    A_L[, places] <- stepped$A_L
  }
  list(W = W, b = b, state = state, Z_L = Z_L, A_L = A_L)
}

# One epoch: all samples once, in the order of sample.int(n), plan$batch at a time: list(state =, loss =, metric =):
# the state after it, without its row of history; loss and metric of all samples, each as its own step found it (with
# the penalties of the last weights). X, Y: n_0 x n and n_L x n, one column per sample. optimizer: with this epoch's
# eta. buffered: take the steps of `fast_step` where there are some; they give the same bits sooner.
train_epoch <- function(network, optimizer, plan, state, X, Y, arithmetic = "fast", buffered = TRUE) {
  arithmetic <- get_arithmetic(arithmetic)
  stream <- r_from_state(state$random_seed)
  order <- r_sample_int(stream, ncol(X))
  Y_seen <- take_columns(Y, order)
  if (buffered && fast_step_applies(network, optimizer, plan$dropout, arithmetic)) {
    done <- fast_batches(network, optimizer, plan$batch, state$W, state$b, X, Y_seen, order)
  } else {
    done <- run_batches(
      network, optimizer, plan, state$W, state$b, X, Y_seen, state$optimizer_state, order, stream, arithmetic
    )
    state$optimizer_state <- done$state
  }
  loss <- loss_value(network, done$W, list(done$Z_L), list(done$A_L), Y_seen, arithmetic)
  metric <- METRICS[[plan$metric]]$value(done$A_L, Y_seen, arithmetic)
  state$W <- done$W
  state$b <- done$b
  state$random_seed <- r_get_state(stream)
  state$epoch <- state$epoch + 1
  state$stopped <- ""
  list(state = state, loss = loss, metric = metric)
}

# Those columns of M.
take_columns <- function(M, columns) {
  M[, columns, drop = FALSE]
}

# Loss and metric of a network on data: c(loss, metric). X, Y: n_0 x m and n_L x m, one column per sample. metric: a
# word of METRICS.
measure <- function(network, W, b, X, Y, metric = "accuracy", arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  passed <- forward(network, W, b, X, arithmetic)
  A_L <- passed$A[[length(passed$A)]]
  c(
    loss_value(network, W, list(passed$Z[[length(passed$Z)]]), list(A_L), Y, arithmetic),
    METRICS[[metric]]$value(A_L, Y, arithmetic)
  )
}

# Whether a value of the plan's monitor is better than the best so far (NaN before there is one).
is_better <- function(plan, value, best) {
  if (plan$monitor == "metric" && METRICS[[plan$metric]]$larger_is_better) return(isTRUE(value > best) || is.nan(best))
  isTRUE(value < best) || is.nan(best)
}

# The state with its epoch's row of history, and what follows from it: the best so far, halving, the end.
record_epoch <- function(plan, state, row, optimizer) {
  seen <- if (is.nan(row$validation_loss)) plan$monitor else paste0("validation_", plan$monitor)
  value <- row[[seen]]
  state$history <- rbind(state$history, as.data.frame(row))
  if (!is.finite(row$loss)) {
    state$stopped <- "diverged"
    return(state)
  }
  if (is_better(plan, value, state$best_value)) {
    keep <- !is.null(plan$patience)
    state$best_value <- value
    state$best_epoch <- state$epoch
    state$best_W <- if (keep) state$W else list()
    state$best_b <- if (keep) state$b else list()
  }
  if (plan$schedule == "halving" && state$epoch - max(state$best_epoch, state$halved) >= plan$hyper$wait) {
    state$halvings <- state$halvings + 1
    state$halved <- state$epoch
  }
  state$stopped <- if (state$epoch >= plan$epochs) "epochs" else ""
  if (!is.null(plan$patience) && state$epoch - state$best_epoch >= plan$patience) state$stopped <- "patience"
  if (plan$schedule == "halving" && scheduled_eta(optimizer, plan, state) < optimizer$eta / plan$hyper$until) {
    state$stopped <- "rate"
  }
  state
}

# Trains until the plan's epochs are done, or until it stops by itself or is interrupted (Ctrl-C): the state after the
# last complete epoch; its `stopped` says why it is the last. state: from `begin_training`, or an earlier end, which
# is gone on from. X, Y: n_0 x n and n_L x n, one column per sample. validation: list of X and Y of data that are not
# trained on. on_epoch: called with the state after each epoch.
train_network <- function(network, optimizer, plan, state, X, Y, validation = NULL, arithmetic = "fast",
                          on_epoch = NULL) {
  arithmetic <- get_arithmetic(arithmetic)
  X <- check_matrix(X, "X", rows = network$sizes[1L])
  Y <- check_matrix(Y, "Y", network$sizes[length(network$sizes)], ncol(X))
  if (!is.null(validation)) {
    X_held <- check_matrix(validation[[1L]], "validation X", rows = network$sizes[1L])
    Y_held <- check_matrix(validation[[2L]], "validation Y", network$sizes[length(network$sizes)], ncol(X_held))
  }
  tryCatch(
    while (state$epoch < plan$epochs && !state$stopped %in% c("patience", "rate", "diverged")) {
      started <- proc.time()[["elapsed"]]
      eta <- scheduled_eta(optimizer, plan, state)
      tuned <- optimizer
      tuned$eta <- eta
      after <- train_epoch(network, tuned, plan, state, X, Y, arithmetic)
      seconds <- proc.time()[["elapsed"]] - started
      held <- c(NaN, NaN)
      if (!is.null(validation)) {
        held <- measure(network, after$state$W, after$state$b, X_held, Y_held, plan$metric, arithmetic)
      }
      row <- list(
        epoch = after$state$epoch, eta = eta, loss = after$loss, metric = after$metric, validation_loss = held[[1L]],
        validation_metric = held[[2L]], seconds = seconds
      )
      state <- record_epoch(plan, after$state, row, optimizer)
      if (!is.null(on_epoch)) on_epoch(state)
    },
    interrupt = function(condition) state$stopped <<- "interrupted"
  )
  state
}

# The weights and biases to predict with, list(W =, b =): the best epoch's where patience is set, else the last.
final_parameters <- function(plan, state) {
  best <- !is.null(plan$patience) && state$best_epoch > 0
  if (best) list(W = state$best_W, b = state$best_b) else list(W = state$W, b = state$b)
}
