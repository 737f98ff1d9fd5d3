# A model as a text file that both languages read without loss and without executing anything.
#
# The first line is "nnparity model 1"; each other line holds one entry, its four parts separated by tabs:
#
#     name    kind (number or text)    dimensions (30x784, 10; a matrix by column)    values, separated by tabs
#
# Numbers have 17 significant digits, which give every double back; NaN, Inf and -Inf are what they are. In text, a
# backslash, a tab and a line feed are written \\, \t and \n. The file is written beside its place and then moved
# there: whoever looks sees the old one or the new one, never half of it.

MODEL_FILE_HEADER <- "nnparity model 1"
HISTORY_COLUMNS <- c("epoch", "eta", "loss", "metric", "validation_loss", "validation_metric", "seconds")

# Writes a model, its training state included. model: from `prepare_model`, `train_model` or `load_model`. path: the
# file; an old one is replaced.
save_model <- function(model, path) {
  write_entries(model_entries(model), path)
}

# Reads a model that `save_model` of either language has written.
load_model <- function(path) {
  entries <- read_entries(path)
  tryCatch(
    entries_model(entries),
    nnparity_input_error = function(error) stop_input(paste0(path, ": ", conditionMessage(error)))
  )
}

# What is written of a model, by name and in this order.
model_entries <- function(model) {
  network <- model$network
  optimizer <- model$optimizer
  plan <- model$plan
  state <- model$state
  prefixed <- function(prefix, values) {
    if (length(values) > 0L) stats::setNames(as.list(values), paste0(prefix, names(values)))
  }
  history <- lapply(HISTORY_COLUMNS, function(name) as.double(state$history[[name]]))
  c(
    list(
      sizes = network$sizes,
      activations = network$activations,
      loss = network$loss,
      constants = c(network$slope, network$huber_delta, network$elu_alpha, network$l1, network$l2),
      no_bias = as.double(network$no_bias),
      optimizer = optimizer$name,
      eta = optimizer$eta,
      clip_norm = optional_number(optimizer$clip_norm)
    ),
    prefixed("optimizer.", optimizer$hyper),
    list(
      epochs = plan$epochs,
      batch = plan$batch,
      schedule = plan$schedule,
      dropout = plan$dropout,
      patience = optional_number(plan$patience),
      monitor = plan$monitor,
      metric = plan$metric
    ),
    prefixed("schedule.", plan$hyper),
    list(
      scaling = model$scaling$name,
      scaling.shift = model$scaling$shift,
      scaling.width = model$scaling$width,
      classes = model$targets$classes,
      classes.numeric = as.double(model$targets$numeric),
      features = model$features,
      arithmetic = model$arithmetic
    ),
    parameter_entries("", state$W, state$b),
    prefixed("state.", state$optimizer_state),
    list(
      random_seed = seed_numbers(state$random_seed),
      progress = c(state$epoch, state$best_value, state$best_epoch, state$halvings, state$halved),
      stopped = state$stopped
    ),
    stats::setNames(history, paste0("history.", HISTORY_COLUMNS)),
    parameter_entries("best.", state$best_W, state$best_b)
  )
}

# W1, b1, W2, ... by name.
parameter_entries <- function(prefix, W, b) {
  entries <- list()
  for (layer in seq_along(W)) {
    entries[[paste0(prefix, "W", layer)]] <- W[[layer]]
    entries[[paste0(prefix, "b", layer)]] <- b[[layer]]
  }
  entries
}

# One number, or none.
optional_number <- function(value) {
  if (is.null(value)) numeric() else as.double(value)
}

# The random stream's state as doubles: R's NA in it is the word 2^31.
seed_numbers <- function(random_seed) {
  numbers <- as.double(random_seed)
  numbers[is.na(numbers)] <- -2147483648
  numbers
}

