/// Loops over one row of hidden states. Sums run over 16 partial sums whatever the level's width.

#define CK_ROW_SUMS 16

/// x <- expression of a (from x) and b (from other), a register at a time; the last one is filled up with zeros.
#define CK_ROW_UPDATE(n, x, other, expression)                                            \
  size_t i = 0;                                                                           \
  for (; i + CK_LANES <= n; i += CK_LANES) {                                              \
    const ck_f32 a = CK_LOAD(x + i), b = CK_LOAD(other + i);                              \
    CK_STORE(x + i, expression);                                                          \
  }                                                                                       \
  if (i < n) {                                                                            \
    float first[CK_LANES] = {0}, second[CK_LANES] = {0};                                  \
    __builtin_memcpy(first, x + i, (n - i) * sizeof(float));                              \
    __builtin_memcpy(second, other + i, (n - i) * sizeof(float));                         \
    const ck_f32 a = CK_LOAD(first), b = CK_LOAD(second);                                 \
    CK_STORE(first, expression);                                                          \
    __builtin_memcpy(x + i, first, (n - i) * sizeof(float));                              \
  }

/// gate <- silu(gate) * up.
static void silu_product_f32(float *gate, const float *up, size_t n) {
  CK_ROW_UPDATE(n, gate, up, ck_silu(a) * b)
}

/// x <- x * silu(gate).
static void silu_gate_f32(float *x, const float *gate, size_t n) { CK_ROW_UPDATE(n, x, gate, a * ck_silu(b)) }

/// x <- x * sigmoid(gate).
static void sigmoid_gate_f32(float *x, const float *gate, size_t n) {
  CK_ROW_UPDATE(n, x, gate, a * ck_sigmoid(b))
}

/// x <- x * factor * weight.
static void scale_f32(float *x, float factor, const float *weight, size_t n) {
  CK_ROW_UPDATE(n, x, weight, a * factor * b)
}

/// y <- y + a x, element by element.
static void multiply_add_f32(const float *a, const float *x, float *y, size_t n) {
  size_t i = 0;
  for (; i + CK_LANES <= n; i += CK_LANES) CK_STORE(y + i, ck_fma(CK_LOAD(a + i), CK_LOAD(x + i), CK_LOAD(y + i)));
  for (; i < n; i++) y[i] = ck_fma(a[i], x[i], y[i]);
}

/// The largest element; -infinity for none. NaN is passed over.
static float max_f32(const float *x, size_t n) {
  ck_f32 best = -__builtin_inff();
  size_t i = 0;
  for (; i + CK_LANES <= n; i += CK_LANES) {
    const ck_f32 value = CK_LOAD(x + i);
    best = value > best ? value : best;
  }
  float largest = -__builtin_inff();
  for (size_t lane = 0; lane < CK_LANES; lane++) largest = best[lane] > largest ? best[lane] : largest;
  for (; i < n; i++) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

/// The sum of e^(x - shift); written over x too where `to` is given.
CK_INLINE float ck_exp_sum(const float *x, float *to, float shift, size_t n) {
  enum { registers = CK_ROW_SUMS / CK_LANES };
  ck_f32 sum[registers];
  CK_UNROLL for (size_t r = 0; r < registers; r++) sum[r] = 0;
  size_t i = 0;
  for (; i + CK_ROW_SUMS <= n; i += CK_ROW_SUMS) {
    CK_UNROLL for (size_t r = 0; r < registers; r++) {
      const ck_f32 value = ck_exp(CK_LOAD(x + i + r * CK_LANES) - shift);
      if (to) CK_STORE(to + i + r * CK_LANES, value);
      sum[r] += value;
    }
  }
  float partial[CK_ROW_SUMS];
  CK_UNROLL for (size_t r = 0; r < registers; r++) CK_STORE(partial + r * CK_LANES, sum[r]);
  for (size_t width = CK_ROW_SUMS / 2; width > 0; width /= 2) {
    for (size_t j = 0; j < width; j++) partial[j] += partial[j + width];
  }
  float total = partial[0];
  for (; i < n; i++) {
    const ck_f32 value = ck_exp((ck_f32)(x[i] - shift));
    if (to) to[i] = value[0];
    total += value[0];
  }
  return total;
}

/// x <- e^(x - shift), and the sum of the results.
static float exp_shifted_f32(float *x, float shift, size_t n) { return ck_exp_sum(x, x, shift, n); }

/// The sum of e^(x - shift); sums of 512 are added in double precision.
static double sum_exp_f32(const float *x, float shift, size_t n) {
  double total = 0;
  for (size_t i = 0; i < n; i += 512) total += ck_exp_sum(x + i, 0, shift, n - i < 512 ? n - i : 512);
  return total;
}
