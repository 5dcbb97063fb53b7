/// TQ1_0, TQ2_0, Q1_0, Q2_0 to f32, with the bits of the plain code: two bits a weight or fewer.

CK_DECODER(decode_tq2_0) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 66) {
    const float d = ck_scale_from(block + 64);
    for (size_t part = 0; part < 8; part++) {
      const ck_u8x32 q = (CK_BYTES32(block + part / 4 * 32) >> (uint8_t)(part % 4 * 2)) & 3;
      *(ck_f32x32_at *)(to + i + part * 32) = CK_FLOATS(__builtin_convertvector(q, ck_i32x32) - 1) * d;
    }
  }
}

/// One ternary digit of `count` bytes.
CK_INLINE void ck_decode_trits(const uint8_t *from, size_t count, uint8_t power, float d, float *to) {
  for (size_t l = 0; l < count; l++) {
    const uint8_t fraction = (uint8_t)(from[l] * power);
    to[l] = (float)((int32_t)((uint32_t)fraction * 3 >> 8) - 1) * d;
  }
}

CK_DECODER(decode_tq1_0) {
  const uint8_t powers[5] = {1, 3, 9, 27, 81}, *block = from;
  for (size_t i = 0; i < n; i += 256, block += 54) {
    const float d = ck_scale_from(block + 52);
    for (size_t digit = 0; digit < 5; digit++) {
      ck_decode_trits(block, 32, powers[digit], d, to + i + digit * 32);
      ck_decode_trits(block + 32, 16, powers[digit], d, to + i + 160 + digit * 16);
      if (digit < 4) ck_decode_trits(block + 48, 4, powers[digit], d, to + i + 240 + digit * 4);
    }
  }
}

CK_DECODER(decode_q1_0) {
  const ck_u32x32 place = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                           16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 128, block += 18) {
    const uint32_t d = ck_bits(ck_scale_from(block));
    for (size_t word = 0; word < 4; word++) {
      uint32_t bits;
      __builtin_memcpy(&bits, block + 2 + word * 4, 4);
      *(ck_u32x32_at *)(to + i + word * 32) = d ^ (((~(ck_u32x32)bits >> place) & 1) << 31);
    }
  }
}

CK_DECODER(decode_q2_0) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 64, block += 18) {
    const float d = ck_scale_from(block);
    for (size_t j = 0; j < 64; j++) to[i + j] = (float)(((block[2 + j / 4] >> (j % 4 * 2)) & 3) - 1) * d;
  }
}
