/// The scale s of a group so that s * n comes close to each weight, n from -limit to limit - 1
/// (Quants/SymmetricScale.swift says the rule).

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

/// Starts with the extreme weight on -limit and moves one number at a time while that lowers the error, which counts
/// by the weight's square. numbers gets the result plus limit.
CK_INLINE ck_wide ck_symmetric_descend(const ck_wide *x, size_t width, int32_t limit, ck_wide_i32 *numbers) {
  const ck_wide extreme = ck_extreme(x, width);
  const ck_wide_i32 isEmpty = __builtin_elementwise_abs(extreme) < CK_SMALLEST;
  const ck_wide inverse = (ck_wide)(float)-limit / extreme;
  ck_wide p = 0, s = 0;
  for (size_t i = 0; i < width; i++) {
    numbers[i] = ck_wide_nearest_in(inverse * x[i], -limit, limit - 1);
    const ck_wide number = ck_wide_float(numbers[i]), factor = x[i] * x[i];
    p += factor * x[i] * number;
    s += factor * number * number;
  }
  for (int round = 0; round < 5; round++) {
    ck_wide_i32 isChanged = 0;
    for (size_t i = 0; i < width; i++) {
      const ck_wide number = ck_wide_float(numbers[i]), factor = x[i] * x[i];
      ck_wide otherP = p - factor * x[i] * number;
      ck_wide otherS = s - factor * number * number;
      ck_wide_i32 isMoved = otherP > 0;
      const ck_wide_i32 candidate = ck_wide_nearest_in(x[i] * otherS / otherP, -limit, limit - 1);
      const ck_wide value = ck_wide_float(candidate);
      isMoved &= candidate != numbers[i];
      otherP += factor * x[i] * value;
      otherS += factor * value * value;
      isMoved &= (otherS > 0) & (otherP * otherP * s > p * p * otherS);
      numbers[i] = isMoved ? candidate : numbers[i];
      p = isMoved ? otherP : p;
      s = isMoved ? otherS : s;
      isChanged |= isMoved;
    }
    // A lane where nothing moved would not move in another round either.
    if (!ck_any(isChanged & ~isEmpty)) break;
  }
  for (size_t i = 0; i < width; i++) numbers[i] = ~isEmpty & (numbers[i] + limit);
  const ck_wide scale = s > 0 ? p / s : 0;
  return isEmpty ? 0 : scale;
}
