/// Rounds groups of weights to a codebook of magnitudes, signs apart (Quants/Search/CodebookSearch.swift says the rule).
///
/// A try is a lane: all scales of a group are tried at once, each in the reference's order. A run of weights falls into few
/// cells over all tries, so a cell's list is walked once for all tries that share it.
///
/// The list is a short one nearly always. A point that is farther than another on the same side in every number that
/// differs cannot win, however the errors count and are rounded, as long as every weight lies clearly inside the cell:
/// rounding keeps order. Where one lies near the cell's edge, or numbers come near overflow, the whole list is walked.

/// What the formats do differently.
typedef struct {
  size_t group;              ///< weights in a group
  int32_t levels;            ///< 3 for runs of eight weights, 8 for runs of four
  float smallest;            ///< groups whose largest magnitude is below this have no scale
  int tries;                 ///< from -tries to tries
  float step;
  int isParityEven;
  int isCentreFitted;
  int refinement;            ///< 0: empty cells, 1: all if any was empty, 2: all
} ck_codebook_rule;

#define CK_DIGITS(rule) ((rule).levels == 3 ? 8u : 4u)
#define CK_CELL_BITS(rule) ((rule).levels == 3 ? 2 : 3)

/// A group: in, the factors and the weights; out, its points and the signs.
typedef struct {
  float factors[32], roots[32], magnitudes[32];
  int32_t points[8];
  uint8_t signs[4];
} ck_codebook_group;

/// Tries are padded to whole vectors by repeating the last, and eight of them are read and written from any of them on.
enum { ck_most_tries = 32, ck_try_stride = 64, ck_most_vectors = ck_most_tries / CK_LANES };

/// Splits weights into signs and magnitudes; where the number of negative ones must be even, the one that matters
/// least changes its sign and its magnitude becomes negative.
CK_INLINE void ck_split_signs(const float *x, const ck_codebook_rule rule, ck_codebook_group *group) {
  for (size_t byte = 0; byte < rule.group / 8; byte++) {
    const float *w = x + byte * 8, *factors = group->factors + byte * 8;
    float *magnitudes = group->magnitudes + byte * 8;
    uint32_t bits = 0;
    for (size_t i = 0; i < 8; i++) {
      magnitudes[i] = w[i] >= 0 ? w[i] : -w[i];
      bits |= (uint32_t)!(w[i] >= 0) << i;
    }
    if (rule.isParityEven) {
      if (__builtin_parity(bits)) {
        size_t least = 0;
        float smallest = factors[0] * w[0] * w[0];
        for (size_t i = 1; i < 8; i++) {
          const float matter = factors[i] * w[i] * w[i];
          least = matter < smallest ? i : least;
          smallest = matter < smallest ? matter : smallest;
        }
        magnitudes[least] = -magnitudes[least];
        bits ^= 1u << least;
      }
      bits &= 127;
    }
    group->signs[byte] = (uint8_t)bits;
  }
  for (size_t i = 0; i < rule.group; i++) group->roots[i] = __builtin_elementwise_sqrt(group->factors[i]);
}

/// The values of the numbers that lie lowest in `codes`.
CK_INLINE ck_f32 ck_odd_values(ck_i32 codes) {
#if defined(__x86_64__) && CK_LANES == 8
  return ck_pick((ck_f32x8){1, 3, 5, 7, 9, 11, 13, 15}, codes);
#else
  return __builtin_convertvector(((codes & 7) << 1) | 1, ck_f32);
#endif
}

/// How far from halfway between two numbers a weight must be, in numbers, for the short lists to do.
#define CK_MARGIN 0x1p-10f

/// What all runs of a group have in common: the tries' inverse scales, and every number's value under each scale. What lies
/// past the last try is read, and what comes of it is dropped; the memory must only have been set once.
typedef struct {
  float inverse[ck_most_tries], values[8][ck_try_stride];
  float terms[32][ck_try_stride];  ///< of the run at hand: the weighted squared error of number n of weight i is row 4i + n
  int count;
  int isOrdinary;  ///< nothing comes near overflow or underflow
} ck_codebook_tries;

