/// One to four tokens, cut into digits, by stored rows of block formats.
///
/// A weight is step * code + offset with a step and an offset for every sixteen columns. A format says what they are for 256
/// columns of a row (or the last ones), and what codes 32 columns have.

/// Tokens at most.
#define CK_DIGIT_TOKENS 4

/// Steps and offsets of 256 columns: those of the first halves of each 32, then those of the second halves. Where one number is for
/// both halves it stands in the first place.
typedef struct {
  float steps[2][8];
  ck_f32x8 offsets[2];
  /// Signs of 32 columns each, where they are not with the codes.
  ck_u32x8 signs;
} ck_header;

/// How far ahead rows, which lie one after another, are fetched from memory: the processor by itself loses its way at each row's end.
#define CK_DIGITS_AHEAD 2048

/// Numbers that are wanted in memory, whence a load spreads one over a register; out of a register that would take instructions.
#define CK_IN_MEMORY(numbers) __asm__("" : "+m"(numbers))

/// A step for each lane of four columns.
CK_INLINE ck_f32x8 ck_step(const ck_header *head, int halves, size_t c) {
  const ck_f32x8 first = head->steps[0][c];
  if (!halves) return first;
  const ck_f32x8 second = head->steps[1][c];
  return __builtin_shufflevector(first, second, 0, 1, 2, 3, 12, 13, 14, 15);
}

/// Adds 32 columns of one token: first digits and second digits.
CK_INLINE void ck_add_chunk(ck_codes w, ck_f32x8 step, const ck_stretch *x, size_t c, ck_f32x8 sum[2]) {
  CK_UNROLL for (size_t i = 0; i < 2; i++) {
    sum[i] = ck_fma(step, __builtin_convertvector(ck_fours(w, x->digit[c][i]), ck_f32x8), sum[i]);
  }
}

/// Adds a stretch of one token, whose codes are added up already: offsets of 32 columns each go to a lane of their own.
CK_INLINE void ck_add_stretch(
    const ck_header *head, int halves, int offsets, const ck_stretch *x, const ck_f32x8 sum[2], ck_f32x8 *total) {
  ck_f32x8 value = ck_fma(sum[0], (ck_f32x8)0x1p15f, sum[1]);
  if (offsets) {
    const ck_f32x8 first = *(const ck_f32x8_at *)x->sum, second = *(const ck_f32x8_at *)(x->sum + 8);
    value = ck_fma(head->offsets[0], first, value);
    value = ck_fma(head->offsets[halves], second, value);
  }
  *total = ck_fma((ck_f32x8)x->scale, value, *total);
}

/// The sums of a row, or of two: one token goes by two rows, whose chains of operations then hide each other's latency.
typedef struct {
  const uint8_t *w[2];
  ck_f32x8 total[2][CK_DIGIT_TOKENS];
} ck_lane_sums;

