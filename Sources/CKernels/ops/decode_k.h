/// Stored k-quants to f32: every weight is step * number, or step * number - offset, each operation rounded once.

/// step * q - offset for 32 two- to five-bit numbers.
CK_INLINE void ck_decode_affine(ck_u8x32 q, float step, float offset, float *to) {
  const ck_f32x32 value = __builtin_convertvector(__builtin_convertvector(q, ck_i32x32), ck_f32x32);
  *(ck_f32x32_at *)to = value * step - offset;
}

typedef uint8_t ck_u8x32_at __attribute__((ext_vector_type(32), aligned(1), may_alias));
#define CK_BYTES32(address) ((ck_u8x32)(*(const ck_u8x32_at *)(address)))

/// The step and the offset of group j of a Q4_K or Q5_K block.
CK_INLINE void ck_affine_group(const uint8_t *block, size_t j, float *step, float *offset) {
  const uint8_t *p = block + 4;
  const uint8_t scale = j < 4 ? p[j] & 63 : (uint8_t)((p[j + 4] & 15) | ((p[j - 4] >> 6) << 4));
  const uint8_t minimum = j < 4 ? p[j + 4] & 63 : (uint8_t)((p[j + 4] >> 4) | ((p[j] >> 6) << 4));
  *step = ck_scale_from(block) * (float)scale;
  *offset = ck_scale_from(block + 2) * (float)minimum;
}

CK_DECODER(decode_q4_k) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 144) {
    for (size_t pair = 0; pair < 4; pair++) {
      const ck_u8x32 q = CK_BYTES32(block + 16 + pair * 32);
      float step, offset;
      ck_affine_group(block, 2 * pair, &step, &offset);
      ck_decode_affine(q & 15, step, offset, to + i + pair * 64);
      ck_affine_group(block, 2 * pair + 1, &step, &offset);
      ck_decode_affine(q >> 4, step, offset, to + i + pair * 64 + 32);
    }
  }
}

CK_DECODER(decode_q5_k) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 176) {
    const ck_u8x32 high = CK_BYTES32(block + 16);
    for (size_t pair = 0; pair < 4; pair++) {
      const ck_u8x32 q = CK_BYTES32(block + 48 + pair * 32);
      const ck_u8x32 fifth = high >> (uint8_t)(2 * pair);
      float step, offset;
      ck_affine_group(block, 2 * pair, &step, &offset);
      ck_decode_affine((q & 15) | ((fifth & 1) << (uint8_t)4), step, offset, to + i + pair * 64);
      ck_affine_group(block, 2 * pair + 1, &step, &offset);
      ck_decode_affine((q >> 4) | ((fifth & 2) << (uint8_t)3), step, offset, to + i + pair * 64 + 32);
    }
  }
}

/// (a for the first sixteen elements, b for the others) by element.
CK_INLINE ck_f32x32 ck_halves(float a, float b) {
  typedef float ck_f32x16 __attribute__((ext_vector_type(16)));
  const ck_f32x16 first = a, second = b;
  return __builtin_shufflevector(
      first, second, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
      27, 28, 29, 30, 31);
}

CK_DECODER(decode_q2_k) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 84) {
    const float d = ck_scale_from(block + 80), dmin = ck_scale_from(block + 82);
    for (size_t part = 0; part < 8; part++) {
      const ck_u8x32 q = (CK_BYTES32(block + 16 + part / 4 * 32) >> (uint8_t)(part % 4 * 2)) & 3;
      const uint8_t a = block[2 * part], b = block[2 * part + 1];
      const ck_f32x32 value = __builtin_convertvector(__builtin_convertvector(q, ck_i32x32), ck_f32x32);
      const ck_f32x32 step = ck_halves(d * (float)(a & 15), d * (float)(b & 15));
      const ck_f32x32 offset = ck_halves(dmin * (float)(a >> 4), dmin * (float)(b >> 4));
      *(ck_f32x32_at *)(to + i + part * 32) = step * value - offset;
    }
  }
}

/// step * q for 32 signed numbers in two groups.
CK_INLINE void ck_decode_symmetric(ck_u8x32 q, int8_t zero, float first, float second, float *to) {
  const ck_i32x32 number = __builtin_convertvector((ck_i8x32)q - zero, ck_i32x32);
  *(ck_f32x32_at *)to = ck_halves(first, second) * __builtin_convertvector(number, ck_f32x32);
}

CK_DECODER(decode_q3_k) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 110) {
    const float d = ck_scale_from(block + 108);
    const ck_u8x32 third = CK_BYTES32(block);
    float step[16];
    for (size_t j = 0; j < 16; j++) {
      const int low = (block[96 + j % 8] >> (j < 8 ? 0 : 4)) & 15, high = (block[104 + j % 4] >> (j / 4 * 2)) & 3;
      step[j] = d * (float)((low | high << 4) - 32);
    }
    for (size_t part = 0; part < 8; part++) {
      const ck_u8x32 low = (CK_BYTES32(block + 32 + part / 4 * 32) >> (uint8_t)(part % 4 * 2)) & 3;
      const ck_u8x32 q = low | (((third >> (uint8_t)part) & 1) << (uint8_t)2);
      ck_decode_symmetric(q, 4, step[2 * part], step[2 * part + 1], to + i + part * 32);
    }
  }
}

CK_DECODER(decode_q6_k) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 210) {
    const float d = ck_scale_from(block + 208);
    for (size_t part = 0; part < 8; part++) {
      const size_t half = part / 4, quarter = part % 4;
      const ck_u8x32 pair = CK_BYTES32(block + half * 64 + quarter % 2 * 32);
      const ck_u8x32 low = quarter < 2 ? pair & 15 : pair >> 4;
      const ck_u8x32 high = (CK_BYTES32(block + 128 + half * 32) >> (uint8_t)(quarter * 2)) & 3;
      const float first = d * (float)(int8_t)block[192 + 2 * part], second = d * (float)(int8_t)block[193 + 2 * part];
      ck_decode_symmetric(low | (high << (uint8_t)4), 32, first, second, to + i + part * 32);
    }
  }
}
