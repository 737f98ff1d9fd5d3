# Requests in, responses out, as lines and raw doubles in the exchange folder; a step runs in a fork.
#
# request_K.txt, tab-separated lines; numbers by column in request_K.bin
#     kind        load, run or try
#     candidate, before, prelude, adapter   PATH        functions_only   0 or 1        timeout   SECONDS
#     seed, eta, record, rehearse, max_events, max_bytes   NUMBER
#     array       NAME  matrix or vector  ROWS  COLUMNS  OFFSET
#     text        PATH of a changed text of file CANDIDATE'S PATH, tried for at most so many seconds
#     inject      NODE  OCCURRENCE  PATH  ROWS  COLUMNS  OFFSET        watch   NODE  OCCURRENCE  EXPRESSION
# response_K.jsonl, an object a line; numbers by column in response_K.bin; response_K.done when both are complete
#     node, skipped, loaded                                the source: every expression that is recorded, once
#     frame, value, event, inject_refused, truncated       a run: calls, arrays, and which expression had which array
#     trial                                                the shapes of what step returned with a changed text
#     result                                               what step returned, or where and why it stopped

read_request <- function(path) {
  lines <- readLines(path, warn = FALSE, encoding = "UTF-8")
  entries <- strsplit(lines[nzchar(lines)], "\t", fixed = TRUE)
  keys <- vapply(entries, `[[`, "", 1L)
  list(
    one = function(key, default = NULL) {
      found <- which(keys == key)
      if (length(found) && length(entries[[found[1]]]) > 1L) entries[[found[1]]][2L] else default
    },
    all = function(key) lapply(entries[keys == key], `[`, -1L))
}

serve <- function(exchange) {
  exchange <<- exchange
  home <<- getwd()
  stand_guard()
  k <- 0L
  repeat {
    k <- k + 1L
    path <- file.path(exchange, paste0("request_", k, ".txt"))
    pause <- 0.0005
    while (!file.exists(path)) {
      Sys.sleep(pause)
      pause <- min(pause * 1.3, 0.01)
    }
    request <- read_request(path)
    kind <- request$one("kind")
    if (identical(kind, "quit")) break
    if (identical(kind, "load")) answer_load(request, k) else
      if (identical(kind, "try")) answer_trials(request, k) else answer_run(request, k)
  }
}

exchange <- ""

respond <- function(k, lines, numbers = list()) {
  stem <- file.path(exchange, paste0("response_", k))
  bytes <- file(paste0(stem, ".bin"), "wb")
  if (length(numbers)) writeBin(as.double(unlist(numbers, use.names = FALSE)), bytes, size = 8L, endian = "little")
  close(bytes)
  text <- file(paste0(stem, ".jsonl"), "wb")
  writeLines(lines, text, useBytes = TRUE)
  close(text)
  file.create(paste0(stem, ".tmp"))
  file.rename(paste0(stem, ".tmp"), paste0(stem, ".done"))
}

# -- load -------------------------------------------------------------------------------------------------------------

answer_load <- function(request, k) {
  request_of_load <<- request
  only_definitions <<- identical(request$one("functions_only", "0"), "1")
  candidate_path <<- request$one("candidate")
  adapter <- request$one("adapter")
  remembered$keep <- !is.null(adapter) && any(grepl("candidate_lines", read_text(adapter), fixed = TRUE))
  limit <- as.numeric(request$one("timeout", "0"))
  failure <- guarded({
    loading_recorded <<- FALSE
    for (path in request$all("before")) load_file(path[1], recorded = FALSE)
    loading_recorded <<- TRUE
    load_file(candidate_path, definitions = only_definitions)
    loading_recorded <<- FALSE
    only_definitions <<- FALSE
    if (!is.null(request$one("prelude"))) load_file(request$one("prelude"), recorded = FALSE)
    loading_recorded <<- TRUE
    if (!is.null(adapter)) load_file(adapter)
  }, limit)
  home <<- getwd()
  if (is.null(failure) && is.null(get0("step", envir = globalenv(), mode = "function", inherits = FALSE))) {
    failure <- list(kind = "no_step", message = "no function step(W, b, X, Y, eta) was defined")
  }
  status <- if (is.null(failure)) "ok" else failure$kind
  loaded <- json_lines(
    t = "loaded", status = status, message = failure$message, file = failure$file, cell = failure$cell,
    line = failure$line, end_line = failure$end_line, code = failure$code, functions = I(functions_json()),
    files = I(json_array(json_string(names(sources)))))
  lines <- c(nodes_json(nodes_sent + 1L), skipped, loaded)
  nodes_sent <<- node_count
  respond(k, lines)
}

