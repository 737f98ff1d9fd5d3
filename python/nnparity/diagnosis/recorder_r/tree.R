# The nodes: every expression of the candidate that is recorded, with its place, its text and its part in its statement.

node_list <- vector("list", 1024L)   # with room to spare
node_count <- 0L
node_leaves <- logical(1024L)        # whether a list is to be taken apart into its leaves
nodes_sent <- 0L
function_list <- list()
changes <- new.env(parent = emptyenv())   # by "after" node: the object that a partial assignment changes

`%or%` <- function(x, y) if (is.null(x)) y else x

# kind, op, text and so on are those of the exchange; stmt NULL makes the node the root of a statement.
add_node <- function(scope, row, parent, stmt, kind, op = NULL, arg = NULL, text = "", target = NULL, code = NULL,
                     keyword = NULL, statement_row = row, leaves = FALSE) {
  source <- scope$source
  id <- node_count + 1L
  node_count <<- id
  if (id > length(node_list)) {
    node_list[2L * id] <<- list(NULL)
    node_leaves[2L * id] <<- FALSE
  }
  if (is.na(statement_row)) statement_row <- row
  default <- source$line1_default %or% 1L
  place <- if (is.na(statement_row)) c(default, 1L, default, 1L) else
    c(source$line1[statement_row], source$col1[statement_row], source$line2[statement_row], source$col2[statement_row])
  known <- function(x) if (is.null(x) || !nzchar(x)) NA_character_ else x
  node_list[[id]] <<- list(
    id = id, parent = parent, stmt = stmt %or% id, file = source$path, cell = source$cell[place[1]],
    line = source$line[place[1]], end_line = source$line[place[3]], col = place[2], end_col = place[4], kind = kind,
    op = known(op), arg = arg %or% NA_integer_, text = text, target = known(target), fun = known(scope$fun),
    code = known(code), keyword = known(keyword), first = place[1])
  node_leaves[id] <<- leaves
  id
}

# -- looking at expressions -------------------------------------------------------------------------------------------

# The name of what is called: f of f(x), "f"(x), pkg::f(x); "" where it is itself computed.
call_name <- function(expression) {
  head <- expression[[1]]
  if (is.symbol(head)) return(as.character(head))
  if (is.character(head)) return(head[1])
  qualified <- is.call(head) && is.symbol(head[[1]]) && as.character(head[[1]]) %in% c("::", ":::")
  if (qualified) as.character(head[[3]]) else ""
}

calls <- function(expression, name) is.call(expression) && identical(expression[[1]], as.name(name))
is_function_literal <- function(x) calls(x, "function")
is_assignment <- function(x) calls(x, "<-") || calls(x, "<<-") || calls(x, "=")
is_empty <- function(x) is.symbol(x) && !nzchar(as.character(x))
is_dots <- function(x) is.symbol(x) && grepl("^\\.\\.(\\.|[0-9]+)$", as.character(x))

kind_of <- function(expression, name) {
  if (is.symbol(expression)) return("name")
  if (!is.call(expression)) return("constant")
  if (name %in% c("[", "[[", "$", "@")) return("index")
  if (name %in% OPERATORS || grepl("^%.*%$", name)) "expr" else "call"
}

# Of the sign for a slot it is a word: in Python it multiplies matrices.
operator_text <- function(expression) {
  head <- expression[[1]]
  if (is.symbol(head)) return(if (identical(head, as.name("@"))) "slot" else as.character(head))
  if (is_function_literal(head)) "function" else gsub("\\s+", " ", deparsed(head))
}

# break and next must stay where their loop can see them.
has_jump <- function(expression) {
  if (!is.call(expression)) return(FALSE)
  name <- if (is.symbol(expression[[1]])) as.character(expression[[1]]) else ""
  if (name %in% c("break", "next")) return(TRUE)
  if (name %in% c("function", "quote", "for", "while", "repeat")) return(FALSE)
  for (part in as.list(expression)[-1]) if (!missing(part) && is.call(part) && has_jump(part)) return(TRUE)
  FALSE
}

holds_text <- function(expression) {
  if (is.character(expression)) return(TRUE)
  if (!is.call(expression)) return(FALSE)
  for (part in as.list(expression)[-1]) if (!missing(part) && holds_text(part)) return(TRUE)
  FALSE
}
