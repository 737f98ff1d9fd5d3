# Models: data at the door, scaling, classes, the file and what damages it, the estimator.

expect_match <- function(text, part) expect_true(any(grepl(part, text, fixed = TRUE)), info = text)
digits <- load_digits()
X <- digits$X[1:90, ]
y <- digits$y[1:90]
refusal <- function(code) tryCatch({
  code
  "nothing was refused"
}, nnparity_input_error = conditionMessage)

# --- preprocessing ---------------------------------------------------------------------------------------------------

table <- matrix(c(1, 3, 2, 5, 5, 5, 2, -2, 0), 3)
expect_identical(apply_scaling(fit_scaling("unit", table), table), matrix(c(0, 1, 0.5, 0, 0, 0, 1, 0, 0.5), 3))
table <- matrix(r_rnorm(r_set_seed(1), 800, 3, 5), 200)
scaled <- apply_scaling(fit_scaling("standard", table), table)
expect_equal(colMeans(scaled), numeric(4))
expect_equal(colMeans(scaled^2), rep(1, 4))

classes_of <- function(...) fit_targets(...)$classes
expect_identical(classes_of(c(1, 10, 2, 2)), c("1", "2", "10"))
expect_identical(classes_of(c("b", "B", "a", "\u00e4")), c("B", "a", "b", "\u00e4"))
expect_identical(classes_of(c("10", "9", "9")), c("9", "10"))
expect_identical(classes_of(c(TRUE, FALSE)), c("FALSE", "TRUE"))
expect_identical(classes_of(factor(c("x", "y"), levels = c("y", "x"))), c("y", "x"))
expect_identical(classes_of(c(0.5, 1.5)), character())
expect_identical(classes_of(c(0, 1, 2), "numbers"), character())
species <- factor(c("a", "c", "b"))
targets <- fit_targets(species)
expect_identical(encode_targets(targets, species), diag(3)[c(1, 3, 2), ])
expect_identical(decode_targets(targets, encode_targets(targets, species)), species)
targets <- fit_targets(c("no", "yes"), one_unit = TRUE)
expect_identical(encode_targets(targets, c("yes", "no")), matrix(c(1, 0)))
expect_identical(as.character(decode_targets(targets, matrix(c(0.4, 0.6)))), c("no", "yes"))
expect_match(refusal(fit_targets(c("a", "a"))), "at least two classes, not only a")
expect_match(refusal(fit_targets(c("a", NA))), "no missing ones")
expect_match(refusal(fit_targets(c(1, NaN))), "finite numbers only, not NaN")
expect_match(refusal(encode_targets(fit_targets(c("a", "b")), "c")), "classes of training (a, b), not 'c'")
expect_warning(fit_network(round(X * 255), y, hidden = 3, epochs = 1, verbose = FALSE), "hardly learn")

# --- metrics ---------------------------------------------------------------------------------------------------------

A <- matrix(c(0.7, 0.2, 0.1, 0.2, 0.5, 0.3, 0.1, 0.3, 0.6, 0.5, 0.5, 0), 3)
truth <- diag(3)[, c(1, 2, 1, 2)]
expect_identical(confusion_matrix(A, truth), matrix(c(1L, 1L, 0L, 0L, 1L, 0L, 1L, 0L, 0L), 3))
expect_identical(vapply(1:3, function(k) top_k_accuracy(A, truth, k), 0), c(0.5, 0.75, 1))
one <- matrix(c(0.7, 0.2, 0.6, 0.5), 1)
expect_identical(vapply(1:2, function(k) top_k_accuracy(one, matrix(c(1, 1, 0, 0), 1), k), 0), c(0.5, 1))
expect_equal(rmse(matrix(c(1, 2, 5), 1), matrix(c(1, 2, 3), 1)), sqrt(4 / 3))
expect_equal(r_squared(matrix(c(1, 2, 5), 1), matrix(c(1, 2, 3), 1)), -1)

# --- the model and its file ------------------------------------------------------------------------------------------

folder <- tempfile()
dir.create(folder)
for (options in list(
  list(), list(optimizer = "adam", eta = 0.01, patience = 1), list(scaling = "standard", clip_norm = 1, no_bias = 1),
  list(hidden = numeric(), schedule = "step", schedule_options = list(every = 3)),
  list(dropout = 0.5, arithmetic = "exact")
)) {
  options <- utils::modifyList(list(hidden = 7, epochs = 2), options)
  model <- train_model(do.call(prepare_model, c(list(X, y), options)), X, y, list(X, y))
  first <- file.path(folder, "a.txt")
  second <- file.path(folder, "b.txt")
  save_model(model, first)
  read <- load_model(first)
  save_model(read, second)
  expect_identical(readLines(first), readLines(second))
  expect_identical(predict_outputs(read, X), predict_outputs(model, X))
  if (model$state$stopped == "epochs") {
    options$epochs <- 4
    whole <- train_model(do.call(prepare_model, c(list(X, y), options)), X, y, list(X, y))
    expect_identical(train_model(read, X, y, list(X, y), epochs = 4)$state$W, whole$state$W)
  }
}
names <- c("a\tb", "c\nd", "e\\tf", "", "g\"h,", "\u00fc\\")
model <- prepare_model(X[1:60, ], rep(names, 10), hidden = 2)
save_model(model, first)
expect_identical(load_model(first)$targets$classes, model$targets$classes)

