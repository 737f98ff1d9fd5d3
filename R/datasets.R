# Data come in through here: from files of whatever format, checked, as one row per observation and labels as classes.
#
# Every file that cannot be used is turned away in one sentence with its place; nothing is guessed about missing values.

# Observations and what is known about them: X, one row per observation; y, a factor, or numbers (a vector, or one row
# per observation) where classes is NULL; classes, the levels in their order (numbers by size, text by code point);
# features, the names of X's columns or NULL; name, where the data come from.
new_dataset <- function(X, y, classes, features, name) {
  structure(list(X = X, y = y, classes = classes, features = features, name = name), class = "nnparity_data")
}

print.nnparity_data <- function(x, ...) {
  kind <- if (is.null(x$classes)) "numbers to predict" else paste(length(x$classes), "classes")
  cat(sprintf("<%s: %d observations of %d features, %s>\n", x$name, nrow(x$X), ncol(x$X), kind))
  invisible(x)
}

# Whatever is at `path`, told by its content (the door of --data PATH): a CSV file, an IDX file of images, a folder with
# an IDX pair, each gzipped or not; or one of the words of DATASETS (digits, clusters, spiral, image, xor) where no such
# file is.
# labels: the IDX file of the labels, when it does not lie beside the images under their name.
load_data <- function(path, labels = NULL) {
  check_path(path, "path")
  if (path %in% names(DATASETS) && !file.exists(path)) {
    return(DATASETS[[path]]())
  }
  kind <- if (dir.exists(path)) "idx" else kind_of(read_bytes(path, 8))
  if (!is.null(labels) && kind != "idx") {
    stop_input(paste0(path, ": a file of labels goes with an IDX file of images, which this is not"))
  }
  if (kind == "pickle") {
    stop_input(paste0(path, ": expected CSV or IDX, not Python's pickle format, which only nnparity in Python reads"))
  }
  if (kind == "idx") load_idx(path, labels) else load_csv(path)
}

# The 1797 handwritten digits of 8 x 8 pixels that ship with the package (Alpaydin and Kaynak, 1998, UCI Machine
# Learning Repository, CC BY 4.0): pixels from 0 to 1 (divided by 16, exactly), or the whole numbers 0 to 16 without
# scale.
load_digits <- function(scale = TRUE) {
  data <- load_csv(file.path(data_dir(), "digits.csv.gz"), label = "digit")
  new_dataset(if (scale) data$X / 16 else data$X, data$y, data$classes, data$features, "digits")
}

# Images and labels in MNIST's IDX form, gzipped or not. path: the file of the images, or a folder with a pair (*images*
# and *labels*; the pair train... where there are several). labels: their file; the one beside the images under their
# name, unless given. scale: unsigned bytes become 0 to 1 (divided by 255).
load_idx <- function(path, labels = NULL, scale = TRUE) {
  pair <- idx_pair(path, labels)
  pixels <- read_idx(pair[[1L]])
  codes <- read_idx(pair[[2L]])
  if (length(pixels$shape) < 2L) {
    stop_input(paste0(
      pair[[1L]], ": expected an IDX file of images (at least 2 dimensions), not one of labels (1 dimension)"
    ))
  }
  if (length(codes$shape) != 1L) {
    stop_input(sprintf(
      "%s: expected an IDX file of labels (1 dimension), not %d dimensions", pair[[2L]], length(codes$shape)
    ))
  }
  if (pixels$shape[[1L]] != codes$shape[[1L]]) {
    stop_input(sprintf(
      "%s and %s: expected as many labels as images, %.0f, not %.0f",
      pair[[1L]], pair[[2L]], pixels$shape[[1L]], codes$shape[[1L]]
    ))
  }
  if (prod(pixels$shape) == 0) {
    stop_input(sprintf("%s: expected at least one image, not %s", pair[[1L]], paste(pixels$shape, collapse = " x ")))
  }
  if (codes$type >= 13 || min(codes$values) < 0) {
    stop_input(sprintf(
      "%s: expected labels that are whole numbers of at least 0, not %s", pair[[2L]], describe(min(codes$values))
    ))
  }
  if (!all(is.finite(pixels$values))) stop_input(paste0(pair[[1L]], ": expected finite numbers only"))
  X <- matrix(as.double(pixels$values), pixels$shape[[1L]], byrow = TRUE)
  if (scale && pixels$type == 8) X <- X / 255
  classes <- as.character(0:max(codes$values))
  new_dataset(X, factor(codes$values, levels = classes), classes, NULL, basename(pair[[1L]]))
}

