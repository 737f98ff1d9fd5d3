# The candidate's code with a recording call around every value: rewritten as an expression, never as text.
#
# `x` becomes `forceAndCall(1, record_value, x, id)`. forceAndCall is a primitive that evaluates x before it opens the
# context of record_value, so that sys.call, parent.frame, missing, match.arg, UseMethod and NextMethod see the very
# frames they would see without it. Functions stand in the expression as objects, not as names: a masked or removed name
# cannot reach them. Each call carries the number of its node as an attribute: so failures and frames find their place.
#
# scope: what surrounds an expression: list(source, fun, formals).
# at: what it is to its statement, made by part_of or root_of.

force_and_call <- base::forceAndCall

tag <- function(call, id) {
  attr(call, "nnparity_node") <- id
  call
}

wrap <- function(expression, id, statement) {
  if (is.call(expression)) expression <- tag(expression, id)
  if (!statement) return(as.call(list(force_and_call, 1, record_value, expression, id)))
  as.call(list(force_and_call, 2, record_statement, as.call(list(mark_statement, id)), expression))
}

part_of <- function(stmt, parent, arg, keyword = NULL, name = NULL, container = FALSE) {
  list(stmt = stmt, parent = parent, arg = arg, keyword = keyword, name = name, container = container)
}

root_of <- function(kind, row, parent = 0L, target = NULL, arg = NULL, keyword = NULL, name = NULL) {
  list(kind = kind, statement_row = row, parent = parent, target = target, arg = arg, keyword = keyword, name = name)
}

# -- values -----------------------------------------------------------------------------------------------------------

rewrite_value <- function(expression, row, scope, at) {
  root <- !is.null(at$kind)
  if (is_function_literal(expression)) return(rewrite_function(expression, row, scope, at$name))
  if (calls(expression, "(") && length(expression) == 2L) {
    expression[[2]] <- rewrite_value(expression[[2]], argument_rows(scope$source, expression, row), scope, at)
    return(expression)
  }
  if (is_assignment(expression)) return(rewrite_assignment(expression, row, scope, at$parent %or% 0L))
  if (is.call(expression)) expression <- unpiped(expression)
  name <- if (is.call(expression)) call_name(expression) else ""
  if (!is_worth_a_node(expression, name, root)) return(expression)

  kind <- if (root) at$kind else kind_of(expression, name)
  text <- expression_text(scope$source, expression, row)
  # Lists are taken apart where a value is made or handed over, not where a list is merely indexed.
  leaves <- kind %in% c("assign", "return", "call") || kind %in% c("name", "index") && !isTRUE(at$container)
  statement_row <- if (root) at$statement_row %or% row else row
  id <- add_node(
    scope, row, at$parent %or% 0L, if (!root) at$stmt, kind, if (is.call(expression)) operator_text(expression), at$arg,
    text, at$target, if (root) text_of_row(scope$source, statement_row), at$keyword, statement_row, leaves)
  stmt <- if (root) id else at$stmt

  if (is.call(expression)) {
    jump <- has_jump(expression)
    if (!is_left_alone(name)) {
      rewriter <- (if (nzchar(name)) value_rewriters[[name]]) %or% rewrite_arguments
      expression <- rewriter(expression, row, scope, stmt, id)
    }
    if (jump) return(expression)
  } else if (!is.symbol(expression)) {
    if (!root) return(expression)
  } else if (root && !is_dots(expression)) {
    expression <- wrap(expression, add_node(scope, row, id, id, "name", NULL, 1L, text), FALSE)
  }
  wrap(expression, id, root)
}

is_worth_a_node <- function(expression, name, root) {
  if (name %in% HANDS_OFF) return(FALSE)
  if (root) return(TRUE)
  if (is.call(expression)) return(!is_left_alone(name) || name %in% WORTH_RECORDING)
  if (is.symbol(expression)) !is_dots(expression) else is.numeric(expression) || is.logical(expression)
}

