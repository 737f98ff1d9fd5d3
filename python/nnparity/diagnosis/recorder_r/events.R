# What happens while the candidate runs: values are kept (by reference, for R copies on change), frames are followed.

running <- FALSE      # a step is being followed
recording <- FALSE    # and its values are kept

event_count <- 0L
event_node <- integer()
event_frame <- integer()
event_value <- list()
event_alternative <- list()
event_bytes <- 0
most_events <- 200000L
most_bytes <- 256 * 2^20
truncated <- FALSE

frames <- list()              # one per call of one of the candidate's functions
stack_environment <- list()   # those still open, innermost last
stack_frame <- integer()
stack_depth <- integer()
stack_statement <- integer()
stack_size <- 0L
other_environment <- list()   # of local, with, eval: the latest ones, and the frames they belong to
other_frame <- integer()
most_others <- 8L

injections <- list()
injection_nodes <- integer()
watches <- list()
watch_nodes <- integer()
counts <- integer()
refused <- character()

reset_recording <- function(record, events, bytes) {
  event_count <<- 0L
  event_node <<- event_frame <<- integer(4096)
  event_value <<- vector("list", 4096)
  event_alternative <<- list()
  event_bytes <<- 0
  most_events <<- events
  most_bytes <<- bytes
  truncated <<- FALSE
  frames <<- list()
  stack_environment <<- list(globalenv())
  stack_frame <<- 0L
  stack_depth <<- 0L
  stack_statement <<- 0L
  stack_size <<- 1L
  other_environment <<- list()
  other_frame <<- integer()
  refused <<- character()
  counts <<- integer()
  recording <<- record
  running <<- TRUE
}

# -- the functions that stand in the rewritten code -------------------------------------------------------------------

record_value <- function(x, id) if (recording) keep(x, id, parent.frame(), sys.nframe() - 1L) else x

record_statement <- function(id, x) if (recording) keep(x, id, parent.frame(), sys.nframe() - 1L) else x

mark_statement <- function(id) {
  if (running) {
    k <- place_on_stack(parent.frame(), sys.nframe() - 1L)
    stack_statement[k] <<- id
  }
  id
}

enter_function <- function(definition) {
  if (running) open_frame(definition, parent.frame(), sys.nframe() - 1L)
  NULL
}

record_after <- function(x, id) {
  if (recording) {
    change <- changes[[as.character(id)]]
    environment <- parent.frame()
    depth <- sys.nframe() - 1L
    where <- if (change$superior) parent.env(environment) else environment
    object <- if (is.symbol(change$object)) get0(as.character(change$object), envir = where) else
      quietly(change$object, where)
    if (is_plain(object)) {
      kept <- keep(object, id, environment, depth)
      if (!identical(kept, object)) put_back(change, kept, environment)
    }
  }
  invisible(x)
}

# -- following --------------------------------------------------------------------------------------------------------

# The place on the stack of the frame in which an expression is evaluated. Frames that have been left are dropped on the
# way; an environment that is no function's (local, with, eval) belongs to the innermost open frame around it, and still
# does where an argument is evaluated deep inside of the function that it was given to.
place_on_stack <- function(environment, depth) {
  k <- stack_size
  if (identical(stack_environment[[k]], environment)) return(k)
  while (k > 1L) {
    k <- k - 1L
    if (identical(stack_environment[[k]], environment)) {
      if (stack_depth[k] == depth) stack_size <<- k
      return(k)
    }
  }
  for (j in seq_along(other_environment)) if (identical(other_environment[[j]], environment)) {
    k <- match(other_frame[j], stack_frame[seq_len(stack_size)])
    if (!is.na(k)) return(k)
  }
  k <- stack_size
  while (k > 1L && stack_depth[k] >= depth) k <- k - 1L
  kept <- seq_len(min(length(other_frame), most_others - 1L))
  other_environment <<- c(list(environment), other_environment[kept])
  other_frame <<- c(stack_frame[k], other_frame[kept])
  k
}

open_frame <- function(definition, environment, depth) {
  k <- stack_size
  while (k > 1L && stack_depth[k] >= depth) k <- k - 1L
  stack_size <<- k
  caller <- parent.frame(3L)
  parent <- stack_frame[place_on_stack(caller, depth)]
  call_node <- NA_integer_
  below <- stack_depth[k]
  d <- depth
  while (d > below) {
    node <- attr(sys.call(d), "nnparity_node", exact = TRUE)
    if (!is.null(node)) {
      call_node <- node
      break
    }
    d <- d - 1L
  }
  id <- length(frames) + 1L
  frames[[id]] <<- list(parent = parent, definition = definition, call_node = call_node)
  stack_size <<- k + 1L
  stack_environment[[k + 1L]] <<- environment
  stack_frame[k + 1L] <<- id
  stack_depth[k + 1L] <<- depth
  stack_statement[k + 1L] <<- 0L
}