/// What one run of weights becomes under every try.
typedef struct {
  int32_t cells[ck_most_tries], points[ck_try_stride];
} ck_tried_run;

/// The cells of a run under all tries; where they change, and whether all weights are clear of rounding the other way.
CK_INLINE uint32_t ck_cells(
    const float *magnitudes, const ck_codebook_tries *tries, const ck_codebook_rule rule, int32_t *to, int *isClear) {
  uint32_t starts = 1, clear = 0;
  int32_t before = 0;
  for (int first = 0; first < tries->count; first += CK_LANES) {
    const ck_f32 inverse = CK_LOAD(tries->inverse + first);
    ck_i32 cells = 0;
    ck_f32 farthest = 0;
    CK_UNROLL for (size_t i = 0; i < CK_DIGITS(rule); i++) {
      const ck_f32 x = 0.5f * (inverse * magnitudes[i] - 1), shifted = x + 12582912.0f;
      const ck_i32 nearest = ((ck_i32)shifted & 0x7fffff) - 0x400000;
      const ck_i32 number =
          __builtin_elementwise_max(__builtin_elementwise_min(nearest, (ck_i32)(rule.levels - 1)), (ck_i32)0);
      cells |= number << (CK_CELL_BITS(rule) * (int)i);
      farthest = __builtin_elementwise_max(farthest, __builtin_elementwise_abs(x - (shifted - 12582912.0f)));
    }
    __builtin_memcpy(to + first, &cells, sizeof cells);
    starts |= ck_lane_bits(cells != ck_previous_lane(cells, before)) << first;
    clear |= ck_lane_bits(~(farthest < 0.5f - CK_MARGIN));
    before = cells[CK_LANES - 1];
  }
  *isClear = clear == 0;
  return tries->count < 32 ? starts & ((1u << tries->count) - 1) : starts;
}

/// The weighted squared errors of every number each of eight weights may get, under all tries.
CK_INLINE void ck_tabulate(
    const float *magnitudes, const float *roots, ck_codebook_tries *tries) {
  float(*terms)[ck_try_stride] = tries->terms;
  for (int first = 0; first < tries->count; first += CK_LANES) {
    const ck_f32 zero = CK_LOAD(tries->values[0] + first), one = CK_LOAD(tries->values[1] + first);
    const ck_f32 two = CK_LOAD(tries->values[2] + first);
    CK_UNROLL for (size_t i = 0; i < 8; i++) {
      const ck_f32 magnitude = magnitudes[i], root = roots[i];
      CK_STORE(terms[i * 4] + first, root * (zero - magnitude) * (zero - magnitude));
      CK_STORE(terms[i * 4 + 1] + first, root * (one - magnitude) * (one - magnitude));
      CK_STORE(terms[i * 4 + 2] + first, root * (two - magnitude) * (two - magnitude));
    }
  }
}

/// The point of a list with the smallest weighted squared error, the first of equals, for eight tries from `first` on.
/// Errors of runs of eight are looked up in a table, those of runs of four are as quickly computed.
CK_INLINE ck_i32x8 ck_nearest_points(
    const ck_codebook *book, const uint16_t *list, const float *magnitudes, const float *roots,
    const ck_codebook_tries *tries, int first, const ck_codebook_rule rule) {
  const uint16_t *end = list + 1 + list[0];
  ck_f32x8 smallest = 0x1.fffffep127f;
  ck_i32x8 nearest = list[1];
  for (const uint16_t *point = list + 1; point < end; point++) {
    const uint8_t *numbers = (const uint8_t *)(book->numbers + *point);
    ck_f32x8 distance = 0;
    CK_UNROLL for (size_t i = 0; i < CK_DIGITS(rule); i++) {
      if (rule.levels == 3) {
        distance += *(const ck_f32x8_at *)(tries->terms[i * 4] + first + numbers[i] * 2);
      } else {
        const ck_f32x8 difference = *(const ck_f32x8_at *)(tries->values[0] + first + numbers[i] * 2) - magnitudes[i];
        distance += roots[i] * difference * difference;
      }
    }
    const ck_i32x8 isNearer = distance < smallest;
    smallest = isNearer ? distance : smallest;
    nearest = isNearer ? (ck_i32x8)(int32_t)*point : nearest;
  }
  return nearest;
}