# A table of numbers with one column of labels, gzipped or not; commas, semicolons or tabs separate (the most frequent
# in the first line), and blank lines do not count.
# label: the label's column: its name, its number, "first" or "last". "auto" takes the column named label, class,
# target, digit, species or y; else the only one with text in the first row; else the last, or the first where the last
# is constant. NULL: there is no label, and y has no columns.
# header: whether the first line names the columns. "auto": it does if some column has no number there and one below.
# classes: whether labels are classes. "auto": text is; whole numbers are where they are at most 100 and begin with 0 or
# 1 (or are -1 and 1); others are numbers to predict. A first column whose name is empty holds the row names that
# write.csv writes, and is left out.
# inputs: names of the columns of X, in their order; where the file has them all, the others are left out, and none of
# these is the label that "auto" takes.
# known: the classes there are: of the last column and the first, "auto" takes the one that holds nothing else.
load_csv <- function(
  path, label = "auto", header = "auto", classes = "auto", inputs = character(), known = character()
) {
  rows <- csv_rows(path)
  named <- has_header(rows, header)
  names <- if (named) rows$fields[[1L]]
  body <- lapply(rows, if (named) function(part) part[-1L] else identity)
  if (length(body$fields) == 0L) stop_input(paste0(path, ": expected at least one row of data, not a header alone"))
  widths <- lengths(rows$fields)
  if (any(widths != widths[[1L]])) {
    wrong <- which(widths != widths[[1L]])[[1L]]
    stop_input(sprintf(
      "%s, line %d: expected %d columns as in the first line, not %d",
      path, rows$lines[[wrong]], widths[[1L]], widths[[wrong]]
    ))
  }
  columns <- seq_len(widths[[1L]])
  if (named && names[[1L]] == "") columns <- columns[-1L]
  if (length(columns) < 2L && !is.null(label)) {
    stop_input(sprintf("%s: expected at least two columns, features and a label, not %d", path, length(columns)))
  }
  fields <- matrix(unlist(body$fields, use.names = FALSE), ncol = widths[[1L]], byrow = TRUE)
  wanted <- columns_of(inputs, names, columns)
  if (identical(label, "auto") && length(wanted) == length(columns)) {
    stop_input(sprintf("%s: expected a column of labels beside the %d of training", path, length(inputs)))
  }
  free <- if (identical(label, "auto")) setdiff(columns, wanted) else columns
  labels_at <- if (!is.null(label)) label_column(path, label, names, free, fields, known, length(wanted) > 0L)
  at <- setdiff(if (length(wanted) > 0L) wanted else columns, labels_at)
  X <- matrix(parse_numbers(fields[, at]), nrow = nrow(fields))
  if (!all(is.finite(X))) stop_at_field(path, X, fields, at, body$lines, names)
  features <- if (named) names[at]
  if (is.null(label)) {
    return(new_dataset(X, matrix(0, nrow(X), 0L), NULL, features, basename(path)))
  }
  target <- read_labels(path, fields[, labels_at], body$lines, classes)
  new_dataset(X, target$y, target$classes, features, basename(path))
}

