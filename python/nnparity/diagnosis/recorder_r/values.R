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

NUMBER_TYPES <- c(double = "float64", integer = "int32", logical = "bool", complex = "complex128")
CLASSES <- c(double = "numeric", integer = "integer", logical = "logical", complex = "complex")

store_count <- 0L
store_values <- list()       # the numbers
store_originals <- list()    # the arrays they came from
store_dim <- store_class <- store_type <- store_container <- character()
store_keys <- NULL
store_scalars <- list()

reset_store <- function() {
  store_count <<- 0L
  store_values <<- store_originals <<- list()
  store_dim <<- store_class <<- store_type <<- store_container <<- character()
  store_keys <<- new.env(hash = TRUE, parent = emptyenv())
  store_scalars <<- list()
}

# The numbers of many leaves in the store: a list of plain arrays; class and container NA where they speak for
# themselves. Equal bytes with equal dimensions and dress share one number. Scalars, by far the most in a network of
# loops, go all at once.
references <- function(leaves, classes, containers) {
  refs <- integer(length(leaves))
  types <- vapply(leaves, typeof, "")
  bare <- lengths(leaves) == 1L & is.na(classes) & is.na(containers) & types != "complex"
  bare <- bare & vapply(leaves, function(x) is.null(attributes(x)), NA)
  for (type in unique(types[bare])) {
    which_ones <- which(bare & types == type)
    numbers <- as.double(unlist(leaves[which_ones]))
    negative_zero <- numbers == 0 & 1 / numbers < 0
    negative_zero[is.na(negative_zero)] <- FALSE
    refs[which_ones[!negative_zero]] <- scalar_references(numbers[!negative_zero], type, type)
    refs[which_ones[negative_zero]] <- scalar_references(numbers[negative_zero], type, "negative zero")
  }
  for (k in which(!bare)) refs[k] <- array_reference(leaves[[k]], classes[k], containers[k])
  refs
}

reference <- function(x, class = NULL, container = NULL) {
  references(list(x), class %or% NA_character_, container %or% NA_character_)
}

scalar_references <- function(numbers, type, key) {
  if (!length(numbers)) return(integer())
  numbers[is.na(numbers)] <- NaN
  known <- store_scalars[[key]]
  fresh <- unique(numbers)
  fresh <- fresh[!(fresh %in% known$numbers)]
  if (length(fresh)) {
    refs <- store(as.list(fresh), "1", CLASSES[[type]], NUMBER_TYPES[[type]], "scalar")
    known <- list(numbers = c(known$numbers, fresh), refs = c(known$refs, refs))
    store_scalars[[key]] <<- known
  }
  known$refs[match(numbers, known$numbers)]
}

array_reference <- function(x, class, container) {
  size <- length(x)
  dim <- paste(dim_of_leaf(x), collapse = ",")
  type <- typeof(x)
  if (is.na(class)) class <- CLASSES[[type]]
  if (is.na(container)) container <- container_of_leaf(x)
  key <- paste(c(x[c(1L, (size + 1L) %/% 2L, size)], dim, class, container), collapse = " ")
  known <- store_keys[[key]]
  # The very array is met again and again: R compares it with itself at once, without a copy.
  for (candidate in known) if (identical(store_originals[[candidate]], x)) return(candidate)
  numbers <- if (type == "complex") Re(x) else as.double(x)
  attributes(numbers) <- NULL
  if (anyNA(numbers)) numbers[is.na(numbers)] <- NaN
  for (candidate in known) if (identical(store_values[[candidate]], numbers, num.eq = FALSE)) return(candidate)
  ref <- store(list(numbers), dim, class, NUMBER_TYPES[[type]], container)
  store_originals[[ref]] <<- x
  assign(key, c(known, ref), envir = store_keys)
  ref
}

store <- function(values, dim, class, type, container) {
  refs <- store_count + seq_along(values)
  store_values[refs] <<- values
  store_dim[refs] <<- dim
  store_class[refs] <<- class
  store_type[refs] <<- type
  store_container[refs] <<- container
  store_count <<- store_count + length(values)
  refs
}

values_json <- function() {
  if (!store_count) return(character())
  sizes <- lengths(store_values)
  offsets <- sprintf("%.0f", cumsum(c(0, sizes[-store_count])))
  json_lines(
    t = "value", ref = seq_len(store_count), dim = I(paste0("[", store_dim, "]")), n = sizes, offset = I(offsets),
    class = store_class, dtype = store_type, container = store_container)
}