# The model out of its entries, checked as if the user had typed it.
entries_model <- function(entries) {
  constants <- entry(entries, "constants", 5)
  sizes <- entry(entries, "sizes")
  activations <- text_entry(entries, "activations", max(1, length(sizes) - 1))
  hidden <- activations[-length(activations)]
  network <- define_network(
    sizes, if (length(hidden) > 0L) hidden else "linear", activations[length(activations)],
    text_entry(entries, "loss", 1), constants[1L], constants[2L], constants[3L], entry(entries, "no_bias"),
    constants[4L], constants[5L]
  )
  optimizer <- do.call(define_optimizer, c(
    list(text_entry(entries, "optimizer", 1), entry(entries, "eta", 1), first_or_none(entry(entries, "clip_norm"))),
    prefixed_numbers(entries, "optimizer.")
  ))
  plan <- do.call(define_training, c(
    list(
      entry(entries, "epochs", 1), entry(entries, "batch", 1), text_entry(entries, "schedule", 1),
      entry(entries, "dropout", 1), first_or_none(entry(entries, "patience")), text_entry(entries, "monitor", 1),
      text_entry(entries, "metric", 1)
    ),
    prefixed_numbers(entries, "schedule.")
  ))
  layers <- length(sizes) - 1L
  parameters <- entry_parameters(entries, "", layers)
  parameters <- check_parameters(network, parameters$W, parameters$b)
  memory <- initial_state(optimizer, parameters$W, parameters$b)
  for (name in names(memory)) {
    saved <- entry(entries, paste0("state.", name))
    if (length(saved) != length(memory[[name]]) || !identical(dim(saved), dim(memory[[name]]))) {
      stop_input(paste0("state.", name, " must have the shape of its parameter"))
    }
    memory[[name]] <- saved
  }
  progress <- entry(entries, "progress", 5)
  for (k in c(1, 3, 4, 5)) check_count(progress[k], paste0("progress[", k, "]"), 0)
  columns <- lapply(HISTORY_COLUMNS, function(name) entry(entries, paste0("history.", name), progress[1L]))
  best <- list(W = list(), b = list())
  if (!is.null(entries[["best.W1"]])) best <- entry_parameters(entries, "best.", layers)
  if (length(best$W) > 0L) check_parameters(network, best$W, best$b)
  history <- as.data.frame(stats::setNames(columns, HISTORY_COLUMNS))
  state <- structure(
    list(
      W = parameters$W, b = parameters$b, optimizer_state = memory,
      random_seed = saved_seed(entry(entries, "random_seed")), epoch = progress[1L], history = if (nrow(history) > 0L) history else data.frame(),
      best_value = progress[2L],
      best_epoch = progress[3L], best_W = best$W, best_b = best$b, halvings = progress[4L], halved = progress[5L],
      stopped = text_entry(entries, "stopped", 1)
    ),
    class = "training_state"
  )
  name <- check_word(text_entry(entries, "scaling", 1), names(SCALINGS), "scaling")
  scaled <- if (name == "none") 0 else sizes[1L]
  scaling <- list(
    name = name, shift = entry(entries, "scaling.shift", scaled), width = entry(entries, "scaling.width", scaled)
  )
  units <- sizes[layers + 1L]
  targets <- list(
    classes = text_or_none(entries, "classes", max(2, units)), numeric = entry(entries, "classes.numeric", 1) == 1,
    units = units
  )
  features <- text_or_none(entries, "features", sizes[1L])
  arithmetic <- get_arithmetic(text_entry(entries, "arithmetic", 1))$name
  new_model(network, optimizer, plan, state, scaling, targets, features, arithmetic)
}

# The numbers of that name, `size` of them where it is given; otherwise an input error.
entry <- function(entries, name, size = NULL) {
  value <- entries[[name]]
  if (!is.numeric(value)) stop_input(paste0("expected an entry ", name, " of numbers, found none"))
  if (is.null(size)) return(value)
  if (length(value) != size) {
    stop_input(paste0("expected ", size, " numbers in ", name, ", found ", length(value)))
  }
  as.vector(value)
}

# The text of that name, `size` words of it where it is given; otherwise an input error.
text_entry <- function(entries, name, size = NULL) {
  value <- entries[[name]]
  if (!is.character(value)) stop_input(paste0("expected an entry ", name, " of text, found none"))
  if (!is.null(size) && length(value) != size) {
    stop_input(paste0("expected ", size, " words in ", name, ", found ", length(value)))
  }
  value
}

# The text of that name, `size` words or none; otherwise an input error.
text_or_none <- function(entries, name, size) {
  if (length(text_entry(entries, name)) > 0L) text_entry(entries, name, size) else character()
}

# The one number, or NULL where there is none.
first_or_none <- function(values) {
  if (length(values) > 0L) values[1L]
}