rewrite_arguments <- function(expression, row, scope, stmt, id) {
  name <- call_name(expression)
  how <- treatment(name)
  # A table of constants is one constant.
  if (length(expression) > 60L && all(vapply(as.list(expression)[-1], is.numeric, NA))) return(expression)
  if (how == "code") return(rewrite_literals(expression, row, scope))
  rows <- argument_rows(scope$source, expression, row)
  parts <- as.list(expression)
  keywords <- names(parts) %or% rep("", length(parts))
  names_function <- function_places(name, keywords)
  method <- method_name(expression)
  if (is.call(parts[[1]])) parts[[1]] <- rewrite_head(parts[[1]], row, scope)
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = )) || is.null(parts[[k]])) next
    part <- parts[[k]]
    if (is.symbol(part)) {
      if (how == "names" || names_function[k]) next
      if (as.character(part) %in% scope$formals && name %in% habits$ask_missing) next
    }
    if (name == "data.frame" && how == "names" && !nzchar(keywords[k])) next
    parts[k] <- list(rewrite_argument(part, rows[k - 1L], row, scope, stmt, id, name, k - 1L, keywords[k], method))
  }
  as.call(parts)
}

rewrite_argument <- function(part, row, outer_row, scope, stmt, id, name, arg, keyword, method) {
  if (calls(part, "{")) return(rewrite_branch(part, row, scope, stmt, id, arg))
  own <- if (nzchar(keyword)) keyword else method
  at <- part_of(stmt, id, arg, keyword, own)
  # list(W1 = …, W2 = …) over several lines: each line says where its own mistake would be.
  entry <- name == "list" && is.call(part) && !is_assignment(part) && on_own_line(scope$source, row, outer_row)
  if (entry) at <- root_of("expr", row, id, NULL, arg, keyword, own)
  rewrite_value(part, row, scope, at)
}

on_own_line <- function(source, row, outer) !is.na(row) && !is.na(outer) && source$line1[row] != source$line1[outer]

# The head of a call such as (function(x) x + 1)(2).
rewrite_head <- function(head, row, scope) {
  if (is_function_literal(head)) return(rewrite_function(head, NA_integer_, scope, NULL))
  if (calls(head, "(") && is_function_literal(head[[2]])) {
    inner <- kids_of(scope$source, descend(scope$source, row))
    literal <- if (length(inner)) argument_rows(scope$source, head, inner[1]) else NA_integer_
    head[[2]] <- rewrite_function(head[[2]], literal, scope, NULL)
  }
  head
}

# Only the function literals inside, for calls whose arguments may be looked at as code.
rewrite_literals <- function(expression, row, scope) {
  rows <- argument_rows(scope$source, expression, row)
  parts <- as.list(expression)
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = )) || !is_function_literal(parts[[k]])) next
    parts[[k]] <- rewrite_function(parts[[k]], rows[k - 1L], scope, names(parts)[k])
  }
  as.call(parts)
}

# -- calls with a shape of their own ----------------------------------------------------------------------------------

rewrite_index <- function(expression, row, scope, stmt, id) {
  rows <- argument_rows(scope$source, expression, row)
  parts <- as.list(expression)
  name <- call_name(expression)
  container <- part_of(stmt, id, 1L, container = TRUE)
  if (!is.null(parts[[2]])) parts[2] <- list(rewrite_value(parts[[2]], rows[1], scope, container))
  looks_at_code <- name == "[" && "data.table" %in% loadedNamespaces()
  if (name %in% c("$", "@") || looks_at_code) return(as.call(parts))
  for (k in seq_along(parts)[-(1:2)]) {
    if (identical(parts[[k]], quote(expr = )) || is.null(parts[[k]])) next
    keyword <- names(parts)[k]
    if (!is.null(keyword) && keyword %in% c("drop", "exact")) next
    parts[k] <- list(rewrite_value(parts[[k]], rows[k - 1L], scope, part_of(stmt, id, k - 1L, keyword)))
  }
  as.call(parts)
}

# A branch on lines of its own is a statement of its own; the value of the whole is then the value of that branch.
rewrite_branch <- function(part, row, scope, stmt, id, arg, name = NULL) {
  own <- calls(part, "{") || !is.na(row) && scope$source$line1[row] != node_list[[stmt]]$first
  if (own) rewrite_statement(part, row, scope, last = FALSE, parent = id, arg = arg, value = TRUE) else
    rewrite_value(part, row, scope, part_of(stmt, id, arg, name = name))
}

# if and switch: the first argument decides, the others are branches.
rewrite_choice <- function(expression, row, scope, stmt, id) {
  rows <- argument_rows(scope$source, expression, row)
  parts <- as.list(expression)
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = )) || is.null(parts[[k]])) next
    arg <- k - 1L
    changed <- if (k == 2L) rewrite_value(parts[[k]], rows[1], scope, part_of(stmt, id, 1L)) else
      rewrite_branch(parts[[k]], rows[arg], scope, stmt, id, arg, names(parts)[k])
    parts[k] <- list(changed)
  }
  as.call(parts)
}

