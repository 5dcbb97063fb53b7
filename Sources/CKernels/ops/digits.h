/// Activations as fixed-point numbers of two digits, and the integer sums of their products with the codes of stored weights.
///
/// docs/numerics.md (the digits road) says what is computed. Products of digits and codes are added as integers, which no order of
/// adding changes; floats are added in one order at every level.

typedef int16_t ck_i16x8 __attribute__((ext_vector_type(8)));
typedef int16_t ck_i16x16 __attribute__((ext_vector_type(16)));
typedef int16_t ck_i16x16_at __attribute__((ext_vector_type(16), aligned(2), may_alias));
typedef uint16_t ck_u16x16 __attribute__((ext_vector_type(16)));
typedef int8_t ck_i8x16 __attribute__((ext_vector_type(16)));
typedef int8_t ck_i8x16_at __attribute__((ext_vector_type(16), aligned(1), may_alias));
typedef uint32_t ck_u32x8 __attribute__((ext_vector_type(8)));

/// Adds neighbours' products of sixteen-bit numbers.
CK_INLINE ck_i32x8 ck_add_pairs(ck_i16x16 a, ck_i16x16 b, ck_i32x8 sum) {
#if CK_DOTS == CK_DOTS_AVX2
  return sum + (ck_i32x8)__builtin_ia32_pmaddwd256(a, b);
#elif CK_DOTS == CK_DOTS_NEON
  typedef int32_t ck_i32x4 __attribute__((ext_vector_type(4)));
  const int16x8_t x[2] = {(int16x8_t)a.lo, (int16x8_t)a.hi}, y[2] = {(int16x8_t)b.lo, (int16x8_t)b.hi};
  int32x4_t four[2];
  CK_UNROLL for (size_t i = 0; i < 2; i++) {
    four[i] = vpaddq_s32(vmull_s16(vget_low_s16(x[i]), vget_low_s16(y[i])), vmull_high_s16(x[i], y[i]));
  }
  return sum + __builtin_shufflevector((ck_i32x4)four[0], (ck_i32x4)four[1], 0, 1, 2, 3, 4, 5, 6, 7);
#else
  typedef int32_t ck_i32x16 __attribute__((ext_vector_type(16)));
  const ck_i32x16 product = __builtin_convertvector(a, ck_i32x16) * __builtin_convertvector(b, ck_i32x16);
  return sum + product.even + product.odd;
#endif
}

/// 32 codes of sixteen bits: those of even columns, those of odd ones.
typedef struct {
  ck_i16x16 even, odd;
} ck_codes;

/// Bytes of which `zero` counts as nothing. So what the activations have in common does not become large sums that cancel.
CK_INLINE ck_codes ck_centered(ck_u8x32 bytes, int16_t zero) {
  const ck_u16x16 pairs = (ck_u16x16)bytes;
  return (ck_codes){(ck_i16x16)(pairs & 255) - zero, (ck_i16x16)(pairs >> 8) - zero};
}

CK_INLINE ck_codes ck_signed(ck_i8x32 bytes) {
  const ck_i16x16 pairs = (ck_i16x16)bytes;
  return (ck_codes){(ck_i16x16)((ck_u16x16)pairs << 8) >> 8, pairs >> 8};
}

/// Sums over four neighbouring columns of the products of codes and digits. A code is -128...127, so a sum is an exact float:
/// 4 * 128 * 2^14 = 2^23.
CK_INLINE ck_i32x8 ck_fours(ck_codes w, const int16_t digits[2][16]) {
  const ck_i32x8 sum = ck_add_pairs(w.even, *(const ck_i16x16_at *)digits[0], 0);
  return ck_add_pairs(w.odd, *(const ck_i16x16_at *)digits[1], sum);
}

/// Lanes k and k + 4 are added, then k and k + 2, then k and k + 1.
CK_INLINE float ck_halved_sum(ck_f32x8 x) {
  const ck_f32x4 four = x.lo + x.hi;
  return (four.x + four.z) + (four.y + four.w);
}

/// The sums of 32 columns that offsets are multiplied by. Products with 2^15 are exact.
CK_INLINE void ck_sum_digits(ck_stretch *to, size_t chunk) {
  const ck_codes ones = {1, 1};
  const ck_i32x8 first = ck_fours(ones, to->digit[chunk][0]), second = ck_fours(ones, to->digit[chunk][1]);
  to->sum[chunk] = (float)__builtin_reduce_add(first.lo) * 0x1p15f + (float)__builtin_reduce_add(second.lo);
  to->sum[8 + chunk] = (float)__builtin_reduce_add(first.hi) * 0x1p15f + (float)__builtin_reduce_add(second.hi);
}

/// Cuts a token into digits: a ck_stretch for every 256 columns. Columns are a multiple of 32.
static void make_digits(const float *x, size_t columns, ck_stretch *to) {
  for (size_t at = 0; at < columns; at += 256, x += 256, to++) {
    const size_t count = columns - at < 256 ? columns - at : 256;
    ck_i32x8 bits = 0;
    for (size_t i = 0; i < count; i += 8) {
      bits = __builtin_elementwise_max(bits, (ck_i32x8)(*(const ck_f32x8_at *)(x + i)) & 0x7fffffff);
    }
    const uint32_t largest = (uint32_t)__builtin_reduce_max(bits), exponent = largest >> 23;
    __builtin_memset(to, 0, sizeof *to);
    if (exponent == 255) {
      to->scale = ck_float(0x7fc00000);
      continue;
    }
    // The largest number is below 2^28; the scale is 2^-126 at least.
    const uint32_t scale = exponent > 28 ? exponent - 27 : 1;
    to->scale = ck_float(scale << 23);
    const float inverse = ck_float((254 - scale) << 23);
    for (size_t i = 0; i < count; i += 8) {
      const ck_f32x8 value = *(const ck_f32x8_at *)(x + i) * inverse;
      // Ties to even; what is 2^22 or more has halves at most, of which the sum would lose some, and 2^23 or more none.
      const ck_f32x8 near = value + 0x1.8p23f - 0x1.8p23f;
      const ck_f32x8 magnitude = __builtin_elementwise_abs(value), far = magnitude + 0x1p23f - 0x1p23f;
      const ck_i32x8 sign = (ck_i32x8)value & (int32_t)0x80000000;
      const ck_f32x8 rounded =
          magnitude < 0x1p22f ? near : magnitude < 0x1p23f ? (ck_f32x8)((ck_i32x8)far | sign) : value;
      const ck_i32x8 number = __builtin_convertvector(rounded, ck_i32x8), first = (number + 0x4000) >> 15;
      const ck_i16x8 digit[2] = {__builtin_convertvector(first, ck_i16x8),
                                 __builtin_convertvector(number - first * 0x8000, ck_i16x8)};
      CK_UNROLL for (size_t d = 0; d < 2; d++) {
        typedef int16_t ck_i16x4 __attribute__((ext_vector_type(4)));
        const ck_i16x4 even = digit[d].even, odd = digit[d].odd;
        __builtin_memcpy(to->digit[i / 32][d][0] + i % 32 / 2, &even, 8);
        __builtin_memcpy(to->digit[i / 32][d][1] + i % 32 / 2, &odd, 8);
      }
    }
    for (size_t chunk = 0; chunk < count / 32; chunk++) ck_sum_digits(to, chunk);
  }
}