# The candidate's functions with their arguments, and where they are defined; those inside of others cannot be called.
functions_json <- function() {
  handlers <- c("", "error", "warning", "message", "finally")
  named <- Filter(function(f) !(f$name %in% handlers) && !f$nested, function_list)
  texts <- function(x) I(json_array(if (length(x)) json_string(x)))
  json_array(vapply(named, function(f) {
    json_lines(name = f$name, args = texts(f$arguments), optional = texts(f$optional), file = f$file, line = f$line)
  }, ""))
}

nodes_json <- function(first) {
  if (first > node_count) return(character())
  nodes <- node_list[first:node_count]
  whole <- c("id", "parent", "stmt", "cell", "line", "end_line", "col", "end_col", "arg")
  text <- c("file", "kind", "op", "text", "target", "fun", "code", "keyword")
  columns <- c(
    lapply(whole, function(name) vapply(nodes, function(node) as.integer(node[[name]]), 1L)),
    lapply(text, function(name) vapply(nodes, `[[`, "", name)))
  do.call(json_lines, c(list(t = "node"), structure(columns, names = c(whole, text))))
}

# Evaluates and returns NULL, or a description of what went wrong: an error, quit(), or the time limit.
guarded <- function(expression, limit = 0) {
  failure <- NULL
  departure <<- NULL
  following <- running
  if (limit > 0) setTimeLimit(elapsed = limit)
  on.exit(setTimeLimit())
  left <- withRestarts(
    {
      tryCatch(
        withCallingHandlers(expression, error = function(condition) {
          message <- conditionMessage(condition)
          kind <- if (inherits(condition, "nnparity_parse_error")) "parse_error" else
            if (grepl("reached elapsed time limit", message, fixed = TRUE)) "timeout" else "error"
          failure <<- tryCatch(
            describe_failure(condition, sys.calls(), sys.frames(), message, kind), error = function(e) NULL)
        }),
        error = function(condition) {
          # A stack that has run over leaves no room for the calling handler.
          if (is.null(failure) || following && is.null(failure$line)) {
            running <<- following
            open <- stack_environment[seq_len(stack_size)]
            failure <<- describe_failure(condition, list(), open, conditionMessage(condition), "error")
          }
        })
      FALSE
    },
    nnparity_leave = function() TRUE,
    abort = function() {
      open <- stack_environment[seq_len(stack_size)]
      failure <<- describe_failure(NULL, list(), open, "the candidate jumped to top level", "error")
      FALSE
    })
  recording <<- running <<- FALSE
  if (left) departure else failure
}

# -- run --------------------------------------------------------------------------------------------------------------

answer_run <- function(request, k) {
  if (.Platform$OS.type != "unix") return(run_step(request, k))
  job <- parallel::mcparallel(run_in_fork(request, k), mc.set.seed = FALSE)
  suppressWarnings(parallel::mccollect(job))
  if (file.exists(file.path(exchange, paste0("response_", k, ".done")))) return(invisible())
  orderly <- file.exists(file.path(exchange, paste0("left_", k)))
  respond(k, json_lines(t = "result", status = "error", kind = if (orderly) "quit" else "crash",
                        message = if (orderly) "R was left inside step" else "R itself crashed inside step"))
}