# What a network is to be asked about, with or without labels beside it: a data set whose y, where it has columns, says
# nothing about what is looked for. count: how many features there are; a table of so many columns has no label. inputs,
# known, label: as in `load_csv`; a table with names must have all of `inputs`. labels: as in `load_data`.
load_features <- function(path, count, inputs = character(), known = character(), label = "auto", labels = NULL) {
  if (!is.null(labels) || !is_table(path)) {
    return(load_data(path, labels))
  }
  rows <- csv_rows(path)
  named <- has_header(rows, "auto")
  columns <- rows$fields[[1L]]
  if (named && columns[[1L]] == "") columns <- columns[-1L]
  if (identical(label, "auto")) {
    if (named && anyDuplicated(columns) == 0L) {
      missing <- setdiff(inputs, columns)
      if (length(missing) > 0L) {
        stop_input(sprintf("%s: expected the columns of training, but '%s' is missing", path, missing[[1L]]))
      }
      if (length(inputs) > 0L) {
        return(load_csv(path, NULL, inputs = inputs))
      }
    }
    if (length(columns) == count) {
      return(load_csv(path, NULL))
    }
  }
  load_csv(path, label, inputs = inputs, known = known)
}

# Whether there is a CSV file at the path, and no word, folder or other format.
is_table <- function(path) {
  check_path(path, "path")
  if (dir.exists(path) || (path %in% names(DATASETS) && !file.exists(path))) {
    return(FALSE)
  }
  kind_of(read_bytes(path, 8)) == "csv"
}

# A part of the observations for training, and the rest: list(training, rest). training: how many, a whole number or a
# fraction below 1 (rounded down). seed: take them in the order of set.seed(seed); sample.int(n); as they stand, unless
# given.
split_data <- function(data, training, seed = NULL) {
  n <- nrow(data$X)
  is_number <- is.numeric(training) && length(training) == 1L && is.finite(training)
  count <- if (is_number && training > 0 && training < 1) floor(n * training) else training
  if (!is_number || count != floor(count) || count < 1 || count >= n) {
    stop_input(sprintf(
      "training must be a fraction below 1 or a whole number from 1 to %d (there are %d observations), not %s",
      n - 1L, n, describe(training)
    ))
  }
  order <- if (is.null(seed)) seq_len(n) else r_sample_int(r_set_seed(seed), n)
  part <- function(rows) {
    y <- if (is.matrix(data$y)) data$y[rows, , drop = FALSE] else data$y[rows]
    new_dataset(data$X[rows, , drop = FALSE], y, data$classes, data$features, data$name)
  }
  list(training = part(order[seq_len(count)]), rest = part(order[seq.int(count + 1, n)]))
}

# Classes as rows of 0 with one 1. y: a factor, or places in the classes from 1. classes: their names, or how many there
# are.
one_hot <- function(y, classes) {
  count <- if (is.numeric(classes) && length(classes) == 1L) classes else length(classes)
  codes <- if (is.factor(y)) as.integer(y) else y
  if (!is.numeric(codes) || !is.null(dim(codes)) || any(codes != floor(codes), na.rm = TRUE)) {
    stop_input(paste0("y must be a factor or a vector of whole numbers, not ", describe(y)))
  }
  wrong <- which(is.na(codes) | codes < 1 | codes > count)
  if (length(wrong) > 0L) {
    stop_input(sprintf(
      "y must hold places from 1 to %d among %d classes, not %s (row %d)",
      count, count, describe(codes[[wrong[[1L]]]]), wrong[[1L]]
    ))
  }
  rows <- matrix(0, length(codes), count)
  rows[cbind(seq_along(codes), codes)] <- 1
  rows
}

generated <- function(make, name) {
  function() {
    made <- make()
    new_dataset(made$X, made$y, made$classes, c("x1", "x2"), name)
  }
}

# What `load_data` knows by a word: the package's own data, and the generators with their defaults.
DATASETS <- list(
  digits = function() load_digits(),
  clusters = generated(function() make_clusters(), "clusters"),
  spiral = generated(function() make_spiral(), "spiral"),
  image = generated(function() make_image(), "image"),
  xor = generated(function() make_xor(), "xor")
)

# --- files -----------------------------------------------------------------------------------------------------------

