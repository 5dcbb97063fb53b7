/// Formats with a codebook to f32, with the bits of the plain code. `points` holds eight bytes a point: the magnitudes of
/// its numbers (signed levels for IQ1), four of them followed by zeros for IQ3.

typedef uint8_t ck_u8x8 __attribute__((ext_vector_type(8)));
typedef int8_t ck_i8x8 __attribute__((ext_vector_type(8)));

/// Flips the signs whose bits are set: a product with -1, exactly.
CK_INLINE ck_f32x8 ck_with_signs(ck_f32x8 x, uint8_t signs) {
  const ck_i32x8 place = {0, 1, 2, 3, 4, 5, 6, 7};
  const ck_i32x8 bit = (((ck_i32x8)(int32_t)signs >> place) & 1) << 31;
  return (ck_f32x8)((ck_i32x8)x ^ bit);
}

/// The eighth sign that makes the number of negative weights even, above seven.
CK_INLINE uint8_t ck_even(uint32_t seven) {
  return (uint8_t)(seven | (uint32_t)__builtin_parity(seven) << 7);
}

/// step * magnitude * sign for a point of eight weights.
CK_INLINE void ck_decode_point(uint64_t point, float step, uint8_t signs, float *to) {
  ck_u8x8 bytes;
  __builtin_memcpy(&bytes, &point, 8);
  const ck_f32x8 magnitude = __builtin_convertvector(__builtin_convertvector(bytes, ck_i32x8), ck_f32x8);
  *(ck_f32x8_at *)to = ck_with_signs(step * magnitude, signs);
}

CK_DECODER(decode_iq2_xxs) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 66) {
    const float d = ck_scale_from(block);
    for (size_t group = 0; group < 8; group++) {
      const uint8_t *bytes = block + 2 + group * 8;
      uint32_t word;
      __builtin_memcpy(&word, bytes + 4, 4);
      const float step = d * (0.5f + (float)(word >> 28)) * 0.25f;
      for (size_t run = 0; run < 4; run++) {
        ck_decode_point(points[bytes[run]], step, ck_even((word >> 7 * run) & 127), to + i + group * 32 + run * 8);
      }
    }
  }
}

CK_DECODER(decode_iq2_xs) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 74) {
    const float d = ck_scale_from(block);
    for (size_t run = 0; run < 32; run++) {
      const uint16_t word = ck_read16(block + 2 + run * 2);
      const float scale = (float)((block[66 + run / 4] >> (run / 2 % 2 * 4)) & 15);
      ck_decode_point(points[word & 511], d * (0.5f + scale) * 0.25f, ck_even(word >> 9), to + i + run * 8);
    }
  }
}

CK_DECODER(decode_iq2_s) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 82) {
    const float d = ck_scale_from(block);
    for (size_t run = 0; run < 32; run++) {
      const float scale = (float)((block[74 + run / 4] >> (run / 2 % 2 * 4)) & 15);
      const size_t high = (block[66 + run / 4] >> (run % 4 * 2)) & 3;
      ck_decode_point(
          points[block[2 + run] | high << 8], d * (0.5f + scale) * 0.25f, block[34 + run], to + i + run * 8);
    }
  }
}

CK_DECODER(decode_iq3_xxs) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 98) {
    const float d = ck_scale_from(block);
    for (size_t group = 0; group < 8; group++) {
      uint32_t word;
      __builtin_memcpy(&word, block + 66 + group * 4, 4);
      const float step = d * (0.5f + (float)(word >> 28)) * 0.5f;
      for (size_t run = 0; run < 4; run++) {
        const uint8_t *pair = block + 2 + group * 8 + run * 2;
        const uint64_t point = points[pair[0]] | points[pair[1]] << 32;
        ck_decode_point(point, step, ck_even((word >> 7 * run) & 127), to + i + group * 32 + run * 8);
      }
    }
  }
}

CK_DECODER(decode_iq3_s) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 110) {
    const float d = ck_scale_from(block);
    for (size_t run = 0; run < 32; run++) {
      const size_t group = run / 4;
      const int scale = (block[106 + group / 2] >> (group % 2 * 4)) & 15;
      const uint8_t *pair = block + 2 + run * 2;
      const size_t high = (size_t)block[66 + group] >> (run % 4 * 2);
      const uint64_t point = points[pair[0] | (high & 1) << 8] | points[pair[1] | (high >> 1 & 1) << 8] << 32;
      ck_decode_point(point, d * (float)(1 + 2 * scale), block[74 + run], to + i + run * 8);
    }
  }
}

/// step * (level + shift) for a point of eight weights.
CK_INLINE void ck_decode_levels(uint64_t point, float step, float shift, float *to) {
  ck_i8x8 bytes;
  __builtin_memcpy(&bytes, &point, 8);
  const ck_f32x8 level = __builtin_convertvector(__builtin_convertvector(bytes, ck_i32x8), ck_f32x8);
  *(ck_f32x8_at *)to = step * (level + shift);
}

CK_DECODER(decode_iq1_s) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 50) {
    const float d = ck_scale_from(block);
    for (size_t run = 0; run < 32; run++) {
      const uint32_t word = ck_read16(block + 34 + run / 4 * 2);
      const float step = d * (float)(2 * ((word >> 12) & 7) + 1);
      const size_t high = (word >> (run % 4 * 3)) & 7;
      ck_decode_levels(points[block[2 + run] | high << 8], step, word >> 15 ? -0.125f : 0.125f, to + i + run * 8);
    }
  }
}

CK_DECODER(decode_iq1_m) {
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 256, block += 56) {
    uint8_t d[2];
    d[0] = (uint8_t)((block[49] >> 4) | (block[51] & 0xf0));
    d[1] = (uint8_t)((block[53] >> 4) | (block[55] & 0xf0));
    for (size_t run = 0; run < 32; run++) {
      const size_t group = run / 2;
      const uint32_t word = ck_read16(block + 48 + group / 4 * 2);
      const float step = ck_scale_from(d) * (float)(2 * ((word >> (group % 4 * 3)) & 7) + 1);
      const size_t high = block[32 + group] >> (run % 2 * 4);
      ck_decode_levels(points[block[run] | (high & 7) << 8], step, high & 8 ? -0.125f : 0.125f, to + i + run * 8);
    }
  }
}