# A fork's standard input is a pipe that nobody writes to: a candidate that reads from it would wait for ever. The first
# file opened takes its place.
empty_input <- function() {
  tryCatch({
    utils::getFromNamespace("closeFD", "parallel")(0L)
    nothing_to_read <<- file("/dev/null", "r")
  }, error = function(e) NULL)
}

nothing_to_read <- NULL

run_in_fork <- function(request, k) {
  empty_input()
  last_words <- new.env()
  reg.finalizer(last_words, function(e) file.create(file.path(exchange, paste0("left_", k))), onexit = TRUE)
  run_step(request, k)
  NULL
}

run_step <- function(request, k) {
  environment <- step_arguments(request, k)
  record <- identical(request$one("record", "1"), "1")
  read_injections(request, k)
  seed <- as.integer(request$one("seed", "1"))
  setwd(home)
  limit <- as.numeric(request$one("timeout", "0"))
  call <- quote(step(W, b, X, Y, eta))
  suppressWarnings(RNGkind("Mersenne-Twister", "Inversion", "Rejection"))
  failure <- NULL
  for (rehearsal in seq_len(as.integer(request$one("rehearse", "0")))) {
    set.seed(seed)
    if (is.null(failure)) failure <- guarded(eval(call, environment), limit)
  }
  most <- as.numeric(c(request$one("max_events", "200000"), request$one("max_bytes", "268435456")))
  reset_recording(record, most[1], most[2])
  set.seed(seed)
  result <- NULL
  reset_store()
  if (is.null(failure)) failure <- guarded(result <- eval(call, environment), limit)
  recording <<- running <<- FALSE
  events <- events_json()
  outcome <- if (is.null(failure)) result_json(result) else failure_json(failure)
  new_nodes <- nodes_json(nodes_sent + 1L)
  lines <- c(new_nodes, frames_json(), values_json(), events, refused, if (truncated) "{\"t\":\"truncated\"}", outcome)
  respond(k, lines, store_values)
}

step_arguments <- function(request, k) {
  path <- file.path(exchange, paste0("request_", k, ".bin"))
  size <- file.info(path, extra_cols = FALSE)$size
  numbers <- if (is.na(size)) numeric() else readBin(path, "double", size %/% 8, size = 8L, endian = "little")
  environment <- new.env(parent = globalenv())
  environment$W <- environment$b <- list()
  for (entry in request$all("array")) {
    size <- as.integer(entry[3:4])
    values <- numbers[as.numeric(entry[5]) + seq_len(prod(size))]
    if (entry[2] == "matrix") values <- matrix(values, size[1], size[2])
    name <- entry[1]
    if (name %in% c("X", "Y")) assign(name, values, envir = environment) else
      environment[[substr(name, 1L, 1L)]][[as.integer(substring(name, 2L))]] <- values
  }
  environment$eta <- as.numeric(request$one("eta"))
  environment
}

read_injections <- function(request, k) {
  path <- file.path(exchange, paste0("request_", k, ".bin"))
  size <- file.info(path, extra_cols = FALSE)$size
  numbers <- if (is.na(size)) numeric() else readBin(path, "double", size %/% 8, size = 8L, endian = "little")
  injections <<- lapply(request$all("inject"), function(entry) {
    count <- as.integer(entry[4]) * as.integer(entry[5])
    list(node = as.integer(entry[1]), occurrence = as.integer(entry[2]), path = entry[3],
         numbers = numbers[as.numeric(entry[6]) + seq_len(count)])
  })
  injection_nodes <<- vapply(injections, `[[`, 1L, "node")
  watches <<- Filter(Negate(is.null), lapply(request$all("watch"), function(entry) {
    expression <- tryCatch(str2lang(entry[3]), error = function(e) NULL)
    if (is.null(expression)) return(NULL)
    list(node = as.integer(entry[1]), occurrence = as.integer(entry[2]), text = entry[3], expression = expression)
  }))
  watch_nodes <<- vapply(watches, `[[`, 1L, "node")
}