/// Defines the product of up to CK_DIGIT_TOKENS tokens with rows of a format. `bytes` are those of 256 columns of a row; `whole` says
/// whether blocks have 256 columns; `together` how many times 32 columns are written out in the loop, one for blocks of fewer; `side`
/// how many rows one token goes by at a time, one or two; `halves` whether sixteen columns have a step of their own; `offsets` whether
/// there are any. ck_header_of_ the format fills a ck_header, ck_codes_of_ it gives the codes of the 32 columns after 32 c, which are
/// taken apart one step before they are multiplied where the loop is written out. What is faster is in docs/performance/kernels.md.
///
/// x: stretches of one token after another. y: outputs, `outputs` elements from token to token.
#define CK_DIGITS_OF(format, bytes, whole, together, side, halves, offsets)                                       \
  CK_INLINE void ck_stretch_of_##format(                                                                          \
      ck_lane_sums *sums, size_t rows, const ck_stretch *x, size_t stride, size_t tokens, size_t chunks,          \
      CK_MAYBE const uint64_t *points) {                                                                          \
    ck_header head[2];                                                                                            \
    ck_f32x8 sum[2][CK_DIGIT_TOKENS][2];                                                                          \
    CK_UNROLL for (size_t r = 0; r < rows; r++) {                                                                 \
      ck_header_of_##format(sums->w[r], chunks, &head[r]);                                                        \
      CK_IN_MEMORY(head[r].steps);                                                                                \
      CK_UNROLL for (size_t t = 0; t < tokens; t++) sum[r][t][0] = sum[r][t][1] = 0;                              \
    }                                                                                                             \
    ck_codes ahead[2];                                                                                            \
    for (size_t first = 0; first < chunks; first += together) {                                                   \
      CK_UNROLL for (size_t c = first; c < first + together; c++) {                                               \
        CK_UNROLL for (size_t r = 0; r < rows; r++) {                                                             \
          const ck_codes columns =                                                                                \
              together < 8 || c == 0 ? ck_codes_of_##format(sums->w[r], c, &head[r], points) : ahead[r];          \
          if (together == 8 && c < 7) ahead[r] = ck_codes_of_##format(sums->w[r], c + 1, &head[r], points);       \
          const ck_f32x8 step = ck_step(&head[r], halves, c);                                                     \
          CK_UNROLL for (size_t t = 0; t < tokens; t++) ck_add_chunk(columns, step, x + t * stride, c, sum[r][t]);\
        }                                                                                                         \
      }                                                                                                           \
    }                                                                                                             \
    CK_UNROLL for (size_t r = 0; r < rows; r++) {                                                                 \
      CK_UNROLL for (size_t t = 0; t < tokens; t++) {                                                             \
        ck_add_stretch(&head[r], halves, offsets, x + t * stride, sum[r][t], &sums->total[r][t]);                 \
      }                                                                                                           \
    }                                                                                                             \
  }                                                                                                               \
  CK_INLINE void ck_digits_of_##format(                                                                           \
      const uint8_t *from, size_t row_bytes, size_t rows, const ck_stretch *x, size_t tokens, size_t columns,     \
      float *y, size_t outputs, const uint64_t *points) {                                                         \
    const size_t stride = (columns + 255) / 256, beside = tokens == 1 ? side : 1;                                 \
    for (size_t r = 0; r < rows; r += beside) {                                                                   \
      /* An odd last row goes by itself twice. */                                                                 \
      const size_t last = r + beside <= rows ? r + beside - 1 : r;                                                \
      ck_lane_sums sums;                                                                                          \
      sums.w[0] = from + r * row_bytes;                                                                           \
      sums.w[1] = from + last * row_bytes;                                                                        \
      CK_UNROLL for (size_t i = 0; i < beside; i++) {                                                             \
        CK_UNROLL for (size_t t = 0; t < tokens; t++) sums.total[i][t] = 0;                                       \
      }                                                                                                           \
      for (size_t s = 0; s < stride; s++) {                                                                       \
        const size_t chunks = whole || columns - s * 256 >= 256 ? 8 : (columns - s * 256) / 32;                   \
        CK_UNROLL for (size_t i = 0; i < beside; i++) {                                                           \
          CK_UNROLL for (size_t line = 0; line < bytes; line += 64) {                                             \
            __builtin_prefetch((const void *)((uintptr_t)sums.w[i] + CK_DIGITS_AHEAD + line));                    \
          }                                                                                                       \
        }                                                                                                         \
        ck_stretch_of_##format(&sums, beside, x + s, stride, tokens, chunks, points);                             \
        sums.w[0] += bytes;                                                                                       \
        sums.w[1] += bytes;                                                                                       \
      }                                                                                                           \
      CK_UNROLL for (size_t t = 0; t < tokens; t++) {                                                             \
        if (beside > 1) y[t * outputs + last] = ck_halved_sum(sums.total[1][t]);                                  \
        y[t * outputs + r] = ck_halved_sum(sums.total[0][t]);                                                     \
      }                                                                                                           \
    }                                                                                                             \
  }                                                                                                               \
  static void digits_##format(                                                                                    \
      const void *from, size_t row_bytes, size_t rows, const ck_stretch *x, size_t tokens, size_t columns,        \
      float *y, size_t outputs, const uint64_t *points) {                                                         \
    switch (tokens) {                                                                                             \
      case 1: ck_digits_of_##format(from, row_bytes, rows, x, 1, columns, y, outputs, points); break;             \
      case 2: ck_digits_of_##format(from, row_bytes, rows, x, 2, columns, y, outputs, points); break;             \
      case 3: ck_digits_of_##format(from, row_bytes, rows, x, 3, columns, y, outputs, points); break;             \
      case 4: ck_digits_of_##format(from, row_bytes, rows, x, 4, columns, y, outputs, points); break;             \
    }                                                                                                             \
  }
