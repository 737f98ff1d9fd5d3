# Two traces are compared element by element: never by a norm, a mean or a correlation.

smallest_subnormal <- 2^-1074

# Hold two traces of one step against each other, quantity by quantity in order of computation.
# Without network and optimizer no rounding bound is known and only equal values agree; arithmetic "fast" allows what
# rounding can cause (step_bounds), "exact" demands the same bits. A data frame with one row per quantity:
# quantity, count, max_abs, max_rel, max_ulp, ratio, place, value_a, value_b, problem, agrees.
compare_traces <- function(
  a, b, network = NULL, optimizer = NULL, arithmetic = "fast", inputs_a = NULL, inputs_b = NULL
) {
  arithmetic <- get_arithmetic(arithmetic)$name
  quantities <- c(names(a), setdiff(names(b), names(a)))
  bounds <- list()
  if (arithmetic == "fast" && !is.null(network)) {
    unequal <- Filter(function(name) !same_values(a[[name]], b[[name]]), quantities)
    if (length(unequal)) {
      bounds <- step_bounds(network, optimizer, a, b, inputs_a, inputs_b, quantities = unequal)
    }
  }
  rows <- lapply(quantities, function(name) compare_quantity(name, a[[name]], b[[name]], bounds[[name]], arithmetic))
  columns <- names(rows[[1L]])
  data.frame(
    stats::setNames(lapply(columns, function(column) unlist(lapply(rows, `[[`, column))), columns),
    stringsAsFactors = FALSE
  )
}

# The first quantity, in order of computation, that does not agree: a row of the comparison; NULL if all agree.
first_difference <- function(comparison) {
  wrong <- which(!comparison$agrees)
  if (length(wrong)) comparison[wrong[[1L]], ] else NULL
}

# Compare two values of one quantity element by element. NULL stands for a value that a trace lacks; `bound` is the
# largest difference that rounding can cause, and without it only equal values agree; with "exact" the sign of zero
# counts.
compare_quantity <- function(quantity, a, b, bound = NULL, arithmetic = "fast") {
  if (is.null(a) || is.null(b)) {
    return(unmeasurable(quantity, sprintf("missing in the %s trace", if (is.null(a)) "first" else "second")))
  }
  if (!identical(shape_text(a), shape_text(b))) {
    return(unmeasurable(quantity, sprintf("shape %s against %s", shape_text(a), shape_text(b))))
  }
  if (same_values(a, b) && (arithmetic != "exact" || identical(as.vector(a), as.vector(b), num.eq = FALSE))) {
    return(quantity_difference(quantity, length(a), 0, 0, 0, 0, "", NaN, NaN, "", TRUE))
  }
  compare_elements(quantity, a, b, bound, arithmetic)
}

# Compare two arrays of one shape that are not the same bytes.
compare_elements <- function(quantity, a, b, bound, arithmetic) {
  shape <- dim(a)
  a <- as.vector(a)
  b <- as.vector(b)
  difference <- abs(a - b)
  difference[same_elements(a, b)] <- 0
  difference[is.na(difference)] <- Inf
  relative <- relative_difference(a, b, difference)
  ratio <- if (is.null(bound)) rep(NaN, length(a)) else evidence_ratio(difference, as.vector(bound))
  evidence <- if (is.null(bound)) relative else ratio
  if (arithmetic == "exact") evidence[sign_of_zero(a, b)] <- smallest_subnormal
  worst <- which.max(evidence)
  agrees <- if (is.null(bound)) !(evidence[[worst]] > 0) else evidence[[worst]] <= 1
  problem <- ""
  if (!agrees && !(is.finite(a[[worst]]) && is.finite(b[[worst]]))) {
    problem <- sprintf("%s against %s", format_number(a[[worst]]), format_number(b[[worst]]))
  } else if (!agrees && same_elements(a[[worst]], b[[worst]])) {
    problem <- "the sign of zero differs"
  }
  index <- if (!is.null(shape)) as.vector(arrayInd(worst, shape)) else if (!quantity %in% scalar_quantities) worst
  quantity_difference(
    quantity, length(a), max(difference), max(relative), max(ulp_distance(a, b)), ratio[[worst]],
    element_place(quantity, index), a[[worst]], b[[worst]], problem, agrees
  )
}

