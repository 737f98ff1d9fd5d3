# The commands train, predict, evaluate and plot, out of tables: a row for each option, the same rows as in Python's
# commands, so that both languages take and teach the same.
#
# A row is option, kind, what stands for its value in the help, default, help. Kinds: text, number, count, counts
# (numbers separated by commas), words (separated by commas), flag.

DATA_OPTIONS <- list(
  c("--labels", "text", "FILE", "", "IDX file of the labels, where it does not lie beside the images."),
  c("--label", "text", "COLUMN", "auto", "Label column of a CSV file: its name or number, first or last.")
)

TRAIN_OPTIONS <- c(DATA_OPTIONS, list(
  c("--hidden", "counts", "N,N", "30", "Widths of the hidden layers; 0 for none."),
  c("--sizes", "counts", "N,N,N", "", "Widths of all layers, instead of --hidden; the data must fit them."),
  c("--activation", "words", "WORD", "sigmoid", "Activation of the hidden layers: one, or one per layer."),
  c("--output-activation", "text", "WORD", "", "Output activation; sigmoid for classes, linear for numbers."),
  c("--loss", "text", "WORD", "quadratic", "Loss, such as categorical_cross_entropy with softmax."),
  c("--slope", "number", "NUMBER", "0.01", "Slope of leaky_relu below zero."),
  c("--no-bias", "counts", "LAYERS", "", "Layers without a bias, such as 1,2."),
  c("--l1", "number", "NUMBER", "0", "Penalty on the sum of |W|."),
  c("--l2", "number", "NUMBER", "0", "Penalty on half the sum of squares of W."),
  c("--dropout", "number", "SHARE", "0", "Share of hidden units switched off in each step."),
  c("--init", "text", "WORD", "normal_scaled", "First weights."),
  c("--optimizer", "text", "WORD", "sgd", "sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw."),
  c("--eta", "number", "NUMBER", "0.5", "Learning rate."),
  c("--clip-norm", "number", "NUMBER", "", "Scale gradients down to this norm."),
  c("--epochs", "count", "N", "30", "Passes over the data, in all when resuming."),
  c("--batch", "count", "N", "10", "Samples in a batch."),
  c("--schedule", "text", "WORD", "constant", "Learning rate: constant, step, exponential, inverse_time or halving."),
  c("--patience", "count", "N", "", "Stop after N epochs without improvement; the best epoch's weights are kept."),
  c("--monitor", "text", "WORD", "loss", "What improvement means: loss or metric, of the validation data."),
  c("--scaling", "text", "WORD", "none", "Inputs: none, unit (to [0, 1]) or standard (mean 0, variance 1)."),
  c("--task", "text", "WORD", "auto", "What labels are: classes or numbers."),
  c("--validation", "text", "SHARE", "", "Hold out this share of the rows, or the last N; or a file of held-out data."),
  c("--seed", "count", "N", "1", "Seed of everything random."),
  c("--arithmetic", "text", "WORD", "fast", "fast, or exact, which gives the same bits in R and in Python."),
  c("--exact", "flag", "", "", "The same as --arithmetic exact."),
  c("--model", "text", "FILE", "model.txt", "Where the model goes."),
  c("--history", "text", "FILE", "", "Write the history as CSV."),
  c("--plot", "text", "FILE", "", "Draw the history: .png, .pdf or .svg."),
  c("--resume", "text", "FILE", "", "Go on from this model; its own options count, apart from --epochs."),
  c("--quiet", "flag", "", "", "No progress bar.")
))

PREDICT_OPTIONS <- c(DATA_OPTIONS, list(
  c("--out", "text", "FILE", "", "Where the predictions go; the screen unless given."),
  c("--outputs", "flag", "", "", "The network's outputs, too, one column for each.")
))

EVALUATE_OPTIONS <- c(DATA_OPTIONS, list(
  c("--top", "count", "K", "5", "Count a class as found among the K largest outputs."),
  c("--plot", "text", "FILE", "", "Draw the confusion matrix: .png, .pdf or .svg.")
))

PLOT_OPTIONS <- c(list(
  c("--data", "text", "DATA", "", "The observations, for confusion and regions.")
), DATA_OPTIONS)

