/// Finds infinities and NaNs at the speed of memory: a stretch is searched element by element only if its
/// largest magnitude shows there is something to find.

#define CK_FIRST_NONFINITE(function, element, vector, vector_at, exponent)                \
  static size_t function(const void *from, size_t n) {                           \
    const uint8_t *bytes = from;                                                          \
    size_t i = 0;                                                                         \
    for (; i + 128 <= n; i += 128) {                                                      \
      const vector_at *at = (const vector_at *)(bytes + i * sizeof(element));             \
      const vector found = (vector)((at[0] & exponent) == exponent) |                     \
                           (vector)((at[1] & exponent) == exponent) |                     \
                           (vector)((at[2] & exponent) == exponent) |                     \
                           (vector)((at[3] & exponent) == exponent);                      \
      if (__builtin_reduce_or(found)) break;                                              \
    }                                                                                     \
    for (; i < n; i++) {                                                                  \
      element value;                                                                      \
      __builtin_memcpy(&value, bytes + i * sizeof(element), sizeof(element));             \
      if ((value & exponent) == exponent) break;                                          \
    }                                                                                     \
    return i;                                                                             \
  }

CK_FIRST_NONFINITE(first_nonfinite_f32, uint32_t, ck_u32x32, ck_u32x32_at, (uint32_t)0x7f800000)
CK_FIRST_NONFINITE(first_nonfinite_f16, uint16_t, ck_u16x32, ck_u16x32_at, (uint16_t)0x7c00)
CK_FIRST_NONFINITE(first_nonfinite_bf16, uint16_t, ck_u16x32, ck_u16x32_at, (uint16_t)0x7f80)
