/// The register block of y = x W^T and the packing it reads.
///
/// Lanes are weight rows; tokens are broadcast. A panel of weights is [columns][CK_ROWS], a panel of tokens
/// [columns][tokens in it] with CK_TOKENS of them except in the last. Every output is one chain of (fused)
/// multiply-adds over the columns of the call in their order, started at zero and then added to what earlier
/// calls left in y: no other operand and no thread can change its bits.

#define CK_ROWS (CK_LANES * CK_VECTORS)

typedef float ck_f32x4 __attribute__((ext_vector_type(4)));
typedef float ck_f32x4_at __attribute__((ext_vector_type(4), aligned(4), may_alias));

/// Copies up to CK_TOKENS rows of x (row stride in elements) into one panel, [columns][tokens].
static void pack_tokens(
    const float *x, size_t stride, size_t tokens, size_t columns, float *panel) {
  size_t token = 0;
  for (; token + 4 <= tokens; token += 4) {
    const float *row = x + token * stride;
    float *to = panel + token;
    size_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      const ck_f32x4 r0 = *(const ck_f32x4_at *)(row + c);
      const ck_f32x4 r1 = *(const ck_f32x4_at *)(row + stride + c);
      const ck_f32x4 r2 = *(const ck_f32x4_at *)(row + 2 * stride + c);
      const ck_f32x4 r3 = *(const ck_f32x4_at *)(row + 3 * stride + c);
      const ck_f32x4 low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
      const ck_f32x4 high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
      const ck_f32x4 low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
      const ck_f32x4 high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
      *(ck_f32x4_at *)(to + (c + 0) * tokens) = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
      *(ck_f32x4_at *)(to + (c + 1) * tokens) = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
      *(ck_f32x4_at *)(to + (c + 2) * tokens) = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
      *(ck_f32x4_at *)(to + (c + 3) * tokens) = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
    }
    for (; c < columns; c++) {
      for (size_t t = 0; t < 4; t++) to[c * tokens + t] = row[t * stride + c];
    }
  }
  for (; token < tokens; token++) {
    for (size_t c = 0; c < columns; c++) panel[c * tokens + token] = x[token * stride + c];
  }
}

#if CK_LANES == 4
#define CK_QUADS(a, b, c, d) (a)
#define CK_UNPACK_LOW 0, 4, 1, 5
#define CK_UNPACK_HIGH 2, 6, 3, 7
#define CK_PAIR_LOW 0, 1, 4, 5
#define CK_PAIR_HIGH 2, 3, 6, 7
#elif CK_LANES == 8
#define CK_QUADS(a, b, c, d) __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7)
#define CK_UNPACK_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define CK_UNPACK_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define CK_PAIR_LOW 0, 1, 8, 9, 4, 5, 12, 13
#define CK_PAIR_HIGH 2, 3, 10, 11, 6, 7, 14, 15
#else
#define CK_QUADS(a, b, c, d)                                                              \
  __builtin_shufflevector(__builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7),          \
                          __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7), 0, 1, 2, \
                          3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define CK_UNPACK_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define CK_UNPACK_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define CK_PAIR_LOW 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define CK_PAIR_HIGH 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#endif

/// Four columns of the rows j, j + 4, j + 8, ... of one register's worth of rows, four floats from each.
#define CK_ROW_QUADS(j)                                                                   \
  CK_QUADS(*(const ck_f32x4_at *)(row[j] + c), *(const ck_f32x4_at *)(row[(j + 4) % CK_LANES] + c), \
           *(const ck_f32x4_at *)(row[(j + 8) % CK_LANES] + c),                           \
           *(const ck_f32x4_at *)(row[(j + 12) % CK_LANES] + c))

