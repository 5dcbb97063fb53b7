/// Q4_1, Q5_0, Q5_1, and Q4_0 with importance: blocks of 32 weights.
///
/// The plain rules take a block whole: extremes are exact in any order and the rest is elementwise. Blocks that the
/// vector form does not cover (an infinity, a NaN, an inverse that overflows, a zero extreme whose sign depends on the
/// order) go through the scalar form. With importance a block is a lane.

typedef float ck_f32x16 __attribute__((ext_vector_type(16)));
typedef float ck_f32x8 __attribute__((ext_vector_type(8)));
typedef float ck_f32x4 __attribute__((ext_vector_type(4)));

CK_INLINE float ck_lowest(ck_f32x32 x) {
  const ck_f32x16 a = x.lo < x.hi ? x.lo : x.hi;
  const ck_f32x8 b = a.lo < a.hi ? a.lo : a.hi;
  const ck_f32x4 c = b.lo < b.hi ? b.lo : b.hi;
  const float p = c.x < c.y ? c.x : c.y, q = c.z < c.w ? c.z : c.w;
  return p < q ? p : q;
}

/// The low byte of a float cut to an integer as x86 does it, at most `limit` as a signed byte.
CK_INLINE uint8_t ck_cut(float x, int8_t limit) {
  const int8_t cut = ck_truncate_i8(x);
  return (uint8_t)(cut < limit ? cut : limit);
}

/// The numbers of a block by the plain rule with a minimum.
CK_INLINE void ck_spread(const float *from, int8_t limit, float *scale, float *minimum, uint8_t *numbers) {
  const ck_f32x32 x = *(const ck_f32x32_at *)from;
  float low = ck_lowest(x), high = -ck_lowest(-x);
  const int isPlain = __builtin_reduce_max((ck_i32x32)x & 0x7fffffff) < 0x7f800000 && low != 0 && high != 0;
  if (!isPlain) {
    low = 0x1.fffffep127f;
    high = -low;
    for (size_t i = 0; i < 32; i++) {
      low = from[i] < low ? from[i] : low;
      high = from[i] > high ? from[i] : high;
    }
  }
  const float d = (high - low) / (float)limit;
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  *scale = d;
  *minimum = low;
  if (isPlain && d < __builtin_inff() && inverse < __builtin_inff()) {
    const ck_i32x32 q = __builtin_convertvector((x - low) * inverse + 0.5f, ck_i32x32);
    *(ck_u8x32 *)numbers = __builtin_convertvector(__builtin_elementwise_min(q, (ck_i32x32)limit), ck_u8x32);
  } else {
    for (size_t i = 0; i < 32; i++) numbers[i] = ck_cut((from[i] - low) * inverse + 0.5f, limit);
  }
}

CK_INLINE void ck_store_nibbles(const uint8_t *numbers, uint8_t *to) {
  const ck_u8x32 q = *(const ck_u8x32 *)numbers & 15;
  *(ck_u8x16_at *)to = q.lo | (q.hi << (uint8_t)4);
}

/// 32 fifth bits, the first weight's lowest, then the nibbles.
CK_INLINE void ck_store_five_bits(const uint8_t *numbers, uint8_t *to) {
  typedef _Bool ck_bits32 __attribute__((ext_vector_type(32)));
  const ck_bits32 high = __builtin_convertvector((*(const ck_u8x32 *)numbers & 16) >> (uint8_t)4, ck_bits32);
  __builtin_memcpy(to, &high, 4);
  ck_store_nibbles(numbers, to + 4);
}

/// Stores one block of Q4_0, Q4_1, Q5_0 or Q5_1: the scale, the minimum where there is one, the numbers.
CK_INLINE void ck_store_legacy(float d, float m, const uint8_t *numbers, int hasMinimum, int hasFive, uint8_t *to) {
  ck_scale_to(to, d);
  if (hasMinimum) ck_scale_to(to + 2, m);
  to += hasMinimum ? 4 : 2;
  if (hasFive) {
    ck_store_five_bits(numbers, to);
  } else {
    ck_store_nibbles(numbers, to);
  }
}

