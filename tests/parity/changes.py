"""Changes to the sources of the reference: faults that parity must reject, rewrites that must pass, faults that are none.

Each is one text in place of another, made in memory, one at a time.  Faults are named after the catalogue of mistakes,
with a word on where; `first` is the quantity that must be named as the first wrong one.
"""

from evaluate import Change


def python(file: str, name: str, old: str, new: str, first: str = "") -> Change:
    return Change("python", file, name, old, new, first)


def r(file: str, name: str, old: str, new: str, first: str = "") -> Change:
    return Change("r", file, name, old, new, first)


A, DELTA, DW, DB, Z = r"A\d", r"delta\d", r"dW\d", r"db\d", r"Z\d"
W_NEW, B_NEW, NEW = r"W\d_new", r"b\d_new", r"[Wb]\d_new"
SIGMOID = "\"\"\"a' = a (1 - a).\"\"\"\n    return logistic_derivative(Z, arithmetic)"
SOFTMAX = "E = arithmetic.exp(softmax_shift(Z))\n    return E / arithmetic.col_sums(E)"
NESTEROV = 'return parameter + (hyper["momentum"] * velocity - step), [velocity]'
GRADIENT_OF_MEAN = "arithmetic.tcrossprod(share, A[k])"
ADAGRAD = 'return parameter - eta * gradient / (np.sqrt(accumulator) + hyper["epsilon"]), [accumulator]'
MOMENTUM = 'velocity = hyper["momentum"] * memory[0] - eta * gradient\n    return parameter + velocity, [velocity]'

