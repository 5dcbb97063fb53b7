/// TQ1_0, TQ2_0, Q1_0, Q2_0: a scale from the magnitudes, then every number by itself. Importance is not used.

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

CK_ENCODER(encode_tq2_0) {
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

CK_ENCODER(encode_tq1_0) {
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

CK_ENCODER(encode_q2_0) {
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

CK_ENCODER(encode_q1_0) {
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
