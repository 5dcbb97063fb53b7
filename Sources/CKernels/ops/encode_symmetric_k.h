/// Q3_K and Q6_K: sixteen groups of sixteen with a scale each, under a scale of the block.

typedef struct {
  float scale[CK_WIDE * 16], inverse[CK_WIDE * 16], weight[CK_WIDE * 16];
  int32_t isEmpty[CK_WIDE * 16];
} ck_symmetric_tile;

/// Fits the groups of a tile. Q6_K's errors count by the weight's square, or by importance alone; Q3_K's by the square,
/// in a search of its own, or by the shared weighted rule.
CK_INLINE void ck_symmetric_fit_groups(
    const float *from, const float *importance, size_t blocks, int32_t limit, ck_symmetric_tile *tile) {
  const size_t groups = blocks * 16;
  float sums[CK_WIDE];
  if (importance && limit == 4) ck_square_sums(from, 256, blocks, sums);
  if (!importance && limit == 4) {
    // Half of the groups are done before the first round, most others after one or two.
    uint16_t which[CK_WIDE * 16];
    ck_descent_state states[CK_WIDE * 16];
    for (size_t group = 0; group < groups; group++) which[group] = (uint16_t)group;
    size_t left = groups;
    for (int round = 0; round <= 5; round++) left = ck_descend_some(from, which, left, limit, round, states, tile->scale);
    return;
  }
  for (size_t first = 0; first < groups; first += CK_WIDE) {
    const size_t count = groups - first < CK_WIDE ? groups - first : CK_WIDE;
    ck_wide x[16], factors[16];
    ck_transpose_groups(from + first * 16, 16, count, x);
    if (!importance) {
      for (size_t i = 0; i < 16; i++) factors[i] = x[i] * x[i];
    } else {
      ck_transpose_groups(importance + first * 16, 16, count, factors);
      if (limit == 4) {
        ck_wide spread;
        for (size_t lane = 0; lane < CK_WIDE; lane++) {
          spread[lane] = lane < count ? 2 * sums[(first + lane) / 16] / 256 : 0;
        }
        ck_weigh(x, factors, spread, 16, factors);
        ck_wide sum = 0;
        for (size_t i = 0; i < 16; i++) sum += factors[i];
        CK_WIDE_STORE(tile->weight + first, sum);
      }
    }
    const ck_symmetric fit = ck_symmetric_search(x, factors, 16, limit);
    CK_WIDE_STORE(tile->scale + first, fit.scale);
    CK_WIDE_STORE(tile->inverse + first, fit.inverse);
    __builtin_memcpy(tile->isEmpty + first, &fit.isEmpty, sizeof fit.isEmpty);
  }
}

/// The largest magnitude of sixteen scales with its sign, the first of equals.
CK_INLINE float ck_extreme_scale(const float *scales) {
  float extreme = 0;
  for (size_t j = 0; j < 16; j++) {
    if (__builtin_fabsf(scales[j]) > __builtin_fabsf(extreme)) extreme = scales[j];
  }
  return extreme;
}

/// The numbers that the descent of one group ends with, plus limit.
static __attribute__((noinline)) void ck_descended_numbers(const float *x, int32_t limit, uint8_t *to) {
  ck_descent descents[ck_descents];
  for (size_t k = 0; k < ck_descents; k++) {
    for (size_t i = 0; i < 16; i++) descents[k].x[i] = x[i];
    ck_descend_from_extreme(&descents[k], limit);
  }
  for (int round = 0; round < 5; round++) ck_descend_round(descents, limit);
  for (size_t i = 0; i < 16; i++) to[i] = descents[0].isEmpty[0] ? 0 : (uint8_t)(descents[0].numbers[i][0] + limit);
}

/// A group's numbers plus limit: chosen anew from the step it decodes to, or those of its own search when that is zero.
CK_INLINE void ck_symmetric_numbers(
    const float *x, float step, size_t group, int32_t limit, int isDescended, const ck_symmetric_tile *tile, uint8_t *to) {
  if (step != 0) {
    for (size_t i = 0; i < 16; i++) to[i] = (uint8_t)(ck_nearest_in(x[i] / step, -limit, limit - 1) + limit);
  } else if (isDescended) {
    ck_descended_numbers(x, limit, to);
  } else {
    for (size_t i = 0; i < 16; i++) {
      const int32_t number = ck_nearest_in(tile->inverse[group] * x[i], -limit, limit - 1) + limit;
      to[i] = tile->isEmpty[group] ? 0 : (uint8_t)number;
    }
  }
}