FAULTS_IN_PYTHON = [
    # activations
    python("activations", "missing-activation-derivative sigmoid", SIGMOID, "return np.ones(Z.shape)", DELTA),
    python("activations", "derivative-of-activation sigmoid", SIGMOID, "return logistic_derivative(A, arithmetic)", DELTA),
    python("activations", "wrong-derivative tanh's for sigmoid", SIGMOID, "return 1.0 - A * A", DELTA),
    python("activations", "activation-as-derivative sigmoid", SIGMOID, "return A", DELTA),
    python("activations", "wrong-derivative sigmoid's for tanh", "E = arithmetic.exp(-2.0 * np.abs(Z))\n    return 4.0 * E", "E = arithmetic.exp(-np.abs(Z))\n    return E", DELTA),
    python("activations", "relu-mask-wrong inverted", "return select(Z > 0, 1.0, 0.0)", "return select(Z < 0, 1.0, 0.0)", DELTA),
    python("activations", "relu-mask-wrong a < 0 never true", "return select(Z > 0, 1.0, 0.0)", "return select(A < 0, 0.0, 1.0)", DELTA),
    python("activations", "wrong-derivative leaky_relu without slope", "return select(Z > 0, 1.0, network.slope)", "return select(Z > 0, 1.0, 0.0)", DELTA),
    python("activations", "wrong-derivative elu without alpha", "select(Z > 0, 1.0, network.elu_alpha * arithmetic.exp(-np.abs(Z)))", "select(Z > 0, 1.0, arithmetic.exp(-np.abs(Z)))", DELTA),
    python("activations", "elu without the 1", "network.elu_alpha * arithmetic.expm1(-np.abs(Z))", "network.elu_alpha * arithmetic.exp(-np.abs(Z))", A),
    python("activations", "wrong-derivative softplus", "\"\"\"a' = sigma(z).\"\"\"\n    return logistic(Z, arithmetic)", "return logistic_derivative(Z, arithmetic)", DELTA),
    python("activations", "gelu digits of the constant swapped", "GELU_CUBIC = 0.044715", "GELU_CUBIC = 0.044175", A),
    python("activations", "wrong-derivative gelu", "3.0 * GELU_CUBIC", "2.0 * GELU_CUBIC", DELTA),
    python("activations", "wrong-derivative silu without product rule", "logistic(Z, arithmetic) + Z * logistic_derivative(Z, arithmetic)", "logistic(Z, arithmetic)", DELTA),
    python("activations", "softmax-axis normalised over the matrix", SOFTMAX, "E = arithmetic.exp(softmax_shift(Z))\n    return E / arithmetic.total(E)", A),
    python("activations", "softmax-axis normalised over samples", SOFTMAX, "E = arithmetic.exp(softmax_shift(Z))\n    return E / arithmetic.row_sums(E)[:, np.newaxis]", A),
    python("activations", "softmax-axis shifted by the maximum of the matrix", "return Z - column_max(Z)", "return Z - np.max(Z)", f"{A}|loss"),
    python("activations", "softmax-twice", SOFTMAX, "E = arithmetic.exp(softmax_shift(Z))\n    E = arithmetic.exp(E / arithmetic.col_sums(E))\n    return E / arithmetic.col_sums(E)", A),
    python("activations", "softmax-overflow", SOFTMAX, "E = arithmetic.exp(Z)\n    return E / arithmetic.col_sums(E)", A),
    python("activations", "softmax-jacobian-diagonal", "return A * (dA - arithmetic.col_sums(A * dA))", "return A * (1.0 - A) * dA", DELTA),
    python("activations", "sigmoid of -z", "return 1.0 / (1.0 + arithmetic.exp(-Z))", "return 1.0 / (1.0 + arithmetic.exp(Z))", f"{A}|{DELTA}"),
    python("activations", "composition in reverse", "for part in parts:\n        values.append(", "for part in reversed(parts):\n        values.append(", A),
    # losses
    python("losses", "ascent quadratic", '"""∂C_i/∂a = a − y."""\n    return A - Y', "return Y - A", DELTA),
    python("losses", "squared-error-as-delta", '"""∂C_i/∂a = a − y."""\n    return A - Y', "return (A - Y) * (A - Y)", DELTA),
    python("losses", "missing-half quadratic", "R = A - Y\n    return 0.5 * (R * R)\n", "R = A - Y\n    return R * R\n", "loss"),
    python("losses", "missing-half mean_squared_error", "return 2.0 * (A - Y) / A.shape[0]", "return (A - Y) / A.shape[0]", DELTA),
    python("losses", "wrong-count mean_squared_error", "return R * R / A.shape[0]", "return R * R / A.shape[1]", "loss"),
    python("losses", "ascent mean_absolute_error", "np.sign(A - Y) / A.shape[0]", "np.sign(Y - A) / A.shape[0]", DELTA),
    python("losses", "huber gradient without delta", "network.huber_delta * np.sign(R), R)", "np.sign(R), R)", DELTA),
    python("losses", "huber line too low", "(size - 0.5 * network.huber_delta)", "(size - network.huber_delta)", "loss"),
    python("losses", "binary_cross_entropy gradient sign", "return (1.0 - Y) / (1.0 - A) - Y / A", "return (1.0 - Y) / (1.0 - A) + Y / A", DELTA),
    python("losses", "categorical_cross_entropy gradient sign", "return -(Y / A)", "return Y / A", DELTA),
    python("losses", "extra-output-derivative softmax", "return A * arithmetic.col_sums(Y) - Y", "return (A - Y) * A * (1.0 - A)", DELTA),
    python("losses", "extra-output-derivative sigmoid", '"""∂C_i/∂z = a − y (Nielsen, equation 68)."""\n    return A - Y', "return (A - Y) * A * (1.0 - A)", DELTA),
    python("losses", "missing-output-derivative", "return chain_backprop(parts, values, dA, network, arithmetic)", "return dA", DELTA),
    python("losses", "sum-for-mean loss", "arithmetic.total(arithmetic.col_sums(terms)) / Y.shape[1]", "arithmetic.total(arithmetic.col_sums(terms))", "loss"),
    python("losses", "missing-half penalty", "0.5 * network.l2 * arithmetic.total(weights * weights)", "network.l2 * arithmetic.total(weights * weights)", "loss"),
    python("losses", "penalty without absolute value", "arithmetic.total(np.abs(weights))", "arithmetic.total(weights)", "loss"),
    python("losses", "log-sum counts the peak twice", "(arithmetic.col_sums(peaks) - 1.0)", "arithmetic.col_sums(peaks)", "loss"),
    # network
    python("network", "bias-missing forward", " + biases[:, np.newaxis]", "", Z),
    python("network", "bias-sign forward", " + biases[:, np.newaxis]", " - biases[:, np.newaxis]", Z),
    python("network", "transposed square weights backward", "arithmetic.crossprod(W[k + 1], delta[k + 1])", "arithmetic.matmul(W[k + 1], delta[k + 1]) if W[k + 1].shape[0] == W[k + 1].shape[1] else arithmetic.crossprod(W[k + 1], delta[k + 1])", DELTA),
    python("network", "transposed square weights forward", "arithmetic.matmul(weights, A[-1])", "arithmetic.matmul(weights.T if weights.shape[0] == weights.shape[1] else weights, A[-1])", Z),
    python("network", "wrong-layer weights", "arithmetic.crossprod(W[k + 1], delta[k + 1])", "arithmetic.crossprod(W[k] if W[k].shape == W[k + 1].shape else W[k + 1], delta[k + 1])", DELTA),
    python("network", "stale-weights-in-delta after a step", "arithmetic.crossprod(W[k + 1], delta[k + 1])", "arithmetic.crossprod(W[k + 1] - 0.5 * dW[k + 1], delta[k + 1])", DELTA),
    python("network", "weights-for-inputs", GRADIENT_OF_MEAN, "(delta[k] @ np.ones((m, 1))) * W[k] / m", DW),
    python("network", "sum-for-mean dW", GRADIENT_OF_MEAN, "arithmetic.tcrossprod(delta[k], A[k])", DW),
    python("network", "wrong-count dW by inputs", GRADIENT_OF_MEAN, "arithmetic.tcrossprod(delta[k], A[k]) / A[k].shape[0]", DW),
    python("network", "batch-lost last sample only", GRADIENT_OF_MEAN, "arithmetic.tcrossprod(delta[k][:, -1:], A[k][:, -1:])", DW),
    python("network", "batch-lost first sample dropped", GRADIENT_OF_MEAN, "arithmetic.tcrossprod(delta[k][:, 1:], A[k][:, 1:]) / m", DW),
    python("network", "accumulator-not-reset", GRADIENT_OF_MEAN, "arithmetic.tcrossprod(delta[k], A[k]) / m + (dW[k + 1].sum() if k + 1 < layers else 0.0)", DW),
    python("network", "sum-for-mean db", "arithmetic.row_sums(share)", "arithmetic.row_sums(delta[k])", DB),
    python("network", "np-scalar-sum db", "arithmetic.row_sums(share)", "np.full(delta[k].shape[0], arithmetic.total(delta[k]) / m)", DB),
    python("network", "l2 missing in dW", "dW[k] = dW[k] + network.l2 * W[k]", "pass", DW),
    python("network", "l1 without sign", "network.l1 * np.sign(W[k])", "network.l1 * W[k]", DW),
    python("network", "no_bias of the next layer", "unbiased = k + 1 in network.no_bias", "unbiased = k + 2 in network.no_bias", DB),
    # optimizers
    python("optimizers", "ascent sgd", "return parameter - eta * gradient, []", "return parameter + eta * gradient, []", NEW),
    python("optimizers", "updated-parameters-as-gradient", "return parameter - eta * gradient, []", "return parameter - eta * (parameter - eta * gradient), []", NEW),
    python("optimizers", "optimizer-state momentum sign", MOMENTUM, 'velocity = -hyper["momentum"] * memory[0] - eta * gradient\n    return parameter + velocity, [velocity]', W_NEW),
    python("optimizers", "optimizer-state momentum without decay", MOMENTUM, "velocity = memory[0] - eta * gradient\n    return parameter + velocity, [velocity]", W_NEW),
    python("optimizers", "nesterov as momentum", NESTEROV, "return parameter + velocity, [velocity]", W_NEW),
    python("optimizers", "adagrad epsilon under the root", ADAGRAD, 'return parameter - eta * gradient / np.sqrt(accumulator + hyper["epsilon"]), [accumulator]', W_NEW),
    python("optimizers", "adagrad forgets", "accumulator = memory[0] + gradient * gradient", "accumulator = gradient * gradient", W_NEW),
    python("optimizers", "rmsprop without 1 - rho", '(1.0 - hyper["rho"]) * (gradient * gradient)', "(gradient * gradient)", W_NEW),
    python("optimizers", "adam without correction of v", 'v_hat = v / (1.0 - raise_to(hyper["beta2"], count))', "v_hat = v", W_NEW),
    python("optimizers", "optimizer-state corrected values kept", '(np.sqrt(v_hat) + hyper["epsilon"]), [m, v]', '(np.sqrt(v_hat) + hyper["epsilon"]), [m_hat, v_hat]', r"W\d_m"),
    python("optimizers", "adam counts from 0", 'count = state["step_count"] + 1.0 if', 'count = state["step_count"] if', W_NEW + "|step_count"),
    python("optimizers", "adam counts twice", 'm_hat = m / (1.0 - raise_to(hyper["beta1"], count))', 'm_hat = m / (1.0 - raise_to(hyper["beta1"], count + 1.0))', W_NEW),
    python("optimizers", "adam's rates swapped", 'm = hyper["beta1"] * memory[0] + (1.0 - hyper["beta1"]) * gradient', 'm = hyper["beta2"] * memory[0] + (1.0 - hyper["beta2"]) * gradient', W_NEW),
    python("optimizers", "optimizer-state decay of biases", '* parameter if is_weight else parameter', "* parameter", B_NEW),
    python("optimizers", "adamw without eta in the decay", 'parameter - eta * hyper["weight_decay"] * parameter', 'parameter - hyper["weight_decay"] * parameter', W_NEW),
    python("optimizers", "clip never", "if not norm > optimizer.clip_norm:", "if not norm < 0:", W_NEW),
    python("optimizers", "clip always", "if not norm > optimizer.clip_norm:", "if False:", W_NEW),
    python("optimizers", "clip by the norm of the weights' part", " + arithmetic.total(biases * biases)", "", W_NEW),
    python("optimizers", "clip forgets biases", "[scale * biases for biases in db]", "list(db)", B_NEW),
    python("optimizers", "update-lost", "parameters[letter].append(value)", "parameters[letter].append(values[layer - 1])", NEW),
    python("optimizers", "bias never updated", "parameters[letter].append(value)", 'parameters[letter].append(value if letter == "W" else values[layer - 1])', B_NEW),
    # first weights
    python("initializers", "he as lecun", "math.sqrt(2.0 / n_in) * r_rnorm(stream, n)", "math.sqrt(1.0 / n_in) * r_rnorm(stream, n)", r"W\d"),
    python("initializers", "constant-init glorot by inputs alone", "math.sqrt(2.0 / (n_in + n_out)) * r_rnorm(stream, n)", "math.sqrt(1.0 / n_in) * r_rnorm(stream, n)", r"W\d"),
    python("initializers", "drawn by row", "weights.reshape(n_in, n_out).T.copy()", "weights.reshape(n_out, n_in).copy()", r"W\d"),
]  # fmt: skip

