/// The best way to cut the sorted weights of a group into three levels (Quants/Formats/IQ1_S.swift and IQ1_M.swift say the rule).
/// A group is a lane.

/// What was found for each group of a batch.
typedef struct {
  ck_wide scale;           ///< may be negative
  /// The first cut times 65536, the second times 256, and the shift; negative where no split has a scale. The shift is 1 for
  /// levels shifted down, for IQ1_M that of the first half twice plus that of the second.
  ck_wide_i32 code;
  ck_wide_i32 order[32];   ///< the places of the weights in ascending order
} ck_ternary_split;

/// Sorts every lane by value, equal ones by place: Batcher's network.
CK_INLINE void ck_sort_lanes(ck_wide *x, ck_wide_i32 *order, size_t width) {
  for (size_t p = 1; p < width; p *= 2) {
    for (size_t k = p; k >= 1; k /= 2) {
      for (size_t j = k % p; j + k < width; j += 2 * k) {
        for (size_t i = j; i < j + k && i + k < width; i++) {
          if (i / (2 * p) != (i + k) / (2 * p)) continue;
          const ck_wide a = x[i], b = x[i + k];
          const ck_wide_i32 m = order[i], n = order[i + k];
          const ck_wide_i32 isSwapped = (a > b) | ((a == b) & (m > n));
          x[i] = isSwapped ? b : a;
          x[i + k] = isSwapped ? a : b;
          order[i] = isSwapped ? n : m;
          order[i + k] = isSwapped ? m : n;
        }
      }
    }
  }
}

/// Sorts a batch; the factors in the new order.
CK_INLINE void ck_ternary_sort(
    ck_wide *x, const ck_wide *factors, size_t width, ck_wide *sorted, ck_ternary_split *split) {
  for (size_t i = 0; i < width; i++) split->order[i] = (int32_t)i;
  ck_sort_lanes(x, split->order, width);
  const float *from = (const float *)factors;
  const int32_t *order = (const int32_t *)split->order;
  float *to = (float *)sorted;
  for (size_t i = 0; i < width * CK_WIDE; i++) to[i] = from[(size_t)order[i] * CK_WIDE + i % CK_WIDE];
  split->scale = 0;
  split->code = -1;
}

/// Takes a split where it is better than the best so far.
CK_INLINE void ck_ternary_take(ck_wide p, ck_wide s, int32_t code, ck_wide *best, ck_ternary_split *split) {
  const ck_wide_i32 isBetter = (s > 0) & (p * p > *best * s);
  const ck_wide scale = p / s;
  split->scale = isBetter ? scale : split->scale;
  *best = isBetter ? scale * p : *best;
  split->code = isBetter ? (ck_wide_i32)code : split->code;
}

/// Negative where a split with a positive s is better than the best so far, perhaps also where none is. The difference of
/// two floats is negative exactly where the first is less; masks of two registers would be packed and unpacked in every turn.
CK_INLINE ck_wide_i32 ck_ternary_gain(ck_wide p, ck_wide s, ck_wide best) { return (ck_wide_i32)(best * s - p * p); }

CK_INLINE int ck_any_negative(ck_wide_i32 x) { return __builtin_reduce_or((x.lo | x.hi) < 0) != 0; }