static void ck_store_q6_k(const float *from, size_t block, const ck_symmetric_tile *tile, uint8_t *to) {
  const float largest = ck_extreme_scale(tile->scale + block * 16);
  __builtin_memset(to, 0, 210);
  if (__builtin_fabsf(largest) < CK_SMALLEST) return;
  const float inverse = -128.0f / largest;
  ck_scale_to(to + 208, 1 / inverse);
  uint8_t numbers[256];
  for (size_t j = 0; j < 16; j++) {
    const int32_t nearest = ck_nearest(inverse * tile->scale[block * 16 + j]);
    const int8_t scale = (int8_t)(nearest < 127 ? nearest : 127);
    to[192 + j] = (uint8_t)scale;
    const float step = ck_scale_from(to + 208) * (float)scale;
    ck_symmetric_numbers(from + j * 16, step, block * 16 + j, 32, 0, tile, numbers + j * 16);
  }
  for (size_t half = 0; half < 2; half++) {
    const uint8_t *q = numbers + half * 128;
    for (size_t l = 0; l < 32; l++) {
      to[half * 64 + l] = (q[l] & 15) | (uint8_t)(q[l + 64] << 4);
      to[half * 64 + 32 + l] = (q[l + 32] & 15) | (uint8_t)(q[l + 96] << 4);
      to[128 + half * 32 + l] = (q[l] >> 4) | (uint8_t)((q[l + 32] >> 4) << 2) | (uint8_t)((q[l + 64] >> 4) << 4) |
                                (uint8_t)((q[l + 96] >> 4) << 6);
    }
  }
}

CK_ENCODER(encode_q6_k) {
  ck_symmetric_tile tile;
  uint8_t *bytes = to;
  for (size_t blocks = n / 256; blocks > 0;) {
    const size_t count = blocks < CK_WIDE ? blocks : CK_WIDE;
    ck_symmetric_fit_groups(from, importance, count, 32, &tile);
    for (size_t block = 0; block < count; block++) ck_store_q6_k(from + block * 256, block, &tile, bytes + block * 210);
    from += count * 256;
    if (importance) importance += count * 256;
    bytes += count * 210;
    blocks -= count;
  }
}

static void ck_store_q3_k(
    const float *from, size_t block, const uint8_t *scaleNumbers, float d, int isDescended, const ck_symmetric_tile *tile,
    uint8_t *to) {
  uint8_t numbers[256], high[32] = {0};
  __builtin_memset(to + 96, 0, 12);
  ck_scale_to(to + 108, d);
  for (size_t j = 0; j < 16; j++) {
    const uint8_t scale = scaleNumbers[j];
    to[96 + j % 8] |= (uint8_t)((scale & 15) << (j < 8 ? 0 : 4));
    to[104 + j % 4] |= (uint8_t)((scale >> 4) << (j / 4 * 2));
    const float step = ck_scale_from(to + 108) * (float)((scale & 63) - 32);
    ck_symmetric_numbers(from + j * 16, step, block * 16 + j, 4, isDescended, tile, numbers + j * 16);
  }
  for (size_t j = 0; j < 8; j++) {
    for (size_t l = 0; l < 32; l++) high[l] |= (uint8_t)((numbers[j * 32 + l] >> 2) << j);
  }
  __builtin_memcpy(to, high, 32);
  ck_store_two_bits(numbers, to + 32);
}

CK_ENCODER(encode_q3_k) {
  ck_symmetric_tile tile;
  uint8_t *bytes = to;
  for (size_t blocks = n / 256; blocks > 0;) {
    const size_t count = blocks < CK_WIDE ? blocks : CK_WIDE;
    uint8_t scaleNumbers[CK_WIDE * 16];
    float d[CK_WIDE];
    ck_symmetric_fit_groups(from, importance, count, 4, &tile);
    if (importance) {
      // The scales are themselves fitted, each group counting by the sum of its factors; a block per lane.
      ck_wide x[16], factors[16];
      ck_transpose_groups(tile.scale, 16, count, x);
      ck_transpose_groups(tile.weight, 16, count, factors);
      const ck_symmetric fit = ck_symmetric_search(x, factors, 16, 32);
      CK_WIDE_STORE(d, fit.scale);
      for (size_t j = 0; j < 16; j++) {
        const ck_wide_i32 number = ck_symmetric_number(&fit, x[j], 32);
        for (size_t block = 0; block < count; block++) scaleNumbers[block * 16 + j] = (uint8_t)number[block];
      }
    } else {
      for (size_t block = 0; block < count; block++) {
        const float largest = ck_extreme_scale(tile.scale + block * 16), inverse = -32.0f / largest;
        d[block] = largest != 0 ? 1 / inverse : 0;
        for (size_t j = 0; j < 16; j++) {
          const int8_t nearest = (int8_t)ck_nearest(inverse * tile.scale[block * 16 + j]);
          const int8_t number = (int8_t)((nearest < -32 ? -32 : nearest > 31 ? 31 : nearest) + 32);
          scaleNumbers[block * 16 + j] = largest != 0 ? (uint8_t)number : 0;
        }
      }
    }
    for (size_t block = 0; block < count; block++) {
      ck_store_q3_k(
          from + block * 256, block, scaleNumbers + block * 16, d[block], !importance, &tile, bytes + block * 110);
    }
    from += count * 256;
    if (importance) importance += count * 256;
    bytes += count * 110;
    blocks -= count;
  }
}
