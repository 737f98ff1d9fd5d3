# Data made up to be learned, drawn from R's stream: the same numbers, bit for bit, in both languages.
#
# Each returns list(X, y, classes): one row of X per observation; y a factor, or a matrix where classes is NULL (numbers
# to predict). Sines and cosines are libm's; everything else is one rounding per operation, in the same order.

# Clusters inside each other: a disc in a ring for every two classes, the pairs on a circle; n observations of each
# class, class after class. Class k draws its n angles as runif(n) turns, then its n radii: 0.45 sqrt(runif(n)) in a
# disc, 1 + 0.08 rnorm(n) in a ring. Pair j of p > 1 lies at angle 2 pi j / p on a circle of radius 0.6 + 0.5 p.
make_clusters <- function(classes = 2, n = 100, seed = 1) {
  classes <- check_count(classes, "classes", at_least = 2)
  n <- check_count(n, "n")
  stream <- r_set_seed(seed)
  pairs <- (classes + 1) %/% 2
  distance <- if (pairs > 1) 0.6 + 0.5 * pairs else 0
  blocks <- lapply(seq_len(classes) - 1, function(k) {
    turn <- 2 * pi * (k %/% 2) / pairs
    angle <- 2 * pi * r_runif(stream, n)
    radius <- if (k %% 2 == 0) 0.45 * sqrt(r_runif(stream, n)) else 1 + 0.08 * r_rnorm(stream, n)
    cbind(distance * cos(turn) + radius * cos(angle), distance * sin(turn) + radius * sin(angle))
  })
  names <- as.character(seq_len(classes))
  list(X = do.call(rbind, blocks), y = factor(rep(names, each = n), levels = names), classes = names)
}

# Points along a spiral, on a background of points that keep away from it; n of each, background first, in the square
# from
# -1 to 1. Spiral: t = sqrt(runif(n)), then the noise 0.015 rnorm(n) of its radius; angle 2 pi turns t, radius 0.9 t.
# Background: points runif(2, -1, 1) one at a time, kept if no nearer than 0.2 / turns to 400 points of the spiral.
make_spiral <- function(n = 400, turns = 1.25, seed = 1) {
  n <- check_count(n, "n")
  turns <- check_number(turns, "turns", above = 0)
  stream <- r_set_seed(seed)
  t <- sqrt(r_runif(stream, n))
  noise <- 0.015 * r_rnorm(stream, n)
  angle <- 2 * pi * turns * t
  radius <- 0.9 * t + noise
  spiral <- cbind(radius * cos(angle), radius * sin(angle))

  s <- seq_len(400) / 400
  curve_angle <- 2 * pi * turns * s
  curve1 <- 0.9 * s * cos(curve_angle)
  curve2 <- 0.9 * s * sin(curve_angle)
  least <- (0.2 / turns) * (0.2 / turns)
  background <- matrix(0, n, 2)
  kept <- 0
  while (kept < n) {
    x <- r_runif(stream, 2, -1, 1)
    if (min((curve1 - x[[1]]) * (curve1 - x[[1]]) + (curve2 - x[[2]]) * (curve2 - x[[2]])) >= least) {
      kept <- kept + 1
      background[kept, ] <- x
    }
  }
  names <- c("background", "spiral")
  list(X = rbind(background, spiral), y = factor(rep(names, each = n), levels = names), classes = names)
}

# A picture as a function: the colour of a pixel from its place. X: x from -1 (left) to 1, y from -1 (top) to 1, row
# after row of the picture; y: red, green and blue, each from 0 to 1. An evening: a sky from blue to orange, a sun with
# a soft edge, two ranges of hills, a lake. Nothing in it is random.
make_image <- function(size = 200) {
  size <- check_count(size, "size", at_least = 2)
  place <- 2 * (seq_len(size) - 1) / (size - 1) - 1
  x1 <- rep(place, times = size)
  x2 <- rep(place, each = size)

  height <- (x2 + 1) / 2
  sky <- matrix(c(0.18, 0.28, 0.62), size * size, 3, byrow = TRUE)
  colour <- mixed(sky, c(0.98, 0.62, 0.30), smooth_step(height / 0.75))
  sun <- sqrt((x1 - 0.25) * (x1 - 0.25) + (x2 + 0.15) * (x2 + 0.15))
  colour <- mixed(colour, c(1.0, 0.92, 0.62), 1 - smooth_step((sun - 0.2) / 0.12))
  far_hills <- 0.22 + 0.13 * rep(sin(3.1 * place + 0.6), times = size)
  colour <- mixed(colour, c(0.36, 0.27, 0.45), smooth_step((x2 - far_hills) / 0.1 + 0.5))
  near_hills <- 0.45 + 0.11 * rep(sin(4.3 * place + 2.2), times = size)
  colour <- mixed(colour, c(0.12, 0.30, 0.24), smooth_step((x2 - near_hills) / 0.08 + 0.5))
  lake <- smooth_step((x2 - 0.72) / 0.08 + 0.5)
  colour <- mixed(colour, c(0.25, 0.45, 0.66), lake)
  list(X = cbind(x1, x2, deparse.level = 0), y = colour, classes = NULL)
}

# The exclusive or: four points that no straight line separates.
make_xor <- function() {
  X <- matrix(c(0, 0, 0, 1, 1, 0, 1, 1), 4, 2, byrow = TRUE)
  list(X = X, y = factor(c("0", "1", "1", "0"), levels = c("0", "1")), classes = c("0", "1"))
}

# 0 below 0, 1 above 1, 3 t^2 - 2 t^3 between
smooth_step <- function(t) {
  t <- pmin(pmax(t, 0), 1)
  t * t * (3 - 2 * t)
}

# (1 - share) under + share over, for each colour
mixed <- function(under, over, share) {
  (1 - share) * under + outer(share, over)
}
