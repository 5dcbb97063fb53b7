/// Arranges tokens and weights as the register block of the matrix product reads them.
///
/// A panel of weights is [columns][CK_ROWS], a panel of tokens [columns][tokens in it].

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

/// Sixteen bytes at any address, such as four stored floats.
typedef float ck_words_at __attribute__((ext_vector_type(4), aligned(1), may_alias));

/// Sixteen bytes at the same offset of the rows j, j + 4, j + 8, ... of one register's worth of rows.
#define CK_ROW_QUADS(j)                                                                                        \
  CK_QUADS(*(const ck_words_at *)(row[j] + offset), *(const ck_words_at *)(row[(j + 4) % CK_LANES] + offset),  \
           *(const ck_words_at *)(row[(j + 8) % CK_LANES] + offset),                                           \
           *(const ck_words_at *)(row[(j + 12) % CK_LANES] + offset))

/// Four floats, or any four words of 32 bits, of every row: to[i] holds word i of all of them. The offset is in bytes.
CK_INLINE void ck_transpose_four(const uint8_t *const row[CK_LANES], size_t offset, ck_f32 to[4]) {
  const ck_f32 r0 = CK_ROW_QUADS(0), r1 = CK_ROW_QUADS(1), r2 = CK_ROW_QUADS(2), r3 = CK_ROW_QUADS(3);
  const ck_f32 low01 = __builtin_shufflevector(r0, r1, CK_UNPACK_LOW);
  const ck_f32 high01 = __builtin_shufflevector(r0, r1, CK_UNPACK_HIGH);
  const ck_f32 low23 = __builtin_shufflevector(r2, r3, CK_UNPACK_LOW);
  const ck_f32 high23 = __builtin_shufflevector(r2, r3, CK_UNPACK_HIGH);
  to[0] = __builtin_shufflevector(low01, low23, CK_PAIR_LOW);
  to[1] = __builtin_shufflevector(low01, low23, CK_PAIR_HIGH);
  to[2] = __builtin_shufflevector(high01, high23, CK_PAIR_LOW);
  to[3] = __builtin_shufflevector(high01, high23, CK_PAIR_HIGH);
}

/// Transposes one register's worth of rows: columns[c] of all of them go to to[c * CK_ROWS].
CK_INLINE void ck_transpose(const float *const row[CK_LANES], size_t columns, float *to) {
  size_t c = 0;
  for (; c + 4 <= columns; c += 4) {
    ck_f32 column[4];
    ck_transpose_four((const uint8_t *const *)row, c * sizeof(float), column);
    CK_UNROLL for (size_t i = 0; i < 4; i++) CK_STORE(to + (c + i) * CK_ROWS, column[i]);
  }
  for (; c < columns; c++) {
    for (size_t j = 0; j < CK_LANES; j++) to[c * CK_ROWS + j] = row[j][c];
  }
}

/// Copies up to CK_ROWS decoded weight rows (row stride in elements) into one panel, [columns][CK_ROWS].
/// Lanes past the last row repeat it: their results are never stored.
static void pack_rows(const float *w, size_t stride, size_t rows, size_t columns, float *panel) {
  for (size_t v = 0; v < CK_VECTORS; v++) {
    const float *row[CK_LANES];
    for (size_t j = 0; j < CK_LANES; j++) {
      const size_t index = v * CK_LANES + j;
      row[j] = w + (index < rows ? index : rows - 1) * stride;
    }
    ck_transpose(row, columns, panel + v * CK_LANES);
  }
}

/// Floats of a row that are decoded at a time, and the distance of two such pieces, which keeps them out of each
/// other's cache sets.
enum { ck_piece = 32, ck_piece_stride = 36 };

/// Defines an operation that decodes up to CK_ROWS stored rows (row_bytes apart) straight into one panel.
/// `columns` are whole blocks; `decode` expands up to ck_piece of them from a row, which start at `offset(c)`.
#define CK_UNPACK(function, decode, offset)                                                    \
  static void function(                                                                        \
      const void *from, size_t row_bytes, size_t rows, size_t columns, float *panel) {         \
    float pieces[CK_LANES * ck_piece_stride];                                                  \
    const float *piece[CK_LANES];                                                              \
    for (size_t j = 0; j < CK_LANES; j++) piece[j] = pieces + j * ck_piece_stride;             \
    for (size_t v = 0; v < CK_VECTORS; v++) {                                                  \
      const uint8_t *row[CK_LANES];                                                            \
      for (size_t j = 0; j < CK_LANES; j++) {                                                  \
        const size_t index = v * CK_LANES + j;                                                 \
        row[j] = (const uint8_t *)from + (index < rows ? index : rows - 1) * row_bytes;        \
      }                                                                                        \
      float *to = panel + v * CK_LANES;                                                        \
      size_t c = 0;                                                                            \
      for (; c + ck_piece <= columns; c += ck_piece) {                                         \
        for (size_t j = 0; j < CK_LANES; j++) {                                                \
          decode(row[j] + offset(c), pieces + j * ck_piece_stride, ck_piece);                  \
        }                                                                                      \
        ck_transpose(piece, ck_piece, to + c * CK_ROWS);                                       \
      }                                                                                        \
      if (c < columns) {                                                                       \
        for (size_t j = 0; j < CK_LANES; j++) {                                                \
          decode(row[j] + offset(c), pieces + j * ck_piece_stride, columns - c);               \
        }                                                                                      \
        ck_transpose(piece, columns - c, to + c * CK_ROWS);                                    \
      }                                                                                        \
    }                                                                                          \
  }

#define CK_OFFSET_16(c) (2 * (c))
#define CK_OFFSET_32(c) (4 * (c))
#define CK_OFFSET_Q8_0(c) ((c) / 32 * sizeof(ck_q8_0))
#define CK_OFFSET_Q4_0(c) ((c) / 32 * sizeof(ck_q4_0))

CK_INLINE void ck_decode_f32(const void *from, float *to, size_t n) { __builtin_memcpy(to, from, n * 4); }

CK_UNPACK(unpack_f32, ck_decode_f32, CK_OFFSET_32)
CK_UNPACK(unpack_f16, ck_decode_f16, CK_OFFSET_16)
CK_UNPACK(unpack_bf16, ck_decode_bf16, CK_OFFSET_16)
CK_UNPACK(unpack_q8_0, ck_decode_q8_0, CK_OFFSET_Q8_0)
CK_UNPACK(unpack_q4_0, ck_decode_q4_0, CK_OFFSET_Q4_0)
