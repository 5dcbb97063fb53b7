/// Q2_K, Q4_K and Q5_K: groups with a scale and an offset, under a scale and an offset of the block.
///
/// A tile is up to CK_WIDE blocks. Groups are fitted a group per lane, the blocks' scales of the weighted rules a
/// block per lane, and the final numbers, which are elementwise, along each group.

typedef struct {
  size_t group;            ///< weights in a group
  size_t blockBytes;
  int32_t scaleLimit;      ///< the largest number of a group's scale and offset
  float spread;            ///< what the sum of squares is multiplied with before it is divided by 256
  ck_affine_rule plain;
} ck_affine_format;

enum { ck_most_groups = 16 };

/// The fits of a tile, group after group, and what becomes of them.
typedef struct {
  float scale[CK_WIDE * ck_most_groups], offset[CK_WIDE * ck_most_groups];
  float inverse[CK_WIDE * ck_most_groups], origin[CK_WIDE * ck_most_groups];
  float weight[CK_WIDE * ck_most_groups];
  int32_t isEmpty[CK_WIDE * ck_most_groups];
  uint8_t scaleNumber[CK_WIDE * ck_most_groups], offsetNumber[CK_WIDE * ck_most_groups];
  float d[CK_WIDE], dmin[CK_WIDE];
} ck_affine_tile;

CK_INLINE void ck_affine_fit_groups(
    const float *from, const float *importance, size_t blocks, const ck_affine_format format, ck_affine_tile *tile) {
  const size_t perBlock = 256 / format.group, groups = blocks * perBlock;
  float sums[CK_WIDE];
  if (importance) ck_square_sums(from, 256, blocks, sums);
  for (size_t first = 0; first < groups; first += CK_WIDE) {
    const size_t count = groups - first < CK_WIDE ? groups - first : CK_WIDE;
    ck_wide x[32], factors[32];
    ck_affine fit;
    ck_transpose_groups(from + first * format.group, format.group, count, x);
    if (importance) {
      ck_wide theirs[32], spread;
      ck_transpose_groups(importance + first * format.group, format.group, count, theirs);
      for (size_t lane = 0; lane < CK_WIDE; lane++) {
        spread[lane] = lane < count ? format.spread * sums[(first + lane) / perBlock] / 256 : 0;
      }
      ck_weigh(x, theirs, spread, format.group, factors);
      ck_wide sum = 0;
      for (size_t i = 0; i < format.group; i++) sum += factors[i];
      CK_WIDE_STORE(tile->weight + first, sum);
      fit = ck_affine_search(x, factors, format.group, ck_affine_weighted(format.plain.limit));
    } else {
      // Q2_K counts errors by magnitude, the others by the root mean square of the group plus the magnitude.
      ck_wide typical = 0;
      if (!format.plain.isAbsolute) {
        for (size_t i = 0; i < format.group; i++) typical += x[i] * x[i];
        typical = __builtin_elementwise_sqrt(typical / (float)format.group);
      }
      for (size_t i = 0; i < format.group; i++) factors[i] = typical + __builtin_elementwise_abs(x[i]);
      fit = ck_affine_search(x, factors, format.group, format.plain);
    }
    CK_WIDE_STORE(tile->scale + first, fit.scale);
    CK_WIDE_STORE(tile->offset + first, fit.offset);
    CK_WIDE_STORE(tile->inverse + first, fit.inverse);
    CK_WIDE_STORE(tile->origin + first, fit.origin);
    __builtin_memcpy(tile->isEmpty + first, &fit.isEmpty, sizeof fit.isEmpty);
  }
}

/// Plain: the largest scale of a block becomes the largest number, and so does the largest offset.
CK_INLINE void ck_affine_plain_blocks(size_t blocks, const ck_affine_format format, ck_affine_tile *tile) {
  const size_t perBlock = 256 / format.group;
  const float limit = (float)format.scaleLimit;
  for (size_t block = 0; block < blocks; block++) {
    const float *scale = tile->scale + block * perBlock, *offset = tile->offset + block * perBlock;
    float largestScale = 0, largestOffset = 0;
    for (size_t j = 0; j < perBlock; j++) {
      if (scale[j] > largestScale) largestScale = scale[j];
      if (offset[j] > largestOffset) largestOffset = offset[j];
    }
    const float inverseScale = largestScale > 0 ? limit / largestScale : 0;
    const float inverseOffset = largestOffset > 0 ? limit / largestOffset : 0;
    for (size_t j = 0; j < perBlock; j++) {
      const uint8_t s = (uint8_t)ck_nearest(inverseScale * scale[j]), o = (uint8_t)ck_nearest(inverseOffset * offset[j]);
      // The six-bit rules cut what is too large; the four-bit rule lets it run over.
      tile->scaleNumber[block * perBlock + j] = format.scaleLimit == 63 && s > 63 ? 63 : s;
      tile->offsetNumber[block * perBlock + j] = format.scaleLimit == 63 && o > 63 ? 63 : o;
    }
    tile->d[block] = largestScale > 0 || format.scaleLimit == 63 ? largestScale / limit : 0;
    tile->dmin[block] = largestOffset > 0 || format.scaleLimit == 63 ? largestOffset / limit : 0;
  }
}

