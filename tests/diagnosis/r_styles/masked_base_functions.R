sigmoid <- function(z) 1 / (1 + exp(-z))

c <- function(...) base::c(...)
list <- function(...) base::list(...)
t <- function(x) base::t(x)
sum <- function(...) base::sum(...)
length <- function(x) base::length(x)
class <- "a string"
data <- 3; T <- 1; identical <- NULL; attr <- 2
`[.odd` <- function(x, i) stop("never")
options(warn = 2)
sink(tempfile())
step <- function(W, b, X, Y, eta) {
  a <- list(X)
  for (l in seq_along(W)) a <- c(a, list(sigmoid(W[[l]] %*% a[[l]] + b[[l]])))
  d <- (a[[3]] - Y) * a[[3]] * (1 - a[[3]])
  e <- (t(W[[2]]) %*% d) * a[[2]] * (1 - a[[2]])
  m <- ncol(X)
  list(W = list(W[[1]] - eta * e %*% t(X) / m, W[[2]] - eta * d %*% t(a[[2]]) / m),
       b = list(b[[1]] - eta * rowSums(e) / m, b[[2]] - eta * rowSums(d) / m))
}
rm(list = setdiff(ls(), c("step", "sigmoid", "t", "c", "list", "sum", "length")))
