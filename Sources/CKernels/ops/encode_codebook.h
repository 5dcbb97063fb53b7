/// IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S.

/// The factors of a group or of an IQ1 block: the shared weighted rule, or without importance the squares (for IQ2_S a
/// quarter of the spread more).
CK_INLINE void ck_codebook_factors(
    const float *x, const float *importance, float spread, int hasFloor, size_t width, float *factors) {
  // Two loops: in one, the root is taken even where it is not wanted.
  if (importance) {
    for (size_t i = 0; i < width; i++) factors[i] = importance[i] * __builtin_elementwise_sqrt(spread + x[i] * x[i]);
    return;
  }
  for (size_t i = 0; i < width; i++) factors[i] = hasFloor ? 0.25f * spread + x[i] * x[i] : x[i] * x[i];
}

/// The number of a group's scale under a block's scale of `1 / inverse`.
CK_INLINE uint8_t ck_odd_scale(float scale, float inverse, int32_t highest) {
  return (uint8_t)ck_nearest_in(0.5f * (inverse * scale - 1), 0, highest);
}

/// Receives a group's points and signs, and how many groups of the block came before it that were not too small.
typedef void (*ck_codebook_store)(const ck_codebook_group *group, size_t index, size_t stored, uint8_t *to);

/// Encodes one block; the scales of its groups, and the largest.
CK_INLINE float ck_codebook_block(
    const float *x, const float *importance, uint8_t *to, const ck_codebook *book, const ck_codebook_rule rule,
    float spreadFactor, int hasFloor, ck_codebook_store store, ck_codebook_tries *tries, float *scales) {
  const size_t groups = 256 / rule.group;
  ck_codebook_group group[16];
  float sum, fitted[CK_WIDE] = {0}, largest = 0;
  size_t stored = 0;
  ck_square_sums(x, 256, 1, &sum);
  const float spread = spreadFactor * sum / 256;
  for (size_t g = 0; g < groups; g++) {
    const float *theirs = importance ? importance + g * rule.group : 0;
    ck_codebook_factors(x + g * rule.group, theirs, spread, hasFloor, rule.group, group[g].factors);
    ck_split_signs(x + g * rule.group, rule, &group[g]);
  }
  if (rule.isCentreFitted) {
    // Eight groups of thirty-two, a group per lane.
    ck_wide magnitudes[32], factors[32];
    ck_wide_i32 numbers[32];
    float *m = (float *)magnitudes, *f = (float *)factors;
    __builtin_memset(magnitudes, 0, sizeof magnitudes);
    __builtin_memset(factors, 0, sizeof factors);
    for (size_t g = 0; g < groups; g++) {
      for (size_t i = 0; i < 32; i++) {
        m[i * CK_WIDE + g] = group[g].magnitudes[i];
        f[i * CK_WIDE + g] = group[g].factors[i];
      }
    }
    const ck_wide found = ck_positive_search(magnitudes, factors, 32, rule.levels + 1, numbers);
    CK_WIDE_STORE(fitted, found);
  }
  for (size_t g = 0; g < groups; g++) {
    const float scale = ck_codebook_search(book, rule, fitted[g % CK_WIDE], tries, &group[g]);
    scales[g] = 0;
    if (scale < 0) continue;
    store(&group[g], g, stored++, to);
    scales[g] = scale;
    largest = largest > scale ? largest : scale;
  }
  return largest;
}

/// Where a format keeps the scales of a block's groups, and what it does with them.
typedef struct {
  size_t bytes;
  /// The byte of the first group's four bits, and how many bytes on the next group's are: always the upper half there; 0 packs
  /// two groups into a byte.
  size_t scales, stride;
  /// The block's scale is stored a little larger or smaller than it was found.
  float gain;
  float spread;
  int hasFloor;
  /// Whether a block without a scale loses what its groups have stored.
  int isCleared;
} ck_codebook_layout;

/// Encodes whole blocks; rule and layout are constants after inlining.
CK_INLINE void ck_codebook_blocks(
    const float *from, const float *importance, uint8_t *bytes, size_t n, const ck_codebook *book,
    const ck_codebook_rule rule, const ck_codebook_layout layout, ck_codebook_store store) {
  ck_codebook_tries tries;
  __builtin_memset(&tries, 0, sizeof tries);
  for (size_t i = 0; i < n; i += 256, bytes += layout.bytes) {
    float scales[16];
    __builtin_memset(bytes, 0, layout.bytes);
    const float largest = ck_codebook_block(
        from + i, importance ? importance + i : 0, bytes, book, rule, layout.spread, layout.hasFloor, store, &tries,
        scales);
    if (largest == 0) {
      if (layout.isCleared) __builtin_memset(bytes, 0, layout.bytes);
      continue;
    }
    const float d = largest / 31;
    ck_scale_to(bytes, d * layout.gain);
    for (size_t g = 0; g < 256 / rule.group; g++) {
      const uint8_t scale = ck_odd_scale(scales[g], 1 / d, 15);
      if (layout.stride) {
        bytes[layout.scales + g * layout.stride] |= (uint8_t)(scale << 4);
      } else {
        bytes[layout.scales + g / 2] |= (uint8_t)(scale << (g % 2 * 4));
      }
    }
  }
}

