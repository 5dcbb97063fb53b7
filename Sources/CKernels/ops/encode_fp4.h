/// MXFP4, NVFP4: a scale from the largest magnitude, then the nearest value of every weight. Importance is not used.

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

CK_ENCODER(encode_mxfp4) {
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

CK_ENCODER(encode_nvfp4) {
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
