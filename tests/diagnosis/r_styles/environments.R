sigmoid <- function(z) 1 / (1 + exp(-z))

net <- new.env()
train <- function(net) with(net, {
  z1 <- W1 %*% X + b1
  a1 <- sigmoid(z1)
  a2 <- sigmoid(W2 %*% a1 + b2)
  d2 <- (a2 - Y) * a2 * (1 - a2)
  d1 <- crossprod(W2, d2) * a1 * (1 - a1)
  NULL
})
step <- function(W, b, X, Y, eta) {
  for (l in 1:2) {
    assign(paste0("W", l), W[[l]], envir = net)
    net[[paste0("b", l)]] <- b[[l]]
  }
  net$X <- X; net$Y <- Y
  train(net)
  m <- ncol(X)
  local({
    W2 <<- net$W2 - eta * net$d2 %*% t(net$a1) / m
    W1 <<- net$W1 - eta * net$d1 %*% t(X) / m
  }, envir = new.env())
  list(W = list(W1, W2), b = list(net$b1 - eta * rowMeans(net$d1), net$b2 - eta * rowMeans(net$d2)))
}