FAULTS_IN_R = [
    r("activations", "missing-activation-derivative tanh", "4 * E / ((1 + E) * (1 + E))", "1 + 0 * E", DELTA),
    r("activations", "derivative-of-activation sigmoid", "sigmoid_derivative <- function(Z, A, network, arithmetic) {\n  logistic_derivative(Z, arithmetic)", "sigmoid_derivative <- function(Z, A, network, arithmetic) {\n  logistic_derivative(A, arithmetic)", DELTA),
    r("activations", "relu-mask-wrong pmax of the derivative", "select(Z > 0, 1, 0)", "select(Z > 0, Z, 0)", DELTA),
    r("activations", "leaky_relu without slope", "select(Z > 0, Z, network$slope * Z)", "select(Z > 0, Z, 0)", A),
    r("activations", "gelu cube for square", "(1 + 3 * GELU_CUBIC * (Z * Z))", "(1 + 3 * GELU_CUBIC * (Z * Z * Z))", DELTA),
    r("activations", "r-recycling softmax sums down columns", "E / rep(arithmetic$col_sums(E), each = nrow(Z))", "E / rep_len(arithmetic$col_sums(E), length(E))", A),
    r("activations", "softmax-axis over samples", "E / rep(arithmetic$col_sums(E), each = nrow(Z))", "E / arithmetic$row_sums(E)", A),
    r("activations", "softmax-overflow", "E <- arithmetic$exp(softmax_shift(Z))\n  E / rep(", "E <- arithmetic$exp(Z)\n  E / rep(", A),
    r("activations", "softmax-jacobian-diagonal", "A * (dA - rep(arithmetic$col_sums(A * dA), each = nrow(A)))", "A * (1 - A) * dA", DELTA),
    r("activations", "r-recycling softmax jacobian", "A * (dA - rep(arithmetic$col_sums(A * dA), each = nrow(A)))", "A * (dA - rep_len(arithmetic$col_sums(A * dA), length(A)))", DELTA),
    r("activations", "silu derivative of tanh", "logistic(Z, arithmetic) + Z * logistic_derivative(Z, arithmetic)", "logistic(Z, arithmetic) + Z * tanh_derivative(Z, A, network, arithmetic)", DELTA),
    r("losses", "ascent quadratic", "quadratic_gradient <- function(A, Y, network, arithmetic) {\n  A - Y", "quadratic_gradient <- function(A, Y, network, arithmetic) {\n  Y - A", DELTA),
    r("losses", "wrong-count mean_absolute_error by columns", "sign(A - Y) / nrow(A)", "sign(A - Y) / ncol(A)", DELTA),
    r("losses", "missing-half mean_squared_error", "2 * (A - Y) / nrow(A)", "(A - Y) / nrow(A)", DELTA),
    r("losses", "extra-output-derivative sigmoid", "sigmoid_binary_delta <- function(Z, A, Y, arithmetic) {\n  A - Y", "sigmoid_binary_delta <- function(Z, A, Y, arithmetic) {\n  (A - Y) * A * (1 - A)", DELTA),
    r("losses", "r-recycling label sums", "A * rep(arithmetic$col_sums(Y), each = nrow(Y)) - Y", "A * arithmetic$row_sums(Y) - Y", DELTA),
    r("network", "bias-missing forward", "arithmetic$matmul(W[[k]], A[[k]]) + b[[k]]", "arithmetic$matmul(W[[k]], A[[k]])", Z),
    r("network", "r-recycling bias by sample", "arithmetic$matmul(W[[k]], A[[k]]) + b[[k]]", "arithmetic$matmul(W[[k]], A[[k]]) + matrix(b[[k]], nrow(W[[k]]), ncol(A[[k]]), byrow = TRUE)", Z),
    r("network", "r-elementwise-for-matmul square layers", "arithmetic$matmul(W[[k]], A[[k]])", "(if (all(dim(W[[k]]) == dim(A[[k]]))) W[[k]] * A[[k]] else arithmetic$matmul(W[[k]], A[[k]]))", Z),
    r("network", "transposed square weights backward", "arithmetic$crossprod(W[[k + 1L]], delta[[k + 1L]])", "(if (nrow(W[[k + 1L]]) == ncol(W[[k + 1L]])) W[[k + 1L]] else t(W[[k + 1L]])) %*% delta[[k + 1L]]", DELTA),
    r("network", "missing-activation-derivative all hidden layers", "delta[[k]] <- backprop_activation(network$activations[k], Z[[k]], A[[k + 1L]], dA, network, arithmetic)", "delta[[k]] <- dA", DELTA),
    r("network", "sum-for-mean dW", "arithmetic$tcrossprod(share, A[[k]])", "arithmetic$tcrossprod(delta[[k]], A[[k]])", DW),
    r("network", "divided twice dW", "arithmetic$tcrossprod(share, A[[k]])", "arithmetic$tcrossprod(share, A[[k]]) / m", DW),
    r("network", "r-dropped-dimension last sample only", "arithmetic$tcrossprod(share, A[[k]])", "delta[[k]][, m] %o% A[[k]][, m]", DW),
    r("network", "bias-gradient-collapsed", "arithmetic$row_sums(share)", "rep(sum(delta[[k]]) / m, nrow(delta[[k]]))", DB),
    r("network", "bias regularised", "arithmetic$row_sums(share)", "arithmetic$row_sums(share) + network$l2", DB),
    r("network", "l1 of the absolute value", "network$l1 * sign(W[[k]])", "network$l1 * abs(W[[k]])", DW),
    r("optimizers", "ascent sgd", "parameter - eta * gradient, list()", "parameter + eta * gradient, list()", NEW),
    r("optimizers", "adagrad without root", "sqrt(accumulator)", "accumulator", W_NEW),
    r("optimizers", "adam without epsilon's place", "(sqrt(v_hat) + hyper$epsilon)", "sqrt(v_hat + hyper$epsilon)", W_NEW),
    r("optimizers", "adam's second moment of the first", "v <- hyper$beta2 * memory[[2L]] + (1 - hyper$beta2) * (gradient * gradient)", "v <- hyper$beta2 * memory[[2L]] + (1 - hyper$beta2) * gradient", W_NEW),
    r("optimizers", "adamw decays biases", "if (is_weight) parameter - eta * hyper$weight_decay * parameter else parameter", "parameter - eta * hyper$weight_decay * parameter", B_NEW),
    r("optimizers", "update-lost copy semantics", "W[[layer]] <- updated[[1L]]", "unchanged <- updated[[1L]]", W_NEW),
    r("optimizers", "r-partial-match memory of the other moment", "new[names] <- updated[[2L]]\n    names <- if (length(rule$memory) > 0L) paste0(\"b\"", "new[names] <- rev(updated[[2L]])\n    names <- if (length(rule$memory) > 0L) paste0(\"b\"", r"W\d_m"),
    r("optimizers", "clip forgets weights", "lapply(dW, function(weights) scale * weights)", "dW", W_NEW),
    r("initializers", "r-byrow", "initializer$weights(stream, n_out * n_in, n_in, n_out, constant), n_out, n_in)", "initializer$weights(stream, n_out * n_in, n_in, n_out, constant), n_out, n_in, byrow = TRUE)", r"W\d"),
    r("initializers", "he by outputs", "sqrt(2 / n_in) * r_rnorm(stream, n)", "sqrt(2 / n) * r_rnorm(stream, n)", r"W\d"),
]  # fmt: skip

