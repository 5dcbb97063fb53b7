/// Formats with codebooks, by activations cut into digits. `points` holds eight bytes a point, as in decode_codebook.h.

typedef uint64_t ck_u64x4 __attribute__((ext_vector_type(4)));
typedef uint16_t ck_u16x8 __attribute__((ext_vector_type(8)));

CK_INLINE ck_u32x8 ck_words(const uint8_t *from) {
  ck_u32x8 words;
  __builtin_memcpy(&words, from, 32);
  return words;
}

/// An eighth sign above seven in each byte, which makes the number of negative weights even.
CK_INLINE ck_u32x8 ck_even_bytes(ck_u32x8 seven) {
  ck_u32x8 odd = seven ^ seven >> 4;
  odd ^= odd >> 2;
  odd ^= odd >> 1;
  return seven | (odd & 0x01010101) << 7;
}

/// Four times seven signs, packed, as four bytes of eight.
CK_INLINE ck_u32x8 ck_unpacked_signs(ck_u32x8 word) {
  return ck_even_bytes(
      (word & 0x7f) | (word << 1 & 0x7f00) | (word << 2 & 0x7f0000) | (word << 3 & 0x7f000000));
}

/// d * (1 + 2 s).
CK_INLINE ck_f32x8 ck_odd_steps(float d, ck_u32x8 s) {
  return __builtin_convertvector((ck_i32x8)(s * 2 + 1), ck_f32x8) * d;
}

/// Magnitudes of four points with the signs of a word.
CK_INLINE ck_codes ck_points(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint32_t signs) {
  const ck_i8x32 minus = ck_bit_bytes(signs), magnitudes = (ck_i8x32)(ck_u64x4){a, b, c, d};
  return ck_signed((magnitudes ^ minus) - minus);
}

CK_HEADER(iq2_xxs) {
  typedef uint32_t ck_u32x16 __attribute__((ext_vector_type(16)));
  ck_u32x16 both;
  __builtin_memcpy(&both, w + 2, 64);
  const ck_u32x8 word = both.odd;
  ck_steps(head, ck_odd_steps(ck_scale_from(w) * 0.125f, word >> 28));
  head->signs = ck_unpacked_signs(word);
}

CK_CODES(iq2_xxs) {
  const uint8_t *bytes = w + 2 + c * 8;
  return ck_points(points[bytes[0]], points[bytes[1]], points[bytes[2]], points[bytes[3]], head->signs[c]);
}

/// Scales of both halves of 32 columns in a byte.
CK_INLINE void ck_nibble_steps(ck_header *head, float d, const uint8_t *from) {
  ck_u8x8 bytes;
  __builtin_memcpy(&bytes, from, 8);
  *(ck_f32x8_at *)head->steps[0] = ck_odd_steps(d, __builtin_convertvector(bytes & 15, ck_u32x8));
  *(ck_f32x8_at *)head->steps[1] = ck_odd_steps(d, __builtin_convertvector(bytes >> 4, ck_u32x8));
}

CK_HEADER(iq2_xs) {
  const ck_u16x32 words = *(const ck_u16x32_at *)(w + 2);
  const ck_u8x32 seven = __builtin_convertvector(words >> 9, ck_u8x32);
  ck_nibble_steps(head, ck_scale_from(w) * 0.125f, w + 66);
  head->signs = ck_even_bytes((ck_u32x8)seven);
}

CK_CODES(iq2_xs) {
  const uint8_t *words = w + 2 + c * 8;
  return ck_points(
      points[ck_read16(words) & 511], points[ck_read16(words + 2) & 511], points[ck_read16(words + 4) & 511],
      points[ck_read16(words + 6) & 511], head->signs[c]);
}

CK_HEADER(iq2_s) {
  ck_nibble_steps(head, ck_scale_from(w) * 0.125f, w + 74);
  head->signs = ck_words(w + 34);
}

CK_CODES(iq2_s) {
  const uint8_t *low = w + 2 + c * 4;
  const size_t high = w[66 + c];
  return ck_points(
      points[low[0] | (high << 8 & 768)], points[low[1] | (high << 6 & 768)], points[low[2] | (high << 4 & 768)],
      points[low[3] | (high << 2 & 768)], head->signs[c]);
}

CK_HEADER(iq3_xxs) {
  const ck_u32x8 word = ck_words(w + 66);
  ck_steps(head, ck_odd_steps(ck_scale_from(w) * 0.25f, word >> 28));
  head->signs = ck_unpacked_signs(word);
}

/// Two points of four numbers.
CK_INLINE uint64_t ck_two_points(const uint64_t *points, size_t first, size_t second) {
  return points[first] | points[second] << 32;
}

CK_CODES(iq3_xxs) {
  const uint8_t *bytes = w + 2 + c * 8;
  return ck_points(
      ck_two_points(points, bytes[0], bytes[1]), ck_two_points(points, bytes[2], bytes[3]),
      ck_two_points(points, bytes[4], bytes[5]), ck_two_points(points, bytes[6], bytes[7]), head->signs[c]);
}