frames_json <- function() {
  if (!length(frames)) return(character())
  definition <- lapply(frames, function(frame) function_list[[frame$definition]])
  json_lines(
    t = "frame", id = seq_along(frames), parent = vapply(frames, `[[`, 0L, "parent"),
    fun = vapply(definition, function(f) f$fun %or% NA_character_, ""), file = vapply(definition, `[[`, "", "file"),
    line = vapply(definition, `[[`, 1L, "line"), call_node = vapply(frames, `[[`, 1L, "call_node"))
}

events_json <- function() {
  n <- event_count
  if (!n) return(character())
  node <- event_node[seq_len(n)]
  values <- event_value[seq_len(n)]
  watched <- seq_len(n) %in% as.integer(names(event_alternative))
  occurrence <- integer(n)
  occurrence[!watched] <- stats::ave(integer(sum(!watched)), node[!watched], FUN = seq_along)
  for (k in which(watched)) occurrence[k] <- max(occurrence[seq_len(k)][node[seq_len(k)] == node[k]])

  many <- which(vapply(values, inherits, NA, "nnparity_leaves"))
  one <- setdiff(which(lengths(values) > 0L), many)
  parts <- unlist(lapply(values[many], unclass), recursive = FALSE)
  pick <- function(name) vapply(parts, function(part) part[[name]] %or% NA_character_, "")
  rows <- c(one, rep(many, lengths(values[many])))
  paths <- c(rep("", length(one)), pick("path"))
  refs <- references(c(values[one], lapply(parts, `[[`, "x")), c(rep(NA_character_, length(one)), pick("class")),
                     c(rep(NA_character_, length(one)), pick("container")))
  if (!length(rows)) return(character())
  order <- order(rows)
  rows <- rows[order]
  alternative <- rep("", length(rows))
  for (k in names(event_alternative)) alternative[rows == as.integer(k)] <- event_alternative[[k]]
  columns <- list(t = "event", seq = seq_along(rows), node = node[rows], frame = event_frame[rows],
                  occ = occurrence[rows], path = paths[order], ref = refs[order])
  if (any(watched)) columns$alt <- ifelse(nzchar(alternative), alternative, NA)
  do.call(json_lines, columns)
}

# What step returned, or why that is not list(W =, b =).
result_json <- function(result) {
  bad <- function(...) {
    json_lines(t = "result", status = "bad_result", message = paste0("step must return list(W =, b =), ", ...))
  }
  result <- if (is.list(result)) unclass(result) else return(bad("not ", describe(result)))
  if (is.null(names(result)) && length(result) == 2L) names(result) <- c("W", "b")
  if (!all(c("W", "b") %in% names(result))) {
    names <- names(result)
    return(bad("not a list ", if (is.null(names)) paste("of", length(result), "without names") else
      paste("with", paste(names, collapse = ", "))))
  }
  refs <- list()
  for (name in c("W", "b")) {
    parts <- result[[name]]
    if (!is.list(parts)) parts <- list(parts)
    refs[[name]] <- vapply(unclass(parts), function(part) {
      leaves <- leaves_of(part)
      if (length(leaves) != 1L) return(NA_integer_)
      reference(leaves[[1]]$x, leaves[[1]]$class, leaves[[1]]$container)
    }, 1L)
    wrong <- which(is.na(refs[[name]]))
    if (length(wrong)) return(bad("but ", name, "[[", wrong[1], "]] is ", describe(parts[[wrong[1]]])))
  }
  json_lines(t = "result", status = "ok", W = I(json_array(refs$W)), b = I(json_array(refs$b)))
}

describe <- function(x) {
  if (is.null(x)) return("NULL")
  if (is.function(x)) return("a function")
  dim <- attr(x, "dim", exact = TRUE)
  size <- if (is.null(dim)) paste(" of length", length(unclass(x))) else paste(" of dim", paste(dim, collapse = " x "))
  paste0("a ", if (is.object(x)) oldClass(x)[1] else typeof(x), size)
}
