/// The scale s and the offset m >= 0 of a group so that s * n - m comes close to each weight, n from 0 to limit
/// (Quants/Search/AffineScale.swift says the rule).

typedef struct {
  int32_t limit;
  float first, step;
  int last, isAbsolute;
} ck_affine_rule;

/// What weighted encoders use.
CK_INLINE ck_affine_rule ck_affine_weighted(int32_t limit) { return (ck_affine_rule){limit, -0.9f, 0.05f, 36, 0}; }

typedef struct {
  ck_wide scale, offset;    ///< the offset is to be subtracted
  ck_wide inverse, origin;  ///< the numbers are nearest(inverse * (x - origin)) ...
  ck_wide_i32 isEmpty;      ///< ... or all zero where all weights are equal
} ck_affine;

/// The weighted error of numbers decoded by a scale and an offset that is added.
CK_INLINE ck_wide ck_affine_error(
    const ck_wide *x, const ck_wide *factors, const ck_wide *numbers, size_t width, int isAbsolute, ck_wide scale,
    ck_wide offset) {
  ck_wide sum = 0;
  for (size_t i = 0; i < width; i++) {
    const ck_wide difference = scale * numbers[i] + offset - x[i];
    sum += factors[i] * (isAbsolute ? __builtin_elementwise_abs(difference) : difference * difference);
  }
  return sum;
}

/// Tries rule.last + 1 inverse scales; width at most 32.
CK_INLINE ck_affine ck_affine_search(const ck_wide *x, const ck_wide *factors, size_t width, ck_affine_rule rule) {
  ck_wide low = x[0], high = x[0], sumFactors = factors[0], sumWeights = factors[0] * x[0];
  for (size_t i = 1; i < width; i++) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    sumFactors += factors[i];
    sumWeights += factors[i] * x[i];
  }
  low = low > 0 ? 0 : low;
  ck_affine fit;
  fit.isEmpty = high == low;
  const ck_wide lowest = low;
  ck_wide numbers[32];
  fit.inverse = (float)rule.limit / (high - low);
  fit.origin = low;
  fit.scale = 1.0f / fit.inverse;
  for (size_t i = 0; i < width; i++) {
    numbers[i] = ck_wide_float(ck_wide_nearest_in(fit.inverse * (x[i] - low), 0, rule.limit));
  }
  ck_wide best = ck_affine_error(x, factors, numbers, width, rule.isAbsolute, fit.scale, low);
  for (int attempt = 0; attempt <= rule.last; attempt++) {
    const float steps = rule.first + rule.step * (float)attempt + (float)rule.limit;
    const ck_wide inverse = steps / (high - low), origin = low;
    ck_wide sumNumbers = 0, sumSquares = 0, sumProducts = 0;
    for (size_t i = 0; i < width; i++) {
      const ck_wide number = ck_wide_float(ck_wide_nearest_in(inverse * (x[i] - origin), 0, rule.limit));
      const ck_wide weighted = factors[i] * number;
      numbers[i] = number;
      sumNumbers += weighted;
      sumSquares += weighted * number;
      sumProducts += weighted * x[i];
    }
    const ck_wide determinant = sumFactors * sumSquares - sumNumbers * sumNumbers;
    ck_wide scale = (sumFactors * sumProducts - sumWeights * sumNumbers) / determinant;
    ck_wide offset = (sumSquares * sumWeights - sumNumbers * sumProducts) / determinant;
    const ck_wide_i32 isPositive = offset > 0;
    scale = isPositive ? sumProducts / sumSquares : scale;
    offset = isPositive ? 0 : offset;
    const ck_wide error = ck_affine_error(x, factors, numbers, width, rule.isAbsolute, scale, offset);
    const ck_wide_i32 isBetter = (determinant > 0) & (error < best);
    best = isBetter ? error : best;
    fit.scale = isBetter ? scale : fit.scale;
    low = isBetter ? offset : low;
    fit.inverse = isBetter ? inverse : fit.inverse;
    fit.origin = isBetter ? origin : fit.origin;
  }
  fit.scale = fit.isEmpty ? 0 : fit.scale;
  fit.offset = -(fit.isEmpty ? lowest : low);
  return fit;
}

/// The numbers of a fit.
CK_INLINE ck_wide_i32 ck_affine_number(const ck_affine *fit, ck_wide x, int32_t limit) {
  return ~fit->isEmpty & ck_wide_nearest_in(fit->inverse * (x - fit->origin), 0, limit);
}
