# What a recorded value is as numbers: its leaves, dimensions and dress; nothing here asks the candidate's own methods.

MOST_ELEMENTS <- 1e6
MOST_LEAVES <- 200L
MOST_DEPTH <- 4L

# A plain numeric array without a class: the common case, told apart quickly.
is_plain <- function(x) {
  type <- typeof(x)
  (type == "double" || type == "integer" || type == "logical" || type == "complex") && !is.object(x)
}

# Flat list of numeric leaves, named by their paths: "" for an array, "[[2]]", "$W[[1]]", "@W".
leaves_of <- function(x, depth = 0L) {
  if (is_plain(x)) return(if (length(x) > 0 && length(x) <= MOST_ELEMENTS) list(leaf("", x)))
  if (depth > MOST_DEPTH) return(NULL)
  type <- typeof(x)
  class <- oldClass(x)
  if (type == "list" && "data.frame" %in% class) return(data_frame_leaf(x))
  if (type %in% c("double", "integer", "logical", "complex")) {
    if (isS4(x) && !is.null(attr(x, ".Data", exact = TRUE))) return(NULL)
    plain <- unclass(x)
    if (!length(plain) || length(plain) > MOST_ELEMENTS) return(NULL)
    return(list(leaf("", plain, if ("factor" %in% class) "factor")))
  }
  if (type == "list") return(list_leaves(unclass(x), depth))
  if (type == "S4") {
    slots <- attributes(x)
    slots$class <- NULL
    return(under(slots, paste0("@", names(slots)), depth))
  }
  if (type == "environment" && length(class)) return(field_leaves(x, class, depth))
  NULL
}

leaf <- function(path, x, class = NULL, container = NULL) list(path = path, x = x, class = class, container = container)

under <- function(parts, paths, depth) {
  found <- list()
  for (k in seq_along(parts)) {
    part <- parts[[k]]
    if (is.null(part) || is.character(part) || is.function(part) || is.language(part)) next
    for (inner in leaves_of(part, depth + 1L)) {
      inner$path <- paste0(paths[k], inner$path)
      found[[length(found) + 1L]] <- inner
      if (length(found) > MOST_LEAVES) return(NULL)
    }
  }
  found
}

list_leaves <- function(x, depth) {
  size <- length(x)
  if (!size) return(NULL)
  if (size > 1L && all(lengths(x, use.names = FALSE) == 1L) && all(vapply(x, is_plain, NA))) {
    return(list(leaf("", unlist(x, use.names = FALSE), NULL, "list")))
  }
  if (size > MOST_LEAVES) return(NULL)
  labels <- names(x)
  paths <- paste0("[[", seq_len(size), "]]")
  if (!is.null(labels)) paths[nzchar(labels)] <- paste0("$", labels[nzchar(labels)])
  under(x, paths, depth)
}

data_frame_leaf <- function(x) {
  x <- unclass(x)
  attributes(x) <- NULL
  if (!length(x) || sum(lengths(x)) > MOST_ELEMENTS) return(NULL)
  columns <- lapply(x, function(column) {
    if (typeof(column) %in% c("double", "integer", "logical")) return(as.double(unclass(column)))
    if (is.character(column)) rep(NA_real_, length(column))
  })
  sizes <- lengths(columns)
  if (any(sizes != sizes[1]) || !sizes[1] || all(vapply(x, is.character, NA))) return(NULL)
  list(leaf("", matrix(unlist(columns), sizes[1]), NULL, "data.frame"))
}

# Fields of a RefClass or R6 object, its methods and private environments apart.
field_leaves <- function(x, class, depth) {
  names <- ls(x, sorted = TRUE)
  names <- names[!vapply(names, function(name) bindingIsActive(name, x), NA)]
  fields <- lapply(names, function(name) {
    value <- get0(name, envir = x, inherits = FALSE)
    if (is.environment(value) && (is.null(oldClass(value)) || identical(value, x))) NULL else value
  })
  under(fields, paste0("$", names), depth)
}

# The dress and the dimensions of a leaf, for the "value" lines.
container_of_leaf <- function(x) {
  dim <- attr(x, "dim", exact = TRUE)
  if (length(dim) == 1L) "1d" else if (!is.null(dim)) "matrix" else if (length(x) == 1L) "scalar" else "vector"
}