/// With importance: a block per lane; the spread is the mean square of the row.
CK_INLINE void ck_encode_legacy_weighted(
    const float *from, const float *importance, uint8_t *to, size_t n, int32_t limit, int hasMinimum, int hasFive,
    size_t blockBytes) {
  float sum = 0;
  for (size_t i = 0; i < n; i++) sum += from[i] * from[i];
  const ck_wide spread = sum / (float)n;
  for (size_t blocks = n / 32; blocks > 0;) {
    const size_t count = blocks < CK_WIDE ? blocks : CK_WIDE;
    ck_wide x[32], factors[32], scale, minimum = 0;
    ck_wide_i32 found[32];
    _Alignas(32) uint8_t numbers[32];
    ck_transpose_groups(from, 32, count, x);
    ck_transpose_groups(importance, 32, count, factors);
    ck_weigh(x, factors, spread, 32, factors);
    if (hasMinimum) {
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
      for (size_t i = 0; i < 32; i++) numbers[i] = (uint8_t)flat[i * CK_WIDE + block];
      ck_store_legacy(scale[block], minimum[block], numbers, hasMinimum, hasFive, to + block * blockBytes);
    }
    from += count * 32;
    importance += count * 32;
    to += count * blockBytes;
    blocks -= count;
  }
}

CK_INLINE void ck_encode_spread(const float *from, uint8_t *to, size_t n, int8_t limit, int hasFive, size_t blockBytes) {
  for (size_t i = 0; i < n; i += 32, to += blockBytes) {
    _Alignas(32) uint8_t numbers[32];
    float d, m;
    ck_spread(from + i, limit, &d, &m, numbers);
    ck_store_legacy(d, m, numbers, 1, hasFive, to);
  }
}

static void encode_q4_1(const float *from, const float *importance, void *to, size_t n) {
  if (importance) {
    ck_encode_legacy_weighted(from, importance, to, n, 15, 1, 0, 20);
  } else {
    ck_encode_spread(from, to, n, 15, 0, 20);
  }
}

static void encode_q5_1(const float *from, const float *importance, void *to, size_t n) {
  if (importance) {
    ck_encode_legacy_weighted(from, importance, to, n, 31, 1, 1, 24);
  } else {
    ck_encode_spread(from, to, n, 31, 1, 24);
  }
}

static void encode_q4_0_weighted(const float *from, const float *importance, void *to, size_t n) {
  ck_encode_legacy_weighted(from, importance, to, n, 8, 0, 0, 18);
}

/// Plain: the element of largest magnitude (the first of equals) lands on -16.
static void encode_q5_0(const float *from, const float *importance, void *to, size_t n) {
  if (importance) {
    ck_encode_legacy_weighted(from, importance, to, n, 16, 0, 1, 22);
    return;
  }
  uint8_t *bytes = to;
  for (size_t i = 0; i < n; i += 32, bytes += 22) {
    const ck_f32x32 x = *(const ck_f32x32_at *)(from + i);
    const ck_i32x32 magnitude = (ck_i32x32)x & 0x7fffffff;
    const int32_t largest = __builtin_reduce_max(magnitude);
    const ck_i32x32 sign = (((ck_i32x32)x >> 31) & 1) + 1;
    const int32_t signs = __builtin_reduce_or((magnitude == largest) & sign);
    float extreme = ck_float((uint32_t)largest | (signs == 2 ? 0x80000000u : 0));
    const int isPlain = largest < 0x7f800000;
    if (signs == 3 || largest == 0 || !isPlain) extreme = ck_signed_max(from + i);
    const float d = extreme / -16.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
    _Alignas(32) uint8_t numbers[32];
    if (isPlain && __builtin_fabsf(inverse) < __builtin_inff()) {
      const ck_i32x32 q = __builtin_convertvector(x * inverse + 16.5f, ck_i32x32);
      *(ck_u8x32 *)numbers = __builtin_convertvector(__builtin_elementwise_min(q, (ck_i32x32)31), ck_u8x32);
    } else {
      for (size_t j = 0; j < 32; j++) numbers[j] = ck_cut(from[i + j] * inverse + 16.5f, 31);
    }
    ck_store_legacy(d, 0, numbers, 0, 1, bytes);
  }
}
