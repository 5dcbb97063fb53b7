/// The scale s of a group so that s * n comes close to each weight, n from -limit to limit - 1
/// (Quants/Search/SymmetricScale.swift says the rule).

typedef struct {
  ck_wide scale;
  ck_wide inverse;      ///< the numbers are nearest(inverse * x) ...
  ck_wide_i32 isEmpty;  ///< ... plus limit, or all zero where the group is
} ck_symmetric;

CK_INLINE void ck_symmetric_sums(
    const ck_wide *x, const ck_wide *factors, const ck_wide *products, size_t width, int32_t limit, ck_wide inverse,
    ck_wide *sumProducts, ck_wide *sumSquares) {
  ck_wide p = 0, s = 0;
  for (size_t i = 0; i < width; i++) {
    const ck_wide number = ck_wide_float(ck_wide_nearest_in(inverse * x[i], -limit, limit - 1));
    p += products[i] * number;
    s += factors[i] * number * number;
  }
  *sumProducts = p;
  *sumSquares = s;
}

/// Nineteen inverse scales; width at most 32.
CK_INLINE ck_symmetric ck_symmetric_search(const ck_wide *x, const ck_wide *factors, size_t width, int32_t limit) {
  const ck_wide extreme = ck_extreme(x, width);
  const ck_wide_i32 isEmpty = __builtin_elementwise_abs(extreme) < CK_SMALLEST;
  ck_wide products[32];
  for (size_t i = 0; i < width; i++) products[i] = factors[i] * x[i];
  ck_wide inverse = (ck_wide)(float)-limit / extreme, p, s;
  ck_symmetric_sums(x, factors, products, width, limit, inverse, &p, &s);
  ck_wide scale = s != 0 ? p / s : 0, best = scale * p, chosen = inverse;
  for (int step = -9; step <= 9; step++) {
    if (step == 0) continue;
    inverse = -((float)limit + 0.1f * (float)step) / extreme;
    ck_symmetric_sums(x, factors, products, width, limit, inverse, &p, &s);
    const ck_wide_i32 isBetter = (s > 0) & (p * p > best * s);
    const ck_wide fitted = p / s;
    scale = isBetter ? fitted : scale;
    best = isBetter ? fitted * p : best;
    chosen = isBetter ? inverse : chosen;
  }
  return (ck_symmetric){isEmpty ? 0 : scale, chosen, isEmpty};
}

/// The numbers of a fit, plus limit.
CK_INLINE ck_wide_i32 ck_symmetric_number(const ck_symmetric *fit, ck_wide x, int32_t limit) {
  const ck_wide_i32 number = ck_wide_nearest_in(fit->inverse * x, -limit, limit - 1) + limit;
  return ~fit->isEmpty & number;
}

CK_INLINE ck_i32 ck_lanes_nearest_in(ck_f32 x, int32_t low, int32_t high) {
  const ck_i32 nearest = ((ck_i32)(x + 12582912.0f) & 0x7fffff) - 0x400000;
  return __builtin_elementwise_max(__builtin_elementwise_min(nearest, (ck_i32)high), (ck_i32)low);
}

CK_INLINE ck_f32 ck_lanes_float(ck_i32 x) { return __builtin_convertvector(x, ck_f32); }

/// How many registers of groups descend side by side: each waits for its own division in every step. Registers, because
/// the masks of wider vectors are packed and unpacked again in every step.
enum { ck_descents = 4 };

/// Groups on their way down: weights, numbers, and the sums of weight^3 x number and of weight^2 x number^2.
typedef struct {
  ck_f32 x[16], p, s;
  ck_i32 numbers[16], isEmpty, isChanged;
} ck_descent;

CK_INLINE void ck_descend_from_extreme(ck_descent *groups, int32_t limit) {
  ck_f32 extreme = 0, largest = 0;
  for (size_t i = 0; i < 16; i++) {
    const ck_f32 magnitude = __builtin_elementwise_abs(groups->x[i]);
    extreme = magnitude > largest ? groups->x[i] : extreme;
    largest = magnitude > largest ? magnitude : largest;
  }
  const ck_f32 inverse = (ck_f32)(float)-limit / extreme;
  ck_f32 p = 0, s = 0;
  for (size_t i = 0; i < 16; i++) {
    groups->numbers[i] = ck_lanes_nearest_in(inverse * groups->x[i], -limit, limit - 1);
    const ck_f32 number = ck_lanes_float(groups->numbers[i]), factor = groups->x[i] * groups->x[i];
    p += factor * groups->x[i] * number;
    s += factor * number * number;
  }
  groups->p = p;
  groups->s = s;
  groups->isEmpty = __builtin_elementwise_abs(extreme) < CK_SMALLEST;
  // Below a positive extreme every term of p is negative or zero and rounding keeps that order, so no step can move.
  groups->isChanged = p > 0;
}