CK_INLINE void ck_store_iq2_xxs(const ck_codebook_group *group, size_t g, size_t stored, uint8_t *to) {
  (void)stored;
  uint32_t word = 0;
  for (size_t run = 0; run < 4; run++) {
    to[2 + g * 8 + run] = (uint8_t)group->points[run];
    word |= (uint32_t)group->signs[run] << 7 * run;
  }
  __builtin_memcpy(to + 2 + g * 8 + 4, &word, 4);
}

CK_ENCODER(encode_iq2_xxs) {
  const ck_codebook_rule rule = {32, 3, 1e-15f, 6, 0.1f, 1, 1, 2};
  const ck_codebook_layout layout = {66, 9, 8, 1, 1, 0, 1};
  ck_codebook_blocks(from, importance, to, n, book, rule, layout, ck_store_iq2_xxs);
}

CK_INLINE void ck_store_iq2_xs(const ck_codebook_group *group, size_t g, size_t stored, uint8_t *to) {
  (void)stored;
  for (size_t run = 0; run < 2; run++) {
    const uint32_t word = (uint32_t)group->points[run] | (uint32_t)group->signs[run] << 9;
    ck_write16(to + 2 + (g * 2 + run) * 2, (uint16_t)word);
  }
}

CK_ENCODER(encode_iq2_xs) {
  const ck_codebook_rule rule = {16, 3, 1e-15f, 9, 0.1f, 1, 0, 0};
  const ck_codebook_layout layout = {74, 66, 0, 1, 1, 0, 1};
  ck_codebook_blocks(from, importance, to, n, book, rule, layout, ck_store_iq2_xs);
}

CK_INLINE void ck_store_iq2_s(const ck_codebook_group *group, size_t g, size_t stored, uint8_t *to) {
  (void)stored;
  for (size_t i = 0; i < 2; i++) {
    const size_t run = g * 2 + i;
    const int32_t point = group->points[i];
    to[2 + run] = (uint8_t)point;
    to[34 + run] = group->signs[i];
    to[66 + run / 4] |= (uint8_t)((point >> 8) << (run % 4 * 2));
  }
}

CK_ENCODER(encode_iq2_s) {
  const ck_codebook_rule rule = {16, 3, 1e-8f, 9, 0.1f, 0, 0, 0};
  const ck_codebook_layout layout = {82, 74, 0, 0.9875f, 2, 1, 0};
  ck_codebook_blocks(from, importance, to, n, book, rule, layout, ck_store_iq2_s);
}

CK_INLINE void ck_store_iq3_xxs(const ck_codebook_group *group, size_t g, size_t stored, uint8_t *to) {
  (void)stored;
  uint32_t word = 0;
  for (size_t run = 0; run < 8; run++) to[2 + g * 8 + run] = (uint8_t)group->points[run];
  for (size_t k = 0; k < 4; k++) word |= (uint32_t)group->signs[k] << 7 * k;
  __builtin_memcpy(to + 66 + g * 4, &word, 4);
}

CK_ENCODER(encode_iq3_xxs) {
  const ck_codebook_rule rule = {32, 8, 1e-8f, 15, 0.2f, 1, 0, 0};
  const ck_codebook_layout layout = {98, 69, 4, 1.0125f, 2, 0, 1};
  ck_codebook_blocks(from, importance, to, n, book, rule, layout, ck_store_iq3_xxs);
}

/// The reference steps its output on only where a group has a scale: points and signs of the groups after one of zeros lie
/// one place early, the ninth bits do not.
CK_INLINE void ck_store_iq3_s(const ck_codebook_group *group, size_t g, size_t stored, uint8_t *to) {
  for (size_t run = 0; run < 8; run++) {
    const int32_t point = group->points[run];
    to[2 + stored * 8 + run] = (uint8_t)point;
    to[66 + g] |= (uint8_t)((point >> 8) << run);
  }
  __builtin_memcpy(to + 74 + stored * 4, group->signs, 4);
}

CK_ENCODER(encode_iq3_s) {
  const ck_codebook_rule rule = {32, 8, 0x1p-149f, 9, 0.2f, 0, 0, 1};
  const ck_codebook_layout layout = {110, 106, 0, 1.033f, 2, 0, 0};
  ck_codebook_blocks(from, importance, to, n, book, rule, layout, ck_store_iq3_s);
}
