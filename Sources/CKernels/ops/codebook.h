/// What encoders with a codebook share: table look-ups by lane, and the nearest point of one run.

typedef uint16_t ck_u16x8 __attribute__((ext_vector_type(8)));
typedef uint16_t ck_u16x8_at __attribute__((ext_vector_type(8), aligned(2), may_alias));

/// table[digit of each lane]; the lowest four bits of a digit count and are below 8.
CK_INLINE ck_f32x8 ck_pick(ck_f32x8 table, ck_i32x8 digits) {
#if defined(__x86_64__) && CK_LANES >= 8
  return __builtin_ia32_permvarsf256(table, digits);
#else
  ck_f32x8 picked;
  for (size_t lane = 0; lane < 8; lane++) picked[lane] = table[digits[lane] & 7];
  return picked;
#endif
}

/// table[index of each lane].
CK_INLINE ck_i32x8 ck_gather8(const int32_t *table, ck_i32x8 index) {
#if defined(__x86_64__) && CK_LANES >= 8
  return __builtin_ia32_gatherd_d256((ck_i32x8)0, table, index, (ck_i32x8)-1, 4);
#else
  ck_i32x8 gathered;
  for (size_t lane = 0; lane < 8; lane++) gathered[lane] = table[index[lane]];
  return gathered;
#endif
}

CK_INLINE ck_i32 ck_gather(const int32_t *table, ck_i32 index) {
#if CK_LANES == 8
  return ck_gather8(table, index);
#elif CK_LANES == 16
  const ck_i32x8 low = ck_gather8(table, index.lo), high = ck_gather8(table, index.hi);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
  ck_i32 gathered;
  for (size_t lane = 0; lane < CK_LANES; lane++) gathered[lane] = table[index[lane]];
  return gathered;
#endif
}

/// The lanes where a comparison holds, lane 0 lowest.
CK_INLINE uint32_t ck_lane_bits(ck_i32 mask) {
#if defined(__x86_64__) && CK_LANES == 8
  return (uint32_t)__builtin_ia32_movmskps256((ck_f32)mask);
#elif defined(__x86_64__) && CK_LANES == 16
  return (uint32_t)__builtin_ia32_movmskps256((ck_f32x8)mask.lo) |
         (uint32_t)__builtin_ia32_movmskps256((ck_f32x8)mask.hi) << 8;
#else
  uint32_t bits = 0;
  for (size_t lane = 0; lane < CK_LANES; lane++) bits |= (uint32_t)(mask[lane] & 1) << lane;
  return bits;
#endif
}

/// The value of the lane before; lane 0 gets `first`.
CK_INLINE ck_i32 ck_previous_lane(ck_i32 x, int32_t first) {
  const ck_i32 other = first;
#if CK_LANES == 4
  return __builtin_shufflevector(x, other, 4, 0, 1, 2);
#elif CK_LANES == 8
  return __builtin_shufflevector(x, other, 8, 0, 1, 2, 3, 4, 5, 6);
#else
  return __builtin_shufflevector(x, other, 16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
#endif
}

/// The list of an empty cell: the short one, or the whole one behind it.
CK_INLINE const uint16_t *ck_list(const ck_codebook *book, int32_t place, int isShort) {
  const uint16_t *list = book->lists + (-1 - place);
  return isShort ? list : list + 1 + list[0];
}

/// The point of a list with the smallest weighted squared error, the first of equals. Eight points are measured
/// at a time; `values` are those of the numbers, scaled.
CK_INLINE int32_t ck_nearest_point(
    const ck_codebook *book, const uint16_t *list, const float *x, const float *factors, ck_f32x8 values, size_t digits) {
  const int32_t count = list[0];
  const ck_i32x8 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  ck_f32x8 terms[8];
  CK_UNROLL for (size_t i = 0; i < digits; i++) {
    const ck_f32x8 difference = values - x[i];
    terms[i] = factors[i] * difference * difference;
  }
  ck_f32x8 smallest = 0x1.fffffep127f;
  ck_i32x8 nearest = 0;
  for (int32_t first = 0; first < count; first += 8) {
    const ck_u16x8 points = *(const ck_u16x8_at *)(list + 1 + first);
    ck_i32x8 codes = ck_gather8(book->codes, __builtin_convertvector(points, ck_i32x8));
    ck_f32x8 distance = 0;
    CK_UNROLL for (size_t i = 0; i < digits; i++, codes >>= 4) distance += ck_pick(terms[i], codes);
    const ck_i32x8 index = lane + first;
    const ck_i32x8 isNearer = (distance < smallest) & (index < count);
    smallest = isNearer ? distance : smallest;
    nearest = isNearer ? index : nearest;
  }
  float best = smallest[0];
  int32_t found = nearest[0];
  for (size_t i = 1; i < 8; i++) {
    const int isBetter = smallest[i] < best || (smallest[i] == best && nearest[i] < found);
    best = isBetter ? smallest[i] : best;
    found = isBetter ? nearest[i] : found;
  }
  return list[1 + found];
}
