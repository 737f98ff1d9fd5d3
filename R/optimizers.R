# Update rules: what becomes of a parameter, given its gradient and the rule's memory of earlier gradients.
#
# Adding one is one entry in OPTIMIZERS, which is also the table of the default hyper-parameters: those of Keras and
# PyTorch where these agree, PyTorch's where they differ.
#
#     name        memory              hyper-parameters
#     sgd         none                none
#     momentum    velocity            momentum = 0.9
#     nesterov    velocity            momentum = 0.9
#     adagrad     accumulator         epsilon = 1e-10
#     rmsprop     v                   rho = 0.99, epsilon = 1e-8
#     adam        step_count, m, v    beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8
#     adamw       step_count, m, v    beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01
#
# State is one list: `step_count` (where the rule counts steps), then W1_velocity, b1_velocity, W2_velocity, ... by
# parameter.

# w <- w - eta g (Nielsen, equations 20 and 21).
sgd_update <- function(parameter, gradient, memory, eta, hyper, count, is_weight) {
  list(parameter - eta * gradient, list())
}

# v <- mu v - eta g;  w <- w + v (Nielsen, equations 107 and 108).
momentum_update <- function(parameter, gradient, memory, eta, hyper, count, is_weight) {
  velocity <- hyper$momentum * memory[[1L]] - eta * gradient
  list(parameter + velocity, list(velocity))
}

# v <- mu v - eta g;  w <- w + mu v - eta g (Sutskever et al. 2013, as Keras writes it).
nesterov_update <- function(parameter, gradient, memory, eta, hyper, count, is_weight) {
  step <- eta * gradient
  velocity <- hyper$momentum * memory[[1L]] - step
  list(parameter + (hyper$momentum * velocity - step), list(velocity))
}

# s <- s + g^2;  w <- w - eta g / (sqrt(s) + epsilon) (Duchi, Hazan and Singer 2011).
adagrad_update <- function(parameter, gradient, memory, eta, hyper, count, is_weight) {
  accumulator <- memory[[1L]] + gradient * gradient
  list(parameter - eta * gradient / (sqrt(accumulator) + hyper$epsilon), list(accumulator))
}

# v <- rho v + (1 - rho) g^2;  w <- w - eta g / (sqrt(v) + epsilon) (Tieleman and Hinton 2012).
rmsprop_update <- function(parameter, gradient, memory, eta, hyper, count, is_weight) {
  v <- hyper$rho * memory[[1L]] + (1 - hyper$rho) * (gradient * gradient)
  list(parameter - eta * gradient / (sqrt(v) + hyper$epsilon), list(v))
}

# m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;  w <- w - eta m_hat / (sqrt(v_hat) + epsilon)
# (Kingma and Ba 2015, algorithm 1).
adam_update <- function(parameter, gradient, memory, eta, hyper, count, is_weight) {
  m <- hyper$beta1 * memory[[1L]] + (1 - hyper$beta1) * gradient
  v <- hyper$beta2 * memory[[2L]] + (1 - hyper$beta2) * (gradient * gradient)
  # m_hat = m / (1 - beta1^t),  v_hat = v / (1 - beta2^t)
  m_hat <- m / (1 - raise_to(hyper$beta1, count))
  v_hat <- v / (1 - raise_to(hyper$beta2, count))
  list(parameter - eta * m_hat / (sqrt(v_hat) + hyper$epsilon), list(m, v))
}

# w <- w - eta lambda w for weights, not biases; then Adam's step (Loshchilov and Hutter 2019, algorithm 2).
adamw_update <- function(parameter, gradient, memory, eta, hyper, count, is_weight) {
  decayed <- if (is_weight) parameter - eta * hyper$weight_decay * parameter else parameter
  adam_update(decayed, gradient, memory, eta, hyper, count, is_weight)
}

ADAM_DEFAULTS <- list(beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8)

# One entry for each optimizer.
#   update    (parameter, gradient, memory, eta, hyper, count, is_weight) to list(new parameter, new memory); count is the
#             number of this step, 1 for the first
#   memory    names of the arrays kept for each parameter; they start at zero
#   counts    whether the rule needs the number of the step
#   hyper     hyper-parameters with their defaults
OPTIMIZERS <- list(
  sgd = list(update = sgd_update, memory = character(), counts = FALSE, hyper = list()),
  momentum = list(update = momentum_update, memory = "velocity", counts = FALSE, hyper = list(momentum = 0.9)),
  nesterov = list(update = nesterov_update, memory = "velocity", counts = FALSE, hyper = list(momentum = 0.9)),
  adagrad = list(update = adagrad_update, memory = "accumulator", counts = FALSE, hyper = list(epsilon = 1e-10)),
  rmsprop = list(update = rmsprop_update, memory = "v", counts = FALSE, hyper = list(rho = 0.99, epsilon = 1e-8)),
  adam = list(update = adam_update, memory = c("m", "v"), counts = TRUE, hyper = ADAM_DEFAULTS),
  adamw = list(
    update = adamw_update, memory = c("m", "v"), counts = TRUE, hyper = c(ADAM_DEFAULTS, list(weight_decay = 0.01))
  )
)

# Decay rates lie in [0, 1): at 1 nothing is ever forgotten, or learned.
RATES <- c("momentum", "rho", "beta1", "beta2")

