/// The other formats without a codebook to f32, with the bits of the plain code.

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

static void decode_q4_1(const void *from, float *to, size_t n) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 20) {
    const ck_f32x32 q = CK_FLOATS(ck_nibbles(block + 4));
    *(ck_f32x32_at *)(to + i) = q * ck_scale_from(block) + ck_scale_from(block + 2);
  }
}

static void decode_q5_0(const void *from, float *to, size_t n) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 22) {
    *(ck_f32x32_at *)(to + i) = CK_FLOATS(ck_five_bits(block + 2, block + 6) - 16) * ck_scale_from(block);
  }
}

static void decode_q5_1(const void *from, float *to, size_t n) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 24) {
    const ck_f32x32 q = CK_FLOATS(ck_five_bits(block + 4, block + 8));
    *(ck_f32x32_at *)(to + i) = q * ck_scale_from(block) + ck_scale_from(block + 2);
  }
}

/// 2 * count numbers through a table of sixteen values times a step, low nibbles first.
CK_INLINE void ck_decode_table(const float *values, float step, const uint8_t *nibbles, size_t count, float *to) {
  float table[16];
  for (size_t k = 0; k < 16; k++) table[k] = values[k] * step;
  for (size_t l = 0; l < count; l++) {
    to[l] = table[nibbles[l] & 15];
    to[count + l] = table[nibbles[l] >> 4];
  }
}

static void decode_iq4_nl(const void *from, float *to, size_t n) {
  const float values[16] = CK_FOUR_BIT_VALUES;
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 18) {
    ck_decode_table(values, ck_scale_from(block), block + 2, 16, to + i);
  }
}

static void decode_iq4_xs(const void *from, float *to, size_t n) {
  const float values[16] = CK_FOUR_BIT_VALUES;
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 136) {
    const float d = ck_scale_from(block);
    for (size_t j = 0; j < 8; j++) {
      const int low = (block[4 + j / 2] >> (j % 2 * 4)) & 15, high = (block[2 + j / 4] >> (j % 4 * 2)) & 3;
      ck_decode_table(values, d * (float)((low | high << 4) - 32), block + 8 + j * 16, 16, to + i + j * 32);
    }
  }
}

static void decode_mxfp4(const void *from, float *to, size_t n) {
  const float values[16] = CK_FP4_VALUES;
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 17) {
    const uint8_t e = block[0];
    ck_decode_table(values, ck_float(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23), block + 1, 16, to + i);
  }
}

static void decode_nvfp4(const void *from, float *to, size_t n) {
  const float values[16] = CK_FP4_VALUES;
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 64, block += 36) {
    for (size_t group = 0; group < 4; group++) {
      ck_decode_table(values, ck_halved_scale(block[group]), block + 4 + group * 8, 8, to + i + group * 16);
    }
  }
}

static void decode_tq2_0(const void *from, float *to, size_t n) {
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

static void decode_tq1_0(const void *from, float *to, size_t n) {
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

static void decode_q1_0(const void *from, float *to, size_t n) {
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

static void decode_q2_0(const void *from, float *to, size_t n) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 64, block += 18) {
    const float d = ck_scale_from(block);
    for (size_t j = 0; j < 64; j++) to[i + j] = (float)(((block[2 + j / 4] >> (j % 4 * 2)) & 3) - 1) * d;
  }
}
