/// y = x W^T for a few tokens, straight from stored numbers.
///
/// Unpacking a weight costs more than multiplying it by a few tokens, so weights are expanded in registers and used at
/// once. Lanes are weight rows, as in product.h: stored words of a register's worth of rows are transposed while they
/// are still narrow, and every output is the same chain of (fused) multiply-adds in column order, with a new sum for
/// every 256 columns. The results are those of the packed panels to the bit.

/// Tokens at most; more than these are cheaper through panels.
#define CK_GEMV_TOKENS 4
/// Registers of rows that are worked on side by side: independent chains hide the latency of the multiply-add.
#define CK_GEMV_VECTORS 2
#define CK_GEMV_ROWS (CK_LANES * CK_GEMV_VECTORS)
/// Columns that are summed before they are added to the output.
#define CK_GEMV_COLUMNS 256

typedef uint32_t ck_u32 __attribute__((ext_vector_type(CK_LANES)));
typedef uint16_t ck_u16 __attribute__((ext_vector_type(CK_LANES)));

/// What a step of a format reads and writes: rows of weights, tokens from the step's first column on, running sums.
typedef struct {
  const uint8_t *row[CK_GEMV_ROWS];
  const float *x;
  size_t stride;
  ck_f32 sum[CK_GEMV_VECTORS][CK_GEMV_TOKENS];
} ck_gemv;

/// Adds one column of one register of rows to the sums of all tokens.
CK_INLINE void ck_gemv_add(ck_gemv *g, size_t tokens, size_t vector, size_t column, ck_f32 weight) {
  CK_UNROLL for (size_t t = 0; t < tokens; t++) {
    g->sum[vector][t] = ck_fma((ck_f32)g->x[t * g->stride + column], weight, g->sum[vector][t]);
  }
}

/// The sixteen-bit numbers at an offset of every row of a register.
CK_INLINE ck_u16 ck_gemv_halves(const uint8_t *const row[CK_LANES], size_t offset) {
  ck_u16 halves = 0;
  CK_UNROLL for (size_t j = 0; j < CK_LANES; j++) halves[j] = ck_read16(row[j] + offset);
  return halves;
}

#if CK_HALF
typedef _Float16 ck_f16_lanes __attribute__((ext_vector_type(CK_LANES)));
CK_INLINE ck_f32 ck_gemv_from_f16(ck_u16 halves) { return __builtin_convertvector((ck_f16_lanes)halves, ck_f32); }
#else
CK_INLINE ck_f32 ck_gemv_from_f16(ck_u16 halves) {
  ck_f32 value;
  for (size_t j = 0; j < CK_LANES; j++) value[j] = ck_f16_to_f32(halves[j]);
  return value;
}
#endif

/// 32 columns of f32.
CK_INLINE void ck_gemv_f32(ck_gemv *g, size_t tokens, size_t at) {
  CK_UNROLL for (size_t quad = 0; quad < 8; quad++) {
    ck_f32 word[CK_GEMV_VECTORS][4];
    CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {
      ck_transpose_four(g->row + v * CK_LANES, at * 4 + quad * 16, word[v]);
    }
    CK_UNROLL for (size_t i = 0; i < 4; i++) {
      CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) ck_gemv_add(g, tokens, v, quad * 4 + i, word[v][i]);
    }
  }
}

/// 32 columns of sixteen bits, two to a word, the first in its lower half. `upper` says how a half becomes a float: bf16 is
/// the upper half of one, f16 is converted.
CK_INLINE void ck_gemv_pairs(ck_gemv *g, size_t tokens, size_t at, int upper) {
  CK_UNROLL for (size_t quad = 0; quad < 4; quad++) {
    ck_f32 word[CK_GEMV_VECTORS][4];
    CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {
      ck_transpose_four(g->row + v * CK_LANES, at * 2 + quad * 16, word[v]);
    }
    CK_UNROLL for (size_t i = 0; i < 8; i++) {
      CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {
        const ck_u32 pair = (ck_u32)word[v][i / 2];
        if (upper) {
          ck_gemv_add(g, tokens, v, quad * 8 + i, (ck_f32)(i % 2 ? pair & 0xffff0000u : pair << 16));
        } else {
          const ck_u16 half = __builtin_convertvector(i % 2 ? pair >> 16 : pair & 0xffff, ck_u16);
          ck_gemv_add(g, tokens, v, quad * 8 + i, ck_gemv_from_f16(half));
        }
      }
    }
  }
}