# An optimizer, checked: a list of class "optimizer_definition" with name, eta, clip_norm, hyper.
# name: a word of OPTIMIZERS. eta: learning rate, above 0. clip_norm: a gradient whose norm over all parameters exceeds
# this is scaled down to it; NULL leaves it alone. ...: hyper-parameters of the rule, by name; the defaults stand in the
# table above.
define_optimizer <- function(name = "sgd", eta = 0.5, clip_norm = NULL, ...) {
  rule <- OPTIMIZERS[[check_word(name, names(OPTIMIZERS), "optimizer")]]
  eta <- check_number(eta, "eta", above = 0)
  if (!is.null(clip_norm)) clip_norm <- check_number(clip_norm, "clip_norm", above = 0)
  hyper <- list(...)
  values <- rule$hyper
  words <- if (is.null(names(hyper))) rep("", length(hyper)) else names(hyper)
  for (k in seq_along(hyper)) {
    if (length(rule$hyper) == 0L) {
      stop_input(paste0("optimizer ", name, " has no hyper-parameters, not even '", words[k], "'"))
    }
    check_word(words[k], names(rule$hyper), paste("hyper-parameter of", name))
    values[[words[k]]] <- check_number(hyper[[k]], words[k], at_least = 0, below = if (words[k] %in% RATES) 1 else Inf)
  }
  structure(list(name = name, eta = eta, clip_norm = clip_norm, hyper = values), class = "optimizer_definition")
}

# The optimizer's memory before the first step: zeros, named after their parameters.
initial_state <- function(optimizer, W, b) {
  rule <- OPTIMIZERS[[optimizer$name]]
  state <- if (rule$counts) list(step_count = 0) else list()
  for (layer in seq_along(W)) {
    for (memory in rule$memory) state[[paste0("W", layer, "_", memory)]] <- matrix(0, nrow(W[[layer]]), ncol(W[[layer]]))
    for (memory in rule$memory) state[[paste0("b", layer, "_", memory)]] <- numeric(length(b[[layer]]))
  }
  state
}

# sqrt(sum dW^2 + sum db^2) over all layers, in the order dW1, db1, dW2, ....
gradient_norm <- function(dW, db, arithmetic) {
  squares <- 0
  for (layer in seq_along(dW)) {
    squares <- squares + arithmetic$total(dW[[layer]] * dW[[layer]]) + arithmetic$total(db[[layer]] * db[[layer]])
  }
  sqrt(squares)
}

# g <- g * clip_norm/|g| where |g| > clip_norm (Pascanu, Mikolov and Bengio 2013, algorithm 1).
clip_gradients <- function(optimizer, dW, db, arithmetic) {
  if (is.null(optimizer$clip_norm)) return(list(dW = dW, db = db))
  norm <- gradient_norm(dW, db, arithmetic)
  if (!isTRUE(norm > optimizer$clip_norm)) return(list(dW = dW, db = db))
  scale <- optimizer$clip_norm / norm
  list(dW = lapply(dW, function(weights) scale * weights), db = lapply(db, function(biases) scale * biases))
}

# An input error when the state lacks what the rule remembers.
check_state <- function(optimizer, state, layers) {
  rule <- OPTIMIZERS[[optimizer$name]]
  needed <- if (rule$counts) "step_count"
  if (length(rule$memory) > 0L) {
    parameters <- paste0(c("W", "b"), rep(seq_len(layers), each = 2L))
    needed <- c(needed, paste0(rep(parameters, each = length(rule$memory)), "_", rule$memory))
  }
  lacking <- needed[!(needed %in% names(state))]
  if (length(lacking) > 0L) {
    stop_input(paste0("state must hold ", lacking[1L], ", as initial_state makes it for ", optimizer$name))
  }
}

# An input error when a gradient has not the shape of its parameter.
check_gradients <- function(W, b, dW, db) {
  if (length(unique(c(length(W), length(b), length(dW), length(db)))) > 1L) {
    stop_input(paste0(
      "W, b, dW and db must be equally long, not ", length(W), ", ", length(b), ", ", length(dW), " and ", length(db)
    ))
  }
  for (layer in seq_along(W)) {
    check_matrix(dW[[layer]], paste0("dW", layer), nrow(W[[layer]]), ncol(W[[layer]]))
    check_vector(db[[layer]], paste0("db", layer), length(b[[layer]]))
  }
}

# New weights, biases and state after one step: list(W =, b =, state =).
# W, b: lists of parameters. dW, db: lists of gradients of the same shapes. state: from `initial_state` or the last
# call.
apply_update <- function(optimizer, W, b, dW, db, state, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  rule <- OPTIMIZERS[[optimizer$name]]
  check_gradients(W, b, dW, db)
  check_state(optimizer, state, length(W))
  clipped <- clip_gradients(optimizer, dW, db, arithmetic)
  count <- if (rule$counts) state$step_count + 1 else 0
  new <- if (rule$counts) list(step_count = count) else list()
  for (layer in seq_along(W)) {
    names <- if (length(rule$memory) > 0L) paste0("W", layer, "_", rule$memory)
    updated <- rule$update(
      W[[layer]], clipped$dW[[layer]], unname(state[names]), optimizer$eta, optimizer$hyper, count, TRUE
    )
    W[[layer]] <- updated[[1L]]
    new[names] <- updated[[2L]]
    names <- if (length(rule$memory) > 0L) paste0("b", layer, "_", rule$memory)
    updated <- rule$update(
      b[[layer]], clipped$db[[layer]], unname(state[names]), optimizer$eta, optimizer$hyper, count, FALSE
    )
    b[[layer]] <- updated[[1L]]
    new[names] <- updated[[2L]]
  }
  list(W = W, b = b, state = new)
}
