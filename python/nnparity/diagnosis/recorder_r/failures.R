# Where a candidate stopped: the statement, the expression in it, and what its operands were.

# Called while the stack of the failure still stands. calls, frames: sys.calls() and sys.frames() there.
describe_failure <- function(condition, calls, frames_open, message, kind) {
  was <- c(recording, running)
  recording <<- running <<- FALSE
  if (inherits(condition, "nnparity_parse_error")) return(c(list(kind = kind, message = message), condition$place))
  parsed <- parse_place(message)
  k <- innermost_open(frames_open)
  statement <- if (k > 1L) stack_statement[k] else 0L
  own <- attr(conditionCall(condition %or% simpleError("")), "nnparity_node", exact = TRUE)
  node <- NULL
  tagged <- function(call) attr(call, "nnparity_node", exact = TRUE)
  depth <- if (k > 1L) stack_depth[k] else 0L
  above <- Filter(Negate(is.null), lapply(rev(calls[seq_along(calls) > depth]), tagged))
  if (was[2] && statement > 0L) {
    if (!is.null(own) && same_function(own, statement)) node <- own else
      for (id in above) if (tree$nodes[[id]]$stmt == statement) {
        node <- id
        break
      }
    if (!is.null(node)) statement <- tree$nodes[[node]]$stmt
    if (is.null(node)) node <- named_in(message, statement)
    if (is.null(node) && tree$nodes[[statement]]$kind == "cond") node <- statement
  } else if (!was[2]) {
    everywhere <- Filter(Negate(is.null), lapply(rev(calls), tagged))
    node <- if (!is.null(own)) own else if (length(everywhere)) everywhere[[1]]
    if (!is.null(node)) statement <- tree$nodes[[node]]$stmt
  }
  found <- list(kind = kind, message = message, node = node)
  if (statement > 0L) {
    root <- tree$nodes[[statement]]
    found <- c(found, list(stmt = statement, frame = stack_frame[k], file = root$file, cell = root$cell, line = root$line, end_line = root$end_line,
                           code = root$code))
    environment <- if (k > 1L) stack_environment[[k]] else globalenv()
    if (!is.null(node)) {
      found$call <- if (tree$nodes[[node]]$kind == "after") root$code else tree$nodes[[node]]$text
      found$operands <- operands_of(node, environment, stack_frame[k])
    }
  } else if (!is.null(current$source) && !was[2]) {
    found <- c(found, place_of_row(current$source, current$row, parsed))
  }
  found
}

# The innermost of the candidate's functions that is still open.
innermost_open <- function(frames_open) {
  k <- stack_size
  while (k > 1L && !any(vapply(frames_open, identical, NA, stack_environment[[k]]))) k <- k - 1L
  k
}

same_function <- function(node, statement) {
  one <- tree$nodes[[node]]
  other <- tree$nodes[[statement]]
  identical(one$fun, other$fun) && identical(one$file, other$file)
}

# "object 'x' not found" names the expression itself.
named_in <- function(message, statement) {
  name <- regmatches(message, regexpr("(?<=object ')[^']+(?=' not found)|(?<=argument \")[^\"]+(?=\" is missing)", message, perl = TRUE))
  if (!length(name)) return(NULL)
  for (node in tree$nodes) if (node$stmt == statement && node$kind == "name" && node$text == name) return(node$id)
  NULL
}

operands_of <- function(node, environment, frame) {
  if (tree$nodes[[node]]$kind == "after") {
    change <- changes[[as.character(node)]]
    object <- quietly(change$object, environment)
    assigned <- tree$nodes[[tree$nodes[[node]]$stmt]]
    return(list(list(text = tree$nodes[[node]]$text, node = node, value = if (is_plain(object)) object),
                list(text = assigned$text, node = assigned$id, value = latest_value(assigned$id, frame))))
  }
  if (tree$nodes[[node]]$kind == "cond" && !is.null(value <- latest_value(node, frame))) {
    return(list(list(text = tree$nodes[[node]]$text, node = node, value = if (is_plain(value)) value)))
  }
  children <- Filter(function(other) other$parent == node && other$kind != "after", tree$nodes[node:length(tree$nodes)])
  children <- children[order(vapply(children, `[[`, 1L, "arg"))]
  lapply(children, function(child) {
    value <- latest_value(child$id, frame)
    if (is.null(value) && child$kind == "constant") value <- tryCatch(eval(str2lang(child$text), baseenv()), error = function(e) NULL)
    list(text = child$text, node = child$id, value = if (is_plain(value)) value)
  })
}

latest_value <- function(node, frame) {
  for (n in rev(which(event_node[seq_len(event_count)] == node & event_frame[seq_len(event_count)] == frame))) {
    value <- event_value[[n]]
    return(if (inherits(value, "nnparity_leaves")) if (length(value) == 1L) unclass(value)[[1]]$x else NULL else value)
  }
  NULL
}

# A parse error says "<text>:12:5: unexpected symbol".
parse_place <- function(message) {
  found <- regmatches(message, regexpr(":[0-9]+:[0-9]+: ", message))
  if (length(found)) as.integer(strsplit(found, ":")[[1]][2]) else NA_integer_
}

place_of_row <- function(source, row, line = NA_integer_) {
  first <- if (!is.na(row)) source$line1[row] else if (!is.na(line)) line else 1L
  last <- if (!is.na(row)) source$line2[row] else first
  list(file = source$path, cell = source$cell[first], line = source$line[first], end_line = source$line[last],
       code = if (!is.na(row)) text_of_row(source, row) else source$lines[first])
}

failure_json <- function(failure, store) {
  operands <- vapply(failure$operands %or% list(), function(operand) paste0(
    "{\"text\":", json_string(operand$text), ",\"node\":", operand$node, ",\"ref\":",
    if (length(operand$value)) reference(store, operand$value) else "null", "}"), "")
  json_lines(
    t = json_string("result"), status = json_string("error"), kind = json_string(failure$kind), message = json_string(failure$message),
    node = json_whole(failure$node %or% NA), stmt = json_whole(failure$stmt %or% NA), frame = json_whole(failure$frame %or% NA),
    file = json_string(failure$file %or% NA_character_), cell = json_whole(failure$cell %or% NA), line = json_whole(failure$line %or% NA),
    end_line = json_whole(failure$end_line %or% NA), code = json_string(failure$code %or% NA_character_), call = json_string(failure$call %or% NA_character_),
    operands = json_array(operands))
}
