# The classics, each one command: digits, clusters, a spiral, a picture, XOR, an autoencoder, with a picture of the
# result.
#
#     Rscript R/nnparity.R workload spiral --out docs/gallery
#     python -m nnparity.workloads spiral --out docs/gallery
#
# MNIST is not shipped: --data names the folder of an IDX pair. Adding a workload is one entry in WORKLOADS.

# The digits of --data.
mnist <- function(path) {
  if (is.null(path)) stop_input("this workload needs MNIST: give --data, a folder with an IDX pair")
  load_data(path)
}

# A generator's data as a data set.
generated <- function(name, made) {
  new_dataset(made$X, made$y, made$classes, NULL, name)
}

# The small digits, to be told from themselves.
autoencoder_digits <- function(path) {
  X <- load_digits()$X
  new_dataset(X, X, NULL, NULL, "digits")
}

# --- pictures: (model, data, held, path) -----------------------------------------------------------------------------

# The first 40 held-out digits that are taken for another: what it is, and what for.
mistakes_picture <- function(model, data, held, path) {
  taken <- classify(t(predict_outputs(model, held$X)))
  wrong <- utils::head(which(taken != as.integer(held$y)), 40L)
  titles <- paste0(held$y[wrong], ", not ", held$classes[taken[wrong]])
  rows <- ceiling(length(wrong) / 10)
  save_picture(plot_images(held$X[wrong, , drop = FALSE], titles), path, width = 9, height = 1.15 * rows)
}

# The picture, and what the network paints.
painted_picture <- function(model, data, held, path) {
  side <- round(sqrt(nrow(data$X)))
  images <- rbind(as.vector(t(data$y)), as.vector(t(predict_outputs(model, data$X))))
  save_picture(plot_images(images, c("target", "network"), 2, c(side, side, 3)), path, width = 5, height = 2.7)
}

# Held-out digits above what is left of them after 16 numbers.
autoencoder_picture <- function(model, data, held, path) {
  some <- held$X[1:10, ]
  save_picture(plot_images(rbind(some, predict_outputs(model, some))), path, width = 9, height = 1.9)
}

# Decision regions with the points.
points_picture <- function(model, data, held, path) {
  save_picture(plot_regions(model, data$X, data$y), path, width = 5, height = 5)
}

# Loss and accuracy by epoch.
epochs_picture <- function(model, data, held, path) {
  save_picture(plot_history(model$state$history, model$plan$metric), path)
}

SOFTMAX <- list(output_activation = "softmax", loss = "categorical_cross_entropy")
NIELSEN <- list(eta = 3, batch = 10, epochs = 30)

# One experiment: title; data(path), the data set; held_out, how many of the last rows are not trained on; shuffled,
# whether the rows are put in the order of set.seed(1); sample.int(n) first; options of `prepare_model`; measure and
# goal, what is to be reached (accuracy or psnr at least, rmse at most); picture.
WORKLOADS <- list(
  "nielsen-30" = list(
    title = "Nielsen, chapter 1: MNIST, 784-30-10", data = mnist, held_out = 2000,
    options = c(NIELSEN, list(hidden = 30)),
    measure = "accuracy", goal = 0.945, picture = mistakes_picture
  ),
  "nielsen-100" = list(
    title = "Nielsen, chapter 1: MNIST, 784-100-10", data = mnist, held_out = 2000,
    options = c(NIELSEN, list(hidden = 100)),
    measure = "accuracy", goal = 0.96, picture = epochs_picture
  ),
  "nielsen-30-normal" = list(
    title = "the same, 784-30-10, weights N(0, 1)", data = mnist, held_out = 2000,
    options = c(NIELSEN, list(hidden = 30, init = "normal")), measure = "accuracy", goal = 0.92,
    picture = epochs_picture
  ),
  "nielsen-100-normal" = list(
    title = "the same, 784-100-10, weights N(0, 1)", data = mnist, held_out = 2000,
    options = c(NIELSEN, list(hidden = 100, init = "normal")), measure = "accuracy", goal = 0.6,
    picture = epochs_picture
  ),
  "numpy-post" = list(
    title = "the NumPy post: MNIST, 784-10, batches of 1000, rate 3, 1000 epochs", data = mnist, held_out = 2000,
    options = list(hidden = numeric(), eta = 3, batch = 1000, epochs = 1000), measure = "accuracy", goal = 0.9,
    picture = epochs_picture
  ),
  "clusters-6" = list(
    title = "clusters inside each other, 6 classes, tanh",
    data = function(path) generated("clusters", make_clusters(6, 100)), held_out = 0,
    options = c(SOFTMAX, list(hidden = c(20, 20), activation = "tanh", eta = 0.1, epochs = 60)),
    measure = "accuracy", goal = 0.97, picture = points_picture
  ),
  "clusters-10" = list(
    title = "clusters inside each other, 10 classes, leaky_relu",
    data = function(path) generated("clusters", make_clusters(10, 100)), held_out = 0,
    options = c(SOFTMAX, list(
      hidden = c(30, 30), activation = "leaky_relu", init = "glorot_normal", optimizer = "adam", eta = 0.005,
      batch = 50, epochs = 150
    )),
    measure = "accuracy", goal = 0.97, picture = points_picture
  ),
  "spiral" = list(
    title = "a spiral on its background, three hidden layers of 5",
    data = function(path) generated("spiral", make_spiral()), held_out = 0,
    options = c(SOFTMAX, list(
      hidden = c(5, 5, 5), activation = "tanh", optimizer = "adam", eta = 0.01, epochs = 200, batch = 40
    )),
    measure = "accuracy", goal = 0.95, picture = points_picture
  ),
  "kaggle" = list(
    title = "MNIST as on Kaggle, hidden 25-20-15-10, a quarter held out", data = mnist, held_out = 2500,
    options = c(SOFTMAX, list(
      hidden = c(25, 20, 15, 10), activation = "relu", init = "he_normal", optimizer = "adam", eta = 0.002, batch = 50,
      epochs = 15
    )),
    measure = "accuracy", goal = 0.9, picture = mistakes_picture
  ),
  "image" = list(
    title = "a picture from its x and y, three hidden layers of 50",
    data = function(path) generated("image", make_image()), held_out = 0,
    options = list(
      hidden = c(50, 50, 50), activation = "tanh", output_activation = "sigmoid", loss = "mean_squared_error",
      init = "glorot_normal", optimizer = "adam", eta = 0.003, batch = 200, epochs = 10
    ),
    measure = "psnr", goal = 25, picture = painted_picture
  ),
  "xor" = list(
    title = "XOR, sigmoid and binary cross-entropy", data = function(path) generated("xor", make_xor()), held_out = 0,
    options = list(hidden = 4, loss = "binary_cross_entropy", init = "normal", eta = 2, batch = 4, epochs = 500),
    measure = "accuracy", goal = 1, picture = points_picture
  ),
  "digits" = list(
    title = "digits 8 x 8, two hidden layers, relu and softmax", data = function(path) load_digits(), held_out = 360,
    shuffled = TRUE,
    options = c(SOFTMAX, list(hidden = c(40, 20), activation = "relu", init = "he_normal", eta = 0.1, epochs = 40)),
    measure = "accuracy", goal = 0.95, picture = mistakes_picture
  ),
  "autoencoder" = list(
    title = "autoencoder of the digits, 64-16-64", data = autoencoder_digits, held_out = 360,
    options = list(hidden = 16, output_activation = "sigmoid", optimizer = "adam", eta = 0.01, batch = 20, epochs = 60),
    measure = "rmse", goal = 0.15, picture = autoencoder_picture
  )
)