CK_HEADER(iq3_s) {
  uint32_t nibbles;
  __builtin_memcpy(&nibbles, w + 106, 4);
  const uint64_t bytes = ck_spread_nibbles(nibbles);
  ck_u8x8 eight;
  __builtin_memcpy(&eight, &bytes, 8);
  ck_steps(head, ck_odd_steps(ck_scale_from(w), __builtin_convertvector(eight, ck_u32x8)));
  head->signs = ck_words(w + 74);
}

CK_CODES(iq3_s) {
  const uint8_t *low = w + 2 + c * 8;
  const size_t high = w[66 + c];
  return ck_points(
      ck_two_points(points, low[0] | (high << 8 & 256), low[1] | (high << 7 & 256)),
      ck_two_points(points, low[2] | (high << 6 & 256), low[3] | (high << 5 & 256)),
      ck_two_points(points, low[4] | (high << 4 & 256), low[5] | (high << 3 & 256)),
      ck_two_points(points, low[6] | (high << 2 & 256), low[7] | (high << 1 & 256)), head->signs[c]);
}

/// Levels -1, 0, 1 of four points as eighths with a shift of an eighth up, or down where all bits of a byte are set.
CK_INLINE ck_codes ck_shifted_levels(uint64_t a, uint64_t b, uint64_t c, uint64_t d, ck_i8x32 down) {
  const ck_u8x32 levels = (ck_u8x32)(ck_u64x4){a, b, c, d};
  return ck_signed((ck_i8x32)(levels << 3) + (down | (int8_t)1));
}

CK_HEADER(iq1_s) {
  ck_u16x8 words;
  __builtin_memcpy(&words, w + 34, 16);
  ck_steps(head, ck_odd_steps(ck_scale_from(w) * 0.125f, __builtin_convertvector(words >> 12 & 7, ck_u32x8)));
}

CK_CODES(iq1_s) {
  const uint8_t *low = w + 2 + c * 4;
  const size_t word = ck_read16(w + 34 + c * 2);
  return ck_shifted_levels(
      points[low[0] | (word << 8 & 0x700)], points[low[1] | (word << 5 & 0x700)], points[low[2] | (word << 2 & 0x700)],
      points[low[3] | (word >> 1 & 0x700)], (ck_i8x32)(int8_t)(word >> 15 ? -1 : 0));
}

CK_HEADER(iq1_m) {
  uint8_t d[2];
  d[0] = (uint8_t)((w[49] >> 4) | (w[51] & 0xf0));
  d[1] = (uint8_t)((w[53] >> 4) | (w[55] & 0xf0));
  typedef uint16_t ck_u16x4 __attribute__((ext_vector_type(4)));
  ck_u16x4 four;
  __builtin_memcpy(&four, w + 48, 8);
  const ck_u16x8 words = __builtin_shufflevector(four, four, 0, 0, 1, 1, 2, 2, 3, 3);
  const ck_u32x8 word = __builtin_convertvector(words, ck_u32x8), place = {0, 6, 0, 6, 0, 6, 0, 6};
  const float step = ck_scale_from(d) * 0.125f;
  CK_UNROLL for (size_t i = 0; i < 2; i++) {
    *(ck_f32x8_at *)head->steps[i] = ck_odd_steps(step, word >> (place + (uint32_t)(i * 3)) & 7);
  }
}

CK_CODES(iq1_m) {
  const uint8_t *low = w + c * 4;
  const uint32_t high = ck_read16(w + 32 + c * 2);
  // The bit of each eight columns' shift, to all eight.
  const uint32_t downs = (high >> 3 & 1) | (high >> 7 & 1) << 8 | (high >> 11 & 1) << 16 | (high >> 15) << 24;
  return ck_shifted_levels(
      points[low[0] | (high << 8 & 0x700)], points[low[1] | (high << 4 & 0x700)], points[low[2] | (high & 0x700)],
      points[low[3] | (high >> 4 & 0x700)], ck_bit_bytes(downs * 255));
}

// Bytes of 256 columns, whether blocks have as many; 32 columns together, rows of one token; steps for sixteen columns, offsets.
CK_DIGITS_OF(iq2_xxs, 66, 1, 8, 2, 0, 0)
CK_DIGITS_OF(iq2_xs, 74, 1, 8, 1, 1, 0)
CK_DIGITS_OF(iq2_s, 82, 1, 8, 2, 1, 0)
CK_DIGITS_OF(iq3_xxs, 98, 1, 8, 2, 0, 0)
CK_DIGITS_OF(iq3_s, 110, 1, 8, 2, 0, 0)
CK_DIGITS_OF(iq1_s, 50, 1, 8, 2, 0, 0)
CK_DIGITS_OF(iq1_m, 56, 1, 8, 1, 1, 0)