TRAIN_HELP <- "Usage: nnparity train [OPTIONS] DATA

  Train a network on DATA and save it with its history.

  DATA is a CSV file with one row per observation, a folder with an IDX pair,
  an IDX file of images, or one of the words digits, clusters, spiral, image,
  xor.  The widths of the first and last layer come from the data.

    Rscript R/nnparity.R train digits --eta 3 --validation 0.2 --model digits.txt
    Rscript R/nnparity.R train digits --resume digits.txt --epochs 60 --model digits.txt
    Rscript R/nnparity.R evaluate digits.txt digits

  Ctrl-C ends the training after the last complete epoch and saves what there is."

PREDICT_HELP <- "Usage: nnparity predict [OPTIONS] MODEL DATA

  Predict with MODEL, a file of nnparity train in either language, for the rows of DATA.

  DATA may have a label column; it is left out.  Columns are taken by the names of training where both have names.

    Rscript R/nnparity.R predict digits.txt digits --out predictions.csv"

EVALUATE_HELP <- "Usage: nnparity evaluate [OPTIONS] MODEL DATA

  Measure MODEL, a file of nnparity train in either language, on DATA.

  For classes: loss, accuracy, top-k accuracy and the confusion matrix, whose rows are what an observation is and whose
  columns are what it was taken for.  For numbers: loss, RMSE and R^2.

    Rscript R/nnparity.R evaluate digits.txt digits --plot confusion.png"

PLOT_HELP <- "Usage: nnparity plot [OPTIONS] WHAT MODEL FILE

  Draw WHAT of MODEL into FILE, which ends in .png, .pdf or .svg.

  WHAT is one of
    history     loss and accuracy by epoch
    confusion   which classes are taken for which, on --data
    regions     what each place of the plane is taken for, for networks of two inputs, with the observations of --data

    Rscript R/nnparity.R plot history digits.txt history.png"

# --- options ---------------------------------------------------------------------------------------------------------

# A number as the user types it.
one_number <- function(text, option) {
  if (!is_decimal(trimws(text))) stop_input(paste0(option, " must be a number, not ", describe(text)))
  as.double(text)
}

# A whole number as the user types it.
one_count <- function(text, option) {
  value <- one_number(text, option)
  whole <- is.finite(value) && value == trunc(value)
  if (!whole) stop_input(paste0(option, " must be a whole number, not ", describe(text)))
  value
}

# The parts between the commas.
parts_of <- function(text) {
  parts <- trimws(strsplit(text, ",", fixed = TRUE)[[1L]])
  parts[nzchar(parts)]
}

KINDS <- list(
  text = function(text, option) text,
  number = one_number,
  count = one_count,
  counts = function(text, option) vapply(parts_of(text), one_count, 0, option = option, USE.NAMES = FALSE),
  words = function(text, option) parts_of(text)
)

# Arguments of the command line: list(arguments =, options =), the options by name with "_" for "-"; those that were
# not given and have no default are NULL. `--option=value` and `--option value` are the same.
parse_arguments <- function(words, rows, names) {
  table <- do.call(rbind, rows)
  options <- stats::setNames(vector("list", nrow(table)), option_name(table[, 1L]))
  given <- !nzchar(table[, 4L])
  for (k in which(!given)) options[[k]] <- KINDS[[table[k, 2L]]](table[k, 4L], table[k, 1L])
  for (k in which(table[, 2L] == "flag")) options[[k]] <- FALSE
  arguments <- character()
  while (length(words) > 0L) {
    word <- words[[1L]]
    words <- words[-1L]
    if (!startsWith(word, "--")) {
      arguments <- c(arguments, word)
      next
    }
    option <- sub("=.*$", "", word)
    k <- match(option, table[, 1L])
    if (is.na(k)) stop_input(paste0("no such option: ", option, option_hint(option, table[, 1L])))
    if (table[k, 2L] == "flag") {
      options[[k]] <- TRUE
      next
    }
    if (grepl("=", word, fixed = TRUE)) {
      value <- sub("^[^=]*=", "", word)
    } else {
      if (length(words) == 0L) stop_input(paste0("option ", option, " needs a value, ", table[k, 3L]))
      value <- words[[1L]]
      words <- words[-1L]
    }
    options[[k]] <- KINDS[[table[k, 2L]]](value, option)
  }
  if (length(arguments) != length(names)) {
    stop_input(paste0(
      "expected ", paste(names, collapse = " "), " and options, not ",
      if (length(arguments) == 0L) "nothing" else paste(arguments, collapse = " "), "; --help shows them"
    ))
  }
  list(arguments = arguments, options = options)
}

