step = function(W, b, X, Y, eta) {
  n = c(nrow(X), sapply(W, nrow)); m = ncol(X)
  gW = lapply(W, function(w) w * 0); gb = lapply(b, function(v) v * 0)
  for (i in 1:m) {
    a = list(X[, i])
    for (l in 1:length(W)) {
      a[[l + 1]] = numeric(n[l + 1])
      j = 1
      while (j <= n[l + 1]) {
        z = b[[l]][j]
        for (k in 1:n[l]) z = z + W[[l]][j, k] * a[[l]][k]
        a[[l + 1]][j] = 1 / (1 + exp(-z)); j = j + 1
      }
    }
    d = (a[[length(a)]] - Y[, i]) * a[[length(a)]] * (1 - a[[length(a)]])
    for (l in length(W):1) {
      for (j in seq_len(n[l + 1])) {
        if (d[j] == 0) next
        for (k in seq_len(n[l])) gW[[l]][j, k] = gW[[l]][j, k] + d[j] * a[[l]][k]
        gb[[l]][j] = gb[[l]][j] + d[j]
      }
      d = colSums(W[[l]] * d) * a[[l]] * (1 - a[[l]])
    }
  }
  list(W = Map(function(w, g) w - eta * g / m, W, gW), b = Map(function(v, g) v - eta * g / m, b, gb))
}
