/// Q4_1, Q5_0, Q5_1 to f32, with the bits of the plain code.

/// 32 five-bit numbers from their fifth bits and nibbles.
CK_INLINE ck_i32x32 ck_five_bits(const uint8_t *high, const uint8_t *nibbles) {
  const ck_u32x32 place = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                           16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
  uint32_t bits;
  __builtin_memcpy(&bits, high, 4);
  const ck_u8x16 pair = *(const ck_u8x16_at *)nibbles;
  const ck_u8x16 low = pair & 15, upper = pair >> 4;
  const ck_u8x32 nibble = __builtin_shufflevector(
      low, upper, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
      28, 29, 30, 31);
  const ck_u32x32 fifth = (((ck_u32x32)bits >> place) & 1) << 4;
  return (ck_i32x32)(__builtin_convertvector(nibble, ck_u32x32) | fifth);
}

/// 32 nibbles: low ones first.
CK_INLINE ck_i32x32 ck_nibbles(const uint8_t *from) {
  const ck_u8x16 pair = *(const ck_u8x16_at *)from;
  const ck_u8x16 low = pair & 15, high = pair >> 4;
  const ck_u8x32 nibble = __builtin_shufflevector(
      low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
      29, 30, 31);
  return __builtin_convertvector(nibble, ck_i32x32);
}

#define CK_FLOATS(numbers) __builtin_convertvector(numbers, ck_f32x32)

CK_DECODER(decode_q4_1) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 20) {
    const ck_f32x32 q = CK_FLOATS(ck_nibbles(block + 4));
    *(ck_f32x32_at *)(to + i) = q * ck_scale_from(block) + ck_scale_from(block + 2);
  }
}

CK_DECODER(decode_q5_0) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 22) {
    *(ck_f32x32_at *)(to + i) = CK_FLOATS(ck_five_bits(block + 2, block + 6) - 16) * ck_scale_from(block);
  }
}

CK_DECODER(decode_q5_1) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 24) {
    const ck_f32x32 q = CK_FLOATS(ck_five_bits(block + 4, block + 8));
    *(ck_f32x32_at *)(to + i) = q * ck_scale_from(block) + ck_scale_from(block + 2);
  }
}