# The bytes of a file, or its first `count`, unpacked when it is gzipped.
read_bytes <- function(path, count = Inf) {
  if (!file.exists(path)) {
    stop_input(sprintf(
      "%s: expected a file, a folder with an IDX pair or one of %s, but there is no such thing",
      path, paste(names(DATASETS), collapse = ", ")
    ))
  }
  if (dir.exists(path)) stop_input(paste0(path, ": expected a file, not a folder"))
  damaged <- function(condition) {
    stop_input(paste0(path, ": expected a whole gzip file, not a damaged or truncated one"))
  }
  if (file.access(path, 4L) != 0L) stop_input(paste0(path, ": expected a file that can be read, but permission denied"))
  start <- readBin(path, "raw", 2L)
  if (!identical(start, as.raw(c(0x1f, 0x8b)))) {
    return(readBin(path, "raw", min(count, file.size(path))))
  }
  content <- tryCatch(unpack(path, count), error = damaged, warning = damaged)
  # A gzip file ends in the length of what it holds, modulo 2^32: R itself reads a truncated one without a word.
  size <- file.size(path)
  trailer <- if (size >= 18) readBin(path, "raw", size)[size - 3:0] else as.raw(rep(255, 4L))
  if (is.infinite(count) && sum(as.integer(trailer) * 256^(0:3)) != length(content) %% 4294967296) damaged()
  content
}

unpack <- function(path, count) {
  connection <- gzfile(path, "rb")
  on.exit(close(connection))
  blocks <- list()
  repeat {
    block <- readBin(connection, "raw", min(count, 2^22))
    blocks[[length(blocks) + 1L]] <- block
    if (length(block) < 2^22) {
      return(do.call(c, blocks))
    }
  }
}

kind_of <- function(start) {
  if (length(start) >= 3L && all(start[1:2] == 0) && as.character(start[[3L]]) %in% names(idx_types)) {
    return("idx")
  }
  if (length(start) >= 1L && start[[1L]] == as.raw(0x80)) "pickle" else "csv"
}

# IDX: two zero bytes, the type, the number of dimensions, each as a big-endian word, then the numbers, big-endian, too.
idx_types <- list(
  "08" = list(what = "integer", size = 1L, signed = FALSE), "09" = list(what = "integer", size = 1L, signed = TRUE),
  "0b" = list(what = "integer", size = 2L, signed = TRUE), "0c" = list(what = "integer", size = 4L, signed = TRUE),
  "0d" = list(what = "double", size = 4L, signed = TRUE), "0e" = list(what = "double", size = 8L, signed = TRUE)
)

read_idx <- function(path) {
  content <- read_bytes(path)
  if (kind_of(content) != "idx" || length(content) < 4L) {
    stop_input(paste0(path, ": expected an IDX file (two zero bytes, a type and the dimensions), not another format"))
  }
  dimensions <- as.integer(content[[4L]])
  header <- content[seq_len(length(content))[-(1:4)][seq_len(min(4L * dimensions, length(content) - 4L))]]
  bytes <- matrix(as.double(as.integer(header[seq_len(length(header) %/% 4L * 4L)])), nrow = 4L)
  shape <- colSums(bytes * 256^(3:0))
  type <- idx_types[[as.character(content[[3L]])]]
  expected <- 4 + 4 * dimensions + prod(shape) * type$size
  if (dimensions == 0L || length(shape) < dimensions || length(content) != expected) {
    known <- dimensions > 0L && length(shape) == dimensions
    size <- if (known) paste(format_whole(shape), collapse = " x ") else "an unknown number of"
    stop_input(sprintf(
      "%s: expected %s numbers as its header says (%s bytes), not %s bytes",
      path, size, format_whole(expected), format_whole(length(content))
    ))
  }
  body <- content[-seq_len(4L + 4L * dimensions)]
  values <- readBin(body, type$what, prod(shape), size = type$size, signed = type$signed, endian = "big")
  list(values = values, shape = shape, type = as.integer(content[[3L]]))
}

format_whole <- function(value) {
  sprintf("%.0f", value)
}