# The numbers whose names begin with the prefix, without it.
prefixed_numbers <- function(entries, prefix) {
  names <- names(entries)[startsWith(names(entries), prefix)]
  values <- lapply(names, function(name) entry(entries, name, 1))
  stats::setNames(values, substring(names, nchar(prefix) + 1L))
}

# W and b by their names.
entry_parameters <- function(entries, prefix, layers) {
  list(
    W = lapply(seq_len(layers), function(k) entry(entries, paste0(prefix, "W", k))),
    b = lapply(seq_len(layers), function(k) entry(entries, paste0(prefix, "b", k)))
  )
}

# The random stream's state out of numbers; an input error where it is none.
saved_seed <- function(values) {
  values[values == -2147483648] <- NA
  seed <- as.integer(values)
  r_from_state(seed)
  seed
}

# --- the file --------------------------------------------------------------------------------------------------------

# Writes entries to a file beside the path, then moves it there.
write_entries <- function(entries, path) {
  lines <- c(MODEL_FILE_HEADER, vapply(names(entries), function(name) entry_line(name, entries[[name]]), ""))
  check_written(write_lines_whole(lines, path), path)
  invisible(path)
}

# One entry as a line.
entry_line <- function(name, value) {
  if (is.character(value)) return(paste(c(name, "text", length(value), escape_text(value)), collapse = "\t"))
  size <- paste(if (is.matrix(value)) dim(value) else length(value), collapse = "x")
  paste(c(name, "number", size, number_text(value)), collapse = "\t")
}

# Doubles by 17 significant digits, which give them back.
number_text <- function(value) {
  sprintf("%.17g", value)
}

# Text without tabs and line feeds: \ becomes \\, a tab \t, a line feed \n.
escape_text <- function(text) {
  gsub("\n", "\\n", gsub("\t", "\\t", gsub("\\", "\\\\", text, fixed = TRUE), fixed = TRUE), fixed = TRUE)
}

# What `escape_text` was given.
unescape_text <- function(text) {
  # A doubled backslash is set aside while the others are read.
  text <- gsub("\\\\", "\001", text, fixed = TRUE)
  text <- gsub("\\n", "\n", gsub("\\t", "\t", text, fixed = TRUE), fixed = TRUE)
  gsub("\001", "\\", text, fixed = TRUE)
}

# Entries out of a file; a line that is none is an input error with its number.
read_entries <- function(path) {
  if (!file.exists(path)) stop_input(paste0(path, ": expected a model file, but no such file or directory"))
  lines <- tryCatch(
    suppressWarnings(readLines(path, warn = FALSE, encoding = "UTF-8")), error = function(error) character()
  )
  if (length(lines) == 0L || !identical(lines[[1L]], MODEL_FILE_HEADER)) {
    stop_input(paste0(path, ": expected a model file, whose first line is '", MODEL_FILE_HEADER, "'"))
  }
  entries <- list()
  for (number in seq_along(lines)[-1L]) {
    if (nzchar(lines[[number]])) {
      parsed <- parse_entry(lines[[number]], paste0(path, ", line ", number))
      entries[[parsed$name]] <- parsed$value
    }
  }
  entries
}

# Name and value of a line: list(name =, value =).
parse_entry <- function(line, place) {
  parts <- strsplit(line, "\t", fixed = TRUE)[[1L]]
  parts <- c(parts, rep("", max(0L, 3L - length(parts))))
  size <- parts[[3L]]
  fields <- parts[-(1:3)]
  if (endsWith(line, "\t")) fields <- c(fields, "") # which strsplit drops
  shape <- if (grepl("^[0-9]{1,9}(x[0-9]{1,9})?$", size)) as.double(strsplit(size, "x", fixed = TRUE)[[1L]]) else -1
  if (!parts[[2L]] %in% c("number", "text") || prod(shape) != length(fields)) {
    stop_input(paste0(place, ": expected a name, number or text, dimensions and as many values, separated by tabs"))
  }
  if (parts[[2L]] == "text") return(list(name = parts[[1L]], value = unescape_text(fields)))
  numbers <- suppressWarnings(as.double(fields))
  if (any(is.na(numbers) & fields != "NaN")) stop_input(paste0(place, ": expected numbers only"))
  list(name = parts[[1L]], value = if (length(shape) == 2L) matrix(numbers, shape[1L], shape[2L]) else numbers)
}