save_model(prepare_model(X, y, hidden = 7), first)
damaged <- function(from, to) {
  text <- sub(from, to, readLines(first), fixed = TRUE)
  writeLines(text, second)
  refusal(load_model(second))
}
expect_match(damaged("nnparity model 1", "nnparity model 2"), "whose first line is")
expect_match(damaged("eta\tnumber\t1\t0.5", "eta\tnumber\t1\tsystem('ls')"), "line 8: expected numbers only")
expect_match(damaged("eta\tnumber\t1\t0.5", "eta\tnumber\t1\t-1"), "eta must be one finite number above 0, not -1")
expect_match(damaged("loss\ttext\t1\tquadratic", "loss\ttext\t1\tquadratix"), "did you mean 'quadratic'")
expect_match(damaged("sizes\tnumber\t3\t64\t7", "sizes\tnumber\t3\t64\t8"), "W1 must be 8 x 64, not 7 x 64")

# One entry after the other is damaged.
save_model(train_model(prepare_model(X, y, hidden = 7, epochs = 2), X, y), first)
entry_refusal <- function(name, line) {
  lines <- readLines(first)
  at <- startsWith(lines, paste0(name, "\t"))
  lines[at] <- paste0(name, "\t", line)
  writeLines(lines, second)
  sub(paste0(second, ": "), "", refusal(load_model(second)), fixed = TRUE)
}
expect_identical(entry_refusal("activations", "text\t0"), "expected 2 words in activations, found 0")
for (name in c("loss", "optimizer", "schedule", "monitor", "metric", "scaling", "arithmetic", "stopped")) {
  expect_identical(entry_refusal(name, "text\t0"), paste0("expected 1 words in ", name, ", found 0"))
}
for (name in paste0("history.", HISTORY_COLUMNS)) {
  expect_identical(entry_refusal(name, "number\t1\t1"), paste0("expected 2 numbers in ", name, ", found 1"))
  expect_identical(entry_refusal(name, "number\t3\t1\t2\t3"), paste0("expected 2 numbers in ", name, ", found 3"))
}
whole <- "must be a whole number of at least 0, not"
expect_identical(entry_refusal("progress", "number\t5\tNaN\t1\t1\t0\t0"), paste("progress[1]", whole, "NaN"))
expect_identical(entry_refusal("progress", "number\t5\t2\t1\tInf\t0\t0"), paste("progress[3]", whole, "Inf"))
expect_identical(entry_refusal("scaling", "text\t1\tzzz"), "scaling must be one of none, unit, standard, not 'zzz'")
expect_identical(entry_refusal("scaling.shift", "number\t1\t0"), "expected 0 numbers in scaling.shift, found 1")
expect_match(entry_refusal("arithmetic", "text\t1\texakt"), "arithmetic must be one of fast, exact, not 'exakt'")
expect_identical(entry_refusal("classes", "text\t1\ta"), "expected 10 words in classes, found 1")
expect_identical(entry_refusal("features", "text\t1\ta"), "expected 64 words in features, found 1")

# Absent biases are not counted.
for (case in list(list(integer(), 27), list(1, 23), list(2, 24), list(1:2, 20))) {
  model_of_4 <- prepare_model(X[, 1:2], factor(y %in% 0:3 + (y %in% 0:6)), hidden = 4, no_bias = case[[1]])
  expect_match(describe_model(model_of_4)[1], paste0("; ", case[[2]], " parameters"))
}

expect_match(refusal(load_model(file.path(folder, "no.txt"))), "no such file")
expect_match(refusal(save_model(model, file.path(folder, "no", "m.txt"))), "expected a place to write to")

# The last line says why training ended.
for (stopped in names(ENDINGS)) {
  for (patience in list(NULL, 3)) {
    ended <- prepare_model(X, y, hidden = 2, patience = patience)
    ended$state$stopped <- stopped
    expect_false(grepl("{epoch}", paste(describe_model(ended), collapse = " "), fixed = TRUE), info = stopped)
    expect_identical(length(ending_note(ended)), 1L)
  }
}

# --- the estimator ---------------------------------------------------------------------------------------------------

flowers <- fit_network(
  Species ~ ., iris, hidden = 5, activation = "tanh", epochs = 60, scaling = "standard", verbose = FALSE
)
expect_true(mean(predict(flowers, iris) == iris$Species) > 0.95)
expect_identical(levels(predict(flowers, iris)), levels(iris$Species))
outputs <- predict(flowers, iris[1:4, ], type = "outputs")
expect_identical(dimnames(outputs), list(NULL, levels(iris$Species)))
expect_identical(predict(flowers, iris[c(5, 3, 1, 2, 4)])[1:4], predict(flowers, iris)[1:4])
expect_match(paste(capture.output(print(flowers)), collapse = " "), "4-5-3 network")
expect_match(paste(capture.output(summary(flowers)), collapse = " "), "Weights by layer")
picture <- file.path(folder, "h.pdf")
save_picture(plot(flowers), picture)
expect_true(file.size(picture) > 1000)

twin <- fit_network(
  iris[1:4], iris$Species, hidden = 5, activation = "tanh", epochs = 60, scaling = "standard", verbose = FALSE
)
expect_identical(predict_outputs(twin, iris[1:4]), predict_outputs(twin, iris[4:1]))
expect_identical(twin$state$W, flowers$state$W)
expect_match(refusal(predict(twin, iris[1:3])), "'Petal.Width' is missing")
expect_match(refusal(fit_network(iris, iris$Species)), "column 'Species' holds text")

cars <- fit_network(mtcars[c("wt", "hp")], mtcars$mpg / 10, hidden = 4, activation = "tanh", eta = 0.05, epochs = 100,
                    scaling = "standard", verbose = FALSE)
expect_true(evaluate_model(cars, mtcars[c("wt", "hp")], mtcars$mpg / 10)[["r_squared"]] > 0.7)
expect_identical(length(predict(cars, mtcars)), nrow(mtcars))
unlink(folder, recursive = TRUE)