# assign("W1", value): an assignment whose target is text.
rewrite_assign_call <- function(expression, row, scope, stmt, id) {
  parts <- as.list(expression)
  value <- match("value", names(parts) %or% "", nomatch = 3L)
  if (length(parts) < value || is_empty(parts[[value]])) return(expression)
  target <- if (is.character(parts[[2]])) parts[[2]] else gsub("\\s+", " ", deparsed(parts[[2]]))
  rows <- argument_rows(scope$source, expression, row)
  at <- root_of("assign", row, target = target, name = target)
  parts[value] <- list(rewrite_value(parts[[value]], rows[value - 1L], scope, at))
  as.call(parts)
}

value_rewriters <- list(
  "if" = rewrite_choice, "switch" = rewrite_choice, "assign" = rewrite_assign_call,
  "[" = rewrite_index, "[[" = rewrite_index, "$" = rewrite_index, "@" = rewrite_index,
  "{" = function(expression, row, scope, stmt, id) rewrite_block(expression, row, scope, FALSE, id, TRUE),
  "return" = function(expression, row, scope, stmt, id) rewrite_return(expression, row, scope, TRUE, id, TRUE))

# -- statements -------------------------------------------------------------------------------------------------------

# last: the value is the function's; value: it is the value of an expression around it.
rewrite_statement <- function(expression, row, scope, last = FALSE, parent = 0L, arg = NULL, value = FALSE) {
  if (!is.na(row)) {
    row <- descend(scope$source, row)
    assign("line1_default", scope$source$line1[row], envir = scope$source)
  }
  if (is_function_literal(expression)) return(rewrite_function(expression, row, scope, NULL))
  if (is_assignment(expression)) return(rewrite_assignment(expression, row, scope, parent))
  if (is.call(expression)) {
    name <- call_name(expression)
    rewriter <- if (nzchar(name)) statement_rewriters[[name]]
    if (!is.null(rewriter)) return(rewriter(expression, row, scope, last, parent, value))
  } else if (!last && !value) {
    return(expression)
  }
  rewrite_value(expression, row, scope, root_of(if (last) "return" else "expr", row, parent, arg = arg))
}

rewrite_block <- function(expression, row, scope, last, parent, value) {
  rows <- argument_rows(scope$source, expression, row)
  parts <- as.list(expression)
  end <- length(parts)
  for (k in seq_along(parts)[-1]) {
    if (is.null(parts[[k]])) next
    at_end <- k == end
    inner <- rewrite_statement(parts[[k]], rows[k - 1L], scope, last && at_end, parent, NULL, value && at_end)
    remember_statement(inner, scope$source, rows[k - 1L])
    parts[k] <- list(inner)
  }
  as.call(parts)
}

rewrite_condition <- function(condition, row, scope, target = NULL) {
  if (is.null(condition)) return(condition)
  rewrite_value(condition, row, scope, root_of("cond", row, target = target))
}

rewrite_choice_statement <- function(expression, row, scope, last, parent, value) {
  rows <- argument_rows(scope$source, expression, row)
  parts <- as.list(expression)
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = )) || is.null(parts[[k]])) next
    if (k == 2L) {
      parts[k] <- list(rewrite_condition(parts[[k]], rows[1], scope))
    } else if (is_function_literal(parts[[k]])) {
      parts[k] <- list(rewrite_function(parts[[k]], rows[k - 1L], scope, names(parts)[k]))
    } else {
      parts[k] <- list(rewrite_statement(parts[[k]], rows[k - 1L], scope, last, parent, NULL, value))
      remember_statement(parts[[k]], scope$source, rows[k - 1L])
    }
  }
  as.call(parts)
}

rewrite_for <- function(expression, row, scope, last, parent, value) {
  rows <- argument_rows(scope$source, expression, row)
  parts <- as.list(expression)
  parts[3] <- list(rewrite_condition(parts[[3]], rows[2], scope, as.character(parts[[2]])))
  parts[4] <- list(rewrite_statement(parts[[4]], rows[3], scope))
  remember_statement(parts[[4]], scope$source, rows[3])
  as.call(parts)
}

