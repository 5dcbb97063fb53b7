/// Q4_0, Q4_1, Q5_0, Q5_1: blocks of 32 weights.
///
/// The plain rules take a batch of blocks: extremes are exact in any order and the rest is elementwise. Batches that the
/// vector form does not cover (an infinity, a NaN, an inverse that overflows) are written again by the scalar form, and
/// extremes that depend on the order (zeros of two signs, two of one magnitude) are found as it finds them. With
/// importance a block is a lane.

typedef float ck_f32x16 __attribute__((ext_vector_type(16)));

/// A format of the family stores the scale, the minimum if it has one, the fifth bits if it has them, the nibbles.
typedef struct {
  int8_t limit;  ///< the largest number
  int hasMinimum, hasFive;
  size_t bytes;
} ck_q4_q5;

#define CK_Q4_0 ((ck_q4_q5){15, 0, 0, 18})
#define CK_Q4_1 ((ck_q4_q5){15, 1, 0, 20})
#define CK_Q5_0 ((ck_q4_q5){31, 0, 1, 22})
#define CK_Q5_1 ((ck_q4_q5){31, 1, 1, 24})

/// Stores the numbers of a block behind its scale.
CK_INLINE void ck_store_q4_q5(ck_u8x32 numbers, const ck_q4_q5 format, uint8_t *to) {
  to += format.hasMinimum ? 4 : 2;
  if (format.hasFive) {
    typedef _Bool ck_bits32 __attribute__((ext_vector_type(32)));
    const ck_bits32 high = __builtin_convertvector(numbers >> (uint8_t)4, ck_bits32);
    __builtin_memcpy(to, &high, 4);
    to += 4;
  }
  ck_store_nibbles(numbers, to);
}

/// The element of largest magnitude with its sign, the first of equals; NaNs are passed over.
CK_INLINE float ck_signed_max(const float *x) {
  float amax = 0, max = 0;
  for (size_t j = 0; j < 32; j++) {
    if (amax < __builtin_fabsf(x[j])) {
      amax = __builtin_fabsf(x[j]);
      max = x[j];
    }
  }
  return max;
}

/// The low byte of a float cut to an integer as x86 does it, at most `limit` as a signed byte.
CK_INLINE uint8_t ck_cut(float x, int8_t limit) {
  const int8_t cut = ck_truncate_i8(x);
  return (uint8_t)(cut < limit ? cut : limit);
}

/// The least and the greatest of a block; which zero it is depends on the order, and NaNs are passed over.
CK_INLINE void ck_extremes(const float *x, float *low, float *high) {
  *low = 0x1.fffffep127f;
  *high = -*low;
  for (size_t i = 0; i < 32; i++) {
    *low = x[i] < *low ? x[i] : *low;
    *high = x[i] > *high ? x[i] : *high;
  }
}

/// A block by the plain rule, written out for any floats. With a minimum the extremes land on 0 and the limit; without,
/// the element of largest magnitude (the first of equals) lands on 0, and zero in the middle.
static __attribute__((noinline)) void ck_encode_q4_q5_plainly(const float *x, const ck_q4_q5 format, uint8_t *to) {
  const float middle = (float)(format.limit / 2 + 1);
  float low = 0, high, d, bias = 0.5f;
  if (format.hasMinimum) {
    ck_extremes(x, &low, &high);
    d = (high - low) / (float)format.limit;
    ck_scale_to(to + 2, low);
  } else {
    d = ck_signed_max(x) / -middle;
    bias += middle;
  }
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  ck_scale_to(to, d);
  _Alignas(32) uint8_t numbers[32];
  for (size_t i = 0; i < 32; i++) numbers[i] = ck_cut((x[i] - low) * inverse + bias, format.limit);
  ck_store_q4_q5(*(const ck_u8x32 *)numbers, format, to);
}

CK_INLINE ck_f32x8 ck_lesser(ck_f32x8 a, ck_f32x8 b) { return a < b ? a : b; }

/// Lane b is the least of the lanes of part b.
CK_INLINE ck_f32x8 ck_least_of_each(const ck_f32x8 part[ck_batch]) {
  ck_f32x8 two[4], four[2];
  CK_UNROLL for (size_t i = 0; i < 4; i++) {
    const ck_f32x8 a = part[2 * i], b = part[2 * i + 1];
    two[i] = ck_lesser(
        __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13), __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15));
  }
  CK_UNROLL for (size_t i = 0; i < 2; i++) {
    const ck_f32x8 a = two[2 * i], b = two[2 * i + 1];
    four[i] = ck_lesser(
        __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13), __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15));
  }
  return ck_lesser(
      __builtin_shufflevector(four[0], four[1], 0, 1, 2, 3, 8, 9, 10, 11),
      __builtin_shufflevector(four[0], four[1], 4, 5, 6, 7, 12, 13, 14, 15));
}

/// The least and the greatest of each block of a batch.
CK_INLINE void ck_extremes_of_each(const float *from, ck_f32x8 *low, ck_f32x8 *high) {
  ck_f32x8 least[ck_batch], greatest[ck_batch];
  CK_UNROLL for (size_t b = 0; b < ck_batch; b++) {
    const ck_f32x8_at *x = (const ck_f32x8_at *)(from + 32 * b);
    least[b] = ck_lesser(ck_lesser(x[0], x[1]), ck_lesser(x[2], x[3]));
    greatest[b] = ck_lesser(ck_lesser(-x[0], -x[1]), ck_lesser(-x[2], -x[3]));
  }
  *low = ck_least_of_each(least);
  *high = -ck_least_of_each(greatest);
}