/// Fits the scales (or offsets) of a tile's groups, a block per lane.
CK_INLINE void ck_positive_blocks(
    const float *values, const float *weights, size_t blocks, size_t perBlock, int32_t limit, uint8_t *numbers, float *d) {
  ck_wide x[ck_most_groups], factors[ck_most_groups];
  ck_wide_i32 found[ck_most_groups];
  ck_transpose_groups(values, perBlock, blocks, x);
  ck_transpose_groups(weights, perBlock, blocks, factors);
  const ck_wide scale = ck_positive_search(x, factors, perBlock, limit, found);
  CK_WIDE_STORE(d, scale);
  for (size_t block = 0; block < blocks; block++) {
    for (size_t j = 0; j < perBlock; j++) numbers[block * perBlock + j] = (uint8_t)found[j][block];
  }
}

/// A block's numbers, chosen anew from the step and the offset each group decodes to.
CK_INLINE void ck_affine_numbers(
    const float *from, size_t block, const ck_affine_format format, const ck_affine_tile *tile, const float *step,
    const float *offset, uint8_t *numbers) {
  const size_t perBlock = 256 / format.group;
  for (size_t j = 0; j < perBlock; j++) {
    const float *x = from + j * format.group;
    uint8_t *to = numbers + j * format.group;
    if (step[j] != 0) {
      for (size_t i = 0; i < format.group; i++) {
        to[i] = (uint8_t)ck_nearest_in((x[i] + offset[j]) / step[j], 0, format.plain.limit);
      }
    } else {
      // A group without a step keeps the numbers of its own search, which decode to the offset.
      const size_t g = block * perBlock + j;
      for (size_t i = 0; i < format.group; i++) {
        const float scaled = tile->inverse[g] * (x[i] - tile->origin[g]);
        to[i] = tile->isEmpty[g] ? 0 : (uint8_t)ck_nearest_in(scaled, 0, format.plain.limit);
      }
    }
  }
}

CK_INLINE void ck_affine_fit_tile(
    const float *from, const float *importance, size_t blocks, const ck_affine_format format, ck_affine_tile *tile) {
  const size_t perBlock = 256 / format.group;
  ck_affine_fit_groups(from, importance, blocks, format, tile);
  if (importance) {
    ck_positive_blocks(tile->scale, tile->weight, blocks, perBlock, format.scaleLimit, tile->scaleNumber, tile->d);
    ck_positive_blocks(tile->offset, tile->weight, blocks, perBlock, format.scaleLimit, tile->offsetNumber, tile->dmin);
  } else {
    ck_affine_plain_blocks(blocks, format, tile);
  }
}

/// What differs after the fit: the header and the packing of 256 numbers.
typedef void (*ck_affine_store)(
    const float *from, size_t block, const ck_affine_tile *tile, const ck_affine_format format, uint8_t *to);

CK_INLINE void ck_affine_encode(
    const float *from, const float *importance, uint8_t *to, size_t n, const ck_affine_format format,
    ck_affine_store store) {
  ck_affine_tile tile;
  for (size_t blocks = n / 256; blocks > 0;) {
    const size_t count = blocks < CK_WIDE ? blocks : CK_WIDE;
    ck_affine_fit_tile(from, importance, count, format, &tile);
    for (size_t block = 0; block < count; block++) {
      store(from + block * 256, block, &tile, format, to + block * format.blockBytes);
    }
    from += count * 256;
    if (importance) importance += count * 256;
    to += count * format.blockBytes;
    blocks -= count;
  }
}