# Keeps a value and returns it, or what was injected in its place.
keep <- function(x, id, environment, depth) {
  if (event_count >= most_events || event_bytes >= most_bytes) {
    truncated <<- TRUE
    if (!length(injection_nodes)) return(x)
  }
  if (length(injection_nodes) || length(watch_nodes)) {
    if (id %in% injection_nodes || id %in% watch_nodes) {
      counts[id] <<- if (is.na(counts[id])) 1L else counts[id] + 1L
      if (id %in% injection_nodes) x <- injected(x, id, counts[id])
    }
  }
  if (truncated) return(x)
  frame <- stack_frame[place_on_stack(environment, depth)]
  n <- event_count + 1L
  if (n > length(event_node)) {
    event_node[2L * n] <<- 0L
    event_frame[2L * n] <<- 0L
    event_value[2L * n] <<- list(NULL)
  }
  event_count <<- n
  event_node[n] <<- id
  event_frame[n] <<- frame
  if (is_plain(x)) {
    size <- length(x)
    if (size > 0L && size <= MOST_ELEMENTS) {
      event_value[[n]] <<- x
      event_bytes <<- event_bytes + bytes_of(x)
    }
  } else if (!is.character(x) && !is.function(x) && !is.null(x) && (node_leaves[id] || is.object(x))) {
    # A list may hold anything, the empty argument included: what cannot be taken apart is not recorded.
    found <- tryCatch(leaves_of(x), error = function(e) NULL)
    if (length(found) && (node_leaves[id] || (length(found) == 1L && found[[1]]$path == ""))) {
      event_value[[n]] <<- structure(found, class = "nnparity_leaves")
      for (part in found) event_bytes <<- event_bytes + bytes_of(part$x)
    }
  }
  if (id %in% watch_nodes) watch(id, counts[id], environment, frame)
  x
}

# A large array costs memory once, however often it is recorded: R keeps one copy.
bytes_of <- function(x) {
  if (length(x) < 1000L) return(8 * length(x))
  for (other in recent_large) if (identical(x, other)) return(8)
  recent_large[[recent_place <<- recent_place %% 32L + 1L]] <<- x
  8 * length(x)
}

recent_large <- list()
recent_place <- 0L

# Evaluates an expression of ours in the candidate's environment: nothing of it is recorded, no error leaves it, no
# random number is used up.
quietly <- function(expression, environment) {
  was <- c(recording, running)
  recording <<- running <<- FALSE
  seed <- get0(".Random.seed", envir = globalenv(), inherits = FALSE)
  on.exit({
    recording <<- was[1]
    running <<- was[2]
    if (!is.null(seed)) assign(".Random.seed", seed, envir = globalenv())
  })
  suppressWarnings(tryCatch(eval(expression, environment), error = function(e) NULL))
}

put_back <- function(change, value, environment) {
  arrow <- as.name(if (change$superior) "<<-" else "<-")
  quietly(as.call(list(arrow, change$object, value)), environment)
}

# -- injection and watching -------------------------------------------------------------------------------------------

injected <- function(x, id, occurrence) {
  for (wanted in injections) if (wanted$node == id && (wanted$occurrence == 0L || wanted$occurrence == occurrence)) {
    changed <- tryCatch(put_numbers(x, wanted$path, wanted$numbers), error = function(e) e)
    if (inherits(changed, "error")) {
      refused[length(refused) + 1L] <<- json_lines(
        t = "inject_refused", node = id, occ = occurrence, path = wanted$path, message = conditionMessage(changed))
    } else {
      x <- changed
    }
  }
  x
}

# The numbers put into the leaf at a path, everything else about the value kept: dimensions, names, class.
put_numbers <- function(x, path, numbers) {
  if (!nzchar(path)) return(put_array(x, numbers))
  step <- regmatches(path, regexpr("^(\\[\\[[0-9]+\\]\\]|[$@][^$@[]+)", path))
  if (!length(step)) stop("there is no leaf ", path)
  rest <- substring(path, nchar(step) + 1L)
  key <- if (startsWith(step, "[[")) as.integer(gsub("[^0-9]", "", step)) else substring(step, 2L)
  if (startsWith(step, "@")) {
    attr(x, key) <- put_numbers(attr(x, key, exact = TRUE), rest, numbers)
  } else if (is.environment(x)) {
    assign(key, put_numbers(get(key, envir = x), rest, numbers), envir = x)
  } else {
    class <- oldClass(x)
    x <- unclass(x)
    if (is.character(key) && !(key %in% names(x)) || is.numeric(key) && key > length(x)) stop("there is no leaf ", path)
    x[[key]] <- put_numbers(x[[key]], rest, numbers)
    oldClass(x) <- class
  }
  x
}

put_array <- function(x, numbers) {
  kept <- attributes(x)
  if (is.list(x) && "data.frame" %in% oldClass(x)) {
    rows <- length(numbers) / length(x)
    if (rows != length(x[[1]])) stop("expected ", length(x) * length(x[[1]]), " numbers, got ", length(numbers))
    columns <- split(numbers, rep(seq_along(x), each = rows))
    x <- unname(columns)
    attributes(x) <- kept
    return(x)
  }
  if (is.list(x)) {
    if (length(numbers) != length(x)) stop("expected ", length(x), " numbers, got ", length(numbers))
    numbers <- as.list(numbers)
    attributes(numbers) <- kept
    return(numbers)
  }
  if (!is.numeric(unclass(x)) && !is.logical(x)) stop("the value is no numeric array")
  if (length(numbers) != length(x)) stop("expected ", length(x), " numbers, got ", length(numbers))
  whole <- typeof(x) %in% c("integer", "logical") && all(numbers == suppressWarnings(as.integer(numbers)), na.rm = TRUE)
  if (whole) storage.mode(numbers) <- typeof(x)
  attributes(numbers) <- kept
  numbers
}

watch <- function(id, occurrence, environment, frame) {
  for (wanted in watches) if (wanted$node == id && (wanted$occurrence == 0L || wanted$occurrence == occurrence)) {
    value <- quietly(wanted$expression, environment)
    if (!is_plain(value) || !length(value)) next
    n <- event_count + 1L
    event_count <<- n
    event_node[n] <<- id
    event_frame[n] <<- frame
    event_value[n] <<- list(value)
    event_alternative[[as.character(n)]] <<- wanted$text
  }
}