FAULTS = FAULTS_IN_PYTHON + FAULTS_IN_R

REWRITES = [
    python("activations", "sigmoid by e^-|z|", "return 1.0 / (1.0 + arithmetic.exp(-Z))", "E = arithmetic.exp(-np.abs(Z))\n    return select(Z >= 0, 1.0, E) / (1.0 + E)"),
    python("activations", "sigmoid as (1 + tanh(z/2))/2", "return 1.0 / (1.0 + arithmetic.exp(-Z))", "return 0.5 * (1.0 + arithmetic.tanh(0.5 * Z))"),
    python("activations", "sigmoid' as a(1 - a)", SIGMOID, "return A * (1.0 - A)"),
    python("activations", "tanh' as 1 - a²", "E = arithmetic.exp(-2.0 * np.abs(Z))\n    return 4.0 * E / ((1.0 + E) * (1.0 + E))", "return 1.0 - A * A"),
    python("activations", "tanh as 2 sigma(2z) - 1", "return arithmetic.tanh(Z)", "return 2.0 * logistic(2.0 * Z, arithmetic) - 1.0"),
    python("activations", "elu as e^z - 1", "network.elu_alpha * arithmetic.expm1(-np.abs(Z))", "network.elu_alpha * (arithmetic.exp(-np.abs(Z)) - 1.0)"),
    python("activations", "elu' as a + alpha", "network.elu_alpha * arithmetic.exp(-np.abs(Z))", "A + network.elu_alpha"),
    python("activations", "gelu with tanh", "return Z * logistic(GELU_SCALE * (Z + GELU_CUBIC * (Z * Z * Z)), arithmetic)", "return 0.5 * Z * (1.0 + arithmetic.tanh(math.sqrt(2.0 / math.pi) * (Z + GELU_CUBIC * Z**3)))"),
    python("activations", "relu by maximum", "return select(Z < 0, 0.0, Z)", "return np.maximum(Z, 0.0)"),
    python("activations", "softmax shifted by max + 1", SOFTMAX, "E = arithmetic.exp(softmax_shift(Z) - 1.0)\n    return E * (1.0 / arithmetic.col_sums(E))"),
    python("activations", "softmax by its Jacobian, sample by sample", "return A * (dA - arithmetic.col_sums(A * dA))", "return np.stack([(np.diag(a) - np.outer(a, a)) @ d for a, d in zip(A.T, dA.T)], axis=1)"),
    python("losses", "a - y turned round", '"""∂C_i/∂a = a − y."""\n    return A - Y', "return -(Y - A)"),
    python("losses", "loss as the mean of sample losses", "arithmetic.total(arithmetic.col_sums(terms)) / Y.shape[1]", "np.mean([sum(column) for column in terms.T])"),
    python("network", "dW by outer products, sample by sample", GRADIENT_OF_MEAN, "sum(np.outer(delta[k][:, i], A[k][:, i]) for i in range(m)) / m"),
    python("network", "dW divided by m at the end", GRADIENT_OF_MEAN, "delta[k] @ A[k].T / m"),
    python("network", "dW with 1/m as a factor", GRADIENT_OF_MEAN, "(1.0 / m) * np.einsum('ji,ki->jk', delta[k], A[k])"),
    python("network", "forward with a bias column", "arithmetic.matmul(weights, A[-1]) + biases[:, np.newaxis]", "np.hstack([biases[:, np.newaxis], weights]) @ np.vstack([np.ones((1, A[-1].shape[1])), A[-1]])"),
    python("network", "forward by rows", "arithmetic.matmul(weights, A[-1]) + biases[:, np.newaxis]", "(A[-1].T @ weights.T + biases).T"),
    python("network", "forward from the last input to the first", "arithmetic.matmul(weights, A[-1])", "weights[:, ::-1] @ A[-1][::-1, :]"),
    python("network", "db by a product with 1/m", "arithmetic.row_sums(share)", "delta[k] @ np.full(m, 1.0 / m)"),
    python("optimizers", "sgd with -eta", "return parameter - eta * gradient, []", "return parameter + (-eta) * gradient, []"),
    python("optimizers", "momentum with the step apart", MOMENTUM, 'step = eta * gradient\n    velocity = -(step - hyper["momentum"] * memory[0])\n    return velocity + parameter, [velocity]'),
    python("optimizers", "adam as PyTorch writes it", 'return parameter - eta * m_hat / (np.sqrt(v_hat) + hyper["epsilon"]), [m, v]', 'denominator = np.sqrt(v) / (1.0 - hyper["beta2"] ** count) ** 0.5 + hyper["epsilon"]\n    return parameter - eta / (1.0 - hyper["beta1"] ** count) * (m / denominator), [m, v]'),
    python("optimizers", "adam's powers by products", 'raise_to(hyper["beta2"], count)', 'float(np.prod([hyper["beta2"]] * int(count)))'),
    r("activations", "sigmoid by e^-|z|", "logistic <- function(Z, arithmetic) {\n  1 / (1 + arithmetic$exp(-Z))", "logistic <- function(Z, arithmetic) {\n  E <- arithmetic$exp(-abs(Z))\n  select(Z >= 0, 1, E) / (1 + E)"),
    r("activations", "sigmoid by plogis' sister tanh", "logistic <- function(Z, arithmetic) {\n  1 / (1 + arithmetic$exp(-Z))", "logistic <- function(Z, arithmetic) {\n  (tanh(Z / 2) + 1) / 2"),
    r("activations", "softmax by sweep", "E / rep(arithmetic$col_sums(E), each = nrow(Z))", "sweep(E, 2L, colSums(E), `/`)"),
    r("network", "forward by outer sums", "arithmetic$matmul(W[[k]], A[[k]]) + b[[k]]", "Reduce(`+`, lapply(seq_len(ncol(W[[k]])), function(j) outer(W[[k]][, j], A[[k]][j, ])), b[[k]])"),
    r("network", "dW by a product with the transpose", "arithmetic$tcrossprod(share, A[[k]])", "(delta[[k]] %*% t(A[[k]])) * (1 / m)"),
    r("network", "db by rowMeans", "arithmetic$row_sums(share)", "rowMeans(delta[[k]])"),
]  # fmt: skip

