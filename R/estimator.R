# The door for data analysis: fit_network() takes matrices, data frames or a formula, and its result prints, predicts
# and plots.

# Fits a network to data with one row per observation: a model of class "nnparity_network".
# X: a matrix or a data frame of numbers; or a formula, `y ~ .`, with `data`.
fit_network <- function(X, ...) {
  UseMethod("fit_network")
}

# y, ...: see `prepare_model`. validation: list of X and y of data that are not trained on. verbose: a progress bar.
fit_network.default <- function(X, y, ..., validation = NULL, verbose = interactive()) {
  model <- prepare_model(X, y, ...)
  first <- t(model_inputs(model, utils::head(X, 100L)))
  sentence <- saturation_warning(model$network, model$state$W, model$state$b, first)
  if (!is.null(sentence)) warning(sentence, call. = FALSE)
  resume_network(model, X, y, validation = validation, verbose = verbose)
}

# data: a data frame; factors among the predictors become columns of 0 and 1, as in stats::model.matrix.
fit_network.formula <- function(X, data, ..., validation = NULL) {
  frame <- stats::model.frame(X, data, na.action = stats::na.fail)
  terms <- stats::terms(frame)
  inputs <- formula_inputs(terms, frame)
  if (!is.null(validation)) {
    held <- stats::model.frame(terms, validation, na.action = stats::na.fail)
    validation <- list(formula_inputs(terms, held), stats::model.response(held))
  }
  model <- fit_network.default(inputs, stats::model.response(frame), ..., validation = validation)
  model$terms <- terms
  model$levels <- stats::.getXlevels(terms, frame)
  model
}

formula_inputs <- function(terms, frame) {
  inputs <- stats::model.matrix(stats::delete.response(terms), frame)
  as.data.frame(inputs[, colnames(inputs) != "(Intercept)", drop = FALSE])
}

# Trains a fitted or loaded model further, from where its state stands, to `epochs` in all.
resume_network <- function(model, X, y, epochs = NULL, validation = NULL, verbose = interactive()) {
  on_epoch <- NULL
  if (verbose) {
    total <- if (is.null(epochs)) model$plan$epochs else epochs
    bar <- utils::txtProgressBar(0, total, initial = model$state$epoch, style = 3)
    on.exit(close(bar))
    on_epoch <- function(state) utils::setTxtProgressBar(bar, state$epoch)
  }
  train_model(model, X, y, validation, epochs, on_epoch)
}

# newdata: as X in `fit_network`. type: "class" (a factor; numbers for regression) or "outputs" (the network's, n x
# n_L).
predict.nnparity_network <- function(object, newdata, type = "class", ...) {
  check_word(type, c("class", "outputs"), "type")
  if (!is.null(object$terms) && is.data.frame(newdata)) {
    terms <- stats::delete.response(object$terms)
    newdata <- formula_inputs(terms, stats::model.frame(terms, newdata, xlev = object$levels))
  }
  outputs <- predict_outputs(object, newdata)
  if (type == "class") return(decode_targets(object$targets, outputs))
  if (ncol(outputs) == length(object$targets$classes)) colnames(outputs) <- object$targets$classes
  outputs
}

print.nnparity_network <- function(x, ...) {
  writeLines(describe_model(x))
  invisible(x)
}

# The description with the history, and the range of each layer's weights.
summary.nnparity_network <- function(object, ...) {
  final <- final_parameters(object$plan, object$state)
  weights <- data.frame(
    layer = seq_along(final$W),
    activation = object$network$activations,
    units = object$network$sizes[-1L],
    smallest = vapply(final$W, min, 0),
    largest = vapply(final$W, max, 0),
    norm = vapply(final$W, function(W) sqrt(sum(W * W)), 0)
  )
  shown <- list(text = describe_model(object), weights = weights, history = object$state$history)
  structure(shown, class = "summary.nnparity_network")
}

print.summary.nnparity_network <- function(x, ...) {
  writeLines(x$text)
  cat("\nWeights by layer:\n")
  print(x$weights, row.names = FALSE, digits = 4)
  if (nrow(x$history) > 0L) {
    cat("\nLast epochs:\n")
    print(utils::tail(x$history, 5L), row.names = FALSE, digits = 4)
  }
  invisible(x)
}

# The history: loss and metric by epoch.
plot.nnparity_network <- function(x, ...) {
  plot_history(x$state$history, x$plan$metric, ...)
  invisible(x)
}