# The files of images and of labels.
idx_pair <- function(path, labels) {
  check_path(path, "path")
  if (!is.null(labels)) check_path(labels, "labels")
  if (dir.exists(path)) {
    images <- sort(list.files(path, full.names = TRUE), method = "radix")
    images <- images[grepl("images", basename(images), fixed = TRUE)]
    beside <- vapply(images, labels_beside, "", USE.NAMES = FALSE)
    images <- images[beside != ""]
    beside <- beside[beside != ""]
    if (length(images) == 0L) {
      stop_input(paste0(
        path, ": expected a folder with an IDX pair, a file named \u2026images\u2026 and one named \u2026labels\u2026"
      ))
    }
    first <- order(!startsWith(basename(images), "train"))[[1L]]
    return(c(images[[first]], if (is.null(labels)) beside[[first]] else labels))
  }
  beside <- if (is.null(labels)) labels_beside(path) else labels
  if (beside == "") {
    stop_input(paste0(path, ": expected a file of labels for these images, given as labels or lying beside them"))
  }
  c(path, beside)
}

# t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz; "" if there is none
labels_beside <- function(images) {
  name <- basename(images)
  if (!grepl("images", name, fixed = TRUE)) {
    return("")
  }
  twin <- sub("images", "labels", name, fixed = TRUE)
  end <- regexpr("labels", twin, fixed = TRUE) + 6L
  names <- c(paste0(substr(twin, 1L, end - 1L), gsub("idx3", "idx1", substring(twin, end), fixed = TRUE)), twin)
  spellings <- lapply(names, function(name) c(name, sub("[.]gz$", "", name), paste0(name, ".gz")))
  candidates <- file.path(dirname(images), unlist(spellings))
  found <- candidates[file.exists(candidates) & !dir.exists(candidates)]
  if (length(found) > 0L) found[[1L]] else ""
}

# --- tables ----------------------------------------------------------------------------------------------------------

label_names <- c("label", "class", "target", "digit", "species", "y")
decimal_pattern <- "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"

is_decimal <- function(text) {
  grepl(decimal_pattern, text, useBytes = TRUE)
}

# The fields of every line that is not blank, with its number: list(fields, lines).
csv_rows <- function(path) {
  check_path(path, "path")
  content <- read_bytes(path)
  if (length(content) >= 3L && identical(content[1:3], as.raw(c(0xef, 0xbb, 0xbf)))) content <- content[-(1:3)]
  text <- if (any(content == 0)) NA else rawToChar(content)
  if (is.na(text) || !validUTF8(text)) {
    stop_input(paste0(path, ": expected a CSV file in UTF-8, an IDX file or a folder with a pair, not another format"))
  }
  all_lines <- strsplit(text, "\r\n|\n|\r", perl = TRUE, useBytes = TRUE)[[1L]]
  Encoding(all_lines) <- "UTF-8"
  lines <- which(grepl("[^ \t]", all_lines, useBytes = TRUE))
  if (length(lines) == 0L) stop_input(paste0(path, ": expected at least one row of data, not an empty file"))
  kept <- all_lines[lines]
  marks <- lengths(regmatches(kept, gregexpr("\"", kept, fixed = TRUE)))
  if (any(marks %% 2L == 1L)) {
    wrong <- which(marks %% 2L == 1L)[[1L]]
    stop_input(sprintf(
      "%s, line %d: expected quotation marks in pairs, not %d of them", path, lines[[wrong]], marks[[wrong]]
    ))
  }
  separators <- c(",", ";", "\t")
  counts <- vapply(separators, function(s) lengths(regmatches(kept[[1L]], gregexpr(s, kept[[1L]], fixed = TRUE))), 1L)
  list(fields = split_fields(kept, separators[[which.max(counts)]]), lines = lines)
}

split_fields <- function(lines, separator) {
  # strsplit drops one empty field at the end of a line: here the one after the separator that is added.
  fields <- strsplit(paste0(lines, separator), separator, fixed = TRUE)
  quoted <- grepl("\"", lines, fixed = TRUE)
  fields[quoted] <- lapply(lines[quoted], function(line) {
    scan(
      text = line, what = "", sep = separator, quote = "\"", quiet = TRUE, na.strings = character(), comment.char = "",
      encoding = "UTF-8"
    )
  })
  if (any(grepl("(^|,|;|\t)[ \t]|[ \t](,|;|\t|$)", lines, useBytes = TRUE))) fields <- lapply(fields, trimws)
  fields
}

