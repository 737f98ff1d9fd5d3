# Training: epochs in R's order, schedules, early stopping, resuming bit for bit, Ctrl-C, divergence.

expect_match <- function(text, part) expect_true(any(grepl(part, text, fixed = TRUE)), info = text)
digits <- load_digits()
X <- t(digits$X[1:83, ])
Y <- t(one_hot(digits$y[1:83], 10))
held <- list(t(digits$X[84:120, ]), t(one_hot(digits$y[84:120], 10)))
network <- define_network(c(64, 8, 10), "tanh", "softmax", "categorical_cross_entropy")

begin <- function(optimizer = define_optimizer(), of = network) {
  parameters <- initialize_parameters(of, "normal_scaled", 1)
  begin_training(of, optimizer, parameters$W, parameters$b, 2)
}
fit <- function(plan, optimizer = define_optimizer(), state = begin(optimizer), ...) {
  train_network(network, optimizer, plan, state, X, Y, held, ...)
}
without_seconds <- function(state) {
  state$history$seconds <- NULL
  state
}

# An epoch by hand: sample.int(83), batches of 10, the last of 3.
optimizer <- define_optimizer("adam", 0.01)
plan <- define_training(epochs = 1, batch = 10)
state <- begin(optimizer)
order <- r_sample_int(r_set_seed(2), 83)
step <- list(W = state$W, b = state$b, state = state$optimizer_state)
losses <- numeric()
for (first in seq(1, 83, 10)) {
  batch <- order[first:min(first + 9, 83)]
  step <- gradient_step(network, optimizer, step$W, step$b, X[, batch], Y[, batch], step$state, "exact")
  losses <- c(losses, step$loss * length(batch))
}
after <- train_epoch(network, optimizer, plan, state, X, Y, "exact")
expect_identical(after$state$W, step$W)
expect_equal(after$loss, sum(losses) / 83, tolerance = 1e-12)

# History and end.
state <- fit(define_training(epochs = 3, batch = 20))
expect_identical(state$history$epoch, c(1, 2, 3))
expect_identical(state$stopped, "epochs")
expect_identical(
  c(state$history$validation_loss[3], state$history$validation_metric[3]),
  measure(network, state$W, state$b, held[[1]], held[[2]])
)

# Resuming is never having stopped.
for (word in list(list("sgd", 0.5), list("adam", 0.01), list("momentum", 0.1))) {
  optimizer <- do.call(define_optimizer, word)
  for (dropout in c(0, 0.2)) {
    plan <- define_training(epochs = 5, batch = 10, dropout = dropout, schedule = "halving", wait = 1, patience = 4)
    part <- plan
    part$epochs <- 2
    stopped <- fit(part, optimizer)
    expect_identical(without_seconds(fit(plan, optimizer, stopped)), without_seconds(fit(plan, optimizer)))
  }
}

# Ctrl-C leaves the last complete epoch, from which training goes on.
plan <- define_training(epochs = 6, batch = 10)
interrupt_after <- function(epochs) {
  function(state) {
    if (state$epoch == epochs) stop(structure(class = c("interrupt", "condition"), list(message = "", call = NULL)))
  }
}
state <- fit(plan, on_epoch = interrupt_after(3))
expect_identical(c(state$stopped, state$epoch, nrow(state$history)), c("interrupted", "3", "3"))
expect_identical(without_seconds(fit(plan, state = state)), without_seconds(fit(plan)))

# Early stopping keeps the best.
plan <- define_training(epochs = 60, batch = 5, patience = 2, monitor = "metric")
state <- fit(plan, define_optimizer("sgd", 2))
expect_identical(state$stopped, "patience")
expect_identical(state$best_epoch, as.double(which.max(state$history$validation_metric)))
expect_identical(state$epoch, state$best_epoch + 2)
best <- final_parameters(plan, state)
expect_identical(
  measure(network, best$W, best$b, held[[1]], held[[2]])[[2]], max(state$history$validation_metric)
)

# Divergence stops.
linear <- define_network(c(64, 10), output_activation = "linear")
steep <- define_optimizer("sgd", 1e6)
state <- train_network(linear, steep, define_training(epochs = 50), begin(steep, linear), X, Y)
expect_identical(state$stopped, "diverged")

# Schedules.
etas <- function(schedule, ...) {
  plan <- define_training(schedule = schedule, ...)
  state <- begin()
  vapply(0:3, function(epoch) {
    state$epoch <- epoch
    scheduled_eta(define_optimizer("sgd", 8), plan, state)
  }, 0)
}
expect_identical(etas("constant"), c(8, 8, 8, 8))
expect_identical(etas("step", every = 2), c(8, 8, 4, 4))
expect_identical(etas("exponential", factor = 0.5), c(8, 4, 2, 1))
expect_identical(etas("inverse_time", rate = 1), c(8, 4, 8 / 3, 2))
expect_identical(etas("halving"), c(8, 8, 8, 8))
state <- fit(define_training(epochs = 100, schedule = "halving", wait = 1, until = 4), define_optimizer("sgd", 3))
expect_true(all(state$history$eta %in% c(3, 1.5, 0.75)))
expect_identical(state$stopped, "rate")

# Masks are inverted, and drawn by column.
masks <- draw_masks(define_network(c(3, 400, 5, 2)), 0.25, 7, r_set_seed(3))
expect_identical(lapply(masks, dim), list(c(400L, 7L), c(5L, 7L)))
expect_identical(as.vector(masks[[1]]), ifelse(r_runif(r_set_seed(3), 2800) < 0.25, 0, 1 / 0.75))

# Dropout's gradients against differences.
small <- define_network(c(3, 4, 4, 2), "tanh", "sigmoid", "binary_cross_entropy", l1 = 0.01, l2 = 0.1)
parameters <- initialize_parameters(small, "normal", 4)
stream <- r_set_seed(8)
inputs <- matrix(r_rnorm(stream, 15), 3)
targets <- matrix(r_sample_int(stream, 2, 10, replace = TRUE) - 1, 2)
masks <- draw_masks(small, 0.4, 5, r_set_seed(7))
masked_loss <- function(W, b) {
  passed <- dropout_forward(small, W, b, inputs, masks)
  loss_value(small, W, passed$Z, passed$A, targets)
}
passed <- dropout_forward(small, parameters$W, parameters$b, inputs, masks)
gradients <- dropout_backward(small, parameters$W, passed$Z, passed$A, passed$D, targets, masks)
for (k in 1:3) {
  for (i in seq_along(parameters$W[[k]])) {
    at <- function(h) {
      W <- parameters$W
      W[[k]][i] <- W[[k]][i] + h
      masked_loss(W, parameters$b)
    }
    expect_equal(gradients$dW[[k]][i], (at(1e-6) - at(-1e-6)) / 2e-6, tolerance = 1e-5)
  }
}

refusal <- function(code) tryCatch({
  code
  "nothing was refused"
}, nnparity_input_error = conditionMessage)
expect_identical(refusal(define_training(epochs = 0)), "epochs must be a whole number of at least 1, not 0")
expect_match(refusal(define_training(schedule = "stepp")), "did you mean 'step'")
expect_match(refusal(define_training(metric = "rsme")), "did you mean 'rmse'")
expect_match(refusal(define_training(rate = 1)), "schedule constant has no hyper-parameters, not even 'rate'")
