/// One group per lane: what the encoders that search for scales stand on.
///
/// CK_WIDE groups are transposed, so that vector i holds element i of every group, and each lane performs the scalar
/// steps of the reference in their order. Bytes therefore cannot depend on how many lanes there are. Two registers
/// per value hide the latency of the sums, which run from element to element.

#define CK_WIDE (2 * CK_LANES)

// Functions that take or give wider vectors than the level has are inlined always, so no calling convention is at stake.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float ck_wide __attribute__((ext_vector_type(CK_WIDE)));
typedef float ck_wide_at __attribute__((ext_vector_type(CK_WIDE), aligned(4), may_alias));
typedef int32_t ck_wide_i32 __attribute__((ext_vector_type(CK_WIDE)));

#define CK_WIDE_LOAD(address) ((ck_wide)(*(const ck_wide_at *)(address)))
#define CK_WIDE_STORE(address, value) (*(ck_wide_at *)(address) = (value))

/// Groups whose largest magnitude is below this are all zeros to the reference.
#define CK_SMALLEST 1e-15f

/// The nearest integer, ties to even, below 2^22; what larger values, infinities and NaN give is the reference's.
CK_INLINE int32_t ck_nearest(float x) { return (int32_t)(ck_bits(x + 12582912.0f) & 0x7fffff) - 0x400000; }

CK_INLINE int32_t ck_nearest_in(float x, int32_t low, int32_t high) {
  const int32_t nearest = ck_nearest(x);
  return nearest < low ? low : nearest > high ? high : nearest;
}

CK_INLINE ck_wide_i32 ck_wide_nearest(ck_wide x) {
  return ((ck_wide_i32)(x + 12582912.0f) & 0x7fffff) - 0x400000;
}

CK_INLINE ck_wide_i32 ck_wide_nearest_in(ck_wide x, int32_t low, int32_t high) {
  const ck_wide_i32 nearest = ck_wide_nearest(x);
  return __builtin_elementwise_max(__builtin_elementwise_min(nearest, (ck_wide_i32)high), (ck_wide_i32)low);
}

CK_INLINE ck_wide ck_wide_float(ck_wide_i32 x) { return __builtin_convertvector(x, ck_wide); }

/// Whether a comparison holds in any lane.
CK_INLINE int ck_any(ck_wide_i32 mask) { return __builtin_reduce_or(mask) != 0; }

/// Element i of row r goes to to[i * stride + r], for eight rows; width is a multiple of four.
CK_INLINE void ck_transpose_eight(const float *const rows[8], size_t width, float *to, size_t stride) {
  for (size_t i = 0; i < width; i += 4) {
    ck_f32x8 half[4];
    CK_UNROLL for (size_t r = 0; r < 4; r++) {
      const ck_f32x4 low = *(const ck_f32x4_at *)(rows[r] + i), high = *(const ck_f32x4_at *)(rows[r + 4] + i);
      half[r] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
    }
    const ck_f32x8 a = __builtin_shufflevector(half[0], half[1], 0, 8, 1, 9, 4, 12, 5, 13);
    const ck_f32x8 b = __builtin_shufflevector(half[0], half[1], 2, 10, 3, 11, 6, 14, 7, 15);
    const ck_f32x8 c = __builtin_shufflevector(half[2], half[3], 0, 8, 1, 9, 4, 12, 5, 13);
    const ck_f32x8 d = __builtin_shufflevector(half[2], half[3], 2, 10, 3, 11, 6, 14, 7, 15);
    *(ck_f32x8_at *)(to + i * stride) = __builtin_shufflevector(a, c, 0, 1, 8, 9, 4, 5, 12, 13);
    *(ck_f32x8_at *)(to + (i + 1) * stride) = __builtin_shufflevector(a, c, 2, 3, 10, 11, 6, 7, 14, 15);
    *(ck_f32x8_at *)(to + (i + 2) * stride) = __builtin_shufflevector(b, d, 0, 1, 8, 9, 4, 5, 12, 13);
    *(ck_f32x8_at *)(to + (i + 3) * stride) = __builtin_shufflevector(b, d, 2, 3, 10, 11, 6, 7, 14, 15);
  }
}

/// Vector i gets element i of each of `count` groups of `width` that follow one another; lanes past them get zeros.
CK_INLINE void ck_transpose_groups(const float *from, size_t width, size_t count, ck_wide *to) {
  float *flat = (float *)to;
  if (count < CK_WIDE) __builtin_memset(to, 0, width * sizeof(ck_wide));
  size_t lane = 0;
  for (; lane + 8 <= CK_WIDE && lane + 8 <= count; lane += 8) {
    const float *rows[8];
    CK_UNROLL for (size_t r = 0; r < 8; r++) rows[r] = from + (lane + r) * width;
    ck_transpose_eight(rows, width, flat + lane, CK_WIDE);
  }
  for (; lane < CK_WIDE && lane < count; lane++) {
    for (size_t i = 0; i < width; i++) flat[i * CK_WIDE + lane] = from[lane * width + i];
  }
}

/// The sum of squares of each of `count` runs of `width` elements, in element order.
static void ck_square_sums(const float *from, size_t width, size_t count, float *to) {
  size_t run = 0;
  for (; run + 4 <= count; run += 4, from += 4 * width) {
    float a = 0, b = 0, c = 0, d = 0;
    for (size_t i = 0; i < width; i++) {
      a += from[i] * from[i];
      b += from[width + i] * from[width + i];
      c += from[2 * width + i] * from[2 * width + i];
      d += from[3 * width + i] * from[3 * width + i];
    }
    to[run] = a;
    to[run + 1] = b;
    to[run + 2] = c;
    to[run + 3] = d;
  }
  for (; run < count; run++, from += width) {
    float sum = 0;
    for (size_t i = 0; i < width; i++) sum += from[i] * from[i];
    to[run] = sum;
  }
}

/// Factors of the weighted rules: importance * sqrt(spread + weight^2).
CK_INLINE void ck_weigh(const ck_wide *x, const ck_wide *importance, ck_wide spread, size_t width, ck_wide *to) {
  for (size_t i = 0; i < width; i++) to[i] = importance[i] * __builtin_elementwise_sqrt(spread + x[i] * x[i]);
}

/// The element of largest magnitude with its sign, the first of equals.
CK_INLINE ck_wide ck_extreme(const ck_wide *x, size_t width) {
  ck_wide extreme = 0, largest = 0;
  for (size_t i = 0; i < width; i++) {
    const ck_wide magnitude = __builtin_elementwise_abs(x[i]);
    const ck_wide_i32 isLarger = magnitude > largest;
    largest = isLarger ? magnitude : largest;
    extreme = isLarger ? x[i] : extreme;
  }
  return extreme;
}