has_header <- function(start, header) {
  if (is.logical(header) && length(header) == 1L && !is.na(header)) {
    return(header)
  }
  if (!identical(header, "auto")) stop_input(paste0("header must be 'auto', true or false, not ", describe(header)))
  first <- start$fields[[1L]]
  if (length(start$fields) == 1L) {
    return(!any(is_decimal(first)))
  }
  second <- start$fields[[2L]]
  common <- seq_len(min(length(first), length(second)))
  any(is_decimal(second[common]) & !is_decimal(first[common]))
}

# The label's column; apart: whether the names tell it from the inputs.
label_column <- function(path, label, names, columns, fields, known, apart) {
  last <- columns[[length(columns)]]
  if (identical(label, "first")) {
    return(columns[[1L]])
  }
  if (identical(label, "last")) {
    return(last)
  }
  if (is.character(label) && length(label) == 1L && label != "auto") {
    if (!(label %in% names)) {
      known <- if (is.null(names)) "unnamed" else paste(names, collapse = ", ")
      stop_input(sprintf("%s: expected a column named '%s', but the columns are %s", path, label, known))
    }
    return(match(label, names))
  }
  if (!identical(label, "auto")) {
    if (!(is.numeric(label) && length(label) == 1L && label %in% columns)) {
      stop_input(sprintf("label must be a column's name or number from 1 to %d, not %s", last, describe(label)))
    }
    return(as.integer(label))
  }
  named <- columns[tolower(names[columns]) %in% label_names]
  if (length(named) > 0L) {
    return(named[[1L]])
  }
  first <- fields[1L, columns]
  texts <- columns[!is_decimal(first) & (!apart | length(known) == 0L | first %in% known)]
  if (length(texts) == 1L) {
    return(texts)
  }
  decide(unique(c(columns[[1L]], last)), fields, known)
}

# Where the inputs stand; nothing where the names do not tell.
columns_of <- function(inputs, names, columns) {
  there <- names[columns]
  if (anyDuplicated(there) > 0L || !all(inputs %in% there)) {
    return(integer())
  }
  columns[match(inputs, there)]
}

# What holds classes that are known is the label; and one that never changes is none: images end in a white pixel where
# their label comes first.
decide <- function(candidates, fields, known) {
  holding <- candidates[vapply(candidates, function(j) all(class_name(fields[, j]) %in% known), NA)]
  if (length(holding) == 1L) {
    return(holding)
  }
  last <- candidates[[length(candidates)]]
  constant <- nrow(fields) > 1L && all(fields[, last] == fields[1L, last])
  if (constant) candidates[[1L]] else last
}

class_name <- function(field) {
  numbers <- is_decimal(field)
  field[numbers] <- sprintf("%.15g", as.double(field[numbers]))
  field
}

# The first field, row by row, that is no finite number ends it all in one sentence.
stop_at_field <- function(path, X, fields, at, lines, names) {
  row <- which(rowSums(!is.finite(X)) > 0)[[1L]]
  column <- at[[which(!is.finite(X[row, ]))[[1L]]]]
  name <- if (is.null(names)) "" else sprintf(" (%s)", names[[column]])
  stop_input(sprintf(
    "%s, line %d, column %d%s: expected a finite number, not '%s'",
    path, lines[[row]], column, name, fields[row, column]
  ))
}

# Labels as a factor, or as numbers to predict: list(y, classes).
read_labels <- function(path, fields, lines, classes) {
  if (!identical(classes, "auto") && !(is.logical(classes) && length(classes) == 1L && !is.na(classes))) {
    stop_input(paste0("classes must be 'auto', true or false, not ", describe(classes)))
  }
  values <- parse_numbers(fields)
  missing <- tolower(fields) %in% c("", "na", "nan") | is.infinite(values)
  text <- identical(classes, FALSE) & is.na(values)
  if (any(missing | text)) {
    wrong <- which(missing | text)[[1L]]
    expected <- if (missing[[wrong]]) "expected a label" else "expected a number as label"
    stop_input(sprintf("%s, line %d: %s, not '%s'", path, lines[[wrong]], expected, fields[[wrong]]))
  }
  if (anyNA(values)) {
    words <- sort(unique(fields), method = "radix")
    return(list(y = factor(fields, levels = words), classes = words))
  }
  distinct <- sort(unique(values))
  if (isTRUE(classes) || (identical(classes, "auto") && look_like_classes(distinct))) {
    words <- sprintf("%.15g", distinct)
    return(list(y = factor(match(values, distinct), levels = seq_along(distinct), labels = words), classes = words))
  }
  list(y = values, classes = NULL)
}