option_name <- function(option) {
  gsub("-", "_", sub("^--", "", option), fixed = TRUE)
}

option_hint <- function(option, known) {
  near <- nearest_word(option, known)
  if (is.null(near)) "" else paste0("; did you mean ", near, "?")
}

# The help of a command: its text, then its options.
help_text <- function(text, rows) {
  heads <- vapply(rows, function(row) trimws(paste(row[[1L]], row[[3L]])), "")
  tails <- vapply(rows, function(row) {
    if (nzchar(row[[4L]])) paste0(row[[5L]], "  [default: ", row[[4L]], "]") else row[[5L]]
  }, "")
  paste0(text, "\n\nOptions:\n", paste(sprintf("  %-*s  %s", max(nchar(heads)), heads, tails), collapse = "\n"))
}

# --- data ------------------------------------------------------------------------------------------------------------

# A data set; the label's column, where it is given, makes it a CSV file, and so does a task that asks for another
# reading.
load_any <- function(path, labels = NULL, label = "auto", task = "auto", model = NULL) {
  read <- function(classes = "auto") {
    load_csv(path, label_place(label), classes = classes, inputs = model$features, known = model$targets$classes)
  }
  data <- if (label == "auto" && (!is.null(labels) || !is_table(path))) load_data(path, labels) else read()
  if (task != "auto" && is.null(data$classes) == (task == "classes")) {
    return(read(task == "classes"))
  }
  data
}

# The label's column as `load_csv` takes it: digits are a number.
label_place <- function(label) {
  if (grepl("^[0-9]+$", label)) as.double(label) else label
}

# What the model's labels are.
model_task <- function(model) {
  if (length(model$targets$classes) > 0L) "classes" else "numbers"
}

# A data frame where the columns have names that differ, else the matrix.
named_table <- function(X, features) {
  if (is.null(features) || anyDuplicated(features) > 0L) return(X)
  table <- as.data.frame(X)
  names(table) <- features
  table
}

# The part for training, and what is held out: list(sample, held): a share or a number of the rows, or another file.
split_validation <- function(sample, validation, label, task) {
  if (is.null(validation)) return(list(sample, NULL))
  if (file.exists(validation)) return(list(sample, load_any(validation, NULL, label, task)))
  count <- if (is_decimal(trimws(validation))) as.double(validation) else NaN
  rows <- nrow(sample$X)
  held <- if (isTRUE(count > 0 && count < 1)) trunc(rows * count) else count
  if (!is.finite(held) || held != trunc(held) || held <= 0 || held >= rows) {
    stop_input(paste0(
      "--validation must be a share below 1, a number of rows below ", rows, ", or a file, not ", describe(validation)
    ))
  }
  unname(split_data(sample, rows - held))
}

# Inputs for a model, with or without labels beside them.
load_inputs <- function(path, model, labels = NULL, label = "auto") {
  known <- model$targets$classes
  data <- load_features(path, model$network$sizes[1L], model$features, known, label_place(label), labels)
  named_table(data$X, data$features)
}

# Writes a text file whole or not at all.
write_text <- function(lines, path) {
  check_written(write_lines_whole(lines, path), path)
}

# --- places to write to ----------------------------------------------------------------------------------------------

# An input error where no file could be written, said before the work begins. path: the file; NULL for none. replaced:
# whether a file is written beside its place and then moved there; a device or a pipe is not.
check_place <- function(path, replaced = FALSE) {
  reason <- if (!is.null(path)) place_refusal(path, replaced)
  if (!is.null(reason)) {
    shown <- if (nzchar(path)) path else "''"
    stop_input(paste0(shown, ": expected a place to write to, but ", reason))
  }
}

# Why no file could be written there, or NULL.
place_refusal <- function(path, replaced) {
  if (!nzchar(path)) return("it is none")
  folder <- if (endsWith(path, "/")) path else dirname(path)
  if (dir.exists(path)) return("is a directory")
  if (file.exists(folder) && !dir.exists(folder)) return("not a directory")
  if (!dir.exists(folder)) return("no such file or directory")
  written <- if ((replaced && !is_device(path)) || !file.exists(path)) folder else path
  if (file.access(written, 2L) != 0L) "permission denied"
}

