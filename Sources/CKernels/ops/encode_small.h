/// TQ1_0, TQ2_0, Q1_0, Q2_0, MXFP4, NVFP4: a scale from the extremes, then every number by itself. Importance is not used.

/// The largest magnitude of n weights (a multiple of 16); NaNs are passed over.
CK_INLINE float ck_largest(const float *from, size_t n) {
  ck_f32x16 largest = 0;
  for (size_t i = 0; i < n; i += 16) {
    ck_f32x16 x;
    __builtin_memcpy(&x, from + i, sizeof x);
    const ck_f32x16 magnitude = __builtin_elementwise_abs(x);
    largest = magnitude > largest ? magnitude : largest;
  }
  const ck_f32x8 a = largest.lo > largest.hi ? largest.lo : largest.hi;
  const ck_f32x4 b = a.lo > a.hi ? a.lo : a.hi;
  const float p = b.x > b.y ? b.x : b.y, q = b.z > b.w ? b.z : b.w;
  return p > q ? p : q;
}

/// roundf(x * inverse) + 1, where no weight is larger than the inverse's own: 0, 1 or 2; NaN gives 1.
CK_INLINE int32_t ck_ternary_number(float x, float inverse) {
  const float scaled = x * inverse;
  return 1 + (scaled >= 0.5f) - (scaled <= -0.5f);
}

enum { ck_ternary_batch = 4 };

/// The scales of up to a batch of blocks of 256, found before their numbers so that no block waits for a division, and
/// their inverses. An inverse that overflows makes every number 1 in the reference, as zero does.
CK_INLINE void ck_ternary_scales(const float *from, size_t count, float *d, float *inverse) {
  for (size_t b = 0; b < count; b++) d[b] = ck_largest(from + b * 256, 256);
  for (size_t b = 0; b < count; b++) {
    inverse[b] = 1.0f / d[b];
    inverse[b] = inverse[b] < __builtin_inff() ? inverse[b] : 0.0f;
  }
}

/// 32 bytes of four numbers each, 32 weights apart.
CK_INLINE void ck_encode_quarters(const float *x, float inverse, uint8_t *to) {
  for (size_t l = 0; l < 32; l++) {
    int32_t q = 0;
    CK_UNROLL for (size_t i = 4; i-- > 0;) q = q << 2 | ck_ternary_number(x[i * 32 + l], inverse);
    to[l] = (uint8_t)q;
  }
}

/// `count` bytes of five ternary digits each, `count` weights apart; digits past `used` are zero.
CK_INLINE void ck_encode_trits(const float *x, float inverse, size_t count, size_t used, uint8_t *to) {
  for (size_t l = 0; l < count; l++) {
    int32_t q = 0;
    CK_UNROLL for (size_t i = 0; i < 5; i++) q = q * 3 + (i < used ? ck_ternary_number(x[i * count + l], inverse) : 0);
    // 256 q / 243 rounded up, with the division as a product; exact for every q.
    to[l] = (uint8_t)(q + ((13 * q + 242) * 4316 >> 20));
  }
}

static void encode_tq2_0(const float *from, const float *importance, void *to, size_t n) {
  (void)importance;
  uint8_t *bytes = to;
  for (size_t blocks = n / 256; blocks > 0;) {
    const size_t count = blocks < ck_ternary_batch ? blocks : ck_ternary_batch;
    float d[ck_batch], inverse[ck_batch];
    ck_ternary_scales(from, count, d, inverse);
    for (size_t b = 0; b < count; b++, from += 256, bytes += 66) {
      ck_fetch(from, 256);
      ck_encode_quarters(from, inverse[b], bytes);
      ck_encode_quarters(from + 128, inverse[b], bytes + 32);
      ck_scale_to(bytes + 64, d[b]);
    }
    blocks -= count;
  }
}

