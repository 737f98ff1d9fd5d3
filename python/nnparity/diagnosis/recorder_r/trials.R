# Takes a step of the candidate with some of its text changed, unrecorded, many times over in one fork.
#
# Every trial evaluates the candidate anew from its sources, the changed one among them, so that closures, classes and
# lists of functions all hold what the changed text defines.

LEAST_SECONDS <- 0.05  # allowed to a trial, however quick the untouched candidate was
SLOWER <- 20           # a trial may take so many times as long as the untouched candidate

edits <- list()   # the changed sources: path, cell (NA where it is a whole file), lines
trying <- FALSE

# Two forks share the trials, every other one each.
answer_trials <- function(request, k) {
  trials <- request$all("trial")
  share <- seq_along(trials) %% 2L
  jobs <- lapply(unique(share), function(one) {
    parallel::mcparallel({
      empty_input()
      run_trials(request, k, trials[share == one])
    }, mc.set.seed = FALSE)
  })
  done <- unname(suppressWarnings(parallel::mccollect(jobs)))
  results <- vector("list", length(trials))
  for (one in seq_along(jobs)) {
    places <- which(share == unique(share)[one])
    if (is.list(done[[one]])) results[places[seq_along(done[[one]])]] <- done[[one]]
  }
  lines <- vapply(results, function(parts) {
    shapes <- if (is.list(parts)) json_array(vapply(parts, function(part) {
      json_array(json_whole(attr(part, "dim", exact = TRUE) %or% length(part)))
    }, ""))
    json_lines(t = "trial", shapes = if (!is.null(shapes)) I(shapes))
  }, "")
  spent <- max(0, unlist(lapply(done, attr, "seconds")))
  lines <- c(lines, json_lines(t = "tried", milliseconds = 1000 * spent))
  respond(k, lines, unlist(Filter(is.list, results), recursive = FALSE))
}

# What step returned in each trial: a list of arrays, or NA where it stopped. Ends when the seconds are over, those of
# this process: what is found does not depend on what else the machine does.
run_trials <- function(request, k, trials) {
  trying <<- TRUE
  loading_recorded <<- FALSE
  setwd(home)
  seconds <- as.numeric(request$one("seconds"))
  suppressWarnings(RNGkind("Mersenne-Twister", "Inversion", "Rejection"))
  started <- spent_seconds()
  began <- elapsed()
  try_edits(request, k, list(), seconds)   # its first evaluation takes longer
  warm <- elapsed()
  try_edits(request, k, list(), seconds)
  limit <- max(LEAST_SECONDS, SLOWER * (elapsed() - warm), 3 * (warm - began))
  results <- list()
  for (entry in trials) {
    if (spent_seconds() - started > seconds) break
    results[[length(results) + 1L]] <- try_edits(request, k, read_edits(entry), limit) %or% NA
  }
  structure(results, seconds = spent_seconds() - started)
}

elapsed <- function() base::proc.time()[["elapsed"]]
spent_seconds <- function() sum(base::proc.time()[1:2])

# The edits of a trial, from three entries for each: the file of the new text, the path, the cell.
read_edits <- function(entry) {
  lapply(seq_len((length(entry) + 1L) %/% 3L) * 3L - 2L, function(k) {
    list(path = entry[k + 1L], cell = as.integer(entry[k + 2L]), lines = read_text(entry[k]))
  })
}

# What step returns with these edits: its arrays, W before b; NULL where it stops.
try_edits <- function(request, k, changed, limit) {
  edits <<- changed
  environment <- step_arguments(request, k)
  result <- NULL
  failure <- guarded(utils::capture.output(suppressMessages(suppressWarnings({
    remembered$list <- list()
    for (before in request_of_load$all("before")) load_plain(before[1])
    load_plain(candidate_path, definitions = identical(request_of_load$one("functions_only", "0"), "1"))
    if (!is.null(request_of_load$one("adapter"))) load_plain(request_of_load$one("adapter"))
    set.seed(as.integer(request$one("seed", "1")))
    result <- eval(quote(step(W, b, X, Y, eta)), environment)
  }))), limit)
  while (sink.number() > 0L) sink()
  if (!is.null(failure) || !is.list(result)) return(NULL)
  result <- unclass(result)
  if (is.null(names(result)) && length(result) == 2L) names(result) <- c("W", "b")
  parts <- c(as.list(result$W), as.list(result$b))
  parts <- lapply(parts, function(part) if (is.data.frame(part)) as.matrix(part) else part)
  if (!length(parts) || !all(vapply(parts, is.numeric, NA))) return(NULL)
  parts
}