/// The plain rule of a format, a constant after inlining.
CK_INLINE void ck_encode_q4_q5(const float *from, uint8_t *to, size_t n, const ck_q4_q5 format) {
  const float middle = (float)(format.limit / 2 + 1);
  for (; n >= 32 * ck_batch; n -= 32 * ck_batch, from += 32 * ck_batch, to += format.bytes * ck_batch) {
    ck_f32x8 low, high, d;
    ck_extremes_of_each(from, &low, &high);
    if (format.hasMinimum) {
      if (__builtin_reduce_or((low == 0.0f) | (high == 0.0f))) {
        for (size_t b = 0; b < ck_batch; b++) {
          float least, greatest;
          ck_extremes(from + 32 * b, &least, &greatest);
          low[b] = least;
          high[b] = greatest;
        }
      }
      d = (high - low) / (float)format.limit;
    } else {
      ck_f32x8 extreme = (high > -low) ? high : low;
      if (__builtin_reduce_or(high == -low)) {
        for (size_t b = 0; b < ck_batch; b++) extreme[b] = ck_signed_max(from + 32 * b);
      }
      d = extreme / -middle;
    }
    const ck_f32x8 inverse = (d != 0.0f) ? 1.0f / d : (ck_f32x8)0.0f;
    uint16_t scales[ck_batch], minima[ck_batch];
    float factor[ck_batch], origin[ck_batch];
    ck_scales_to_f16(&d, scales);
    *(ck_f32x8_at *)factor = inverse;
    if (format.hasMinimum) {
      ck_scales_to_f16(&low, minima);
      *(ck_f32x8_at *)origin = low;
    }
    ck_f32x8 sum = 0;
    CK_UNROLL for (size_t b = 0; b < ck_batch; b++) {
      uint8_t *block = to + b * format.bytes;
      const ck_f32x32 x = *(const ck_f32x32_at *)(from + 32 * b);
      const ck_f32x32 v = format.hasMinimum ? (x - origin[b]) * factor[b] + 0.5f : x * factor[b] + (middle + 0.5f);
      const ck_u8x32 q = __builtin_convertvector(__builtin_convertvector(v, ck_i32x32), ck_u8x32);
      sum += (v.lo.lo + v.lo.hi) + (v.hi.lo + v.hi.hi);
      ck_fetch(from + 32 * b, 32);
      ck_write16(block, scales[b]);
      if (format.hasMinimum) ck_write16(block + 2, minima[b]);
      ck_store_q4_q5(__builtin_elementwise_min(q, (ck_u8x32)(uint8_t)format.limit), format, block);
    }
    // An infinity or a NaN, among the weights or made by an inverse that overflowed, is in the sum.
    if (CK_IS_FINITE(sum)) continue;
    for (size_t b = 0; b < ck_batch; b++) ck_encode_q4_q5_plainly(from + 32 * b, format, to + b * format.bytes);
  }
  for (; n >= 32; n -= 32, from += 32, to += format.bytes) ck_encode_q4_q5_plainly(from, format, to);
}

/// With importance: a block per lane; the spread is the mean square of the row.
CK_INLINE void ck_encode_q4_q5_weighted(
    const float *from, const float *importance, uint8_t *to, size_t n, const ck_q4_q5 format) {
  // Without a minimum numbers are signed until they are stored.
  const int32_t limit = format.hasMinimum ? format.limit : format.limit / 2 + 1;
  float sum = 0;
  for (size_t i = 0; i < n; i++) sum += from[i] * from[i];
  const ck_wide spread = sum / (float)n;
  for (size_t blocks = n / 32; blocks > 0;) {
    const size_t count = blocks < CK_WIDE ? blocks : CK_WIDE;
    ck_wide x[32], factors[32], scale, minimum = 0;
    ck_wide_i32 found[32];
    ck_transpose_groups(from, 32, count, x);
    ck_transpose_groups(importance, 32, count, factors);
    ck_weigh(x, factors, spread, 32, factors);
    if (format.hasMinimum) {
      const ck_affine fit = ck_affine_search(x, factors, 32, ck_affine_weighted(limit));
      scale = fit.scale;
      minimum = -fit.offset;
      for (size_t i = 0; i < 32; i++) found[i] = ck_affine_number(&fit, x[i], limit);
    } else {
      const ck_symmetric fit = ck_symmetric_search(x, factors, 32, limit);
      scale = fit.scale;
      for (size_t i = 0; i < 32; i++) found[i] = ck_symmetric_number(&fit, x[i], limit);
    }
    const int32_t *flat = (const int32_t *)found;
    for (size_t block = 0; block < count; block++) {
      _Alignas(32) uint8_t numbers[32];
      for (size_t i = 0; i < 32; i++) numbers[i] = (uint8_t)flat[i * CK_WIDE + block];
      uint8_t *bytes = to + block * format.bytes;
      ck_scale_to(bytes, scale[block]);
      if (format.hasMinimum) ck_scale_to(bytes + 2, minimum[block]);
      ck_store_q4_q5(*(const ck_u8x32 *)numbers, format, bytes);
    }
    from += count * 32;
    importance += count * 32;
    to += count * format.bytes;
    blocks -= count;
  }
}

#define CK_Q4_Q5_ENCODER(name, format)                             \
  CK_ENCODER(name) {                                               \
    if (importance) {                                              \
      ck_encode_q4_q5_weighted(from, importance, to, n, format);   \
    } else {                                                       \
      ck_encode_q4_q5(from, to, n, format);                        \
    }                                                              \
  }

CK_Q4_Q5_ENCODER(encode_q4_0, CK_Q4_0)
CK_Q4_Q5_ENCODER(encode_q4_1, CK_Q4_1)
CK_Q4_Q5_ENCODER(encode_q5_0, CK_Q5_0)
CK_Q4_Q5_ENCODER(encode_q5_1, CK_Q5_1)