/// Rounds a run under all tries.
CK_INLINE void ck_try_run(
    const ck_codebook *book, const float *magnitudes, const float *roots, ck_codebook_tries *tries,
    const ck_codebook_rule rule, ck_tried_run *run) {
  int isClear;
  // Numbers grow with the inverse scale, so tries that share a cell follow one another.
  uint32_t starts = ck_cells(magnitudes, tries, rule, run->cells, &isClear);
  const int isShort = tries->isOrdinary && isClear;
  int isTabulated = rule.levels != 3;
  __builtin_memset(run->points, 0, sizeof run->points);
  do {
    const int first = __builtin_ctz(starts);
    starts &= starts - 1;
    const int next = starts ? __builtin_ctz(starts) : tries->count;
    starts |= next - first > 8 ? 1u << (first + 8) : 0;
    const int32_t place = book->places[run->cells[first]];
    ck_i32x8 found = place;
    if (place < 0) {
      if (!isTabulated) ck_tabulate(magnitudes, roots, tries);
      isTabulated = 1;
      found = ck_nearest_points(
          book, ck_list(book, place, isShort), magnitudes, roots, tries, first, rule);
    }
    // What is written past the last try of this cell is overwritten by the next.
    *(ck_i32x8_at *)(run->points + first) = found;
  } while (starts);
}

/// Rounds a run by one scale.
CK_INLINE int32_t ck_round_run(
    const ck_codebook *book, const ck_codebook_group *group, size_t run, float inverse, float scale, int isOrdinary,
    const ck_codebook_rule rule) {
  const float *magnitudes = group->magnitudes + run * CK_DIGITS(rule);
  int32_t cell = 0;
  float farthest = 0;
  for (size_t i = 0; i < CK_DIGITS(rule); i++) {
    const float x = 0.5f * (inverse * magnitudes[i] - 1);
    const float away = __builtin_fabsf(x - ((x + 12582912.0f) - 12582912.0f));
    cell |= ck_nearest_in(x, 0, rule.levels - 1) << (CK_CELL_BITS(rule) * (int)i);
    farthest = away > farthest ? away : farthest;
  }
  const int32_t place = book->places[cell];
  if (place >= 0) return place;
  const ck_f32x8 values = {1, 3, 5, 7, 9, 11, 13, 15};
  return ck_nearest_point(
      book, ck_list(book, place, isOrdinary && farthest < 0.5f - CK_MARGIN), magnitudes,
      group->roots + run * CK_DIGITS(rule), scale * values, CK_DIGITS(rule));
}

/// The weighted sums of magnitude x value and of value x value.
CK_INLINE void ck_codebook_sums(
    const ck_codebook *book, const ck_codebook_group *group, const ck_codebook_rule rule, float *products,
    float *squares) {
  float p = 0, s = 0;
  for (size_t i = 0; i < rule.group; i++) {
    const uint8_t *numbers = (const uint8_t *)(book->numbers + group->points[i / CK_DIGITS(rule)]);
    const float value = (float)((numbers[i % CK_DIGITS(rule)] >> 4) | 1);
    p += group->factors[i] * group->magnitudes[i] * value;
    s += group->factors[i] * value * value;
  }
  *products = p;
  *squares = s;
}