/// d, dmin and the twelve bytes of six-bit numbers; then the block's numbers.
CK_INLINE void ck_affine_header(
    const float *from, size_t block, const ck_affine_tile *tile, const ck_affine_format format, uint8_t *to,
    uint8_t *numbers) {
  const uint8_t *s = tile->scaleNumber + block * 8, *o = tile->offsetNumber + block * 8;
  float step[8], offset[8];
  ck_scale_to(to, tile->d[block]);
  ck_scale_to(to + 2, tile->dmin[block]);
  for (size_t j = 0; j < 4; j++) {
    to[4 + j] = s[j] | (uint8_t)((s[4 + j] >> 4) << 6);
    to[8 + j] = o[j] | (uint8_t)((o[4 + j] >> 4) << 6);
    to[12 + j] = (s[4 + j] & 15) | (uint8_t)(o[4 + j] << 4);
  }
  for (size_t j = 0; j < 8; j++) {
    step[j] = ck_scale_from(to) * (float)(s[j] & 63);
    offset[j] = ck_scale_from(to + 2) * (float)(o[j] & 63);
  }
  ck_affine_numbers(from, block, format, tile, step, offset, numbers);
}

CK_INLINE void ck_store_q4_k(
    const float *from, size_t block, const ck_affine_tile *tile, const ck_affine_format format, uint8_t *to) {
  uint8_t numbers[256];
  ck_affine_header(from, block, tile, format, to, numbers);
  for (size_t pair = 0; pair < 4; pair++) {
    for (size_t l = 0; l < 32; l++) {
      to[16 + pair * 32 + l] = numbers[pair * 64 + l] | (uint8_t)(numbers[pair * 64 + 32 + l] << 4);
    }
  }
}

CK_ENCODER(encode_q4_k) {
  const ck_affine_format format = {32, 144, 63, 2, {15, -1.0f, 0.1f, 20, 0}};
  ck_affine_encode(from, importance, to, n, format, ck_store_q4_k);
}

CK_INLINE void ck_store_q5_k(
    const float *from, size_t block, const ck_affine_tile *tile, const ck_affine_format format, uint8_t *to) {
  uint8_t numbers[256], high[32] = {0};
  ck_affine_header(from, block, tile, format, to, numbers);
  for (size_t j = 0; j < 8; j++) {
    for (size_t l = 0; l < 32; l++) high[l] |= (uint8_t)((numbers[j * 32 + l] >> 4) << j);
  }
  __builtin_memcpy(to + 16, high, 32);
  for (size_t pair = 0; pair < 4; pair++) {
    for (size_t l = 0; l < 32; l++) {
      to[48 + pair * 32 + l] = (numbers[pair * 64 + l] & 15) | (uint8_t)(numbers[pair * 64 + 32 + l] << 4);
    }
  }
}

CK_ENCODER(encode_q5_k) {
  const ck_affine_format format = {32, 176, 63, 2, {31, -0.5f, 0.1f, 15, 0}};
  ck_affine_encode(from, importance, to, n, format, ck_store_q5_k);
}

/// Two-bit numbers: byte l of a half holds weights l, l + 32, l + 64, l + 96 from bit 0 up.
CK_INLINE void ck_store_two_bits(const uint8_t *numbers, uint8_t *to) {
  for (size_t half = 0; half < 2; half++) {
    const uint8_t *q = numbers + half * 128;
    for (size_t l = 0; l < 32; l++) {
      to[half * 32 + l] = (q[l] & 3) | (uint8_t)((q[l + 32] & 3) << 2) | (uint8_t)((q[l + 64] & 3) << 4) |
                          (uint8_t)((q[l + 96] & 3) << 6);
    }
  }
}

CK_INLINE void ck_store_q2_k(
    const float *from, size_t block, const ck_affine_tile *tile, const ck_affine_format format, uint8_t *to) {
  const uint8_t *s = tile->scaleNumber + block * 16, *o = tile->offsetNumber + block * 16;
  float step[16], offset[16];
  uint8_t numbers[256];
  ck_scale_to(to + 80, tile->d[block]);
  ck_scale_to(to + 82, tile->dmin[block]);
  for (size_t j = 0; j < 16; j++) {
    to[j] = s[j] | (uint8_t)(o[j] << 4);
    step[j] = ck_scale_from(to + 80) * (float)(to[j] & 15);
    offset[j] = ck_scale_from(to + 82) * (float)(to[j] >> 4);
  }
  ck_affine_numbers(from, block, format, tile, step, offset, numbers);
  ck_store_two_bits(numbers, to + 16);
}

CK_ENCODER(encode_q2_k) {
  const ck_affine_format format = {16, 84, 15, 1, {3, -0.5f, 0.1f, 15, 1}};
  ck_affine_encode(from, importance, to, n, format, ck_store_q2_k);
}
