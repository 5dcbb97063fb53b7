/// f32 to stored weights: the bytes of ggml's reference quantizers (x86-64, nothing fused), at every level.
///
/// A block is taken whole: its largest magnitude is exact in any order, and every other operation is
/// elementwise, so the number of lanes cannot show. Batches the vector form does not cover (an infinity, a NaN,
/// or a scale so small that its inverse overflows) go through the plain form, which says what they become.

CK_ENCODER(encode_f16) {
  uint8_t *bytes = to;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) ck_f32_to_f16_x32(from + i, bytes + 2 * i);
  for (; i < n; i++) ck_write16(bytes + 2 * i, ck_f32_to_f16(from[i]));
}

CK_ENCODER(encode_bf16) {
  uint8_t *bytes = to;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) ck_f32_to_bf16_x32(from + i, bytes + 2 * i);
  for (; i < n; i++) ck_write16(bytes + 2 * i, ck_f32_to_bf16(from[i]));
}

/// Blocks that are scaled together: their divisions share registers, and no block waits for another's.
enum { ck_batch = 8 };

/// Asks for the n weights that the encoder will want 8 KiB on. Where a batch is read twice, the second time from the cache,
/// the processor's own prefetching falls asleep in between.
CK_INLINE void ck_fetch(const float *from, size_t n) {
  CK_UNROLL for (size_t i = 0; i < n; i += 16) __builtin_prefetch(from + 2048 + i);
}

/// The largest magnitudes of a batch are finite, and so are the inverses of its scales.
#define CK_IS_FINITE(values) (__builtin_reduce_max((ck_i32x8)(values) & 0x7fffffff) < 0x7f800000)

CK_INLINE void ck_scales_to_f16(const ck_f32x8 *d, uint16_t half[ck_batch]) {
#if CK_HALF
  *(ck_f16x8_at *)half = __builtin_convertvector(*d, ck_f16x8);
#else
  for (size_t b = 0; b < ck_batch; b++) half[b] = ck_f32_to_f16((*d)[b]);
#endif
}

/// The int8 x86 makes of a float: truncated, and zero when it does not fit 32 bits.
CK_INLINE int8_t ck_truncate_i8(float x) {
  return __builtin_fabsf(x) < 0x1p31f ? (int8_t)(int32_t)x : 0;
}

/// roundf: nearest, halves away from zero. The largest float below a half never carries past an integer.
CK_INLINE float ck_round_bias(float x) { return x + __builtin_copysignf(0x1.fffffep-2f, x); }

/// Q8_0: d = amax / 127, q = round(x / d), halves away from zero. Written out, for any floats.
static __attribute__((noinline)) void ck_encode_q8_0_plainly(const float *x, ck_q8_0 *block) {
  float amax = 0;
  for (size_t j = 0; j < 32; j++) {
    const float v = __builtin_fabsf(x[j]);
    amax = amax > v ? amax : v;
  }
  const float d = amax / 127.0f;
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  ck_scale_to(block->d, d);
  for (size_t j = 0; j < 32; j++) block->qs[j] = ck_truncate_i8(ck_round_bias(x[j] * inverse));
}

CK_ENCODER(encode_q8_0) {
  ck_q8_0 *block = to;
  for (; n >= 32 * ck_batch; n -= 32 * ck_batch, from += 32 * ck_batch, block += ck_batch) {
    int32_t largest[ck_batch];
    CK_UNROLL for (size_t b = 0; b < ck_batch; b++) {
      largest[b] = __builtin_reduce_max(*(const ck_i32x32_at *)(from + 32 * b) & 0x7fffffff);
    }
    const ck_f32x8 amax = (ck_f32x8) * (const ck_i32x8_at *)largest;
    const ck_f32x8 d = amax / 127.0f;
    const ck_f32x8 inverse = (d != 0.0f) ? 1.0f / d : (ck_f32x8)0.0f;
    if (!CK_IS_FINITE(amax) || !CK_IS_FINITE(inverse)) {
      for (size_t b = 0; b < ck_batch; b++) ck_encode_q8_0_plainly(from + 32 * b, block + b);
      continue;
    }
    uint16_t half[ck_batch];
    ck_scales_to_f16(&d, half);
    float factor[ck_batch];
    *(ck_f32x8_at *)factor = inverse;
    CK_UNROLL for (size_t b = 0; b < ck_batch; b++) {
      const ck_f32x32 v = *(const ck_f32x32_at *)(from + 32 * b) * factor[b];
      const ck_i32x32 bias = ((ck_i32x32)v & INT32_MIN) | 0x3effffff;
      const ck_i32x32 q = __builtin_convertvector(v + (ck_f32x32)bias, ck_i32x32);
      ck_fetch(from + 32 * b, 32);
      ck_write16(block[b].d, half[b]);
      *(ck_i8x32_at *)block[b].qs = __builtin_convertvector(q, ck_i8x32);
    }
  }
  for (; n >= 32; n -= 32, from += 32, block++) ck_encode_q8_0_plainly(from, block);
}

/// 32 nibbles: the first half of the block low, the second high.
CK_INLINE void ck_store_nibbles(ck_u8x32 numbers, uint8_t *to) {
  *(ck_u8x16_at *)to = (numbers.lo & 15) | (numbers.hi << (uint8_t)4);
}
