# The step without checks gives the bits of the plain one, and is taken only where it covers the case.

both_epochs <- function(network, batch, n = 47, eta = 0.7) {
  stream <- r_set_seed(5)
  outputs <- network$sizes[length(network$sizes)]
  X <- matrix(r_rnorm(stream, network$sizes[1] * n), ncol = n)
  places <- r_sample_int(stream, max(outputs, 2), n, replace = TRUE)
  Y <- if (outputs > 1) t(one_hot(places, outputs)) else matrix(places - 1, 1)
  optimizer <- define_optimizer("sgd", eta)
  plan <- define_training(epochs = 1, batch = batch)
  parameters <- initialize_parameters(network, "normal", 3)
  state <- begin_training(network, optimizer, parameters$W, parameters$b, 4)
  expect_true(fast_step_applies(network, optimizer, 0, get_arithmetic("fast")))
  lapply(c(FALSE, TRUE), function(buffered) train_epoch(network, optimizer, plan, state, X, Y, buffered = buffered))
}

for (loss in names(FAST_OUTPUTS)) {
  for (output in names(FAST_OUTPUTS[[loss]])) {
    for (batch in c(1, 10, 47, 100)) {
      epochs <- both_epochs(define_network(c(7, 5, 3), "sigmoid", output, loss), batch, eta = 0.01)
      expect_identical(epochs[[1]], epochs[[2]], info = paste(loss, output, batch))
    }
  }
}
for (activation in names(FAST_ACTIVATIONS)) {
  epochs <- both_epochs(define_network(c(6, 5, 4, 3), activation, no_bias = 2), 10)
  expect_identical(epochs[[1]], epochs[[2]], info = activation)
}
for (sizes in list(c(5, 1), c(3, 1, 1), c(1, 1), c(60, 30, 10))) {
  epochs <- both_epochs(define_network(sizes), 10)
  expect_identical(epochs[[1]], epochs[[2]], info = paste(sizes, collapse = "-"))
}
# Where it diverges, too: infinite weights, then NaN.
for (eta in c(1e160, 1e308)) {
  epochs <- both_epochs(define_network(c(6, 5, 4, 3), "linear"), 10, eta = eta)
  expect_true(all(is.nan(epochs[[1]][[1]]$W[[3]])))
  expect_identical(epochs[[1]], epochs[[2]], info = paste("eta", eta))
}
# The session's own options stay.
usual <- options(matprod = "internal")
invisible(both_epochs(define_network(c(5, 4, 3)), 10))
expect_identical(getOption("matprod"), "internal")
options(usual)

covers <- function(..., optimizer = define_optimizer(), dropout = 0, arithmetic = "fast") {
  fast_step_applies(define_network(c(4, 3, 2), ...), optimizer, dropout, get_arithmetic(arithmetic))
}
expect_true(covers())
expect_false(covers(l2 = 0.1))
expect_false(covers(activation = "gelu"))
expect_false(covers(loss = "huber"))
expect_false(covers(optimizer = define_optimizer("adam")))
expect_false(covers(optimizer = define_optimizer(clip_norm = 1)))
expect_false(covers(dropout = 0.5))
expect_false(covers(arithmetic = "exact"))