CK_INLINE void ck_gemv_bf16(ck_gemv *g, size_t tokens, size_t at) { ck_gemv_pairs(g, tokens, at, 1); }
CK_INLINE void ck_gemv_f16(ck_gemv *g, size_t tokens, size_t at) { ck_gemv_pairs(g, tokens, at, 0); }

/// Defines the product of up to CK_GEMV_TOKENS tokens with rows of one format. `step` adds `width` columns from column
/// `at` on to the sums; columns are whole steps.
///
/// x: tokens, `stride` elements apart. from: rows, `row_bytes` apart. y: outputs, `outputs` elements from token to token.
#define CK_GEMV(function, step, width)                                                                         \
  CK_INLINE void ck_rows_of_##function(                                                                        \
      const uint8_t *from, size_t row_bytes, size_t rows, const float *x, size_t stride, size_t tokens,        \
      size_t columns, float *y, size_t outputs) {                                                              \
    for (size_t r = 0; r < rows; r += CK_GEMV_ROWS) {                                                          \
      ck_gemv g;                                                                                               \
      for (size_t j = 0; j < CK_GEMV_ROWS; j++) {                                                              \
        g.row[j] = from + (r + j < rows ? r + j : rows - 1) * row_bytes;                                       \
      }                                                                                                        \
      g.stride = stride;                                                                                       \
      ck_f32 total[CK_GEMV_VECTORS][CK_GEMV_TOKENS];                                                           \
      for (size_t first = 0; first < columns; first += CK_GEMV_COLUMNS) {                                      \
        const size_t end = columns - first < CK_GEMV_COLUMNS ? columns : first + CK_GEMV_COLUMNS;              \
        CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {                                               \
          CK_UNROLL for (size_t t = 0; t < tokens; t++) g.sum[v][t] = 0;                                       \
        }                                                                                                      \
        for (size_t at = first; at < end; at += width) {                                                       \
          g.x = x + at;                                                                                        \
          step(&g, tokens, at);                                                                                \
        }                                                                                                      \
        CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {                                               \
          CK_UNROLL for (size_t t = 0; t < tokens; t++) {                                                      \
            total[v][t] = first == 0 ? g.sum[v][t] : total[v][t] + g.sum[v][t];                                \
          }                                                                                                    \
        }                                                                                                      \
      }                                                                                                        \
      for (size_t t = 0; t < tokens; t++) {                                                                    \
        const size_t count = rows - r < CK_GEMV_ROWS ? rows - r : CK_GEMV_ROWS;                                \
        float values[CK_GEMV_ROWS];                                                                            \
        for (size_t v = 0; v < CK_GEMV_VECTORS; v++) CK_STORE(values + v * CK_LANES, total[v][t]);             \
        __builtin_memcpy(y + t * outputs + r, values, count * sizeof(float));                                  \
      }                                                                                                        \
    }                                                                                                          \
  }                                                                                                            \
  static void function(                                                                                        \
      const void *from, size_t row_bytes, size_t rows, const float *x, size_t stride, size_t tokens,           \
      size_t columns, float *y, size_t outputs) {                                                              \
    switch (tokens) {                                                                                          \
      case 1: ck_rows_of_##function(from, row_bytes, rows, x, stride, 1, columns, y, outputs); break;          \
      case 2: ck_rows_of_##function(from, row_bytes, rows, x, stride, 2, columns, y, outputs); break;          \
      case 3: ck_rows_of_##function(from, row_bytes, rows, x, stride, 3, columns, y, outputs); break;          \
      case 4: ck_rows_of_##function(from, row_bytes, rows, x, stride, 4, columns, y, outputs); break;          \
    }                                                                                                          \
  }

CK_GEMV(gemv_f32, ck_gemv_f32, 32)
CK_GEMV(gemv_f16, ck_gemv_f16, 32)
CK_GEMV(gemv_bf16, ck_gemv_bf16, 32)