# An input error where no picture could be drawn: its ending, its place.
check_picture_place <- function(path) {
  if (is.null(path)) return(invisible())
  name <- basename(path)
  ending <- if (grepl("^.+[.]", name)) tolower(sub("^.*[.]", "", name)) else ""
  check_word(ending, FORMATS, paste("the ending of", path))
  check_place(path)
}

# --- commands --------------------------------------------------------------------------------------------------------

# Each takes the words after its name and returns the exit status.
command_train <- function(words) {
  parsed <- parse_arguments(words, TRAIN_OPTIONS, "DATA")
  options <- parsed$options
  check_word(options$task, TASKS, "--task")
  check_place(options$model, replaced = TRUE)
  check_place(options$history, replaced = TRUE)
  check_picture_place(options$plot)
  sample <- load_any(parsed$arguments, options$labels, options$label, options$task)
  parts <- split_validation(sample, options$validation, options$label, options$task)
  sample <- parts[[1L]]
  table <- named_table(sample$X, sample$features)
  if (!is.null(options$resume)) {
    model <- load_model(options$resume)
    if (options$epochs <= model$state$epoch) {
      stop_input(paste0(
        "--epochs must be more than the ", model$state$epoch, " that the model has done, not ", options$epochs
      ))
    }
    model$plan$epochs <- options$epochs
  } else {
    hidden <- if (is.null(options$sizes)) options$hidden else utils::head(options$sizes[-1L], -1L)
    model <- prepare_model(
      table, sample$y, hidden[hidden != 0], options$activation, options$output_activation, options$loss,
      slope = options$slope, no_bias = if (is.null(options$no_bias)) integer() else options$no_bias, l1 = options$l1,
      l2 = options$l2, init = options$init, optimizer = options$optimizer, eta = options$eta,
      clip_norm = options$clip_norm, epochs = options$epochs, batch = options$batch,
      schedule = options$schedule, dropout = options$dropout,
      patience = options$patience, monitor = options$monitor, scaling = options$scaling,
      task = if (is.null(sample$classes)) "numbers" else "classes",
      seed = options$seed, arithmetic = if (options$exact) "exact" else options$arithmetic
    )
    if (!is.null(options$sizes) && !identical(options$sizes, model$network$sizes)) {
      stop_input(paste0(
        "--sizes must be ", paste(model$network$sizes, collapse = ","), " for these data, not ",
        paste(options$sizes, collapse = ",")
      ))
    }
    first <- t(model_inputs(model, utils::head(table, 100L)))
    sentence <- saturation_warning(model$network, model$state$W, model$state$b, first)
    if (!is.null(sentence)) message("nnparity: warning: ", sentence)
  }
  held <- parts[[2L]]
  validation <- if (!is.null(held)) list(named_table(held$X, held$features), held$y)
  trained <- resume_network(model, table, sample$y, model$plan$epochs, validation, verbose = !options$quiet)
  save_model(trained, options$model)
  history <- trained$state$history
  if (!is.null(options$history)) {
    rows <- apply(as.matrix(history), 1L, function(row) paste(number_text(row), collapse = ","))
    write_text(c(paste(HISTORY_COLUMNS, collapse = ","), rows), options$history)
  }
  if (!is.null(options$plot)) save_picture(plot_history(history, trained$plan$metric), options$plot)
  show_lines(c(describe_model(trained), paste("saved as", options$model)))
  0L
}

command_predict <- function(words) {
  parsed <- parse_arguments(words, PREDICT_OPTIONS, c("MODEL", "DATA"))
  options <- parsed$options
  model <- load_model(parsed$arguments[[1L]])
  outputs <- predict_outputs(model, load_inputs(parsed$arguments[[2L]], model, options$labels, options$label))
  lines <- prediction_lines(model, decode_targets(model$targets, outputs), if (options$outputs) outputs)
  if (is.null(options$out)) show_lines(lines) else write_text(lines, options$out)
  0L
}

# One line for each observation: its number, the prediction, and the outputs where they are asked for.
prediction_lines <- function(model, predictions, outputs) {
  units <- paste0("output", seq_len(model$network$sizes[length(model$network$sizes)]))
  shown <- if (is.matrix(predictions)) {
    matrix(number_text(predictions), nrow(predictions))
  } else if (is.factor(predictions)) {
    matrix(quoted(as.character(predictions)))
  } else {
    matrix(number_text(predictions))
  }
  header <- c("row", if (is.matrix(predictions)) units else "prediction")
  if (!is.null(outputs) && !is.matrix(predictions)) {
    shown <- cbind(shown, matrix(number_text(outputs), nrow(outputs)))
    header <- c(header, units)
  }
  c(paste(header, collapse = ","), apply(cbind(seq_len(nrow(shown)), shown), 1L, paste, collapse = ","))
}