dim_of_leaf <- function(x) {
  dim <- attr(x, "dim", exact = TRUE)
  if (is.null(dim)) length(x) else dim
}

# -- the store: each distinct array once ------------------------------------------------------------------------------

new_store <- function() {
  store <- new.env(parent = emptyenv())
  store$keys <- new.env(hash = TRUE, parent = emptyenv())
  store$scalars <- list()
  store$values <- list()
  store$lines <- character()
  store$count <- 0L
  store$offset <- 0
  store
}

NUMBER_TYPES <- c(double = "float64", integer = "int32", logical = "bool", complex = "complex128")
CLASSES <- c(double = "numeric", integer = "integer", logical = "logical", complex = "complex")

# The numbers of many leaves in the store: a list of plain arrays; class and container NA where they speak for
# themselves. Equal bytes with equal dimensions and dress share one number. Scalars, by far the most in a network of
# loops, go all at once.
references <- function(store, leaves, classes, containers) {
  refs <- integer(length(leaves))
  types <- vapply(leaves, typeof, "")
  bare <- lengths(leaves) == 1L & is.na(classes) & is.na(containers) & types != "complex"
  bare <- bare & vapply(leaves, function(x) is.null(attributes(x)), NA)
  for (type in unique(types[bare])) {
    which_ones <- which(bare & types == type)
    numbers <- as.double(unlist(leaves[which_ones]))
    negative_zero <- numbers == 0 & 1 / numbers < 0
    negative_zero[is.na(negative_zero)] <- FALSE
    refs[which_ones[!negative_zero]] <- scalar_references(store, numbers[!negative_zero], type, type)
    refs[which_ones[negative_zero]] <- scalar_references(store, numbers[negative_zero], type, "negative zero")
  }
  for (k in which(!bare)) refs[k] <- array_reference(store, leaves[[k]], classes[k], containers[k])
  refs
}

reference <- function(store, x, class = NULL, container = NULL) {
  references(store, list(x), class %or% NA_character_, container %or% NA_character_)
}

scalar_references <- function(store, numbers, type, key) {
  if (!length(numbers)) return(integer())
  numbers[is.na(numbers)] <- NaN
  known <- store$scalars[[key]]
  fresh <- unique(numbers)
  fresh <- fresh[!(fresh %in% known$numbers)]
  if (length(fresh)) {
    refs <- store$count + seq_along(fresh)
    append_values(store, as.list(fresh), "1", 1L, CLASSES[[type]], NUMBER_TYPES[[type]], "scalar")
    known <- list(numbers = c(known$numbers, fresh), refs = c(known$refs, refs))
    store$scalars[[key]] <- known
  }
  known$refs[match(numbers, known$numbers)]
}

array_reference <- function(store, x, class, container) {
  numbers <- if (is.complex(x)) Re(x) else as.double(x)
  attributes(numbers) <- NULL
  if (anyNA(numbers)) numbers[is.na(numbers)] <- NaN
  size <- length(numbers)
  dim <- paste(dim_of_leaf(x), collapse = ",")
  type <- typeof(x)
  if (is.na(class)) class <- CLASSES[[type]]
  if (is.na(container)) container <- container_of_leaf(x)
  key <- paste(numbers[1L], numbers[(size + 1L) %/% 2L], numbers[size], size, dim, class, container)
  for (candidate in store$keys[[key]]) {
    if (identical(store$values[[candidate]], numbers, num.eq = FALSE)) return(candidate)
  }
  append_values(store, list(numbers), dim, size, class, NUMBER_TYPES[[type]], container)
  ref <- store$count
  store$keys[[key]] <- c(store$keys[[key]], ref)
  ref
}

append_values <- function(store, values, dim, size, class, type, container) {
  count <- length(values)
  refs <- store$count + seq_len(count)
  store$values[refs] <- values
  offsets <- sprintf("%.0f", store$offset + (seq_len(count) - 1) * size)
  store$lines[refs] <- json_lines(
    t = "value", ref = refs, dim = I(paste0("[", dim, "]")), n = size, offset = I(offsets), class = class, dtype = type,
    container = container)
  store$count <- store$count + count
  store$offset <- store$offset + count * size
}
