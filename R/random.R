# R's random numbers in Python and NumPy's legacy ones in R, bit for bit: one seed means the same network in both.
#
# Two streams, both over the Mersenne twister MT19937 (Matsumoto and Nishimura, 1998):
# - r_* draw what R (3.6 and later) draws after set.seed: RNGkind("Mersenne-Twister", "Inversion", "Rejection");
# - numpy_* draw what numpy.random.RandomState draws.
# The values are those of the stream's own language in both: r_sample counts from 1, numpy_permutation from 0.
# A state (an environment) changes with every draw from it; nothing else does: .Random.seed and RNGkind() stay the
# caller's.

key_length <- 624L # words of state of MT19937
random_seed_kind <- 10403L # R's code for Rejection (1), Inversion (04) and Mersenne-Twister (03), .Random.seed[1]
seed_limit <- 2147483647 # set.seed takes what an R integer holds; -2^31 is its NA
largest_whole <- 2^53 # whole numbers up to here are exact in a double, which is all that R has

# --- R's stream ------------------------------------------------------------------------------------------------------

# The state of R's stream after set.seed(seed), seed a whole number from -(2^31 - 1) to 2^31 - 1.
r_set_seed <- function(seed) {
  seed <- check_whole(seed, "seed", -seed_limit, seed_limit)
  keep_session_generator({
    set.seed(seed, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
    new_stream("r_stream", session_random_seed())
  })
}

# The state as R's .Random.seed: 626 integers, the kind, the position and the key. Assign it to .Random.seed in the
# global environment and R goes on where this stream stands.
r_get_state <- function(state) {
  check_stream(state, "r_stream")
  state$random_seed
}

# The stream that goes on where R's .Random.seed stands: r_from_state(.Random.seed).
r_from_state <- function(random_seed) {
  whole <- is.integer(random_seed) && length(random_seed) == 2L + key_length
  if (!whole || !identical(random_seed[[1L]], random_seed_kind) || !(random_seed[[2L]] %in% seq_len(key_length)) ||
        all(random_seed[-(1:2)] %in% 0L)) {
    stop_input(paste0(
      "random_seed must be the .Random.seed of R's default generators (626 integers, the first 10403), not ",
      describe(random_seed)
    ))
  }
  new_stream("r_stream", random_seed)
}

# runif(n, min, max); the state moves on by n words (none when min is max).
r_runif <- function(state, n, min = 0, max = 1) {
  check_stream(state, "r_stream")
  n <- check_count(n, "n", at_least = 0)
  min <- check_number(min, "min")
  max <- check_number(max, "max", at_least = min)
  # min + (max - min) u
  draw_from(state, runif(n, min, max))
}

# rnorm(n, mean, sd), by inversion; the state moves on by 2n words (none when sd is 0).
r_rnorm <- function(state, n, mean = 0, sd = 1) {
  check_stream(state, "r_stream")
  n <- check_count(n, "n", at_least = 0)
  mean <- check_number(mean, "mean")
  sd <- check_number(sd, "sd", at_least = 0)
  draw_from(state, rnorm(n, mean, sd))
}

# rexp(n, rate): algorithm SA of Ahrens and Dieter (1972).
r_rexp <- function(state, n, rate = 1) {
  check_stream(state, "r_stream")
  n <- check_count(n, "n", at_least = 0)
  rate <- check_number(rate, "rate", above = 0)
  draw_from(state, rexp(n, rate))
}

# sample.int(n, size, replace, prob): whole numbers from 1 to n; a permutation of them unless size is given.
r_sample_int <- function(state, n, size = NULL, replace = FALSE, prob = NULL) {
  check_stream(state, "r_stream")
  n <- check_whole(n, "n", 1, largest_whole)
  size <- if (is.null(size)) n else check_count(size, "size", at_least = 0)
  if (!replace && size > n) {
    stop_input(sprintf("size must be at most n, %.0f, without replacement, not %.0f", n, size))
  }
  if (!is.null(prob)) prob <- check_weights(prob, n, size, replace)
  draw_from(state, sample.int(n, size, replace, prob))
}

# sample(x, size, replace, prob): from 1 to x when x is one number, from the elements of x otherwise.
r_sample <- function(state, x, size = NULL, replace = FALSE, prob = NULL) {
  if (is.numeric(x) && length(x) == 1L) {
    return(r_sample_int(state, check_whole(x, "x", 1, largest_whole), size, replace, prob))
  }
  if (!is.null(dim(x)) || length(x) == 0L) {
    stop_input(paste0("x must be a whole number of at least 1 or a vector with elements, not ", describe(x)))
  }
  x[r_sample_int(state, length(x), size, replace, prob)]
}

# --- NumPy's legacy stream -------------------------------------------------------------------------------------------

# The state of NumPy's legacy stream after numpy.random.seed(seed), seed a whole number from 0 to 2^32 - 1.
numpy_set_seed <- function(seed) {
  seed <- check_whole(seed, "seed", 0, 4294967295)
  # Knuth's generator: key[j] = 1812433253 (key[j-1] xor (key[j-1] >> 30)) + j (mod 2^32)
  key <- numeric(key_length)
  key[[1L]] <- seed
  for (j in seq_len(key_length - 1L)) {
    low <- seed %% 4
    mixed <- seed - low + bitwXor(low, seed %/% 1073741824)
    seed <- (multiply_words(1812433253, mixed) + j) %% 4294967296
    key[[j + 1L]] <- seed
  }
  numpy_from_state(list("MT19937", key, key_length, 0, 0))
}

# The state as RandomState.get_state() gives it: a list of name, key, position, has_gauss, cached_gaussian.
numpy_get_state <- function(state) {
  check_stream(state, "numpy_stream")
  list(
    name = "MT19937", key = as_words(state$random_seed[-(1:2)]), position = state$random_seed[[2L]],
    has_gauss = as.integer(state$has_gauss), cached_gaussian = state$cached_gaussian
  )
}

# The stream that goes on where RandomState.get_state() stood.
numpy_from_state <- function(values) {
  if (!is_numpy_state(values)) {
    stop_input(paste0(
      "values must be what RandomState.get_state() gives (the name MT19937, a key of 624 words, ",
      "a position from 1 to 624, has_gauss and cached_gaussian), not ", describe(values)
    ))
  }
  state <- new_stream("numpy_stream", c(random_seed_kind, as.integer(values[[3L]]), as_signed(values[[2L]])))
  state$has_gauss <- values[[4L]] == 1
  state$cached_gaussian <- as.double(values[[5L]])
  state
}

# numpy.random.random_sample(size): uniform on [0, 1), 53 bits from two words. size: how many, or the dimensions
# (filled row by row, as NumPy does).
numpy_random_sample <- function(state, size) {
  check_stream(state, "numpy_stream")
  size <- check_size(size)
  in_rows(pair_doubles(take_words(state, 2 * prod(size))), size)
}

# numpy.random.randn(*size): Marsaglia's polar method, the second value of a pair kept for the next draw.
numpy_randn <- function(state, size) {
  check_stream(state, "numpy_stream")
  size <- check_size(size)
  count <- prod(size)
  values <- numeric()
  if (count > 0 && state$has_gauss) {
    values <- state$cached_gaussian
    state$has_gauss <- FALSE
    state$cached_gaussian <- 0
  }
  pairs <- ceiling((count - length(values)) / 2)
  if (pairs > 0) {
    values <- c(values, polar_pairs(state, pairs))
    if (length(values) > count) {
      state$has_gauss <- TRUE
      state$cached_gaussian <- values[[count + 1]]
    }
  }
  in_rows(values[seq_len(count)], size)
}

# numpy.random.permutation(x): of 0 to x - 1 when x is one number, of x's elements or rows otherwise.
numpy_permutation <- function(state, x) {
  if (is.numeric(x) && is.null(dim(x)) && length(x) == 1L) {
    x <- seq_len(check_count(x, "x")) - 1L
  }
  numpy_shuffle(state, x)
}

# A copy of x in the order into which numpy.random.shuffle(x) would bring it; a matrix by its rows.
numpy_shuffle <- function(state, x) {
  check_stream(state, "numpy_stream")
  if (is.matrix(x)) {
    return(x[shuffled_order(state, nrow(x)), , drop = FALSE])
  }
  if (!is.vector(x) && !is.factor(x)) stop_input(paste0("x must be a vector or a matrix, not ", describe(x)))
  x[shuffled_order(state, length(x))]
}

# numpy.random.randint(low, high, size): whole numbers from low to high - 1, by masked rejection; from 0 to low - 1 when
# high is not given; one unless size is given.
numpy_randint <- function(state, low, high = NULL, size = NULL) {
  check_stream(state, "numpy_stream")
  low <- check_whole(low, "low", -largest_whole, largest_whole)
  if (is.null(high)) {
    high <- low
    low <- 0
  }
  high <- check_whole(high, "high", low + 1, low + largest_whole)
  size <- check_size(if (is.null(size)) 1 else size)
  in_rows(low + masked_below(state, high - low, prod(size)), size)
}

# --- R's generator, borrowed -----------------------------------------------------------------------------------------

new_stream <- function(class, random_seed) {
  state <- new.env(parent = emptyenv())
  state$random_seed <- random_seed
  class(state) <- class
  state
}

session_random_seed <- function() {
  get0(".Random.seed", envir = globalenv(), inherits = FALSE)
}

# Evaluates `draw` and leaves the session's generator as it was, its .Random.seed absent if it was absent.
keep_session_generator <- function(draw) {
  random_seed <- session_random_seed()
  kind <- if (is.null(random_seed)) RNGkind()
  on.exit({
    if (is.null(random_seed)) {
      suppressWarnings(do.call(RNGkind, as.list(kind)))
      rm(".Random.seed", envir = globalenv())
    } else {
      assign(".Random.seed", random_seed, envir = globalenv())
      RNGkind() # takes the kind from it now, not at the next draw
    }
  })
  draw
}

# Evaluates `draw` with R's generator standing where the state stands, and moves the state on.
draw_from <- function(state, draw) {
  keep_session_generator({
    assign(".Random.seed", state$random_seed, envir = globalenv())
    values <- draw
    state$random_seed <- session_random_seed()
    values
  })
}

# --- how NumPy makes them --------------------------------------------------------------------------------------------

# The next `count` 32-bit words: R's uniform is word / 2^32, and something below 1 / 2^32 for the word 0.
take_words <- function(state, count) {
  draw_from(state, floor(runif(count) * 4294967296))
}

# The same words without using them up.
look_at_words <- function(state, count) {
  random_seed <- state$random_seed
  words <- take_words(state, count)
  state$random_seed <- random_seed
  words
}

# a * b modulo 2^32, by halves: neither product exceeds 2^53.
multiply_words <- function(a, b) {
  high <- b %/% 65536
  (a * (b %% 65536) + ((a * high) %% 65536) * 65536) %% 4294967296
}

# Words as the signed integers of .Random.seed; 2^31 is R's NA there.
as_signed <- function(words) {
  signed <- words - 4294967296 * (words >= 2147483648)
  signed[signed == -2147483648] <- NA
  as.integer(signed)
}

as_words <- function(signed) {
  words <- as.double(signed)
  words[is.na(words)] <- -2147483648
  words + 4294967296 * (words < 0)
}

is_numpy_state <- function(values) {
  is.list(values) && length(values) == 5L && identical(values[[1L]], "MT19937") &&
    is.numeric(values[[2L]]) && length(values[[2L]]) == key_length && all(values[[2L]] %in% floor(values[[2L]])) &&
    all(values[[2L]] >= 0 & values[[2L]] <= 4294967295) &&
    is.numeric(values[[3L]]) && length(values[[3L]]) == 1L && values[[3L]] %in% seq_len(key_length) &&
    length(values[[4L]]) == 1L && values[[4L]] %in% 0:1 && is.numeric(values[[5L]]) && length(values[[5L]]) == 1L
}

# (2^26 floor(a / 2^5) + floor(b / 2^6)) / 2^53 of each pair of words a, b
pair_doubles <- function(words) {
  pairs <- matrix(words, nrow = 2L)
  (floor(pairs[1L, ] / 32) * 67108864 + floor(pairs[2L, ] / 64)) / 9007199254740992
}

# Points in the unit disc, x1 and x2, until there are `pairs` of them: the values are f x2 and f x1 in turn,
# f = sqrt(-2 log(r2) / r2), r2 = x1^2 + x2^2.
polar_pairs <- function(state, pairs) {
  values <- numeric()
  while (length(values) < 2 * pairs) {
    missing <- pairs - length(values) / 2
    x <- matrix(2 * pair_doubles(look_at_words(state, 4 * ceiling(1.4 * missing + 16))) - 1, nrow = 2L)
    r2 <- x[1L, ] * x[1L, ] + x[2L, ] * x[2L, ]
    inside <- which(r2 < 1 & r2 != 0)
    inside <- inside[seq_len(min(missing, length(inside)))]
    take_words(state, 4 * if (length(inside) == missing) inside[[missing]] else length(r2))
    f <- sqrt(-2 * log(r2[inside]) / r2[inside])
    values <- c(values, rbind(f * x[2L, inside], f * x[1L, inside]))
  }
  values
}

# The smallest power of two above `range`.
power_above <- function(range) {
  power <- 1
  while (power <= range) power <- 2 * power
  power
}

# `count` whole numbers from 0 to below - 1: the lowest bits of a word (of two, from 2^32 on), again while they are too
# large.
masked_below <- function(state, below, count) {
  if (below == 1) {
    return(numeric(count))
  }
  power <- power_above(below - 1)
  each <- if (power > 4294967296) 2L else 1L
  values <- numeric()
  while (length(values) < count) {
    missing <- count - length(values)
    words <- matrix(look_at_words(state, each * (2 * missing + 16)), nrow = each)
    tries <- if (each == 1L) words[1L, ] %% power else (words[1L, ] %% (power / 4294967296)) * 4294967296 + words[2L, ]
    good <- which(tries < below)
    good <- good[seq_len(min(missing, length(good)))]
    take_words(state, each * if (length(good) == missing) good[[missing]] else length(tries))
    values <- c(values, tries[good])
  }
  values
}

# Fisher and Yates from the end: for i = n - 1, ..., 1 swap i with a j from 0 to i, drawn with the mask of i.
shuffled_order <- function(state, n) {
  order <- seq_len(n)
  words <- look_at_words(state, 2 * n)
  used <- 0
  power <- power_above(n - 1)
  for (i in rev(seq_len(max(n - 1, 0)))) {
    if (power / 2 > i) power <- power / 2
    repeat {
      used <- used + 1
      if (used > length(words)) words <- look_at_words(state, 2 * length(words))
      j <- words[[used]] %% power
      if (j <= i) break
    }
    kept <- order[[i + 1]]
    order[[i + 1]] <- order[[j + 1]]
    order[[j + 1]] <- kept
  }
  take_words(state, used)
  order
}

# Values in NumPy's order, the last index fastest, as a vector, matrix or array with these dimensions.
in_rows <- function(values, size) {
  if (length(size) == 1L) values else aperm(array(values, rev(size)))
}

# --- bad input -------------------------------------------------------------------------------------------------------

check_whole <- function(value, what, low, high) {
  is_number <- is.numeric(value) && length(value) == 1L && is.finite(value)
  if (!is_number || value != floor(value) || value < low || value > high) {
    stop_input(sprintf("%s must be a whole number from %.0f to %.0f, not %s", what, low, high, describe(value)))
  }
  as.double(value)
}

check_stream <- function(state, class) {
  makers <- if (class == "r_stream") "r_set_seed or r_from_state" else "numpy_set_seed or numpy_from_state"
  if (!inherits(state, class)) stop_input(paste0("state must be a stream of ", makers, ", not ", describe(state)))
}

check_size <- function(size) {
  vapply(as.list(size), check_count, double(1L), what = "size", at_least = 0)
}

check_weights <- function(prob, n, size, replace) {
  if (!is.numeric(prob) || length(prob) != n) {
    stop_input(sprintf("prob must be %.0f numbers, one for each outcome, not %s", n, describe(prob)))
  }
  if (!all(is.finite(prob) & prob >= 0)) stop_input("prob must hold finite numbers of at least 0 only")
  needed <- if (replace) 1 else max(size, 1)
  positive <- sum(prob > 0)
  if (positive < needed) stop_input(sprintf("prob must have at least %.0f values above 0, not %d", needed, positive))
  as.double(prob)
}
