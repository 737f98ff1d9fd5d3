# as_step: an adapter in one call, for the common layouts of networks; available in every R adapter.
#
#     step <- as_step(train_step, "X, Y, W1, b1, W2, b2, eta", samples = "rows", weights = "in_by_out")
#
# f           the function that makes one step or computes the gradients; with a holder, the name of its method, or a
#             function that is given the holder first
# takes       what f takes, in order, names of arguments before an equals sign: "X, Y, W1, b1, lr = eta". The words:
#             W, b (lists), W1, b1, ... (one layer), flat (list(W1, b1, W2, ...)), pairs (list(list(W1, b1), ...)),
#             parameters (list(W1 =, b1 =, ...)), theta (all numbers in one vector, each matrix by column), X, Y,
#             batch (list(list(x, y), ...)), Xs, Ys (lists of samples), labels (class numbers from 0), eta, m, sizes,
#             or any constant; and in R: classes (class numbers from 1), X_frame, Y_frame (data frames)
# samples     "columns": X is n_0 x m    "rows": m x n_0    "one", "one_column", "one_row": f takes one sample at a
#             time, as a vector, n_0 x 1 or 1 x n_0; the latter three also say how the samples in batch look
# weights     "out_by_in": W[[l]] is n_l x n_(l-1)    "in_by_out": its transpose
# bias        "separate"; folded into W[[l]]: "first_row", "last_row" (in_by_out), "first_column", "last_column"
#             (out_by_in); "none"
# bias_shape  "vector", "column" (n_l x 1) or "row" (1 x n_l), where the bias is separate
# returns     "parameters": the new weights and biases    "gradients": dW and db, means over the samples
#             "holder": f changes its holder (and returns it, where that is no environment); arrays are recognised by
#             their shapes
# holder      makes the object that keeps the parameters, of the vector of widths: function(sizes) Net$new(sizes);
#             `globalenv` for a network in global variables (f is then not given the holder)
# slots       names of the holder's fields and what belongs there, in the words of takes: c(weights = "W", biases = "b")
#
# With one sample at a time, the result is the mean of the results: f is linear in the gradient. What f is given are
# copies. The twin of this file is as_step.py; the words and the defaults are the same.

