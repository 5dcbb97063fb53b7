/// Rows of activations rounded as they are before a product with weights: to 16-bit floats, or to eight-bit integers with a scale a
/// block, as ggml's CPU backend makes Q8_0 and Q8_K of them. What is written are the values that those stand for, in f32.
///
/// Every step is elementwise or a largest magnitude, so the bits are the same at every level. A NaN spoils its block and stays visible.

static void round_bf16(const float *from, float *to, size_t n) {
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const ck_u32x32 bits = *(const ck_u32x32_at *)(from + i);
    const ck_u32x32 isNaN = (ck_u32x32)((bits & 0x7fffffff) > 0x7f800000);
    const ck_u32x32 rounded = bits + 0x7fff + ((bits >> 16) & 1);
    *(ck_u32x32_at *)(to + i) = ((isNaN & (bits | 0x400000)) | (~isNaN & rounded)) & 0xffff0000;
  }
  for (; i < n; i++) to[i] = ck_float((uint32_t)ck_f32_to_bf16(from[i]) << 16);
}

static void round_f16(const float *from, float *to, size_t n) {
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    uint16_t half[32];
    ck_f32_to_f16_x32(from + i, half);
    ck_f16_to_f32_x32(half, to + i);
  }
  for (; i < n; i++) to[i] = ck_f16_to_f32(ck_f32_to_f16(from[i]));
}

/// Integers of 32 numbers times `factor`, ties to even, times `scale`.
CK_INLINE void ck_round_block(const float *from, float factor, float scale, float *to) {
  const ck_f32x32 v = *(const ck_f32x32_at *)from * factor;
  *(ck_f32x32_at *)to = ((v + 12582912.0f) - 12582912.0f) * scale;
}

/// The largest magnitude of 32 numbers, as bits; a NaN is larger than all.
CK_INLINE int32_t ck_largest_bits(const float *from) {
  return __builtin_reduce_max(*(const ck_i32x32_at *)from & 0x7fffffff);
}

/// Q8_0: blocks of 32, x = d q with |q| <= 127. The integers come of the unrounded scale, which is kept as f16.
static void round_q8_0(const float *from, float *to, size_t n) {
  for (size_t i = 0; i < n; i += 32) {
    const float largest = ck_float((uint32_t)ck_largest_bits(from + i));
    const float scale = ck_f16_to_f32(ck_f32_to_f16(largest / 127.0f));
    ck_round_block(from + i, scale != 0 ? 127.0f / largest : 0.0f, scale, to + i);
  }
}

/// Q8_K: blocks of 256, the scale in f32.
static void round_q8_k(const float *from, float *to, size_t n) {
  for (size_t i = 0; i < n; i += 256) {
    int32_t bits = 0;
    for (size_t j = 0; j < 256; j += 32) {
      const int32_t other = ck_largest_bits(from + i + j);
      bits = other > bits ? other : bits;
    }
    const float factor = 127.0f / ck_float((uint32_t)bits);
    const float scale = 1.0f / factor;
    for (size_t j = 0; j < 256; j += 32) ck_round_block(from + i + j, scale != 0 ? factor : 0.0f, scale, to + i + j);
  }
}
