# What a recorded R value is as numbers: its leaves, its dimensions, its dress; nothing here dispatches on the candidate's classes.

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
  if (!length(x)) return(NULL)
  columns <- lapply(x, function(column) {
    if (typeof(column) %in% c("double", "integer", "logical")) as.double(unclass(column)) else if (is.character(column)) rep(NA_real_, length(column))
  })
  sizes <- lengths(columns)
  if (any(sizes != sizes[1]) || !sizes[1] || all(vapply(x, is.character, NA)) || sum(sizes) > MOST_ELEMENTS) return(NULL)
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

# The class, type and dress of a leaf, for the "value" lines.
class_of_leaf <- function(x) switch(typeof(x), double = "numeric", integer = "integer", logical = "logical", complex = "complex", "numeric")

container_of_leaf <- function(x) {
  dim <- attr(x, "dim", exact = TRUE)
  if (length(dim) == 1L) "1d" else if (!is.null(dim)) "matrix" else if (length(x) == 1L) "scalar" else "vector"
}

dim_of_leaf <- function(x) {
  dim <- attr(x, "dim", exact = TRUE)
  if (is.null(dim)) length(x) else dim
}

# -- the store: each distinct array once -----------------------------------------------------------------------------------------------

new_store <- function() {
  store <- new.env(parent = emptyenv())
  store$keys <- new.env(hash = TRUE, parent = emptyenv())
  store$values <- list()
  store$lines <- character()
  store$offset <- 0
  store
}

# The number of an array in the store; equal bytes with equal dimensions share one.
reference <- function(store, x, class = NULL, container = NULL) {
  numbers <- if (is.complex(x)) Re(x) else as.double(x)
  numbers[is.na(numbers)] <- NaN
  size <- length(numbers)
  dim <- as.integer(dim_of_leaf(x))
  class <- class %or% class_of_leaf(x)
  container <- container %or% container_of_leaf(x)
  key <- paste(sprintf("%a", numbers[c(1L, (size + 1L) %/% 2L, size)]), size, paste(dim, collapse = "x"), class, container, sep = "|", collapse = "|")
  for (candidate in store$keys[[key]]) if (identical(store$values[[candidate]], numbers, num.eq = FALSE)) return(candidate)
  ref <- length(store$values) + 1L
  store$values[[ref]] <- numbers
  store$keys[[key]] <- c(store$keys[[key]], ref)
  type <- switch(typeof(x), integer = "int32", logical = "bool", complex = "complex128", "float64")
  store$lines[ref] <- sprintf(
    "{\"t\":\"value\",\"ref\":%d,\"dim\":[%s],\"n\":%d,\"offset\":%.0f,\"class\":\"%s\",\"dtype\":\"%s\",\"container\":\"%s\"}",
    ref, paste(dim, collapse = ","), size, store$offset, class, type, container)
  store$offset <- store$offset + size
  ref
}
