/// The register block of y = x W^T.
///
/// Lanes are weight rows; tokens are broadcast. A panel of weights is [columns][CK_ROWS], a panel of tokens
/// [columns][tokens in it] with CK_TOKENS of them except in the last. Every output is one chain of (fused)
/// multiply-adds over the columns of the call in their order, started at zero and then added to what earlier
/// calls left in y: no other operand and no thread can change its bits.

/// Registers to a cache line.
#define CK_LINE (16 / CK_LANES)

/// Sums of a register block that starts; by the time they are ready, so are the outputs they are added to.
CK_INLINE void ck_start(size_t tokens, size_t vectors, ck_f32 (*sum)[4 * CK_VECTORS], const float *y, size_t stride) {
  CK_UNROLL for (size_t t = 0; t < tokens; t++) {
    CK_UNROLL for (size_t v = 0; v < vectors; v += CK_LINE) __builtin_prefetch(y + t * stride + v * CK_LANES, 1);
    CK_UNROLL for (size_t v = 0; v < vectors; v++) sum[t][v] = 0;
  }
}

/// One column of a register block; `panel` floats from one panel of weights to the next.
CK_INLINE void ck_column(
    size_t tokens, size_t vectors, ck_f32 (*sum)[4 * CK_VECTORS], const float *x, const float *w, size_t panel) {
  ck_f32 lane[4 * CK_VECTORS];
  CK_UNROLL for (size_t v = 0; v < vectors; v++) {
    lane[v] = CK_LOAD(w + (v / CK_VECTORS) * panel + (v % CK_VECTORS) * CK_LANES);
  }
  CK_UNROLL for (size_t t = 0; t < tokens; t++) {
    const ck_f32 value = x[t];
    CK_UNROLL for (size_t v = 0; v < vectors; v++) sum[t][v] = ck_fma(value, lane[v], sum[t][v]);
  }
}

/// The sums of a register block to their outputs.
CK_INLINE void ck_finish(
    size_t tokens, size_t vectors, ck_f32 (*sum)[4 * CK_VECTORS], size_t rows, const float *before, size_t before_stride,
    float *y, size_t stride) {
  if (rows >= vectors * CK_LANES) {
    CK_UNROLL for (size_t t = 0; t < tokens; t++) {
      CK_UNROLL for (size_t v = 0; v < vectors; v++) {
        float *at = y + t * stride + v * CK_LANES;
        if (before) {
          CK_STORE(at, CK_LOAD(before + t * before_stride + v * CK_LANES) + sum[t][v]);
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
      y[t * stride + r] = before ? before[t * before_stride + r] + values[t][r] : values[t][r];
    }
  }
}

/// One register block: `tokens` tokens by `panels` panels of rows, both constants after inlining.
CK_INLINE void ck_block(
    size_t tokens, size_t panels, const float *x, const float *w, size_t count, size_t rows, const float *before,
    size_t before_stride, float *y, size_t stride) {
  ck_f32 sum[CK_TOKENS][4 * CK_VECTORS];
  const size_t vectors = panels * CK_VECTORS;
  ck_start(tokens, vectors, sum, y, stride);
  CK_UNROLL_TWICE for (size_t c = 0; c < count; c++) {
    ck_column(tokens, vectors, sum, x, w, count * CK_ROWS);
    x += tokens;
    w += CK_ROWS;
  }
  ck_finish(tokens, vectors, sum, rows, before, before_stride, y, stride);
}

/// Columns for which a full block fetches one cache line ahead.
#define CK_FETCH_COLUMNS (CK_TOKENS > 6 ? 4 : 8)

/// The block that does nearly all the work, on its own so that nothing around it competes for registers: whole panels of rows
/// and tokens, CK_FETCH_COLUMNS columns at a time.
///
/// ahead: memory that is wanted in the second-level cache soon; it need not be there, so it is not a pointer.
static __attribute__((noinline)) void ck_full_block(
    const float *x, const float *w, size_t count, const float *before, size_t before_stride, float *y, size_t stride,
    uintptr_t ahead) {
  ck_f32 sum[CK_TOKENS][4 * CK_VECTORS];
  ck_start(CK_TOKENS, CK_VECTORS, sum, y, stride);
  for (size_t c = 0; c < count; c += CK_FETCH_COLUMNS) {
    __builtin_prefetch((const void *)ahead, 0, 2);
    ahead += 64;
    CK_UNROLL for (size_t i = 0; i < CK_FETCH_COLUMNS; i++) {
      ck_column(CK_TOKENS, CK_VECTORS, sum, x, w, 0);
      x += CK_TOKENS;
      w += CK_ROWS;
    }
  }
  ck_finish(CK_TOKENS, CK_VECTORS, sum, CK_ROWS, before, before_stride, y, stride);
}

/// A block of as many tokens where the rows do not fill their panel or the columns are not a multiple of CK_FETCH_COLUMNS.
static __attribute__((noinline)) void ck_edge_block(
    const float *x, const float *w, size_t count, size_t rows, const float *before, size_t before_stride, float *y,
    size_t stride) {
  ck_block(CK_TOKENS, 1, x, w, count, rows, before, before_stride, y, stride);
}

/// A register block for fewer tokens than CK_TOKENS covers more panels, so that there are always enough
/// independent chains to hide the latency of the multiply-add.
#define CK_BLOCK_CASE(m, p)                                                                                     \
  case m:                                                                                                       \
    for (; r + (p - 1) * CK_ROWS < rows; r += p * CK_ROWS) {                                                    \
      ck_block(m, p, x, w_panels + r * count, count, rows - r, CK_BEFORE(full, r), before_stride, y_at + r, stride); \
    }                                                                                                           \
    for (; r < rows; r += CK_ROWS) {                                                                            \
      ck_block(m, 1, x, w_panels + r * count, count, rows - r, CK_BEFORE(full, r), before_stride, y_at + r, stride); \
    }                                                                                                           \
    break;

/// Where the sums of earlier calls begin for a token and a row; null at the first.
#define CK_BEFORE(token, row) (before ? before + (token) * before_stride + (row) : 0)

/// y[tokens][rows] = before + x W^T over one stretch of `count` columns.
///
/// x_panels, w_panels: packed tokens and rows, panel after panel, each of `count` columns. What lies behind x_panels is taken
/// for the tokens of the next call. before: the sums of earlier stretches, null at the first; they may be y itself. Strides are
/// those of their rows in elements.
static void product(
    const float *x_panels, size_t tokens, const float *w_panels, size_t rows, size_t count, const float *before,
    size_t before_stride, float *y, size_t stride) {
  const size_t full = tokens - tokens % CK_TOKENS;
  // A panel of weights stays in the first-level cache while the tokens stream past it. Meanwhile the tokens after these
  // come nearer, each panel of weights fetching its part of every panel of tokens.
  for (size_t r = 0; r < rows && full > 0; r += CK_ROWS) {
    const int is_whole = rows - r >= CK_ROWS && count % CK_FETCH_COLUMNS == 0;
    const uintptr_t next = (uintptr_t)(x_panels + full * count) + r * CK_TOKENS * count / rows / 16 * 64;
    const float *w = w_panels + r * count;
    for (size_t token = 0; token < full; token += CK_TOKENS) {
      const float *x = x_panels + token * count;
      float *at = y + token * stride + r;
      if (is_whole) {
        ck_full_block(
            x, w, count, CK_BEFORE(token, r), before_stride, at, stride, next + token * count * sizeof *x);
      } else {
        ck_edge_block(x, w, count, rows - r, CK_BEFORE(token, r), before_stride, at, stride);
      }
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