# Trains one workload, draws its picture and says what was reached: c(measure, goal, seconds), the first by the
# measure's name. name: a word of WORKLOADS. data: the folder of MNIST, for those that need it. out: the folder for
# the picture, NAME.png; none unless given. epochs: instead of the workload's own. arithmetic: "fast" or "exact".
# seed: of first weights and shuffles.
run_workload <- function(name, data = NULL, out = NULL, epochs = NULL, arithmetic = "fast", seed = 1) {
  workload <- WORKLOADS[[check_word(name, names(WORKLOADS), "workload")]]
  if (!is.null(out) && !dir.exists(out)) { # said before the training, not after it
    stop_input(paste0(out, ": expected a folder for the picture, found none"))
  }
  sample <- workload$data(data)
  held <- sample
  if (workload$held_out > 0) {
    parts <- split_data(sample, nrow(sample$X) - workload$held_out, if (isTRUE(workload$shuffled)) 1)
    sample <- parts[[1L]]
    held <- parts[[2L]]
  }
  options <- c(workload$options, list(arithmetic = arithmetic, seed = seed))
  if (!is.null(epochs)) options$epochs <- epochs
  model <- do.call(prepare_model, c(list(sample$X, sample$y), options))
  validation <- if (workload$held_out > 0) list(held$X, held$y)
  model <- train_model(model, sample$X, sample$y, validation)
  values <- evaluate_model(model, held$X, held$y)
  # PSNR = 20 log10(1/RMSE) for values from 0 to 1
  if ("rmse" %in% names(values)) values[["psnr"]] <- -20 * log10(values[["rmse"]])
  if (!is.null(out)) workload$picture(model, sample, held, file.path(out, paste0(name, ".png")))
  c(values[workload$measure], goal = workload$goal, seconds = sum(model$state$history$seconds))
}

# What was reached, in words.
workload_lines <- function(name, reached) {
  workload <- WORKLOADS[[name]]
  value <- reached[[1L]]
  bound <- if (workload$measure == "rmse") "at most" else "at least"
  good <- if (workload$measure == "rmse") value <= workload$goal else value >= workload$goal
  c(
    paste0(name, ": ", workload$title),
    sprintf(
      "%s %.4f (%s %g: %s)", workload$measure, value, bound, workload$goal, if (good) "reached" else "not reached"
    ),
    sprintf("%.1f s of training", reached[["seconds"]])
  )
}

WORKLOAD_OPTIONS <- list(
  c("--data", "text", "DIR", "", "Folder of MNIST's IDX pair."),
  c("--out", "text", "DIR", "", "Folder for the picture NAME.png."),
  c("--epochs", "count", "N", "", "Instead of the workload's own."),
  c("--seed", "count", "N", "1", "Seed of everything random."),
  c("--exact", "flag", "", "", "Arithmetic that gives the same bits in R and in Python.")
)

command_workload <- function(words) {
  parsed <- parse_arguments(words, WORKLOAD_OPTIONS, "NAME")
  options <- parsed$options
  arithmetic <- if (options$exact) "exact" else "fast"
  reached <- run_workload(parsed$arguments, options$data, options$out, options$epochs, arithmetic, options$seed)
  writeLines(workload_lines(parsed$arguments, reached))
  0L
}

workload_help <- function() {
  help_text(paste0(
    "Usage: nnparity workload [OPTIONS] NAME\n\n  Train one of the classics and say what was reached:\n",
    paste(sprintf("    %-20s %s", names(WORKLOADS), vapply(WORKLOADS, function(one) one$title, "")), collapse = "\n")
  ), WORKLOAD_OPTIONS)
}

WORKLOAD_COMMANDS <- list(workload = list(run = command_workload, help = function() writeLines(workload_help())))
