# Rounding bounds: never exceeded by correct evaluations, exceeded by wrong ones. (Python: tests/python/test_bounds.py)
# The long sweeps, in other orders and against Python, are in tests/parity/test_power.py.

draw <- function(sizes, samples = 5, seed = 1) {
  stream <- r_set_seed(seed)
  layers <- seq_len(length(sizes) - 1L)
  list(
    W = lapply(layers, function(l) matrix(r_rnorm(stream, sizes[[l]] * sizes[[l + 1L]]), sizes[[l + 1L]])),
    b = lapply(layers, function(l) r_rnorm(stream, sizes[[l + 1L]])),
    X = matrix(r_rnorm(stream, sizes[[1L]] * samples), ncol = samples),
    Y = matrix(r_runif(stream, sizes[[length(sizes)]] * samples), ncol = samples)
  )
}
two_traces <- function(network, optimizer = define_optimizer(), seed = 1, samples = 5) {
  start <- draw(network$sizes, samples, seed)
  state <- initial_state(optimizer, start$W, start$b)
  lapply(c("fast", "exact"), function(way) {
    trace_step(network, optimizer, start$W, start$b, start$X, start$Y, state, get_arithmetic(way))
  })
}

# Every word has its balls.
expect_equal(c(names(ACTIVATION_BALLS), "softmax"), names(ACTIVATIONS))
expect_equal(names(LOSS_BALLS), names(LOSSES))
expect_equal(names(OPTIMIZER_BALLS), names(OPTIMIZERS))
sorted_names <- function(pairs) sort(names(pairs))
expect_equal(lapply(PAIR_BALLS, sorted_names), lapply(STABLE_PAIRS, sorted_names))

# Two orders of summation stay within the bound.
for (optimizer in names(OPTIMIZERS)) {
  for (activation in c(names(ACTIVATIONS), "relu+softmax")) {
    network <- define_network(c(6, 5, 4), activation, activation, l1 = 0.01, l2 = 0.1)
    rule <- define_optimizer(optimizer, eta = 0.1, clip_norm = 0.5)
    traces <- two_traces(network, rule, seed = nchar(activation))
    wrong <- first_difference(compare_traces(traces[[1L]], traces[[2L]], network, rule))
    expect_true(is.null(wrong), info = paste(activation, optimizer, wrong$quantity))
  }
}

# A bound has the shape of its quantity.
network <- define_network(c(6, 5, 4))
rule <- define_optimizer("adam", eta = 0.1)
traces <- two_traces(network, rule)
bounds <- step_bounds(network, rule, traces[[1L]], traces[[2L]])
expect_equal(names(bounds), names(traces[[1L]]))
expect_equal(lengths(bounds), lengths(traces[[1L]]))
expect_equal(max(bounds$A0), 0)
expect_true(all(unlist(bounds[setdiff(names(bounds), c("A0", "step_count"))]) > 0))

# The bound of a product by hand: one layer, one sample, W = (2 3), A = (5, 7), b = 0: both programs within
# gamma_(2 + 1 + 3) (10 + 21) of 31.
small <- define_network(c(2, 1), output_activation = "linear")
rule <- define_optimizer()
exact <- get_arithmetic("exact")
trace <- trace_step(small, rule, list(rbind(c(2, 3))), list(0), cbind(c(5, 7)), matrix(0), list(), exact)
bound <- step_bounds(small, rule, trace, trace)$Z1
expect_equal(bound[1, 1], 2 * gamma_bound(6) * 31, tolerance = 2e-3)

# Measured differences are passed on.
traces <- two_traces(network)
theirs <- traces[[2L]]
theirs$A1 <- theirs$A1 + 1e-3
bounds <- step_bounds(network, rule, traces[[1L]], theirs)
expect_true(all(bounds$Z2 >= 1e-3 * rowSums(abs(attr(theirs, "inputs")$W2))))
expect_true(max(bounds$Z1) < 1e-12)

# A derivative may jump only where both sides are possible.
jump <- ball_step(ball_of(c(1e-17, 1, 0, -1e-17), c(2e-17, 2e-17, 0, 1e-18)), 0, 1)
expect_equal(jump$value, c(1, 1, 0, 0))
expect_equal(jump$radius, c(1, 0, 0, 0))

# Operations whose radius has no limit.
wide <- ball_of(1, 2)
expect_equal(ball_divide(wide, wide)$radius, Inf)
expect_equal(ball_log(wide)$radius, Inf)
expect_equal(ball_sqrt(wide)$radius, 1) # from 0 to the square root of 3

# A wrong digit is found and named.
network <- define_network(c(6, 5, 4), "tanh")
for (quantity in c("Z1", "A1", "Z2", "A2", "loss", "delta2", "dW2", "db2", "delta1", "dW1", "db1", "W1_new")) {
  traces <- two_traces(network)
  traces[[2L]][[quantity]] <- traces[[2L]][[quantity]] * (1 + 1e-11)
  expect_equal(first_difference(compare_traces(traces[[1L]], traces[[2L]], network, rule))$quantity, quantity)
}

# A missing or misshapen input bounds nothing.
traces <- two_traces(network, samples = 7)
theirs <- traces[[2L]]
theirs$A1 <- t(theirs$A1)
expect_true(all(is.nan(step_bounds(network, rule, traces[[1L]], theirs)$Z2)))
expect_equal(
  first_difference(compare_traces(traces[[1L]], theirs, network, rule))$problem, "shape 5 \u00d7 7 against 7 \u00d7 5"
)
theirs$A1 <- NULL
expect_true(all(is.nan(step_bounds(network, rule, traces[[1L]], theirs)$Z2)))

# Bounds need to know the start.
bare <- lapply(traces, function(trace) {
  attr(trace, "inputs") <- NULL
  trace
})
expect_error(
  step_bounds(network, rule, bare[[1L]], bare[[2L]]), "that the first trace started from, and it has none",
  class = "nnparity_input_error"
)
given <- step_bounds(
  network, rule, bare[[1L]], bare[[2L]], attr(traces[[1L]], "inputs"), attr(traces[[2L]], "inputs")
)
expect_identical(given, step_bounds(network, rule, traces[[1L]], traces[[2L]]))

# gamma.
expect_equal(gamma_bound(1), unit_roundoff)
expect_true(gamma_bound(1000) > 1000 * unit_roundoff)

# A word added to a registry is judged by an estimate.
ball <- probed_ball(function(x) x^2, ball_of(c(3, -3), c(1e-3, 0)))
expect_equal(ball$radius[[1L]], 6.001e-3)
expect_equal(ball$radius[[2L]], gamma_bound(64) * 10)
network <- list(slope = 0.01)
expect_equal(slope_ball("relu", ball_of(c(1, -1), c(0, 0)), network)$value, c(1, 0))

# A gradient that is noise has a finite bound: those of both programs are roundings of zero far above adagrad's epsilon.
network <- define_network(c(1, 1), output_activation = "linear")
inputs <- list(W1 = matrix(1), b1 = 0, Y = matrix(0), W1_accumulator = matrix(0))
traces <- lapply(c(1e-7, -2e-7), function(g) structure(list(dW1 = matrix(g), W1_new = matrix(1)), inputs = inputs))
expect_true(is.finite(step_bounds(network, define_optimizer("adagrad"), traces[[1L]], traces[[2L]])$W1_new[1, 1]))
