# Every complaint about bad input is made here, so that each is one sentence saying what was expected, what came, and
# where.

# Stops with a condition of class "nnparity_input_error" whose message is the sentence (Python: InputError).
stop_input <- function(sentence) {
  stop(structure(
    class = c("nnparity_input_error", "error", "condition"),
    list(message = sentence, call = NULL)
  ))
}

# A short name for a value, for use after "not" in a sentence: numbers by six digits, text in quotes, the rest by kind.
describe <- function(value) {
  if (is.null(value)) return("nothing")
  if (is.factor(value)) return("a factor")
  if (is.matrix(value)) {
    kind <- if (is.numeric(value) || is.logical(value)) "numbers" else "text or other things"
    return(paste("an array of", kind, "with shape", paste(dim(value), collapse = " x ")))
  }
  if (is.function(value) || is.environment(value) || is.data.frame(value)) {
    return(paste("an object of class", class(value)[1L]))
  }
  if (length(value) != 1L) return(paste(length(value), "values"))
  if (is.list(value)) return("1 value")
  if (is.logical(value)) return("a logical value")
  if (is.character(value)) return(paste0("'", value, "'"))
  if (is.numeric(value)) return(if (is.nan(value) || is.na(value)) "NaN" else sprintf("%.6g", as.double(value)))
  paste("an object of class", class(value)[1L])
}

# The number of letters to insert, delete or replace to make a into b (Levenshtein).
edit_distance <- function(a, b) {
  as.integer(utils::adist(a, b))
}

# The registry word that was probably meant: the one abbreviated (`mse`), or the nearest by edit distance, or NULL.
nearest_word <- function(word, words) {
  plain <- gsub(" ", "_", gsub("-", "_", tolower(word), fixed = TRUE), fixed = TRUE)
  initials <- vapply(strsplit(words, "_", fixed = TRUE), function(parts) paste(substr(parts, 1L, 1L), collapse = ""), "")
  if (plain %in% initials) return(words[match(plain, initials)])
  distances <- vapply(words, function(known) edit_distance(plain, known), 0L)
  best <- which.min(distances)
  if (distances[best] <= max(2, nchar(words[best]) %/% 2)) words[best] else NULL
}

# The word itself when it is one of the words; otherwise an input error, with the nearest right one.
# `what` is what the word stands for, as it begins the sentence.
check_word <- function(word, words, what) {
  is_text <- is.character(word) && length(word) == 1L && !is.na(word)
  if (is_text && word %in% words) return(word)
  near <- if (is_text) nearest_word(word, words)
  hint <- if (is.null(near)) "" else paste0("; did you mean '", near, "'?")
  stop_input(paste0(what, " must be one of ", paste(words, collapse = ", "), ", not ", describe(word), hint))
}

# One finite number within the limits, as a double; otherwise an input error.
check_number <- function(value, what, at_least = -Inf, above = -Inf, below = Inf) {
  is_number <- is.numeric(value) && length(value) == 1L && is.null(dim(value)) && !is.factor(value)
  if (is_number && is.finite(value) && value >= at_least && value > above && value < below) return(as.double(value))
  words <- c("at least", "above", "below")
  limits <- c(at_least, above, below)
  bounded <- is.finite(limits)
  limits <- paste(paste(words[bounded], vapply(limits[bounded], describe, "")), collapse = " and ")
  stop_input(paste0(
    what, " must be one finite number", if (any(bounded)) " ", if (any(bounded)) limits, ", not ", describe(value)
  ))
}

# One whole number not below `at_least`; otherwise an input error.
check_count <- function(value, what, at_least = 1L) {
  is_number <- is.numeric(value) && length(value) == 1L && is.null(dim(value)) && !is.factor(value)
  if (is_number && is.finite(value) && value == trunc(value) && value >= at_least) return(as.double(value))
  stop_input(paste0(what, " must be a whole number of at least ", at_least, ", not ", describe(value)))
}

# A matrix of doubles with that many rows and columns (NULL: any number above 0); otherwise an input error.
# NaN and Inf pass: the core computes with them as IEEE 754 says. `check_finite` turns them away at the doors.
check_matrix <- function(value, what, rows = NULL, columns = NULL) {
  if (!is.matrix(value) || !(is.numeric(value) || is.logical(value))) {
    stop_input(paste0(what, " must be a matrix of numbers, not ", describe(value)))
  }
  size <- dim(value)
  if (any(size == 0L)) {
    stop_input(paste0(what, " must have at least one row and one column, not ", size[1L], " x ", size[2L]))
  }
  if ((!is.null(rows) && size[1L] != rows) || (!is.null(columns) && size[2L] != columns)) {
    expected <- paste(if (is.null(rows)) "any" else rows, "x", if (is.null(columns)) "any" else columns)
    stop_input(paste0(what, " must be ", expected, ", not ", size[1L], " x ", size[2L]))
  }
  if (!is.double(value)) storage.mode(value) <- "double"
  if (!is.null(dimnames(value))) dimnames(value) <- NULL
  value
}

# A vector of `size` doubles; otherwise an input error.
check_vector <- function(value, what, size) {
  if (!(is.numeric(value) || is.logical(value)) || is.factor(value) || length(dim(value)) > 1L) {
    stop_input(paste0(what, " must be a vector of ", size, " numbers, not ", describe(value)))
  }
  if (length(value) != size) {
    stop_input(paste0(what, " must be a vector of ", size, " numbers, not of ", length(value)))
  }
  if (is.double(value) && is.null(attributes(value))) value else as.double(value)
}

# The matrix itself when it holds neither NaN nor Inf; otherwise an input error with the first place, column by column.
check_finite <- function(matrix, what) {
  if (is.finite(sum(matrix))) return(matrix) # mostly, and without a vector as large as the data
  wrong <- which(!is.finite(matrix))
  if (length(wrong) > 0L) {
    place <- arrayInd(wrong[1L], dim(matrix))
    stop_input(paste0(
      what, " must hold finite numbers only, not ", describe(matrix[wrong[1L]]),
      " (row ", place[1L], ", column ", place[2L], ")"
    ))
  }
  matrix
}