rewrite_while <- function(expression, row, scope, last, parent, value) {
  rows <- argument_rows(scope$source, expression, row)
  parts <- as.list(expression)
  parts[2] <- list(rewrite_condition(parts[[2]], rows[1], scope))
  parts[3] <- list(rewrite_statement(parts[[3]], rows[2], scope))
  as.call(parts)
}

rewrite_repeat <- function(expression, row, scope, last, parent, value) {
  parts <- as.list(expression)
  parts[2] <- list(rewrite_statement(parts[[2]], argument_rows(scope$source, expression, row)[1], scope))
  as.call(parts)
}

# return(x) and invisible(x): what counts is x.
rewrite_return <- function(expression, row, scope, last, parent, value) {
  if (length(expression) != 2L || is.null(expression[[2]]) || is_dots(expression[[2]])) return(expression)
  inner <- argument_rows(scope$source, expression, row)[1]
  parts <- as.list(expression)
  kind <- if (last || calls(expression, "return")) "return" else "expr"
  changed <- if (is_assignment(parts[[2]])) rewrite_assignment(parts[[2]], inner, scope, parent) else
    rewrite_value(parts[[2]], inner, scope, root_of(kind, row, parent))
  parts[2] <- list(changed)
  as.call(parts)
}

rewrite_paren_statement <- function(expression, row, scope, last, parent, value) {
  parts <- as.list(expression)
  inner <- argument_rows(scope$source, expression, row)[1]
  parts[2] <- list(rewrite_statement(parts[[2]], inner, scope, last, parent, NULL, TRUE))
  as.call(parts)
}

statement_rewriters <- list(
  "{" = rewrite_block, "(" = rewrite_paren_statement,
  "if" = rewrite_choice_statement, "switch" = rewrite_choice_statement,
  "for" = rewrite_for, "while" = rewrite_while, "repeat" = rewrite_repeat, "return" = rewrite_return,
  "invisible" = rewrite_return,
  "assign" = function(expression, row, scope, last, parent, value) rewrite_assign_call(expression, row, scope, 0L, 0L))

rewrite_assignment <- function(expression, row, scope, parent = 0L) {
  rows <- argument_rows(scope$source, expression, row)
  target <- expression[[2]]
  value <- expression[[3]]
  text <- if (is.call(target)) expression_text(scope$source, target, rows[1]) else as.character(target)
  if (is.null(value)) return(expression)
  if (is_function_literal(value)) {
    expression[[3]] <- rewrite_function(value, rows[2], scope, short_name(target))
    return(expression)
  }
  stmt <- node_count + 1L
  if (is_assignment(value)) {
    # a <- b <- x: the value of the inner assignment is the outer one's.
    add_node(scope, row, parent, NULL, "assign", "<-", NULL, expression_text(scope$source, value, rows[2]), text,
             text_of_row(scope$source, row), statement_row = row, leaves = TRUE)
    expression[[3]] <- wrap(rewrite_assignment(value, rows[2], scope, stmt), stmt, TRUE)
  } else {
    at <- root_of("assign", row, parent, text, name = short_name(target))
    expression[[3]] <- rewrite_value(value, rows[2], scope, at)
  }
  changed <- if (is.call(target)) changed_object(target)
  if (is.null(changed) || node_count < stmt) return(expression)
  after <- add_node(scope, row, stmt, stmt, "after", NULL, NULL, gsub("\\s+", " ", deparsed(changed)), text,
                    text_of_row(scope$source, row), statement_row = row)
  changes[[as.character(after)]] <- list(object = changed, superior = calls(expression, "<<-"))
  as.call(list(force_and_call, 1, record_after, tag(expression, after), after))
}

# The innermost object that a partial assignment changes, as an expression that may safely be evaluated once more.
changed_object <- function(target) {
  object <- if (call_name(target) %in% c("$", "@")) target else target[[2]]
  while (calls(object, "(")) object <- object[[2]]
  if (is.character(object)) object <- as.name(object)
  if (is_harmless(object)) object
}

is_harmless <- function(expression) {
  functions <- setdiff(all.names(expression), all.vars(expression))
  all(functions %in% c("[", "[[", "$", "@", "(", "+", "-", "*", "/", "%%", ":", "c", "length", "nrow", "ncol",
                       "as.character", "paste", "paste0"))
}

# -- functions --------------------------------------------------------------------------------------------------------