request_of_load <- NULL

# Evaluates a file as load_file does, without recording. A function or a class that an earlier trial left as it is in
# this text is not made again: classes take long.
load_plain <- function(path, environment = globalenv(), definitions = FALSE) {
  source <- edited_source(path)
  expressions <- parse(text = source$lines, keep.source = remembered$keep)
  if (remembered$keep && path == candidate_path) {
    for (k in seq_along(expressions)) remember_plain(expressions[[k]], attr(expressions, "srcref")[[k]], source)
  }
  before <- in_place[[path]]
  in_place[[path]] <- NULL
  expressions <- as.list(expressions)
  changed <- if (length(before) != length(expressions)) rep(TRUE, length(expressions)) else
    !vapply(seq_along(expressions), function(k) identical(expressions[[k]], before[[k]]), NA)
  names_changed <- vapply(expressions[changed], defined_name, "")
  for (k in seq_along(expressions)) {
    expression <- expressions[[k]]
    if (!changed[k] && stays(expression, names_changed, environment)) next
    if (definitions && !is_definition(expression, environment)) next
    if (definitions) tryCatch(eval(expression, environment), error = identity) else eval(expression, environment)
  }
  in_place[[path]] <- expressions
}

# A file's source with the edits of this trial.
edited_source <- function(path) {
  mine <- Filter(function(edit) edit$path == path, edits)
  whole <- Filter(function(edit) is.na(edit$cell), mine)
  lines <- if (length(whole)) whole[[1]]$lines else read_text(path)
  reader <- notebook_readers[[tolower(sub(".*\\.", "", path))]]
  source <- if (is.null(reader)) new_source(path, lines) else reader(path, lines)
  for (edit in Filter(function(edit) !is.na(edit$cell), mine)) {
    before <- source$cell < edit$cell
    after <- source$cell > edit$cell
    source <- new_source(
      path, c(source$lines[before], edit$lines, source$lines[after]),
      c(source$cell[before], rep(edit$cell, length(edit$lines)), source$cell[after]),
      c(source$line[before], seq_along(edit$lines), source$line[after]))
  }
  source
}

in_place <- new.env(parent = emptyenv())

defined_name <- function(expression) {
  if (is_assignment(expression) && is.symbol(expression[[2]])) as.character(expression[[2]]) else ""
}

# Whether what an expression defined is still there and does not depend on what has changed.
stays <- function(expression, names_changed, environment) {
  name <- defined_name(expression)
  if (!nzchar(name) || !exists(name, envir = environment, inherits = FALSE)) return(FALSE)
  value <- expression[[3]]
  if (is_function_literal(value)) return(TRUE)
  is.call(value) && call_name(value) == "setRefClass" && !any(names_changed %in% all.names(value))
}

# The statements inside a statement, for candidate_lines, by the places that R's parser keeps of those between braces.
remember_plain <- function(expression, place, source) {
  if (is.null(place) || !is.call(expression)) return(invisible())
  remembered$list[[length(remembered$list) + 1L]] <- list(
    file = source$path, line1 = source$line[place[1]], line2 = source$line[place[3]],
    start = place[1] * 1e4 + place[5], end = place[3] * 1e4 + place[6], expression = expression)
  look_into(expression, source)
}

look_into <- function(expression, source) {
  places <- attr(expression, "srcref")
  for (k in seq_along(expression)[-1]) {
    part <- expression[[k]]
    if (missing(part) || !is.call(part)) next
    if (calls(expression, "{") && length(places) >= k) remember_plain(part, places[[k]], source) else
      look_into(part, source)
  }
}
