sigmoid <- function(z) 1 / (1 + exp(-z))

predict <- function(p, data) {
  input <- as.matrix(data)
  hidden <- sigmoid(input %*% p$W1 + matrix(p$b1, nrow(input), length(p$b1), byrow = TRUE))
  list(hidden = hidden, output = sigmoid(sweep(hidden %*% p$W2, 2, p$b2, FUN = "+")))
}
step <- function(W, b, X, Y, eta) {
  data <- as.data.frame(t(X)); target <- data.frame(t(Y))
  p <- list(W1 = t(W[[1]]), W2 = t(W[[2]]), b1 = b[[1]], b2 = b[[2]])
  o <- predict(p, data)
  error <- as.matrix(o$output - target)
  delta2 <- error * o$output * (1 - o$output)
  delta1 <- delta2 %*% t(p$W2) * with(o, hidden * (1 - hidden))
  p <- within(p, {
    W2 <- W2 - eta * t(o$hidden) %*% delta2 / nrow(data)
    W1 <- W1 - eta * t(as.matrix(data)) %*% delta1 / nrow(data)
  })
  p$b1 <- p$b1 - eta * colMeans(delta1)
  p$b2 <- p$b2 - eta * colMeans(delta2)
  list(W = list(unname(t(p$W1)), unname(t(p$W2))), b = unname(list(p$b1, p$b2)))
}