/// Copies up to CK_ROWS decoded weight rows (row stride in elements) into one panel, [columns][CK_ROWS].
/// Lanes past the last row repeat it: their results are never stored.
static void pack_rows(
    const float *w, size_t stride, size_t rows, size_t columns, float *panel) {
  for (size_t v = 0; v < CK_VECTORS; v++) {
    const float *row[CK_LANES];
    for (size_t j = 0; j < CK_LANES; j++) {
      const size_t index = v * CK_LANES + j;
      row[j] = w + (index < rows ? index : rows - 1) * stride;
    }
    float *to = panel + v * CK_LANES;
    size_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      const ck_f32 r0 = CK_ROW_QUADS(0), r1 = CK_ROW_QUADS(1), r2 = CK_ROW_QUADS(2), r3 = CK_ROW_QUADS(3);
      const ck_f32 low01 = __builtin_shufflevector(r0, r1, CK_UNPACK_LOW);
      const ck_f32 high01 = __builtin_shufflevector(r0, r1, CK_UNPACK_HIGH);
      const ck_f32 low23 = __builtin_shufflevector(r2, r3, CK_UNPACK_LOW);
      const ck_f32 high23 = __builtin_shufflevector(r2, r3, CK_UNPACK_HIGH);
      CK_STORE(to + (c + 0) * CK_ROWS, __builtin_shufflevector(low01, low23, CK_PAIR_LOW));
      CK_STORE(to + (c + 1) * CK_ROWS, __builtin_shufflevector(low01, low23, CK_PAIR_HIGH));
      CK_STORE(to + (c + 2) * CK_ROWS, __builtin_shufflevector(high01, high23, CK_PAIR_LOW));
      CK_STORE(to + (c + 3) * CK_ROWS, __builtin_shufflevector(high01, high23, CK_PAIR_HIGH));
    }
    for (; c < columns; c++) {
      for (size_t j = 0; j < CK_LANES; j++) to[c * CK_ROWS + j] = row[j][c];
    }
  }
}

/// One register block: `tokens` tokens by `panels` panels of rows, both constants after inlining.
CK_INLINE void ck_block(
    size_t tokens, size_t panels, const float *x, const float *w, size_t count, size_t rows, float *y,
    size_t stride, int add) {
  ck_f32 sum[CK_TOKENS][4 * CK_VECTORS];
  const size_t vectors = panels * CK_VECTORS;
  CK_UNROLL for (size_t t = 0; t < tokens; t++) {
    CK_UNROLL for (size_t v = 0; v < vectors; v++) sum[t][v] = 0;
  }
  for (size_t c = 0; c < count; c++) {
    ck_f32 lane[4 * CK_VECTORS];
    CK_UNROLL for (size_t v = 0; v < vectors; v++) {
      lane[v] = CK_LOAD(w + ((v / CK_VECTORS) * count + c) * CK_ROWS + (v % CK_VECTORS) * CK_LANES);
    }
    CK_UNROLL for (size_t t = 0; t < tokens; t++) {
      const ck_f32 value = x[c * tokens + t];
      CK_UNROLL for (size_t v = 0; v < vectors; v++) sum[t][v] = ck_fma(value, lane[v], sum[t][v]);
    }
  }
  if (rows >= panels * CK_ROWS) {
    CK_UNROLL for (size_t t = 0; t < tokens; t++) {
      CK_UNROLL for (size_t v = 0; v < vectors; v++) {
        float *at = y + t * stride + v * CK_LANES;
        CK_STORE(at, add ? CK_LOAD(at) + sum[t][v] : sum[t][v]);
      }
    }
    return;
  }
  for (size_t t = 0; t < tokens; t++) {
    float values[4 * CK_ROWS];
    for (size_t v = 0; v < vectors; v++) CK_STORE(values + v * CK_LANES, sum[t][v]);
    for (size_t r = 0; r < rows; r++) y[t * stride + r] = add ? y[t * stride + r] + values[r] : values[r];
  }
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

/// y[tokens][rows] (+)= x W^T over `count` columns starting at `first` of `columns`.
///
/// x_panels: packed tokens, panels one after another, each holding all columns. w_panels: packed rows for
/// these columns only. y: row stride in elements; overwritten if `first` is zero, added to otherwise.
static void product(
    const float *x_panels, size_t tokens, size_t columns, size_t first,
    const float *w_panels, size_t rows, size_t count, float *y, size_t stride) {
  const int add = first > 0;
  const size_t full = tokens - tokens % CK_TOKENS;
  // A panel of weights stays in the first-level cache while the tokens stream past it.
  for (size_t r = 0; r < rows && full > 0; r += CK_ROWS) {
    for (size_t token = 0; token < full; token += CK_TOKENS) {
      ck_block(CK_TOKENS, 1, x_panels + token * columns + first * CK_TOKENS, w_panels + r * count, count,
               rows - r, y + token * stride + r, stride, add);
    }
  }
  const float *x = x_panels + full * columns + first * (tokens - full);
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
