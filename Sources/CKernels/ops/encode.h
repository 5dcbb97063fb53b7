/// f32 to stored weights: the bytes of ggml's reference quantizers (x86-64, nothing fused), at every level.
///
/// A block is taken whole: its largest magnitude is exact in any order, and every other operation is
/// elementwise, so the number of lanes cannot show. Blocks the vector form does not cover (an infinity, a NaN,
/// or a scale so small that its inverse overflows) go through the scalar form, which says what they become.

static void encode_f16(const float *from, void *to, size_t n) {
  uint8_t *bytes = to;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) ck_f32_to_f16_x32(from + i, bytes + 2 * i);
  for (; i < n; i++) ck_write16(bytes + 2 * i, ck_f32_to_f16(from[i]));
}

static void encode_bf16(const float *from, void *to, size_t n) {
  uint8_t *bytes = to;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) ck_f32_to_bf16_x32(from + i, bytes + 2 * i);
  for (; i < n; i++) ck_write16(bytes + 2 * i, ck_f32_to_bf16(from[i]));
}

/// The int8 x86 makes of a float: truncated, and zero when it does not fit 32 bits.
CK_INLINE int8_t ck_truncate_i8(float x) {
  return __builtin_fabsf(x) < 0x1p31f ? (int8_t)(int32_t)x : 0;
}

/// roundf: nearest, halves away from zero. The largest float below a half never carries past an integer.
CK_INLINE float ck_round_bias(float x) { return x + __builtin_copysignf(0x1.fffffep-2f, x); }

/// Q8_0: d = amax / 127, q = round(x / d), halves away from zero.
static void encode_q8_0(const float *from, void *to, size_t n) {
  ck_q8_0 *block = to;
  for (size_t i = 0; i < n; i += 32, block++) {
    const ck_f32x32 x = *(const ck_f32x32_at *)(from + i);
    const ck_i32x32 magnitude = (ck_i32x32)x & 0x7fffffff;
    float amax = ck_float((uint32_t)__builtin_reduce_max(magnitude));
    if (!(amax < __builtin_inff())) {
      amax = 0;
      for (size_t j = 0; j < 32; j++) {
        const float v = __builtin_fabsf(from[i + j]);
        amax = amax > v ? amax : v;
      }
    }
    const float d = amax / 127.0f;
    const float inverse = d != 0 ? 1.0f / d : 0.0f;
    ck_scale_to(block->d, d);
    if (amax < __builtin_inff() && inverse < __builtin_inff()) {
      const ck_f32x32 v = x * inverse;
      const ck_i32x32 half = ((ck_i32x32)v & INT32_MIN) | 0x3effffff;
      const ck_i32x32 q = __builtin_convertvector(v + (ck_f32x32)half, ck_i32x32);
      *(ck_i8x32_at *)block->qs = __builtin_convertvector(q, ck_i8x32);
    } else {
      for (size_t j = 0; j < 32; j++) block->qs[j] = ck_truncate_i8(ck_round_bias(from[i + j] * inverse));
    }
  }
}

/// The element of largest magnitude with its sign, the first of equals; NaNs are passed over.
CK_INLINE float ck_signed_max(const float *x) {
  float amax = 0, max = 0;
  for (size_t j = 0; j < 32; j++) {
    if (amax < __builtin_fabsf(x[j])) {
      amax = __builtin_fabsf(x[j]);
      max = x[j];
    }
  }
  return max;
}

/// Q4_0: d = (element of largest magnitude) / -8, q = truncate(x / d + 8.5), at most 15.
static void encode_q4_0(const float *from, void *to, size_t n) {
  ck_q4_0 *block = to;
  for (size_t i = 0; i < n; i += 32, block++) {
    const ck_f32x32 x = *(const ck_f32x32_at *)(from + i);
    const ck_i32x32 magnitude = (ck_i32x32)x & 0x7fffffff;
    const int32_t largest = __builtin_reduce_max(magnitude);
    // Which signs the largest magnitude occurs with: 1 positive, 2 negative, 3 both, and then the first wins.
    const ck_i32x32 sign = (((ck_i32x32)x >> 31) & 1) + 1;
    const int32_t signs = __builtin_reduce_or((magnitude == largest) & sign);
    float max = ck_float((uint32_t)largest | (signs == 2 ? 0x80000000u : 0));
    const int vector = largest < 0x7f800000;
    if (signs == 3 || largest == 0 || !vector) max = ck_signed_max(from + i);
    const float d = max / -8.0f;
    const float inverse = d != 0 ? 1.0f / d : 0.0f;
    ck_scale_to(block->d, d);
    if (vector && __builtin_fabsf(inverse) < __builtin_inff()) {
      const ck_i32x32 q = __builtin_convertvector(x * inverse + 8.5f, ck_i32x32);
      const ck_i32x32 clamped = __builtin_elementwise_min(q, (ck_i32x32)15);
      const ck_u8x32 nibble = __builtin_convertvector(clamped, ck_u8x32);
      *(ck_u8x16_at *)block->qs = nibble.lo | (nibble.hi << (uint8_t)4);
    } else {
      for (size_t j = 0; j < 16; j++) {
        const int8_t low = ck_truncate_i8(from[i + j] * inverse + 8.5f);
        const int8_t high = ck_truncate_i8(from[i + 16 + j] * inverse + 8.5f);
        block->qs[j] = (uint8_t)((low < 15 ? low : 15) | ((high < 15 ? high : 15) << 4));
      }
    }
  }
}
