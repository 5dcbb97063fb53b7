/// The scale s of a group so that s * n comes close to each weight, n from 0 to limit
/// (Quants/Search/PositiveScale.swift says the rule). Numbers are bytes: negative ones wrap around, as in the reference.
CK_INLINE ck_wide ck_positive_search(
    const ck_wide *x, const ck_wide *factors, size_t width, int32_t limit, ck_wide_i32 *numbers) {
  ck_wide largest = 0;
  for (size_t i = 0; i < width; i++) largest = largest > x[i] ? largest : x[i];
  const ck_wide_i32 isEmpty = largest < CK_SMALLEST;
  ck_wide chosen = (float)limit / largest;
  ck_wide scale = 1.0f / chosen, best = 0;
  for (size_t i = 0; i < width; i++) {
    const ck_wide difference = x[i] - scale * ck_wide_float(ck_wide_nearest(chosen * x[i]) & 255);
    best += factors[i] * difference * difference;
  }
  for (int step = -4; step <= 4; step++) {
    if (step == 0) continue;
    const ck_wide inverse = (0.1f * (float)step + (float)limit) / largest;
    scale = 1.0f / inverse;
    ck_wide error = 0;
    for (size_t i = 0; i < width; i++) {
      const ck_wide_i32 number = __builtin_elementwise_min(ck_wide_nearest(inverse * x[i]), (ck_wide_i32)limit);
      const ck_wide difference = x[i] - scale * ck_wide_float(number);
      error += factors[i] * difference * difference;
    }
    const ck_wide_i32 isBetter = error < best;
    best = isBetter ? error : best;
    chosen = isBetter ? inverse : chosen;
  }
  ck_wide p = 0, s = 0;
  for (size_t i = 0; i < width; i++) {
    const ck_wide_i32 number = __builtin_elementwise_min(ck_wide_nearest(chosen * x[i]), (ck_wide_i32)limit);
    const ck_wide value = ck_wide_float(number);
    numbers[i] = number & 255;
    p += factors[i] * x[i] * value;
    s += factors[i] * value * value;
  }
  for (int round = 0; round < 5; round++) {
    ck_wide_i32 isChanged = 0;
    for (size_t i = 0; i < width; i++) {
      const ck_wide number = ck_wide_float(numbers[i]), product = factors[i] * x[i];
      ck_wide otherP = p - product * number;
      ck_wide otherS = s - factors[i] * number * number;
      ck_wide_i32 isMoved = (otherP > 0) & (otherS > 0);
      const ck_wide_i32 nearest = ck_wide_nearest(x[i] * otherS / otherP);
      const ck_wide_i32 candidate = __builtin_elementwise_min(nearest, (ck_wide_i32)limit);
      const ck_wide value = ck_wide_float(candidate);
      isMoved &= candidate != numbers[i];
      otherP += product * value;
      otherS += factors[i] * value * value;
      isMoved &= otherP * otherP * s > p * p * otherS;
      numbers[i] = isMoved ? candidate & 255 : numbers[i];
      p = isMoved ? otherP : p;
      s = isMoved ? otherS : s;
      isChanged |= isMoved;
    }
    if (!ck_any(isChanged & ~isEmpty)) break;
  }
  for (size_t i = 0; i < width; i++) numbers[i] = ~isEmpty & numbers[i];
  scale = s > 0 ? p / s : 0;
  return isEmpty ? 0 : scale;
}
