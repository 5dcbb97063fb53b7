/// IQ1_S and IQ1_M.

/// One group on its way: in, its split; out, its points and its scale.
typedef struct {
  float scale;      ///< never negative; zero where there is none
  int32_t shift;    ///< as in ck_ternary_split, after a negative scale turned the levels over
  int32_t isFound;
  uint64_t cells;   ///< the numbers, two bits a weight
} ck_ternary_group;

enum { ck_ternary_groups = CK_WIDE > 16 ? CK_WIDE : 16 };

/// Finds the splits of up to CK_WIDE groups that follow one another.
CK_INLINE void ck_ternary_fit(
    const float *from, const float *importance, const float *spreads, size_t width, size_t count, float smallest,
    ck_ternary_group *groups) {
  ck_wide x[32], factors[32], spread;
  ck_ternary_split split;
  ck_transpose_groups(from, width, count, x);
  if (importance) {
    for (size_t lane = 0; lane < CK_WIDE; lane++) spread[lane] = lane < count ? spreads[lane * width / 256] : 0;
    ck_transpose_groups(importance, width, count, factors);
    ck_weigh(x, factors, spread, width, factors);
  } else {
    for (size_t i = 0; i < width; i++) factors[i] = x[i] * x[i];
  }
  const ck_wide_i32 isLarge = __builtin_elementwise_abs(ck_extreme(x, width)) >= smallest;
  if (width == 32) {
    ck_ternary_search(x, factors, &split);
  } else {
    ck_ternary_search_halves(x, factors, &split);
  }
  // Each weight's number at its place, sixteen places in `low`, sixteen in `high`.
  const ck_wide_i32 isMirrored = split.scale < 0, first = split.code >> 16, second = split.code >> 8 & 255;
  ck_wide_i32 low = 0, high = 0;
  for (int32_t i = 0; i < (int32_t)width; i++) {
    const ck_wide_i32 number = -((first <= i) + (second <= i)), order = split.order[i];
    const ck_wide_i32 bits = (isMirrored ? 2 - number : number) << 2 * (order & 15);
    low |= order < 16 ? bits : 0;
    high |= order < 16 ? 0 : bits;
  }
  for (size_t lane = 0; lane < count; lane++) {
    const float scale = split.scale[lane];
    const int32_t code = split.code[lane], shift = code & 255;
    groups[lane].scale = scale < 0 ? -scale : scale;
    groups[lane].shift = scale < 0 ? (width == 32 ? 1 : 3) - shift : shift;
    groups[lane].isFound = code >= 0 && isLarge[lane];
    groups[lane].cells = (uint32_t)low[lane] | (uint64_t)(uint32_t)high[lane] << 32;
  }
}

/// The level of a point's number, shifted.
CK_INLINE float ck_ternary_level(uint64_t numbers, size_t i, int isDown) {
  return (float)((int32_t)(numbers >> (8 * i + 5) & 3) - 1) + (isDown ? -0.125f : 0.125f);
}

/// Rounds a group's runs to points and refits its scale to them; `isDown` has a bit for each run.
CK_INLINE void ck_ternary_round(
    const ck_codebook *book, const float *x, const float *factors, size_t runs, uint32_t isDown, ck_ternary_group *group,
    int32_t *points) {
  const ck_f32x8 levels = {-1, 0, 1, 0, 0, 0, 0, 0};
  int isExact = 1;
  for (size_t run = 0; run < runs; run++) {
    points[run] = book->places[(group->cells >> 16 * run) & 0xffff];
    if (points[run] >= 0) continue;
    isExact = 0;
    const ck_f32x8 values = group->scale * (levels + (isDown >> run & 1 ? -0.125f : 0.125f));
    points[run] = ck_nearest_point(book, ck_list(book, points[run], 0), x + run * 8, factors + run * 8, values, 8);
  }
  if (isExact) return;
  float p = 0, s = 0;
  for (size_t i = 0; i < runs * 8; i++) {
    const float level = ck_ternary_level(book->numbers[points[i / 8]], i % 8, isDown >> i / 8 & 1);
    p += factors[i] * level * x[i];
    s += factors[i] * level * level;
  }
  if (p > 0 && s > 0) group->scale = p / s;
}

CK_INLINE void ck_store_iq1_s(
    const ck_codebook *book, const float *x, const float *factors, ck_ternary_group *groups, uint8_t *to) {
  float largest = 0;
  __builtin_memset(to, 0, 50);
  for (size_t g = 0; g < 8; g++) {
    int32_t points[4];
    if (!groups[g].isFound) {
      groups[g].scale = 0;
      groups[g].shift = 0;
      continue;
    }
    ck_ternary_round(book, x + g * 32, factors + g * 32, 4, groups[g].shift ? 15 : 0, &groups[g], points);
    uint32_t word = 0;
    for (size_t run = 0; run < 4; run++) {
      to[2 + g * 4 + run] = (uint8_t)points[run];
      word |= (uint32_t)(points[run] >> 8) << 3 * run;
    }
    ck_write16(to + 34 + g * 2, (uint16_t)word);
    largest = largest > groups[g].scale ? largest : groups[g].scale;
  }
  if (largest == 0) return;
  const float d = largest / 15;
  ck_scale_to(to, d * 1.125f);
  for (size_t g = 0; g < 8; g++) {
    const int number = ck_odd_scale(groups[g].scale, 1 / d, 7) | (groups[g].shift ? 8 : 0);
    to[34 + g * 2 + 1] |= (uint8_t)(number << 4);
  }
}

