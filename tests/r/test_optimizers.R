# Update rules against their published equations, step by step in single numbers; clipping; names and defaults.

refusal <- function(code) tryCatch({
  code
  "nothing was refused"
}, nnparity_input_error = conditionMessage)
near <- function(value, truth, relative = 1e-13) all(abs(value - truth) <= relative * abs(truth))

gradients <- c(0.7, -0.2, 0.05, 0, 1.3)

# W1 (or b1) after each gradient, a single number.
run <- function(optimizer, w, gradients, is_weight = TRUE) {
  W <- list(matrix(w))
  b <- list(w)
  state <- initial_state(optimizer, W, b)
  vapply(gradients, function(g) {
    after <- apply_update(optimizer, W, b, list(matrix(g)), list(g), state)
    W <<- after$W
    b <<- after$b
    state <<- after$state
    if (is_weight) W[[1]][1] else b[[1]]
  }, 0)
}

# The same, straight from the papers' equations.
published <- function(name, w, gradients, eta, mu = 0.9, rho = 0.99, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8,
                      decay = 0.01, is_weight = TRUE) {
  v <- m <- s <- 0
  path <- numeric()
  for (t in seq_along(gradients)) {
    g <- gradients[t]
    if (name == "sgd") {
      w <- w - eta * g
    } else if (name == "momentum") {
      v <- mu * v - eta * g
      w <- w + v
    } else if (name == "nesterov") {
      v <- mu * v - eta * g
      w <- w + mu * v - eta * g
    } else if (name == "adagrad") {
      s <- s + g^2
      w <- w - eta * g / (sqrt(s) + 1e-10)
    } else if (name == "rmsprop") {
      s <- rho * s + (1 - rho) * g^2
      w <- w - eta * g / (sqrt(s) + epsilon)
    } else {
      if (name == "adamw" && is_weight) w <- w - eta * decay * w
      m <- beta1 * m + (1 - beta1) * g
      s <- beta2 * s + (1 - beta2) * g^2
      w <- w - eta * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon)
    }
    path[t] <- w
  }
  path
}

# Steps are those of the published equations.
for (name in names(OPTIMIZERS)) {
  optimizer <- define_optimizer(name, eta = 0.1)
  for (is_weight in c(TRUE, FALSE)) {
    expected <- published(name, 0.4, gradients, 0.1, is_weight = is_weight)
    expect_true(near(run(optimizer, 0.4, gradients, is_weight), expected), info = name)
  }
}

# Hyper-parameters are taken.
expect_true(near(
  run(define_optimizer("momentum", 0.1, momentum = 0.5), 0.4, gradients),
  published("momentum", 0.4, gradients, 0.1, mu = 0.5)
))
expect_true(near(
  run(define_optimizer("nesterov", 0.1, momentum = 0.5), 0.4, gradients),
  published("nesterov", 0.4, gradients, 0.1, mu = 0.5)
))
expect_true(near(
  run(define_optimizer("rmsprop", 0.1, rho = 0.5, epsilon = 0.1), 0.4, gradients),
  published("rmsprop", 0.4, gradients, 0.1, rho = 0.5, epsilon = 0.1)
))
expect_true(near(
  run(define_optimizer("adam", 0.1, beta1 = 0.5, beta2 = 0.6, epsilon = 0.1), 0.4, gradients),
  published("adam", 0.4, gradients, 0.1, beta1 = 0.5, beta2 = 0.6, epsilon = 0.1)
))
expect_true(near(
  run(define_optimizer("adamw", 0.1, weight_decay = 0.3), 0.4, gradients),
  published("adamw", 0.4, gradients, 0.1, decay = 0.3)
))

# Defaults are those of the table.
expect_identical(lapply(OPTIMIZERS, `[[`, "hyper"), list(
  sgd = list(), momentum = list(momentum = 0.9), nesterov = list(momentum = 0.9), adagrad = list(epsilon = 1e-10),
  rmsprop = list(rho = 0.99, epsilon = 1e-8), adam = list(beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8),
  adamw = list(beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01)
))