look_like_classes <- function(distinct) {
  whole <- all(distinct == floor(distinct)) && length(distinct) <= 100L
  whole && (distinct[[1L]] %in% 0:1 || identical(distinct, c(-1, 1)))
}

# The doubles nearest to decimal numbers, NA for anything else: as Python reads them. (R's own parser works in long
# double and rounds twice, which is 1 ulp off now and then.)
parse_numbers <- function(fields) {
  distinct <- unique(as.vector(fields))
  values <- rep(NA_real_, length(distinct))
  numbers <- is_decimal(distinct)
  values[numbers] <- nearest_doubles(distinct[numbers])
  values[match(fields, distinct)]
}

nearest_doubles <- function(text) {
  values <- as.double(text)
  mantissa <- sub("[eE].*$", "", text)
  exponent <- ifelse(grepl("[eE]", text), suppressWarnings(as.double(sub("^.*[eE]", "", text))), 0)
  fraction <- nchar(sub("^[^.]*[.]?", "", mantissa))
  digits <- sub("^0+", "", gsub("[^0-9]", "", mantissa))
  power <- exponent - fraction

  # Up to 15 digits and 10^22: a whole number and a power of ten that are both exact, and one rounding (Clinger, 1990).
  short <- nchar(digits) <= 15L & abs(power) <= 22
  whole <- as.double(ifelse(digits == "", "0", digits))
  sign <- ifelse(startsWith(text, "-"), -1, 1)
  tens <- cumprod(c(1, rep(10, 22)))
  values[short] <- sign[short] * ifelse(
    power[short] < 0, whole[short] / tens[pmax(-power[short], 0) + 1], whole[short] * tens[pmax(power[short], 0) + 1]
  )
  long <- which(!short & is.finite(values) & values != 0)
  values[long] <- correct_doubles(values[long], digits[long], power[long])
  values
}

# The doubles nearest to digits * 10^power, from ones that are a few ulps off at most: the difference, read off the
# exact decimal expansion of 30 places in units of the last, against half an ulp. A tie goes to the even one. (More than
# 30 digits decide nothing short of a tie.)
correct_doubles <- function(values, digits, power) {
  expansion <- sprintf("%.29e", abs(values))
  shown <- paste0(substr(expansion, 1L, 1L), substr(expansion, 3L, 31L))
  scale <- as.double(substring(expansion, 33L))
  wanted <- substr(paste0(digits, strrep("0", 30L)), 1L, 30L)
  high <- as.double(substr(wanted, 1L, 15L)) - as.double(substr(shown, 1L, 15L))
  low <- as.double(substr(wanted, 16L, 30L)) - as.double(substr(shown, 16L, 30L))
  ulp <- 2^pmax(floor(log2(abs(values))) - 52, -1074)
  difference <- (high * 1e15 + low) / 1e29 * (10^scale / ulp)
  odd <- (abs(values) / ulp) %% 2 == 1
  tie <- abs(abs(difference) - 0.5) < 1e-9
  steps <- ifelse(tie, odd * sign(difference), round(difference))
  steps[power + nchar(digits) - 1 != scale] <- 0 # across a power of ten: 9.99... against 10
  sign(values) * (abs(values) + steps * ulp)
}

check_path <- function(path, what) {
  if (!is.character(path) || length(path) != 1L || is.na(path)) {
    stop_input(sprintf("%s must be the path of a file or folder, not %s", what, describe(path)))
  }
}
