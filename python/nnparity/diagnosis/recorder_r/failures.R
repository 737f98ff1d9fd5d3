# Where a candidate stopped: the statement, the expression in it, and what its operands were.

# Called while the stack of the failure still stands. calls, frames: sys.calls() and sys.frames() there.
describe_failure <- function(condition, calls, frames_open, message, kind) {
  was <- c(recording, running)
  recording <<- running <<- FALSE
  if (inherits(condition, "nnparity_parse_error")) return(c(list(kind = kind, message = message), condition$place))
  tagged <- function(call) attr(call, "nnparity_node", exact = TRUE)
  own <- tagged(conditionCall(condition %or% simpleError("")))
  k <- innermost_open(frames_open)
  while (k > 1L && stack_statement[k] == 0L) k <- k - 1L
  statement <- if (k > 1L) stack_statement[k] else 0L
  node <- NULL
  if (was[2] && k > 1L) {
    # The failing call itself, unless that is a call of one of the candidate's functions, which failed further inside.
    opened <- vapply(frames[stack_frame[seq_len(stack_size)]], `[[`, 1L, "call_node")
    if (!is.null(own) && !(own %in% opened)) {
      node <- own
      k <- frame_of_statement(node_list[[own]]$stmt, k)
    } else if (is.null(node <- innermost_call(calls, k, statement)) && is.null(node <- named_in(message, k))) {
      if (statement > 0L && node_list[[statement]]$kind == "cond") node <- statement
    } else if (node_list[[node]]$stmt != statement) {
      k <- frame_of_statement(node_list[[node]]$stmt, k)
    }
  } else {
    everywhere <- Filter(Negate(is.null), lapply(rev(calls), tagged))
    node <- if (!is.null(own)) own else if (length(everywhere)) everywhere[[1]]
  }
  if (!is.null(node)) statement <- node_list[[node]]$stmt
  found <- list(kind = kind, message = message, node = node)
  if (statement > 0L) {
    root <- node_list[[statement]]
    place <- root[c("file", "cell", "line", "end_line", "code")]
    found <- c(found, list(stmt = statement, frame = stack_frame[k]), place)
    environment <- if (k > 1L) stack_environment[[k]] else globalenv()
    if (!is.null(node)) {
      found$call <- if (node_list[[node]]$kind == "after") root$code else node_list[[node]]$text
      found$operands <- operands_of(node, environment, stack_frame[k])
    }
  } else if (!is.null(current$source) && !was[2]) {
    found <- c(found, place_of_row(current$source, current$row))
  }
  found
}

# The innermost of the candidate's functions that is still open.
innermost_open <- function(frames_open) {
  k <- stack_size
  while (k > 1L && !any(vapply(frames_open, identical, NA, stack_environment[[k]]))) k <- k - 1L
  k
}

# The open frame that is at work on a statement: an argument is evaluated in its caller's frame, however deep that is.
frame_of_statement <- function(statement, k) {
  for (j in k:1) if (stack_statement[j] == statement) return(j)
  k
}

# The innermost call above frame k that stands in the statement at work there.
innermost_call <- function(calls, k, statement) {
  for (call in rev(calls[seq_along(calls) > stack_depth[k]])) {
    node <- attr(call, "nnparity_node", exact = TRUE)
    if (!is.null(node) && node_list[[node]]$stmt == statement) return(node)
  }
  NULL
}

# "object 'x' not found" names the expression itself, in the statement at work or in one that waits for it.
named_in <- function(message, k) {
  pattern <- "(?<=object ')[^']+(?=' not found)|(?<=argument \")[^\"]+(?=\" is missing)"
  name <- regmatches(message, regexpr(pattern, message, perl = TRUE))
  if (!length(name)) return(NULL)
  for (statement in stack_statement[k:1]) if (statement > 0L) {
    for (node in node_list[statement:node_count]) {
      if (node$stmt == statement && node$kind == "name" && node$text == name) return(node$id)
    }
  }
  NULL
}

operands_of <- function(node, environment, frame) {
  if (node_list[[node]]$kind == "after") {
    change <- changes[[as.character(node)]]
    object <- quietly(change$object, environment)
    assigned <- node_list[[node_list[[node]]$stmt]]
    return(list(list(text = node_list[[node]]$text, node = node, value = if (is_plain(object)) object),
                list(text = assigned$text, node = assigned$id, value = latest_value(assigned$id, frame))))
  }
  if (node_list[[node]]$kind == "cond" && !is.null(value <- latest_value(node, frame))) {
    return(list(list(text = node_list[[node]]$text, node = node, value = if (is_plain(value)) value)))
  }
  children <- Filter(function(other) other$parent == node && other$kind != "after", node_list[node:node_count])
  children <- children[order(vapply(children, `[[`, 1L, "arg"))]
  lapply(children, function(child) {
    value <- latest_value(child$id, frame)
    if (is.null(value) && child$kind == "constant") value <- quietly(str2lang(child$text), baseenv())
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

place_of_row <- function(source, row) {
  first <- if (!is.na(row)) source$line1[row] else 1L
  last <- if (!is.na(row)) source$line2[row] else first
  list(file = source$path, cell = source$cell[first], line = source$line[first], end_line = source$line[last],
       code = if (!is.na(row)) text_of_row(source, row) else source$lines[first])
}

failure_json <- function(failure) {
  operands <- vapply(failure$operands %or% list(), function(operand) {
    ref <- if (length(operand$value)) reference(operand$value)
    json_lines(text = operand$text, node = operand$node, ref = ref)
  }, "")
  json_lines(
    t = "result", status = "error", kind = failure$kind, message = failure$message, node = failure$node,
    stmt = failure$stmt, frame = failure$frame, file = failure$file, cell = failure$cell, line = failure$line,
    end_line = failure$end_line, code = failure$code, call = failure$call, operands = I(json_array(operands)))
}
