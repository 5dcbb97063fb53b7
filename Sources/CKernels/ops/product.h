/// The register block of y = x W^T.
///
/// Lanes are weight rows; tokens are broadcast. A panel of weights is [columns][CK_ROWS], a panel of tokens
/// [columns][tokens in it] with CK_TOKENS of them except in the last. Every output is one chain of (fused)
/// multiply-adds over the columns of the call in their order, started at zero and then added to what earlier
/// calls left in y: no other operand and no thread can change its bits.

/// Registers to a cache line.
#define CK_LINE (16 / CK_LANES)

/// One register block: `tokens` tokens by `panels` panels of rows, both constants after inlining.
CK_INLINE void ck_block(
    size_t tokens, size_t panels, const float *x, const float *w, size_t count, size_t rows, float *y,
    size_t stride, int add) {
  ck_f32 sum[CK_TOKENS][4 * CK_VECTORS];
  const size_t vectors = panels * CK_VECTORS;
  CK_UNROLL for (size_t t = 0; t < tokens; t++) {
    // By the time the sums are ready, so are the outputs they are added to.
    CK_UNROLL for (size_t v = 0; v < vectors; v += CK_LINE) __builtin_prefetch(y + t * stride + v * CK_LANES, 1);
    CK_UNROLL for (size_t v = 0; v < vectors; v++) sum[t][v] = 0;
  }
  CK_UNROLL_TWICE for (size_t c = 0; c < count; c++) {
    ck_f32 lane[4 * CK_VECTORS];
    CK_UNROLL for (size_t v = 0; v < vectors; v++) {
      lane[v] = CK_LOAD(w + (v / CK_VECTORS) * count * CK_ROWS + (v % CK_VECTORS) * CK_LANES);
    }
    CK_UNROLL for (size_t t = 0; t < tokens; t++) {
      const ck_f32 value = x[t];
      CK_UNROLL for (size_t v = 0; v < vectors; v++) sum[t][v] = ck_fma(value, lane[v], sum[t][v]);
    }
    x += tokens;
    w += CK_ROWS;
  }
  if (rows >= panels * CK_ROWS) {
    CK_UNROLL for (size_t t = 0; t < tokens; t++) {
      CK_UNROLL for (size_t v = 0; v < vectors; v++) {
        float *at = y + t * stride + v * CK_LANES;
        if (add) {
          CK_STORE(at, CK_LOAD(at) + sum[t][v]);
        } else {
          CK_STORE(at, sum[t][v]);
        }
      }
    }
    return;
  }
  float values[CK_TOKENS][4 * CK_ROWS];
  CK_UNROLL for (size_t t = 0; t < tokens; t++) {
    CK_UNROLL for (size_t v = 0; v < vectors; v++) CK_STORE(values[t] + v * CK_LANES, sum[t][v]);
  }
  for (size_t t = 0; t < tokens; t++) {
    for (size_t r = 0; r < rows; r++) {
      y[t * stride + r] = add ? y[t * stride + r] + values[t][r] : values[t][r];
    }
  }
}

/// The block that does nearly all the work, on its own so that nothing around it competes for registers.
static __attribute__((noinline)) void ck_full_block(
    const float *x, const float *w, size_t count, size_t rows, float *y, size_t stride, int add) {
  ck_block(CK_TOKENS, 1, x, w, count, rows, y, stride, add);
}

/// A register block for fewer tokens than CK_TOKENS covers more panels, so that there are always enough
/// independent chains to hide the latency of the multiply-add.
#define CK_BLOCK_CASE(m, p)                                                               \
  case m:                                                                                 \
    for (; r + (p - 1) * CK_ROWS < rows; r += p * CK_ROWS) {                              \
      ck_block(m, p, x, w_panels + r * count, count, rows - r, y_at + r, stride, add);    \
    }                                                                                     \
    for (; r < rows; r += CK_ROWS) {                                                      \
      ck_block(m, 1, x, w_panels + r * count, count, rows - r, y_at + r, stride, add);    \
    }                                                                                     \
    break;

/// y[tokens][rows] (+)= x W^T over one stretch of `count` columns.
///
/// x_panels, w_panels: packed tokens and rows, panel after panel, each of `count` columns. y: row stride in
/// elements; added to if `add`, else overwritten.
static void product(
    const float *x_panels, size_t tokens, const float *w_panels, size_t rows, size_t count, float *y,
    size_t stride, int add) {
  const size_t full = tokens - tokens % CK_TOKENS;
  // A panel of weights stays in the first-level cache while the tokens stream past it.
  for (size_t r = 0; r < rows && full > 0; r += CK_ROWS) {
    for (size_t token = 0; token < full; token += CK_TOKENS) {
      ck_full_block(x_panels + token * count, w_panels + r * count, count, rows - r, y + token * stride + r,
                    stride, add);
    }
  }
  const float *x = x_panels + full * count;
  float *y_at = y + full * stride;
  size_t r = 0;
  switch (tokens - full) {
    CK_BLOCK_CASE(1, 4)
    CK_BLOCK_CASE(2, 2)
    CK_BLOCK_CASE(3, 1)
#if CK_TOKENS > 4
    CK_BLOCK_CASE(4, 1)
    CK_BLOCK_CASE(5, 1)
#endif
#if CK_TOKENS > 6
    CK_BLOCK_CASE(6, 1)
    CK_BLOCK_CASE(7, 1)
#endif
  }
}