# Where 0 stands against -0.
sign_of_zero <- function(a, b) same_elements(a, b) & !is.na(a) & a == 0 & 1 / a != 1 / b

# |a - b| / max(|a|, |b|), element by element; 0 where nothing differs, Inf where the distance is infinite.
relative_difference <- function(a, b, difference) {
  relative <- difference / pmax(abs(a), abs(b), smallest_subnormal)
  ifelse(difference == 0, 0, ifelse(is.finite(difference), relative, Inf))
}

# |difference| / bound, element by element: 0 where nothing differs, Inf where only equality could pass.
# A bound that is not finite bounds nothing (the analysis presupposes that no intermediate result overflows): there
# only equal values pass.
evidence_ratio <- function(difference, bound) {
  bound <- rep_len(bound, length(difference))
  usable <- is.finite(bound) & bound > 0 & is.finite(difference)
  ratio <- ifelse(difference > 0, Inf, 0)
  ratio[usable] <- difference[usable] / bound[usable]
  ratio
}

# |a - b| in units in the last place of the larger of the two; Inf if they differ and one of them is not finite.
ulp_distance <- function(a, b) {
  larger <- pmax(abs(a), abs(b))
  finite <- is.finite(larger)
  magnitude <- pmax(ifelse(finite, larger, 1), 2^-1022)
  exponent <- floor(log2(magnitude))
  exponent <- exponent - (2^exponent > magnitude)
  exponent <- exponent + (exponent < 1023 & 2^pmin(exponent + 1, 1023) <= magnitude)
  # two factors: the difference may be subnormal and the unit in the last place smaller than 2^-1022
  distance <- abs(a - b) * 2^pmin(52 - exponent, 1000) * 2^pmax(52 - exponent - 1000, 0)
  ifelse(finite, distance, ifelse(same_elements(a, b), 0, Inf))
}

# The element at this 1-based index as R code, in the notation of lists of layers: dW[[2]][3, 1].
element_place <- function(quantity, index) {
  subscript <- if (length(index)) sprintf("[%s]", paste(index, collapse = ", ")) else ""
  paste0(list_place(quantity), subscript)
}

# A quantity as an entry of its list: dW[[2]]; lists of layers start at layer 1, except A, which starts at A0.
list_place <- function(quantity) {
  match <- regmatches(quantity, regexec("^([A-Za-z]+?)([0-9]+)(_[A-Za-z0-9_]+)?$", quantity, perl = TRUE))[[1L]]
  if (!length(match)) return(quantity)
  layer <- as.integer(match[[3L]]) + (match[[2L]] == "A")
  paste0(match[[2L]], match[[4L]], "[[", layer, "]]")
}

# Whether two values of a quantity are equal in shape and in every element.
same_values <- function(a, b) {
  !is.null(a) && !is.null(b) && equal_arrays(a, b)
}

# Where two vectors are equal, NaN with NaN included.
same_elements <- function(a, b) (is.nan(a) & is.nan(b)) | (!is.na(a) & !is.na(b) & a == b)

# Two values that have no distance.
unmeasurable <- function(quantity, problem) {
  quantity_difference(quantity, 0L, Inf, Inf, Inf, Inf, quantity, NaN, NaN, problem, FALSE)
}

# How far two values of one quantity lie apart: one row of a comparison.
quantity_difference <- function(
  quantity, count, max_abs, max_rel, max_ulp, ratio, place, value_a, value_b, problem, agrees
) {
  list(
    quantity = quantity, count = count, max_abs = max_abs, max_rel = max_rel, max_ulp = max_ulp, ratio = ratio,
    place = place, value_a = value_a, value_b = value_b, problem = problem, agrees = agrees
  )
}

# The shape of an array in words: "3 x 2", "3".
shape_text <- function(array) {
  paste(if (is.null(dim(array))) length(array) else dim(array), collapse = " \u00d7 ")
}