# A generic that only dispatches must stay as it is: setGeneric looks at its body.
only_dispatches <- function(body) {
  if (is.call(body) && call_name(body) == "UseMethod") return(TRUE)
  dispatches <- function(part) {
    if (!is.call(part) || is_function_literal(part)) return(FALSE)
    call_name(part) == "standardGeneric" || any(vapply(as.list(part), dispatches, NA))
  }
  dispatches(body)
}

rewrite_function <- function(literal, row, scope, name) {
  source <- scope$source
  formals <- literal[[2]]
  if (!is.na(row)) row <- descend(source, row)
  inner <- kids_of(source, row)
  inner <- inner[!source$terminal[inner]]
  around <- if (is.null(name) || !nzchar(name)) scope$fun else name
  nested <- isTRUE(scope$inside)
  scope <- list(source = source, fun = around, formals = names(formals), inside = TRUE)
  line <- if (is.na(row)) source$line1_default %or% 1L else source$line1[row]
  id <- length(function_list) + 1L
  function_list[[id]] <<- list(
    name = name %or% "", fun = scope$fun, arguments = names(formals), file = source$path, line = source$line[line],
    optional = names(formals)[!vapply(as.list(formals), is_empty, NA)], nested = nested)
  if (only_dispatches(literal[[3]])) return(literal)

  given <- which(!vapply(as.list(formals), is_empty, NA))
  rows <- if (length(inner) == length(given) + 1L) inner[-length(inner)] else rep(NA_integer_, length(given))
  for (k in seq_along(given)) {
    changed <- rewrite_default(formals[[given[k]]], rows[k], scope, names(formals)[given[k]])
    if (!is.null(changed)) formals[[given[k]]] <- changed
  }
  body_row <- if (length(inner)) inner[length(inner)] else NA_integer_
  body <- rewrite_statement(literal[[3]], body_row, scope, last = TRUE)
  statements <- if (calls(body, "{")) as.list(body)[-1] else list(body)
  parts <- as.list(literal)
  parts[2] <- list(formals)
  parts[[3]] <- as.call(c(list(quote(`{`), as.call(list(enter_function, id))), statements))
  as.call(parts)
}

# A default that is computed is an assignment to the argument; a choice of words stays as it is, for match.arg.
rewrite_default <- function(default, row, scope, name) {
  if (!is.call(default)) return(default)
  if (is_function_literal(default)) return(rewrite_function(default, row, scope, name))
  if (holds_text(default) || is_left_alone(call_name(default))) return(default)
  rewrite_value(default, row, scope, root_of("assign", row, target = name))
}

# Function literals anywhere in an expression that is otherwise left alone: for the top level, which runs unrecorded.
rewrite_definitions <- function(expression, row, scope, name = NULL) {
  if (!is.call(expression)) return(expression)
  if (is_function_literal(expression)) return(rewrite_function(expression, row, scope, name))
  if (!("function" %in% all.names(expression))) return(expression)
  if (call_name(expression) %in% c("quote", "bquote", "substitute", "expression", "~")) return(expression)
  rows <- argument_rows(scope$source, expression, row)
  parts <- as.list(expression)
  if (is.call(parts[[1]])) parts[[1]] <- rewrite_head(parts[[1]], row, scope)
  text <- if (is_assignment(expression)) short_name(parts[[2]]) else method_name(expression) %or% name
  for (k in seq_along(parts)[-1]) {
    if (identical(parts[[k]], quote(expr = )) || is.null(parts[[k]])) next
    keyword <- names(parts)[k]
    own <- if (!is.null(keyword) && nzchar(keyword)) keyword else text
    parts[k] <- list(rewrite_definitions(parts[[k]], rows[k - 1L], scope, own))
  }
  as.call(parts)
}

# -- statements by line, for candidate_lines --------------------------------------------------------------------------

remembered <- new.env(parent = emptyenv())
remembered$keep <- FALSE
remembered$list <- list()

remember_statement <- function(expression, source, row) {
  if (!remembered$keep || is.na(row)) return(invisible())
  remembered$list[[length(remembered$list) + 1L]] <- list(
    file = source$path, line1 = source$line[source$line1[row]], line2 = source$line[source$line2[row]],
    start = source$line1[row] * 1e4 + source$col1[row], end = source$line2[row] * 1e4 + source$col2[row],
    expression = expression)
  invisible()
}