CK_INLINE void ck_store_iq1_m(
    const ck_codebook *book, const float *x, const float *factors, ck_ternary_group *groups, uint8_t *to) {
  float largest = 0;
  int32_t points[32] = {0};
  __builtin_memset(to, 0, 56);
  for (size_t g = 0; g < 16; g++) {
    if (!groups[g].isFound) {
      groups[g].scale = 0;
      groups[g].shift = 0;
      continue;
    }
    const uint32_t isDown = (uint32_t)(groups[g].shift >> 1 | (groups[g].shift & 1) << 1);
    ck_ternary_round(book, x + g * 16, factors + g * 16, 2, isDown, &groups[g], points + g * 2);
    largest = largest > groups[g].scale ? largest : groups[g].scale;
  }
  for (size_t run = 0; run < 32; run++) to[run] = (uint8_t)points[run];
  for (size_t g = 0; g < 16; g++) to[32 + g] = (uint8_t)(points[2 * g] >> 8 | (points[2 * g + 1] >> 8) << 4);
  if (largest == 0) return;
  // The block's scale is fitted last, to all points and rounded scales.
  float d = largest / 15, p = 0, s = 0;
  const float inverse = 1 / d;
  uint32_t words[4] = {0};
  for (size_t g = 0; g < 16; g++) {
    const uint8_t number = ck_odd_scale(groups[g].scale, inverse, 7);
    words[g / 4] |= (uint32_t)number << g % 4 * 3;
    to[32 + g] |= (uint8_t)((groups[g].shift >= 2 ? 0x08 : 0) | (groups[g].shift % 2 == 1 ? 0x80 : 0));
    for (size_t i = 0; i < 16; i++) {
      const int isDown = i < 8 ? groups[g].shift >= 2 : groups[g].shift % 2 == 1;
      const float value = ck_ternary_level(book->numbers[points[g * 2 + i / 8]], i % 8, isDown) * (float)(2 * number + 1);
      p += factors[g * 16 + i] * value * x[g * 16 + i];
      s += factors[g * 16 + i] * value * value;
    }
  }
  if (s > 0) d = p / s;
  uint8_t bits[2];
  ck_scale_to(bits, d * 1.1125f);
  const uint32_t half = bits[0] | (uint32_t)bits[1] << 8;
  for (size_t k = 0; k < 4; k++) ck_write16(to + 48 + k * 2, (uint16_t)(words[k] | (half >> 4 * k) << 12));
}

CK_INLINE void ck_encode_ternary(
    const float *from, const float *importance, uint8_t *to, size_t n, const ck_codebook *book, size_t width) {
  const size_t perBlock = 256 / width, most = ck_ternary_groups / perBlock, blockBytes = width == 32 ? 50 : 56;
  for (size_t blocks = n / 256; blocks > 0;) {
    const size_t count = blocks < most ? blocks : most;
    ck_ternary_group groups[ck_ternary_groups];
    float spreads[ck_ternary_groups];
    ck_square_sums(from, 256, count, spreads);
    for (size_t block = 0; block < count; block++) spreads[block] = 2 * spreads[block] / 256;
    for (size_t g = 0; g < count * perBlock; g += CK_WIDE) {
      const size_t some = count * perBlock - g < CK_WIDE ? count * perBlock - g : CK_WIDE;
      ck_ternary_fit(
          from + g * width, importance ? importance + g * width : 0, spreads + g * width / 256, width, some,
          width == 32 ? 1e-12f : 1e-7f, groups + g);
    }
    for (size_t block = 0; block < count; block++) {
      float factors[256];
      const float *x = from + block * 256;
      ck_codebook_factors(x, importance ? importance + block * 256 : 0, spreads[block], 0, 256, factors);
      if (width == 32) {
        ck_store_iq1_s(book, x, factors, groups + block * perBlock, to + block * blockBytes);
      } else {
        ck_store_iq1_m(book, x, factors, groups + block * perBlock, to + block * blockBytes);
      }
    }
    from += count * 256;
    if (importance) importance += count * 256;
    to += count * blockBytes;
    blocks -= count;
  }
}

CK_ENCODER(encode_iq1_s) {
  ck_encode_ternary(from, importance, to, n, book, 32);
}

CK_ENCODER(encode_iq1_m) {
  ck_encode_ternary(from, importance, to, n, book, 16);
}