/// Rounds one group whose signs are split off; `fitted` is the scale of the positive search where the rule wants one.
/// The scale, never negative; below zero when the group is too small for one.
CK_INLINE float ck_codebook_search(
    const ck_codebook *book, const ck_codebook_rule rule, float fitted, ck_codebook_tries *tries,
    ck_codebook_group *group) {
  const size_t digits = CK_DIGITS(rule), runs = rule.group / digits;
  float largest = group->magnitudes[0];
  for (size_t i = 1; i < rule.group; i++) largest = largest > group->magnitudes[i] ? largest : group->magnitudes[i];
  if (!(largest >= rule.smallest)) return -1;
  const float highest = (float)(2 * rule.levels - 1);
  float scale = largest / highest;
  if (rule.isCentreFitted) {
    scale = fitted;
    largest = scale * (float)rule.levels;
    if (!(largest > 0)) return -1;
  }
  const int count = 2 * rule.tries + 1;
  float extreme = 0, root = 0;
  for (size_t i = 0; i < rule.group; i++) {
    const float magnitude = __builtin_fabsf(group->magnitudes[i]);
    extreme = extreme > magnitude ? extreme : magnitude;
    root = group->roots[i] <= root ? root : group->roots[i];
  }
  const int isOrdinary = largest > 0x1p-90f && extreme < 0x1p60f && extreme < largest * 0x1p16f && root < 0x1p60f;
  ck_f32 p[ck_most_vectors], s[ck_most_vectors];
  tries->count = count;
  tries->isOrdinary = isOrdinary;
  for (int first = 0, v = 0; first < count; first += CK_LANES, v++) {
    ck_i32 attempt;
    for (int i = 0; i < CK_LANES; i++) attempt[i] = (first + i < count ? first + i : count - 1) - rule.tries;
    const ck_f32 inverse = (highest + __builtin_convertvector(attempt, ck_f32) * rule.step) / largest;
    const ck_f32 scales = 1.0f / inverse;
    CK_STORE(tries->inverse + first, inverse);
    CK_UNROLL for (int32_t level = 0; level < rule.levels; level++) {
      CK_STORE(tries->values[level] + first, scales * (float)(2 * level + 1));
    }
    p[v] = 0;
    s[v] = 0;
  }
  ck_tried_run tried[8];
  for (size_t run = 0; run < runs; run++) {
    const float *magnitudes = group->magnitudes + run * digits, *factors = group->factors + run * digits;
    ck_try_run(book, magnitudes, group->roots + run * digits, tries, rule, &tried[run]);
    for (int first = 0, v = 0; first < count; first += CK_LANES, v++) {
      ck_i32 points;
      __builtin_memcpy(&points, tried[run].points + first, sizeof points);
      ck_i32 codes = ck_gather(book->codes, points);
      CK_UNROLL for (size_t i = 0; i < digits; i++, codes >>= 4) {
        const ck_f32 value = ck_odd_values(codes);
        p[v] += factors[i] * magnitudes[i] * value;
        s[v] += factors[i] * value * value;
      }
    }
  }
  const float *products = (const float *)p, *squares = (const float *)s;
  float best = 0;
  int chosen = -1;
  for (int t = 0; t < count; t++) {
    if (squares[t] > 0 && products[t] * products[t] > best * squares[t]) {
      scale = products[t] / squares[t];
      best = scale * products[t];
      chosen = t;
    }
  }
  int isAnyEmpty = chosen < 0 && rule.refinement == 1;
  int32_t isPoint[8];
  for (size_t run = 0; run < runs; run++) {
    group->points[run] = chosen < 0 ? book->places[0] : tried[run].points[chosen];
    isPoint[run] = chosen < 0 || book->places[tried[run].cells[chosen]] >= 0;
    isAnyEmpty |= !isPoint[run];
  }
  if ((rule.refinement == 2 || isAnyEmpty) && scale > 0) {
    const float refined = 1 / scale;
    for (size_t run = 0; run < runs; run++) {
      if (rule.refinement == 0 && isPoint[run]) continue;
      group->points[run] = ck_round_run(book, group, run, refined, scale,
          isOrdinary && scale > 0x1p-100f && scale * 0x1p20f > extreme, rule);
    }
    float products, squares;
    ck_codebook_sums(book, group, rule, &products, &squares);
    if (squares > 0) scale = products / squares;
  }
  if (scale < 0) {
    scale = -scale;
    for (size_t i = 0; i < rule.group / 8; i++) group->signs[i] = ~group->signs[i] & (rule.isParityEven ? 127 : 255);
  }
  return scale;
}