# CSV fields, in quotes where they need them.
quoted <- function(text) {
  ifelse(grepl("[,\"\n]", text), paste0("\"", gsub("\"", "\"\"", text, fixed = TRUE), "\""), text)
}

command_evaluate <- function(words) {
  parsed <- parse_arguments(words, EVALUATE_OPTIONS, c("MODEL", "DATA"))
  options <- parsed$options
  check_picture_place(options$plot)
  model <- load_model(parsed$arguments[[1L]])
  if (!is.null(options$plot) && length(model$targets$classes) == 0L) {
    stop_input("--plot draws the confusion matrix of classes, and this model predicts numbers")
  }
  sample <- load_any(parsed$arguments[[2L]], options$labels, options$label, model_task(model), model)
  table <- named_table(sample$X, sample$features)
  values <- evaluate_model(model, table, sample$y, options$top)
  show_lines(paste(nrow(sample$X), "observations"))
  show_lines(sprintf("%-16s %.6g", names(values), values))
  classes <- model$targets$classes
  if (length(classes) > 0L) {
    counts <- confusion_matrix(t(predict_outputs(model, table)), t(encode_targets(model$targets, sample$y)))
    show_lines(c("", confusion_lines(counts, classes)))
    if (!is.null(options$plot)) draw_confusion(counts, classes, options$plot)
  }
  0L
}

draw_confusion <- function(counts, classes, path) {
  size <- 1.6 + 0.45 * length(classes)
  save_picture(plot_confusion(counts, classes), path, width = size + 0.4, height = size)
}

# The confusion matrix as text, in columns of one width.
confusion_lines <- function(counts, classes) {
  width <- max(nchar(sprintf("%d", max(counts))), nchar(classes)) + 1L
  head <- max(nchar(classes))
  # formatC() would write an umlaut as <U+00FC> in the locale C.
  spaces <- function(text, width) strrep(" ", width - nchar(text))
  columns <- function(text) paste0(spaces(text, width), text, collapse = "")
  c(
    paste0(strrep(" ", head), columns(classes)),
    paste0(classes, spaces(classes, head), apply(counts, 1L, function(row) columns(sprintf("%d", row))))
  )
}

command_plot <- function(words) {
  parsed <- parse_arguments(words, PLOT_OPTIONS, c("WHAT", "MODEL", "FILE"))
  what <- check_word(parsed$arguments[[1L]], names(PICTURES), "WHAT")
  PICTURES[[what]](load_model(parsed$arguments[[2L]]), parsed$options, parsed$arguments[[3L]])
  0L
}

history_picture <- function(model, options, path) {
  save_picture(plot_history(model$state$history, model$plan$metric), path)
}

confusion_picture <- function(model, options, path) {
  if (length(model$targets$classes) == 0L) {
    stop_input("a confusion matrix needs a network that predicts classes, not numbers")
  }
  sample <- required_data(model, options)
  outputs <- predict_outputs(model, named_table(sample$X, sample$features))
  counts <- confusion_matrix(t(outputs), t(encode_targets(model$targets, sample$y)))
  draw_confusion(counts, model$targets$classes, path)
}

regions_picture <- function(model, options, path) {
  sample <- required_data(model, options)
  save_picture(plot_regions(model, sample$X, sample$y), path, width = 5, height = 5)
}

# What --data names.
required_data <- function(model, options) {
  if (is.null(options$data)) stop_input("this picture needs observations: give --data")
  load_any(options$data, options$labels, options$label, model_task(model), model)
}

PICTURES <- list(history = history_picture, confusion = confusion_picture, regions = regions_picture)

# The commands of training, by name: what runs, and the help.
TRAINING_COMMANDS <- list(
  train = list(run = command_train, help = help_text(TRAIN_HELP, TRAIN_OPTIONS)),
  predict = list(run = command_predict, help = help_text(PREDICT_HELP, PREDICT_OPTIONS)),
  evaluate = list(run = command_evaluate, help = help_text(EVALUATE_HELP, EVALUATE_OPTIONS)),
  plot = list(run = command_plot, help = help_text(PLOT_HELP, PLOT_OPTIONS))
)