# Faults that are none: (change, proof that it computes the same).
EQUIVALENT = [
    (
        python("losses", "weigh without its exception", "return select(Y == 0, 0.0, Y * terms)", "return Y * terms"),
        "The two differ only where y = 0 meets an infinite term, and no stable form is infinite: |z|, ln(1 + e^-|z|) and ln sum e^s "
        "are finite for finite z.",
    ),
    (
        python("activations", "relu'(0) from the value's side", "return select(Z < 0, 0.0, Z)", "return select(Z <= 0, 0.0, Z)"),
        "At z = 0 both sides of the selection are 0.",
    ),
    (
        python("losses", "sign of the error by division", "np.sign(A - Y) / A.shape[0]", "np.sign((A - Y) / A.shape[0]) / A.shape[0]"),
        "n > 0 does not change a sign.",
    ),
    (
        python("optimizers", "clip where the norm is reached", "if not norm > optimizer.clip_norm:", "if not norm >= optimizer.clip_norm:"),
        "At norm = clip_norm the factor clip_norm / norm is exactly 1.",
    ),
    (
        r("network", "loop of the layers by seq.int", "for (k in rev(seq_len(layers))) {\n    if (k == layers)", "for (k in layers:1) {\n    if (k == layers)"),
        "A network has at least one layer, so layers:1 is rev(seq_len(layers)); r-countdown-loop would need layers = 0.",
    ),
]  # fmt: skip