/// Moves number i where that lowers the error.
CK_INLINE void ck_descend_step(ck_descent *groups, size_t i, int32_t limit) {
  const ck_f32 x = groups->x[i], p = groups->p, s = groups->s, number = ck_lanes_float(groups->numbers[i]);
  const ck_f32 factor = x * x, product = factor * x;
  ck_f32 otherP = p - product * number;
  ck_f32 otherS = s - factor * number * number;
  ck_i32 isMoved = otherP > 0;
  const ck_i32 candidate = ck_lanes_nearest_in(x * otherS / otherP, -limit, limit - 1);
  const ck_f32 value = ck_lanes_float(candidate);
  isMoved &= candidate != groups->numbers[i];
  otherP += product * value;
  otherS += factor * value * value;
  isMoved &= (otherS > 0) & (otherP * otherP * s > p * p * otherS);
  groups->numbers[i] = isMoved ? candidate : groups->numbers[i];
  groups->p = isMoved ? otherP : p;
  groups->s = isMoved ? otherS : s;
  groups->isChanged |= isMoved;
}

/// One round: every number may move once.
CK_INLINE void ck_descend_round(ck_descent *groups, int32_t limit) {
  CK_UNROLL for (size_t k = 0; k < ck_descents; k++) groups[k].isChanged = 0;
  for (size_t i = 0; i < 16; i++) {
    CK_UNROLL for (size_t k = 0; k < ck_descents; k++) ck_descend_step(&groups[k], i, limit);
  }
}

/// A group between two rounds; its numbers plus limit take four bits each, so the limit is at most 8.
typedef struct {
  float p, s;
  int32_t low, high;
} ck_descent_state;

CK_INLINE void ck_descend_resume(const ck_descent_state *const states[CK_LANES], int32_t limit, ck_descent *groups) {
  ck_i32 low, high;
  for (size_t lane = 0; lane < CK_LANES; lane++) {
    groups->p[lane] = states[lane]->p;
    groups->s[lane] = states[lane]->s;
    low[lane] = states[lane]->low;
    high[lane] = states[lane]->high;
  }
  for (int32_t i = 0; i < 8; i++) {
    groups->numbers[i] = (low >> 4 * i & 15) - limit;
    groups->numbers[i + 8] = (high >> 4 * i & 15) - limit;
  }
  groups->isEmpty = 0;
}

/// Starts the groups named in `which` with the extreme weight on -limit (round 0), or moves one number after another while
/// that lowers the error, which counts by the weight's square. Groups of sixteen. `scales` gets theirs; those that may
/// still change come back in `which`, with their states, and how many they are. A group where nothing moved in a round
/// would not move in another either.
static __attribute__((noinline)) size_t ck_descend_some(
    const float *from, uint16_t *which, size_t count, int32_t limit, int round, ck_descent_state *states, float *scales) {
  size_t left = 0;
  for (size_t first = 0; first < count; first += ck_descents * CK_LANES) {
    ck_descent descents[ck_descents];
    ck_f32 x[16 * ck_descents];
    // Lanes to spare do the last group again.
    uint16_t named[ck_descents * CK_LANES];
    for (size_t lane = 0; lane < ck_descents * CK_LANES; lane++) {
      named[lane] = which[first + lane < count ? first + lane : count - 1];
    }
    for (size_t lane = 0; lane < ck_descents * CK_LANES; lane += 8) {
      const float *rows[8];
      CK_UNROLL for (size_t r = 0; r < 8; r++) rows[r] = from + 16 * (size_t)named[lane + r];
      ck_transpose_eight(rows, 16, (float *)x + lane, ck_descents * CK_LANES);
    }
    for (size_t k = 0; k < ck_descents; k++) {
      for (size_t i = 0; i < 16; i++) descents[k].x[i] = x[i * ck_descents + k];
      if (round == 0) {
        ck_descend_from_extreme(&descents[k], limit);
      } else {
        const ck_descent_state *kept[CK_LANES];
        for (size_t lane = 0; lane < CK_LANES; lane++) kept[lane] = &states[named[k * CK_LANES + lane]];
        ck_descend_resume(kept, limit, &descents[k]);
      }
    }
    if (round > 0) ck_descend_round(descents, limit);
    ck_f32 found[ck_descents];
    ck_i32 low[ck_descents], high[ck_descents], isOpen[ck_descents];
    for (size_t k = 0; k < ck_descents; k++) {
      const ck_descent *groups = &descents[k];
      const ck_f32 scale = groups->s > 0 ? groups->p / groups->s : 0;
      found[k] = groups->isEmpty ? 0 : scale;
      isOpen[k] = groups->isChanged & ~groups->isEmpty;
      low[k] = 0;
      high[k] = 0;
      for (int32_t i = 0; i < 8; i++) {
        low[k] |= (groups->numbers[i] + limit) << 4 * i;
        high[k] |= (groups->numbers[i + 8] + limit) << 4 * i;
      }
    }
    for (size_t lane = 0; lane < ck_descents * CK_LANES && first + lane < count; lane++) {
      const uint16_t group = named[lane];
      const ck_descent *groups = &descents[lane / CK_LANES];
      scales[group] = ((const float *)found)[lane];
      states[group] = (ck_descent_state){
          ((const float *)&groups->p)[lane % CK_LANES], ((const float *)&groups->s)[lane % CK_LANES],
          ((const int32_t *)low)[lane], ((const int32_t *)high)[lane]};
      which[left] = group;
      left += ((const int32_t *)isOpen)[lane] != 0;
    }
  }
  return left;
}