static void encode_tq1_0(const float *from, const float *importance, void *to, size_t n) {
  (void)importance;
  uint8_t *bytes = to;
  for (size_t blocks = n / 256; blocks > 0;) {
    const size_t count = blocks < ck_ternary_batch ? blocks : ck_ternary_batch;
    float d[ck_batch], inverse[ck_batch];
    ck_ternary_scales(from, count, d, inverse);
    for (size_t b = 0; b < count; b++, from += 256, bytes += 54) {
      ck_fetch(from, 256);
      ck_encode_trits(from, inverse[b], 32, 5, bytes);
      ck_encode_trits(from + 160, inverse[b], 16, 5, bytes + 32);
      ck_encode_trits(from + 240, inverse[b], 4, 4, bytes + 48);
      ck_scale_to(bytes + 52, d[b]);
    }
    blocks -= count;
  }
}

/// roundf(x * inverse) + 1 for n weights, cut to 0 ... 3. Infinities and NaN, of an inverse that overflowed, become zero as
/// the reference's conversions make them.
CK_INLINE void ck_round_ternary(const float *from, size_t n, float inverse, uint8_t *numbers) {
  for (size_t i = 0; i < n; i++) {
    const float scaled = from[i] * inverse;
    const int isUsual = __builtin_fabsf(scaled) < 8;
    numbers[i] = isUsual ? (uint8_t)ck_ternary_number(from[i], inverse) : 0;
  }
}

static void encode_q2_0(const float *from, const float *importance, void *to, size_t n) {
  (void)importance;
  uint8_t *bytes = to;
  for (size_t i = 0; i < n; i += 64, bytes += 18) {
    uint8_t numbers[64];
    const float d = ck_largest(from + i, 64);
    ck_round_ternary(from + i, 64, d > 0 ? 1.0f / d : 0.0f, numbers);
    ck_scale_to(bytes, d);
    for (size_t byte = 0; byte < 16; byte++) {
      const uint8_t *q = numbers + byte * 4;
      bytes[2 + byte] = q[0] | (uint8_t)(q[1] << 2) | (uint8_t)(q[2] << 4) | (uint8_t)(q[3] << 6);
    }
  }
}

static void encode_q1_0(const float *from, const float *importance, void *to, size_t n) {
  (void)importance;
  uint8_t *bytes = to;
  for (size_t blocks = n / 128; blocks > 0;) {
    // The mean is a sum in element order, so several blocks go side by side.
    const size_t count = blocks < 4 ? 1 : 4;
    float sum[4] = {0};
    if (count == 4) {
      for (size_t i = 0; i < 128; i++) {
        for (size_t block = 0; block < 4; block++) sum[block] += __builtin_fabsf(from[block * 128 + i]);
      }
    } else {
      for (size_t i = 0; i < 128; i++) sum[0] += __builtin_fabsf(from[i]);
    }
    for (size_t block = 0; block < count; block++, bytes += 18, from += 128) {
      ck_scale_to(bytes, sum[block] / 128.0f);
      for (size_t byte = 0; byte < 16; byte++) {
        uint8_t bits = 0;
        for (size_t i = 0; i < 8; i++) bits |= (uint8_t)((from[byte * 8 + i] >= 0) << i);
        bytes[2 + byte] = bits;
      }
    }
    blocks -= count;
  }
}

/// Four-bit floating-point numbers, doubled.
#define CK_FP4_VALUES {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

/// The numbers whose values times `scale` are nearest to n weights, the first of equally near ones.
CK_INLINE void ck_nearest_fp4(const float *from, size_t n, float scale, uint8_t *numbers) {
  const float values[16] = CK_FP4_VALUES;
  for (size_t i = 0; i < n; i += 8) {
    typedef int32_t ck_i32x8 __attribute__((ext_vector_type(8)));
    ck_f32x8 x;
    __builtin_memcpy(&x, from + i, sizeof x);
    ck_f32x8 smallest = __builtin_elementwise_abs(values[0] * scale - x);
    ck_i32x8 best = 0;
    CK_UNROLL for (int number = 1; number < 16; number++) {
      const ck_f32x8 distance = __builtin_elementwise_abs(values[number] * scale - x);
      const ck_i32x8 isNearer = distance < smallest;
      smallest = isNearer ? distance : smallest;
      best = isNearer ? (ck_i32x8)number : best;
    }
    for (size_t j = 0; j < 8; j++) numbers[i + j] = (uint8_t)best[j];
  }
}