/// IQ1_S: groups of 32, all levels shifted up or all down. `x` is sorted.
CK_INLINE void ck_ternary_search(ck_wide *x, const ck_wide *factors, ck_ternary_split *split) {
  ck_wide sorted[32], products[33], sums[33];
  ck_ternary_sort(x, factors, 32, sorted, split);
  products[0] = 0;
  sums[0] = 0;
  for (size_t i = 0; i < 32; i++) {
    products[i + 1] = products[i] + sorted[i] * x[i];
    sums[i + 1] = sums[i] + sorted[i];
  }
  // What the weights below the first cut and above the second add, for levels up and down.
  ck_wide lowP[2][33], lowS[2][33], highP[2][33], highS[2][33], best = -0x1.fffffep127f;
  for (size_t i = 0; i <= 32; i++) {
    lowP[0][i] = products[i] * -0.875f;
    lowP[1][i] = products[i] * -1.125f;
    lowS[0][i] = sums[i] * -0.875f * -0.875f;
    lowS[1][i] = sums[i] * -1.125f * -1.125f;
    const ck_wide p = products[32] - products[i], s = sums[32] - sums[i];
    highP[0][i] = p * 1.125f;
    highP[1][i] = p * 0.875f;
    highS[0][i] = s * 1.125f * 1.125f;
    highS[1][i] = s * 0.875f * 0.875f;
  }
  for (int32_t first = 0; first <= 32; first++) {
    for (int32_t second = first; second <= 32; second++) {
      const ck_wide middleP = (products[second] - products[first]) * 0.125f;
      const ck_wide middleS = (sums[second] - sums[first]) * 0.125f * 0.125f;
      const ck_wide upP = lowP[0][first] + middleP + highP[0][second];
      const ck_wide upS = lowS[0][first] + middleS + highS[0][second];
      const ck_wide downP = lowP[1][first] - middleP + highP[1][second];
      const ck_wide downS = lowS[1][first] + middleS + highS[1][second];
      // The best never changes in most turns, and then the order of the two does not matter.
      if (!ck_any_negative(ck_ternary_gain(upP, upS, best) | ck_ternary_gain(downP, downS, best))) continue;
      ck_ternary_take(upP, upS, first << 16 | second << 8, &best, split);
      ck_ternary_take(downP, downS, first << 16 | second << 8 | 1, &best, split);
    }
  }
}

/// IQ1_M: groups of 16, each half with levels of its own. `x` is sorted.
CK_INLINE void ck_ternary_search_halves(ck_wide *x, const ck_wide *factors, ck_ternary_split *split) {
  ck_wide sorted[16], products[2][17], sums[2][17], lowS[2][2][17], highS[2][2][17], allP[2][2];
  ck_wide best = -0x1.fffffep127f;
  ck_ternary_sort(x, factors, 16, sorted, split);
  for (size_t half = 0; half < 2; half++) {
    products[half][0] = 0;
    sums[half][0] = 0;
    for (size_t i = 0; i < 16; i++) {
      const ck_wide_i32 isHere = (split->order[i] >= 8) == (ck_wide_i32)(half ? -1 : 0);
      products[half][i + 1] = isHere ? products[half][i] + sorted[i] * x[i] : products[half][i];
      sums[half][i + 1] = isHere ? sums[half][i] + sorted[i] : sums[half][i];
    }
    for (size_t shift = 0; shift < 2; shift++) {
      const float low = shift ? -1.125f : -0.875f, middle = shift ? -0.125f : 0.125f, high = shift ? 0.875f : 1.125f;
      allP[half][shift] = products[half][16] * high;
      for (size_t i = 0; i <= 16; i++) {
        lowS[half][shift][i] = sums[half][16] * high * high + sums[half][i] * (low * low - middle * middle);
        highS[half][shift][i] = sums[half][i] * (middle * middle - high * high);
      }
    }
  }
  for (int32_t first = 0; first <= 16; first++) {
    for (int32_t second = first; second <= 16; second++) {
      ck_wide p[2][2], s[2][2], both[4], squares[4];
      ck_wide_i32 gain = 0;
      CK_UNROLL for (size_t half = 0; half < 2; half++) {
        const ck_wide cuts = products[half][first] + products[half][second];
        CK_UNROLL for (size_t shift = 0; shift < 2; shift++) {
          p[half][shift] = allP[half][shift] - cuts;
          s[half][shift] = lowS[half][shift][first] + highS[half][shift][second];
        }
      }
      CK_UNROLL for (size_t shifts = 0; shifts < 4; shifts++) {
        both[shifts] = p[0][shifts / 2] + p[1][shifts % 2];
        squares[shifts] = s[0][shifts / 2] + s[1][shifts % 2];
        gain |= ck_ternary_gain(both[shifts], squares[shifts], best);
      }
      if (!ck_any_negative(gain)) continue;
      CK_UNROLL for (int32_t shifts = 0; shifts < 4; shifts++) {
        ck_ternary_take(both[shifts], squares[shifts], first << 16 | second << 8 | shifts, &best, split);
      }
    }
  }
}
