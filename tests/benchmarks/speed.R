# R's side of the race: reads "products 10", "epoch 10" or "nnet 1" from its input and answers with the seconds.

suppressMessages(source("R/nnparity.R"))
source("tests/benchmarks/digits.R")
X <- t(data$X)
Y <- t(one_hot(data$y, 10))
network <- define_network(c(784, 30, 10))
optimizer <- define_optimizer("sgd", 3)
parameters <- initialize_parameters(network, "normal_scaled", 1)
state <- begin_training(network, optimizer, parameters$W, parameters$b)
W <- parameters$W

seconds_of <- function(code) {
  started <- proc.time()
  force(code)
  sum((proc.time() - started)[1:2]) # of the processor
}
answers <- list(
  products = function(batch) {
    delta1 <- matrix(1, 30, batch)
    delta2 <- matrix(1, 10, batch)
    seconds_of(for (first in seq.int(1, ncol(X), by = batch)) {
      x <- X[, first:(first + batch - 1)]
      A1 <- W[[1]] %*% x
      W[[2]] %*% A1
      crossprod(W[[2]], delta2)
      tcrossprod(delta2, A1)
      tcrossprod(delta1, x)
    })
  },
  epoch = function(batch) {
    plan <- define_training(epochs = 1, batch = batch)
    seconds_of(train_epoch(network, optimizer, plan, state, X, Y))
  },
  # nnet knows full batches only, and keeps a matrix of all pairs of weights: the small digits, ten iterations.
  nnet = function(batch) {
    small <- load_digits()
    seconds_of(nnet::nnet(small$X, one_hot(small$y, 10), size = 30, maxit = 10, MaxNWts = 1e5, trace = FALSE)) / 10
  },
  full_batch = function(batch) {
    small <- load_digits()
    model <- prepare_model(small$X, small$y, hidden = 30, batch = 1797, epochs = 10)
    seconds_of(train_model(model, small$X, small$y)) / 10
  }
)
cat(extSoftVersion()[["BLAS"]], "\n", sep = "")
flush(stdout())
input <- file("stdin", "r")
while (length(line <- readLines(input, 1L)) == 1L) {
  words <- strsplit(line, " ", fixed = TRUE)[[1L]]
  cat(answers[[words[1L]]](as.double(words[2L])), "\n", sep = "")
  flush(stdout())
}