/// floor(log2(x)) with the logarithm rounded to f32 first (Quants/Formats/MXFP4.swift says when that is the next integer).
CK_INLINE int32_t ck_floor_log2(float x) {
  const int32_t roundedUp[8] = {0, 1, 2, 5, 11, 22, 44, 88};
  int32_t bits = (int32_t)ck_bits(x), below = 0;
  if (bits < 0x00800000) {
    bits = (int32_t)ck_bits(x * 0x1p23f);
    below = 23;
  }
  const int32_t exponent = (bits >> 23) - 127 - below, next = exponent + 1;
  const int32_t steps = 0x1000000 - ((bits & 0x7fffff) | 0x800000);
  const int32_t magnitude = next > 0 ? 2 * next - 1 : -2 * next;
  if (magnitude <= 0) return exponent;
  const int32_t octave = 31 - __builtin_clz((uint32_t)magnitude) - 1;
  return steps <= roundedUp[octave < 0 ? 0 : octave] ? next : exponent;
}

static void encode_mxfp4(const float *from, const float *importance, void *to, size_t n) {
  (void)importance;
  uint8_t *bytes = to;
  for (size_t i = 0; i < n; i += 32, bytes += 17) {
    _Alignas(32) uint8_t numbers[32];
    const float largest = ck_largest(from + i, 32);
    const uint8_t e = largest > 0 && largest < __builtin_inff() ? (uint8_t)(ck_floor_log2(largest) + 125) : 0;
    const float scale = ck_float(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
    ck_nearest_fp4(from + i, 32, scale, numbers);
    bytes[0] = e;
    ck_store_nibbles(*(const ck_u8x32 *)numbers, bytes + 1);
  }
}

/// Half the value of an unsigned E4M3 scale.
CK_INLINE float ck_halved_scale(uint8_t bits) {
  if (bits == 0x7f) return 0;
  const int32_t exponent = (bits >> 3) & 15, fraction = bits & 7;
  if (exponent == 0) return (float)fraction * 0x1p-10f;
  return (1 + (float)fraction / 8) * ck_float((uint32_t)(exponent - 8 + 127) << 23);
}

CK_INLINE uint8_t ck_scale_bits(float x) {
  if (!(x > 0)) return 0;
  x = x > 448 ? 448 : x;
  const uint32_t bits = ck_bits(x);
  int32_t exponent = (int32_t)(bits >> 23) - 120;
  if (exponent <= 0) {
    const int32_t number = (int32_t)(x * 512 + 0.5f);
    return (uint8_t)(number < 7 ? number : 7);
  }
  int32_t fraction = (int32_t)((bits >> 20) & 7) + (int32_t)((bits >> 19) & 1);
  if (fraction > 7) {
    fraction = 0;
    exponent++;
  }
  return exponent >= 15 ? 0x7e : (uint8_t)(exponent << 3 | fraction);
}

static void encode_nvfp4(const float *from, const float *importance, void *to, size_t n) {
  (void)importance;
  uint8_t *bytes = to;
  for (size_t i = 0; i < n; i += 64, bytes += 36) {
    for (size_t group = 0; group < 4; group++) {
      const float *x = from + i + group * 16;
      uint8_t numbers[16];
      bytes[group] = ck_scale_bits(ck_largest(x, 16) / 6.0f);
      ck_nearest_fp4(x, 16, ck_halved_scale(bytes[group]), numbers);
      for (size_t l = 0; l < 8; l++) bytes[4 + group * 8 + l] = numbers[l] | (uint8_t)(numbers[8 + l] << 4);
    }
  }
}