as_step <- local({

  words_of_choice <- list(
    samples = c("columns", "rows", "one", "one_column", "one_row"),
    weights = c("out_by_in", "in_by_out"),
    bias = c("separate", "first_row", "last_row", "first_column", "last_column", "none"),
    bias_shape = c("vector", "column", "row"),
    returns = c("parameters", "gradients", "holder"))

  as_step <- function(f, takes = "W, b, X, Y, eta", samples = "columns", weights = "out_by_in", bias = "separate",
                      bias_shape = "vector", returns = "parameters", holder = NULL, slots = NULL) {
    chosen <- list(samples = samples, weights = weights, bias = bias, bias_shape = bias_shape, returns = returns)
    for (name in names(chosen)) {
      choice <- chosen[[name]]
      if (!(is.character(choice) && length(choice) == 1L && choice %in% words_of_choice[[name]])) {
        possible <- paste(words_of_choice[[name]], collapse = ", ")
        complain(name, " must be one of ", possible, ", not ", deparse(choice)[1])
      }
    }
    for (side in c("row", "column")) {
      layout <- if (side == "row") "in_by_out" else "out_by_in"
      if (grepl(paste0(side, "$"), bias) && weights != layout) {
        complain("bias = \"", bias, "\" goes with weights = \"", layout, "\", for a ", side,
                 " has as many numbers as the bias")
      }
    }
    if (returns == "holder" && is.null(holder)) complain("returns = \"holder\" needs a holder")
    words <- words_of(takes)
    one_by_one <- grepl("^one", samples) && !any(c("batch", "Xs", "Ys") %in% vapply(words, as_text, ""))
    layout <- chosen

    function(W, b, X, Y, eta) {
      turns <- if (one_by_one) as.list(seq_len(ncol(X))) else list(NULL)
      found <- lapply(turns, function(i) {
        given <- what_is_given(layout, W, b, X, Y, eta, i)
        action <- f
        first <- list()
        kept <- NULL
        if (!is.null(holder)) {
          kept <- if (length(formals(args(holder)))) holder(given$sizes) else holder()
          for (name in names(slots)) kept <- put(kept, name, word(given, as.name(slots[[name]])))
          if (is.character(f)) action <- field(kept, f) else if (!identical(kept, globalenv())) first <- list(kept)
        }
        result <- do.call(action, c(first, lapply(words, word, given = given)), quote = TRUE)
        if (returns == "holder") {
          if (!is.environment(kept)) kept <- result
          result <- lapply(names(slots), field, kept = kept)
        }
        recover(layout, result, W, b)
      })
      # f is linear in the gradient, so the mean of its results is the result of the mean gradient.
      W_found <- mean_of(lapply(found, `[[`, "W"))
      b_found <- mean_of(lapply(found, `[[`, "b"))
      if (returns != "gradients") return(list(W = W_found, b = b_found))
      list(W = Map(function(w, g) w - eta * g, W, W_found), b = Map(function(v, g) v - eta * g, b, b_found))
    }
  }

  complain <- function(...) stop("as_step: ", ..., call. = FALSE)

  as_text <- function(word) paste(deparse(word), collapse = " ")

  # "X, lr = eta" as a list of expressions with names.
  words_of <- function(takes) {
    call <- tryCatch(str2lang(paste0("f(", takes, ")")), error = function(e) NULL)
    if (is.null(call)) complain("takes must read like \"X, Y, lr = eta\", not ", deparse(takes))
    as.list(call)[-1]
  }

  mean_of <- function(results) {
    if (length(results) == 1L) return(results[[1]])
    lapply(seq_along(results[[1]]), function(l) Reduce(`+`, lapply(results, `[[`, l)) / length(results))
  }

  # -- the candidate's layout -----------------------------------------------------------------------------------------

  # W[[l]] (n_l x n_(l-1)) as the candidate has it, the bias folded in where it is.
  lay_weight <- function(layout, w, v) {
    w <- if (layout$weights == "out_by_in") w else t(w)
    dimnames(w) <- NULL
    switch(layout$bias, first_row = rbind(v, w, deparse.level = 0), last_row = rbind(w, v, deparse.level = 0),
           first_column = cbind(v, w, deparse.level = 0), last_column = cbind(w, v, deparse.level = 0), w)
  }

  lay_bias <- function(layout, v) {
    switch(layout$bias_shape, vector = v, column = matrix(v, ncol = 1L), row = matrix(v, nrow = 1L))
  }

  lay_sample <- function(layout, x) {
    switch(layout$samples, one = x, one_row = matrix(x, nrow = 1L), matrix(x, ncol = 1L))
  }

  # W[[l]] and b[[l]] of a weight in the candidate's layout.
  apart <- function(layout, w) {
    last_row <- nrow(w)
    last_column <- ncol(w)
    v <- switch(layout$bias, first_row = w[1L, ], last_row = w[last_row, ],
                first_column = w[, 1L], last_column = w[, last_column])
    w <- switch(layout$bias, first_row = w[-1L, , drop = FALSE], last_row = w[-last_row, , drop = FALSE],
                first_column = w[, -1L, drop = FALSE], last_column = w[, -last_column, drop = FALSE], w)
    list(W = if (layout$weights == "out_by_in") w else t(w), b = v)
  }

  # -- what f is given ------------------------------------------------------------------------------------------------

  what_is_given <- function(layout, W, b, X, Y, eta, sample) {
    if (!is.null(sample)) {
      X <- X[, sample, drop = FALSE]
      Y <- Y[, sample, drop = FALSE]
    }
    list(layout = layout, W = Map(lay_weight, list(layout), W, b), b = lapply(b, lay_bias, layout = layout),
         X = X, Y = Y, eta = eta, m = ncol(X), sizes = c(nrow(X), vapply(W, nrow, 1L)))
  }

  whole <- function(given, array) {
    if (given$layout$samples == "rows") t(array) else
      if (grepl("^one", given$layout$samples) && ncol(array) == 1L) lay_sample(given$layout, array[, 1L]) else array
  }

  each <- function(given, array) lapply(seq_len(ncol(array)), function(i) lay_sample(given$layout, array[, i]))

  flat <- function(given) {
    if (given$layout$bias != "separate") return(given$W)
    unlist(Map(list, given$W, given$b), recursive = FALSE)
  }

  parameters <- function(given) {
    parts <- flat(given)
    layers <- seq_along(given$W)
    letters <- if (given$layout$bias == "separate") c("W", "b") else "W"
    structure(parts, names = as.vector(outer(letters, layers, paste0)))
  }

  words <- list(
    W = function(given) given$W,
    b = function(given) given$b,
    flat = flat,
    pairs = function(given) Map(list, given$W, given$b),
    parameters = parameters,
    theta = function(given) unlist(lapply(flat(given), as.vector)),
    X = function(given) whole(given, given$X),
    Y = function(given) whole(given, given$Y),
    batch = function(given) Map(list, each(given, given$X), each(given, given$Y)),
    Xs = function(given) each(given, given$X),
    Ys = function(given) each(given, given$Y),
    labels = function(given) max.col(t(given$Y), "first") - 1L,
    classes = function(given) max.col(t(given$Y), "first"),
    X_frame = function(given) as.data.frame(t(given$X)),
    Y_frame = function(given) as.data.frame(t(given$Y)),
    eta = function(given) given$eta,
    m = function(given) given$m,
    sizes = function(given) given$sizes)

  word <- function(given, expression) {
    text <- as_text(expression)
    if (is.symbol(expression) && text %in% names(words)) return(words[[text]](given))
    if (is.symbol(expression) && grepl("^[Wb][0-9]+$", text)) {
      layers <- given[[substr(text, 1L, 1L)]]
      layer <- as.integer(substring(text, 2L))
      if (layer < 1L || layer > length(layers)) {
        complain(text, " was asked for, but there are ", length(layers), " layers")
      }
      return(layers[[layer]])
    }
    if (is.symbol(expression)) {
      complain("takes knows ", paste(names(words), collapse = ", "), ", W1, b1, ... and constants, not ", text)
    }
    eval(expression, baseenv())
  }

  put <- function(kept, name, value) {
    if (isS4(kept) && !is.environment(kept)) methods::slot(kept, name) <- value else
      if (is.environment(kept)) assign(name, value, envir = kept) else kept[[name]] <- value
    kept
  }

  field <- function(kept, name) {
    if (isS4(kept) && !is.environment(kept)) return(methods::slot(kept, name))
    value <- if (is.environment(kept)) get0(name, envir = kept, inherits = FALSE) else kept[[name]]
    # A method of a reference class is made when it is first asked for.
    if (is.null(value) && is.environment(kept)) eval(call("$", kept, as.name(name))) else value
  }

  # -- what comes back ------------------------------------------------------------------------------------------------

  recover <- function(layout, result, W, b) {
    shapes <- lapply(Map(lay_weight, list(layout), W, b), dim)
    sizes <- lengths(b)
    separate <- layout$bias == "separate"
    leaves <- flat_arrays(result)
    all_numbers <- sum(vapply(shapes, prod, 1)) + separate * sum(sizes)
    if (length(leaves) == 1L && is.null(dim(leaves[[1]])) && length(leaves[[1]]) == all_numbers) {
      leaves <- unroll(leaves[[1]], shapes, if (separate) sizes)
    }
    places <- by_shape(leaves, shapes)
    if (is.null(places)) {
      wanted <- paste(vapply(shapes, paste, "", collapse = " x "), collapse = ", ")
      swapped <- !is.null(by_shape(leaves, lapply(shapes, rev)))
      complain("expected ", layout$returns, " with the shapes ", wanted, ", but ", shapes_text(leaves, "no array"),
               " came back", if (swapped) ": rows and columns of the weights are swapped, see weights =")
    }
    parts <- lapply(seq_along(shapes), function(l) {
      apart(layout, matrix(leaves[[places[l]]], shapes[[l]][1], shapes[[l]][2]))
    })
    W_found <- lapply(parts, `[[`, "W")
    if (!separate) {
      absent <- if (layout$returns == "gradients") 0 else 1
      b_found <- lapply(seq_along(b), function(l) {
        if (is.null(parts[[l]]$b)) absent * b[[l]] else as.vector(parts[[l]]$b)
      })
      return(list(W = W_found, b = b_found))
    }
    rest <- leaves[-places]
    b_found <- by_size(rest, sizes)
    if (is.null(b_found)) {
      complain("expected biases of ", paste(sizes, collapse = ", "), " numbers besides the weights, but ",
               shapes_text(rest, "none"), " came back")
    }
    list(W = W_found, b = b_found)
  }

  shapes_text <- function(leaves, none) {
    if (!length(leaves)) return(none)
    shapes <- lapply(leaves, function(x) if (is.null(dim(x))) length(x) else dim(x))
    paste(vapply(shapes, paste, "", collapse = " x "), collapse = ", ")
  }

  # The arrays of numbers in lists and objects, in order; a data frame is a matrix, a list of numbers is a vector.
  flat_arrays <- function(value) {
    if (is.data.frame(value)) value <- data.matrix(value)
    if (is.numeric(value) || is.logical(value)) {
      shape <- dim(value)
      return(list(if (is.null(shape) || length(shape) == 1L) as.vector(value) else matrix(as.vector(value), shape[1])))
    }
    if (isS4(value) && !is.environment(value)) value <- attributes(value)[setdiff(names(attributes(value)), "class")]
    if (!is.list(value)) return(list())
    value <- unclass(value)
    is_number <- function(part) is.numeric(part) && length(part) == 1L && is.null(dim(part))
    if (length(value) > 1L && all(vapply(value, is_number, NA))) return(list(unlist(value, use.names = FALSE)))
    unlist(lapply(unname(value), flat_arrays), recursive = FALSE)
  }

  # The places of arrays with these shapes; a dropped dimension is put up with where nothing else fits.
  by_shape <- function(leaves, shapes) {
    exact <- function(leaf, shape) identical(as.integer(dim(leaf)), as.integer(shape))
    dropped <- function(leaf, shape) {
      exact(leaf, shape) || is.null(dim(leaf)) && any(shape == 1L) && length(leaf) == prod(shape)
    }
    places <- in_any_direction(leaves, shapes, exact)
    if (is.null(places)) in_any_direction(leaves, shapes, dropped) else places
  }

  # Forwards, backwards, or in any order.
  in_any_direction <- function(leaves, shapes, fits) {
    places <- in_order(leaves, shapes, fits)
    if (!is.null(places)) return(places)
    backwards <- in_order(rev(leaves), shapes, fits)
    if (is.null(backwards)) anywhere(leaves, shapes, fits) else length(leaves) + 1L - backwards
  }

  in_order <- function(leaves, shapes, fits) {
    places <- integer()
    start <- 0L
    for (shape in shapes) {
      place <- Find(function(i) i > start && fits(leaves[[i]], shape), seq_along(leaves))
      if (is.null(place)) return(NULL)
      places <- c(places, place)
      start <- place
    }
    places
  }

  anywhere <- function(leaves, shapes, fits) {
    places <- integer()
    for (shape in shapes) {
      place <- Find(function(i) !(i %in% places) && fits(leaves[[i]], shape), seq_along(leaves))
      if (is.null(place)) return(NULL)
      places <- c(places, place)
    }
    places
  }

  # One vector for each size; where sizes do not tell (a collapsed gradient), the order does.
  by_size <- function(leaves, sizes) {
    vectors <- lapply(leaves, as.vector)
    places <- in_any_direction(vectors, sizes, function(leaf, size) length(leaf) == size)
    if (!is.null(places)) return(vectors[places])
    if (length(vectors) < length(sizes)) return(NULL)
    Map(function(v, size) if (length(v) == 1L) rep(v, size) else v, vectors[seq_along(sizes)], sizes)
  }

  unroll <- function(theta, shapes, sizes) {
    found <- list()
    start <- 0L
    take <- function(count) {
      part <- theta[start + seq_len(count)]
      start <<- start + count
      part
    }
    for (l in seq_along(shapes)) {
      found <- c(found, list(matrix(take(prod(shapes[[l]])), shapes[[l]][1])))
      if (!is.null(sizes)) found <- c(found, list(take(sizes[l])))
    }
    found
  }

  as_step
}, envir = new.env(parent = baseenv()))
