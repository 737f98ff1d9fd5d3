# R's side of memory.py: a line for each case, its name, the batch and the bytes beside the data.

suppressMessages(source("R/nnparity.R"))
source("tests/benchmarks/digits.R")
rows <- data$X
classes <- data$y
Y <- t(one_hot(classes, 10))
network <- define_network(c(784, 30, 10))
parameters <- initialize_parameters(network, "normal_scaled", 1)
rm(data)

peak_of <- function(work, every) {
  gc()
  before <- gc(reset = TRUE)[2L, 1L]
  gctorture2(every) # a collection every so many allocations
  work()
  gctorture2(0L)
  8 * (gc()[2L, 5L] - before)
}
show <- function(what, batch, peak) cat(sprintf("%s\t%d\t%.0f\n", what, batch, peak))

for (batch in c(100L, 1000L)) {
  every <- as.integer(20000 / batch)
  plan <- define_training(epochs = 1, batch = batch)
  optimizer <- define_optimizer("sgd", 3)
  state <- begin_training(network, optimizer, parameters$W, parameters$b)
  X <- t(rows)
  show("train_network, sgd", batch, peak_of(function() train_network(network, optimizer, plan, state, X, Y), every))
  rm(X)
  fit <- function() fit_network(rows, classes, hidden = 30, eta = 3, epochs = 1, batch = batch, seed = 1)
  show("fit_network", batch, peak_of(fit, every))
}
