/// IQ4_NL and IQ4_XS: numbers of sixteen unevenly spaced values (Quants/Codebooks/FourBitValues.swift says the rule).

/// Half the sums of neighbouring values: from here on a weight is nearer to the upper one, or equally near. The
/// differences of the reference's comparison are exact around each of them.
#define CK_FOUR_BIT_BORDERS \
  {-115.5f, -93.5f, -74, -57, -42, -28.5f, -16, -4.5f, 7, 19, 31.5f, 45.5f, 61, 79, 101}
#define CK_FOUR_BIT_VALUES {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

/// The value nearest to a scaled weight; NaN gets the last one.
CK_INLINE ck_wide ck_four_bit_value(ck_wide x) {
  const float borders[15] = CK_FOUR_BIT_BORDERS, values[16] = CK_FOUR_BIT_VALUES;
  ck_wide value = values[0];
  CK_UNROLL for (size_t k = 0; k < 15; k++) {
    const ck_wide step = values[k + 1] - values[k];
    value += x < borders[k] ? 0 : step;
  }
  return value;
}

/// The numbers of the values nearest to 32 scaled weights.
CK_INLINE void ck_four_bit_numbers(const float *x, float inverse, uint8_t *numbers) {
  const float borders[15] = CK_FOUR_BIT_BORDERS;
  const ck_f32x32 scaled = *(const ck_f32x32_at *)x * inverse;
  ck_i32x32 number = 15;
  CK_UNROLL for (size_t k = 0; k < 15; k++) number += (ck_i32x32)(scaled < borders[k]);
  *(ck_u8x32 *)numbers = __builtin_convertvector(number, ck_u8x32);
}

CK_INLINE void ck_four_bit_sums(
    const ck_wide *x, const ck_wide *factors, ck_wide inverse, ck_wide *products, ck_wide *squares) {
  ck_wide p = 0, s = 0;
  for (size_t i = 0; i < 32; i++) {
    const ck_wide value = ck_four_bit_value(inverse * x[i]), weighted = factors[i] * value;
    p += weighted * x[i];
    s += weighted * value;
  }
  *products = p;
  *squares = s;
}

/// The scales of groups of 32, a group per lane.
CK_INLINE ck_wide ck_four_bit_scale(const ck_wide *x, const ck_wide *factors) {
  const ck_wide extreme = ck_extreme(x, 32);
  ck_wide p, s;
  ck_four_bit_sums(x, factors, 1.0f / (-extreme / -127.0f), &p, &s);
  ck_wide scale = s > 0 ? p / s : 0, best = scale * p;
  for (int step = -7; step <= 7; step++) {
    ck_four_bit_sums(x, factors, ((float)step - 127.0f) / extreme, &p, &s);
    const ck_wide_i32 isBetter = (s > 0) & (p * p > best * s);
    const ck_wide fitted = p / s;
    scale = isBetter ? fitted : scale;
    best = isBetter ? fitted * p : best;
  }
  return __builtin_elementwise_abs(extreme) < CK_SMALLEST ? 0 : scale;
}

/// The scales of up to CK_WIDE groups that follow one another; the spread is over `perBlock` groups.
CK_INLINE void ck_four_bit_scales(
    const float *from, const float *importance, size_t count, size_t perBlock, const float *sums, size_t first,
    float *scales) {
  ck_wide x[32], factors[32];
  ck_transpose_groups(from, 32, count, x);
  if (importance) {
    ck_wide spread;
    for (size_t lane = 0; lane < CK_WIDE; lane++) {
      spread[lane] = lane < count ? sums[(first + lane) / perBlock] * (2.0f / (32.0f * (float)perBlock)) : 0;
    }
    ck_transpose_groups(importance, 32, count, factors);
    ck_weigh(x, factors, spread, 32, factors);
  } else {
    for (size_t i = 0; i < 32; i++) factors[i] = x[i] * x[i];
  }
  CK_WIDE_STORE(scales, ck_four_bit_scale(x, factors));
}

CK_ENCODER(encode_iq4_nl) {
  uint8_t *bytes = to;
  for (size_t blocks = n / 32; blocks > 0;) {
    const size_t count = blocks < CK_WIDE ? blocks : CK_WIDE;
    float sums[CK_WIDE], scales[CK_WIDE];
    if (importance) ck_square_sums(from, 32, count, sums);
    ck_four_bit_scales(from, importance, count, 1, sums, 0, scales);
    for (size_t block = 0; block < count; block++, bytes += 18) {
      _Alignas(32) uint8_t numbers[32];
      ck_scale_to(bytes, scales[block]);
      ck_four_bit_numbers(from + block * 32, scales[block] != 0 ? 1.0f / scales[block] : 0.0f, numbers);
      ck_store_nibbles(*(const ck_u8x32 *)numbers, bytes + 2);
    }
    from += count * 32;
    if (importance) importance += count * 32;
    blocks -= count;
  }
}

CK_ENCODER(encode_iq4_xs) {
  uint8_t *bytes = to;
  for (size_t blocks = n / 256; blocks > 0;) {
    const size_t count = blocks < CK_WIDE ? blocks : CK_WIDE;
    float sums[CK_WIDE], scales[CK_WIDE * 8];
    if (importance) ck_square_sums(from, 256, count, sums);
    for (size_t first = 0; first < count * 8; first += CK_WIDE) {
      const size_t groups = count * 8 - first < CK_WIDE ? count * 8 - first : CK_WIDE;
      ck_four_bit_scales(
          from + first * 32, importance ? importance + first * 32 : 0, groups, 8, sums, first, scales + first);
    }
    for (size_t block = 0; block < count; block++, bytes += 136) {
      float largest = 0;
      for (size_t j = 0; j < 8; j++) {
        const float scale = scales[block * 8 + j];
        if (__builtin_fabsf(scale) > __builtin_fabsf(largest)) largest = scale;
      }
      const float d = -largest / 32.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
      __builtin_memset(bytes, 0, 8);
      ck_scale_to(bytes, d);
      for (size_t j = 0; j < 8; j++) {
        _Alignas(32) uint8_t numbers[32];
        const int32_t scale = ck_nearest_in(inverse * scales[block * 8 + j], -32, 31);
        // Numbers are chosen by the scale before it is rounded to f16.
        const float step = d * (float)scale;
        ck_four_bit_numbers(from + block * 256 + j * 32, step != 0 ? 1.0f / step : 0.0f, numbers);
        ck_store_nibbles(*(const ck_u8x32 *)numbers, bytes + 8 + j * 16);
        bytes[4 + j / 2] |= (uint8_t)(((scale + 32) & 15) << (j % 2 * 4));
        bytes[2 + j / 4] |= (uint8_t)(((scale + 32) >> 4) << (j % 4 * 2));
      }
    }
    from += count * 256;
    if (importance) importance += count * 256;
    blocks -= count;
  }
}