# State is named after its parameters.
W <- list(matrix(0, 2, 3), matrix(0, 1, 2))
b <- list(numeric(2), numeric(1))
state_names <- function(name) names(initial_state(define_optimizer(name), W, b))
expect_null(state_names("sgd"))
expect_identical(state_names("momentum"), c("W1_velocity", "b1_velocity", "W2_velocity", "b2_velocity"))
expect_identical(state_names("adagrad"), c("W1_accumulator", "b1_accumulator", "W2_accumulator", "b2_accumulator"))
expect_identical(state_names("rmsprop"), c("W1_v", "b1_v", "W2_v", "b2_v"))
expect_identical(
  state_names("adamw"), c("step_count", "W1_m", "W1_v", "b1_m", "b1_v", "W2_m", "W2_v", "b2_m", "b2_v")
)
for (name in names(OPTIMIZERS)) {
  optimizer <- define_optimizer(name)
  state <- initial_state(optimizer, W, b)
  after <- apply_update(optimizer, W, b, W, b, state)$state
  expect_identical(names(after), state_names(name))
  expect_identical(lapply(after, dim), lapply(state, dim))
  expect_identical(lengths(after), lengths(state))
}

# Clipping scales the whole gradient to the norm.
W <- list(matrix(0, 1, 2), matrix(0))
b <- list(0, 0)
dW <- list(matrix(c(1, 2), 1), matrix(4)) # norm 5
db <- list(2, 0)
for (arithmetic in c("fast", "exact")) {
  clipped <- apply_update(define_optimizer(eta = 1, clip_norm = 2.5), W, b, dW, db, list(), arithmetic)
  expect_identical(clipped$W, list(matrix(c(-0.5, -1), 1), matrix(-2)))
  expect_identical(clipped$b, list(-1, 0))
  whole <- apply_update(define_optimizer(eta = 1, clip_norm = 5), W, b, dW, db, list(), arithmetic)
  expect_identical(whole$W, list(matrix(c(-1, -2), 1), matrix(-4)))
}

# A zero gradient moves nothing.
for (name in names(OPTIMIZERS)) expect_identical(run(define_optimizer(name), 0, c(0, 0)), c(0, 0))

# Gradients and states that do not fit are refused.
W <- list(matrix(0, 2, 3))
b <- list(numeric(2))
update <- function(optimizer, dW, db, state) refusal(apply_update(optimizer, W, b, dW, db, state))
expect_identical(update(define_optimizer(), list(matrix(0, 1, 3)), b, list()), "dW1 must be 2 x 3, not 1 x 3")
expect_identical(update(define_optimizer(), W, list(0), list()), "db1 must be a vector of 2 numbers, not of 1")
expect_identical(
  update(define_optimizer(), c(W, W), b, list()), "W, b, dW and db must be equally long, not 1, 1, 2 and 1"
)
expect_identical(
  update(define_optimizer("adam"), W, b, list()), "state must hold step_count, as initial_state makes it for adam"
)
expect_identical(
  update(define_optimizer("momentum"), W, b, list(W1_velocity = W[[1]])),
  "state must hold b1_velocity, as initial_state makes it for momentum"
)

# An optimizer that makes no sense is refused.
expect_identical(
  refusal(define_optimizer("Adma")),
  paste(
    "optimizer must be one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, not 'Adma';",
    "did you mean 'adam'?"
  )
)
expect_identical(refusal(define_optimizer(eta = -1)), "eta must be one finite number above 0, not -1")
expect_identical(refusal(define_optimizer(eta = Inf)), "eta must be one finite number above 0, not Inf")
expect_identical(refusal(define_optimizer(eta = "0.5")), "eta must be one finite number above 0, not '0.5'")
expect_identical(refusal(define_optimizer(clip_norm = 0)), "clip_norm must be one finite number above 0, not 0")
expect_identical(
  refusal(define_optimizer("adam", beta = 0.5)),
  "hyper-parameter of adam must be one of beta1, beta2, epsilon, not 'beta'; did you mean 'beta1'?"
)
expect_identical(
  refusal(define_optimizer(momentum = 0.9)), "optimizer sgd has no hyper-parameters, not even 'momentum'"
)
expect_identical(
  refusal(define_optimizer("adam", beta2 = 1)), "beta2 must be one finite number at least 0 and below 1, not 1"
)
expect_identical(
  refusal(define_optimizer("adamw", weight_decay = -0.1)),
  "weight_decay must be one finite number at least 0, not -0.1"
)
