/// Stored weights to f32. Every decoded value is one exact conversion and at most one product, so all levels
/// agree bit for bit (NaNs excepted: they stay NaNs).

CK_INLINE void ck_decode_f16(const void *from, float *to, size_t n) {
  const uint8_t *bytes = from;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) ck_f16_to_f32_x32(bytes + 2 * i, to + i);
  for (; i < n; i++) to[i] = ck_f16_to_f32(ck_read16(bytes + 2 * i));
}

CK_INLINE void ck_decode_bf16(const void *from, float *to, size_t n) {
  const uint8_t *bytes = from;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) ck_bf16_to_f32_x32(bytes + 2 * i, to + i);
  for (; i < n; i++) to[i] = ck_float((uint32_t)ck_read16(bytes + 2 * i) << 16);
}

CK_INLINE void ck_decode_q8_0(const void *from, float *to, size_t n) {
  const ck_q8_0 *block = from;
  for (size_t i = 0; i < n; i += 32, block++) {
    const ck_i32x32 q = __builtin_convertvector(*(const ck_i8x32_at *)block->qs, ck_i32x32);
    *(ck_f32x32_at *)(to + i) = __builtin_convertvector(q, ck_f32x32) * ck_scale_from(block->d);
  }
}

CK_INLINE void ck_decode_q4_0(const void *from, float *to, size_t n) {
  const ck_q4_0 *block = from;
  for (size_t i = 0; i < n; i += 32, block++) {
    const ck_u8x16 pair = *(const ck_u8x16_at *)block->qs;
    const ck_u8x16 low = pair & 15, high = pair >> 4;
    const ck_i8x32 nibble = (ck_i8x32)__builtin_shufflevector(
        low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
        24, 25, 26, 27, 28, 29, 30, 31);
    const ck_i32x32 q = __builtin_convertvector(nibble - (int8_t)8, ck_i32x32);
    *(ck_f32x32_at *)(to + i) = __builtin_convertvector(q, ck_f32x32) * ck_scale_from(block->d);
  }
}

CK_DECODER(decode_f16) { ck_decode_f16(from, to, n); }
CK_DECODER(decode_bf16) { ck_decode_bf16(from, to, n); }
CK_DECODER(decode_q8_0) { ck_decode_q8_0(from, to, n); }
CK_DECODER(decode_q4_0) { ck_decode_q4_0(from, to, n); }
