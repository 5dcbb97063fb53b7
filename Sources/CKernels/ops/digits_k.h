/// Formats with integer scales below a float for 256 columns, except those with codebooks, by activations cut into digits.

/// Steps of all 32 columns from integers of which `zero` counts as nothing.
CK_INLINE ck_f32x8 ck_scaled(float d, uint64_t bytes, int32_t zero) {
  ck_u8x8 eight;
  __builtin_memcpy(&eight, &bytes, 8);
  return __builtin_convertvector(__builtin_convertvector(eight, ck_i32x8) - zero, ck_f32x8) * d;
}

/// Steps of all sixteen columns from signed integers.
CK_INLINE void ck_scaled_halves(ck_header *head, float d, ck_i8x16 bytes) {
  const ck_i8x8 half[2] = {bytes.even, bytes.odd};
  CK_UNROLL for (size_t i = 0; i < 2; i++) {
    *(ck_f32x8_at *)head->steps[i] = __builtin_convertvector(__builtin_convertvector(half[i], ck_i32x8), ck_f32x8) * d;
  }
}

/// Two bits of each of 32 bytes; the first quarter of 128 columns has the lowest.
CK_INLINE ck_u8x32 ck_two_bits(const uint8_t *from, size_t c) {
  return (CK_BYTES32(from + c / 4 * 32) >> (uint8_t)(c % 4 * 2)) & 3;
}

/// One bit of each of 32 bytes at another place.
CK_INLINE ck_u8x32 ck_moved_bit(ck_u8x32 bytes, size_t from, size_t to) {
  const ck_u8x32 moved = from > to ? bytes >> (uint8_t)(from - to) : bytes << (uint8_t)(to - from);
  return moved & (uint8_t)(1 << to);
}

/// Steps of Q4_K and Q5_K, and their offsets for codes of which `zero` is taken off.
CK_INLINE void ck_minimum_header(const uint8_t *w, float zero, ck_header *head) {
  uint32_t a, b, c;
  __builtin_memcpy(&a, w + 4, 4);
  __builtin_memcpy(&b, w + 8, 4);
  __builtin_memcpy(&c, w + 12, 4);
  const uint32_t scales = (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030);
  const uint32_t minimums = ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030);
  const ck_f32x8 steps = ck_scaled(ck_scale_from(w), (a & 0x3f3f3f3f) | (uint64_t)scales << 32, 0);
  ck_steps(head, steps);
  const ck_f32x8 below = ck_scaled(ck_scale_from(w + 2), (b & 0x3f3f3f3f) | (uint64_t)minimums << 32, 0);
  head->offsets[0] = steps * zero - below;
}

CK_HEADER(q4_k) { ck_minimum_header(w, 8, head); }
CK_HEADER(q5_k) { ck_minimum_header(w, 16, head); }

/// Nibbles less eight, as in ck_nibble_codes.
CK_CODES(q4_k) {
  const ck_u16x16 pair = (ck_u16x16)(CK_BYTES32(w + 16 + c / 2 * 32) ^ 0x88);
  if (c % 2) return (ck_codes){(ck_i16x16)(pair << 8) >> 12, (ck_i16x16)pair >> 12};
  return (ck_codes){(ck_i16x16)(pair << 12) >> 12, (ck_i16x16)(pair << 4) >> 12};
}

CK_CODES(q5_k) {
  const ck_u8x32 pair = CK_BYTES32(w + 48 + c / 2 * 32);
  return ck_centered((c % 2 ? pair >> 4 : pair & 15) | ck_moved_bit(CK_BYTES32(w + 16), c, 4), 16);
}

CK_HEADER(q2_k) {
  const ck_u8x16 bytes = *(const ck_u8x16_at *)w, high = bytes >> 4;
  const ck_u8x8 half[2] = {high.even, high.odd};
  ck_scaled_halves(head, ck_scale_from(w + 80), (ck_i8x16)(bytes & 15));
  CK_UNROLL for (size_t i = 0; i < 2; i++) {
    const ck_f32x8 minimums = __builtin_convertvector(__builtin_convertvector(half[i], ck_i32x8), ck_f32x8);
    head->offsets[i] = *(const ck_f32x8_at *)head->steps[i] * 2.0f - minimums * ck_scale_from(w + 82);
  }
}

CK_CODES(q2_k) { return ck_centered(ck_two_bits(w + 16, c), 2); }

CK_HEADER(q3_k) {
  uint32_t a, b, c;
  __builtin_memcpy(&a, w + 96, 4);
  __builtin_memcpy(&b, w + 100, 4);
  __builtin_memcpy(&c, w + 104, 4);
  typedef uint32_t ck_u32x4 __attribute__((ext_vector_type(4)));
  const ck_u32x4 low = {a & 0x0f0f0f0f, b & 0x0f0f0f0f, (a >> 4) & 0x0f0f0f0f, (b >> 4) & 0x0f0f0f0f};
  const ck_u32x4 high = {(c << 4) & 0x30303030, (c << 2) & 0x30303030, c & 0x30303030, (c >> 2) & 0x30303030};
  ck_scaled_halves(head, ck_scale_from(w + 108), (ck_i8x16)(low | high) - (int8_t)32);
}

CK_CODES(q3_k) { return ck_centered(ck_two_bits(w + 32, c) | ck_moved_bit(CK_BYTES32(w), c, 2), 4); }

CK_HEADER(q6_k) { ck_scaled_halves(head, ck_scale_from(w + 208), *(const ck_i8x16_at *)(w + 192)); }

CK_CODES(q6_k) {
  const size_t half = c / 4, quarter = c % 4;
  const ck_u8x32 pair = CK_BYTES32(w + half * 64 + quarter % 2 * 32), high = CK_BYTES32(w + 128 + half * 32);
  const ck_u8x32 low = quarter < 2 ? pair & 15 : pair >> 4;
  const ck_u8x32 moved = quarter < 2 ? high << (uint8_t)(4 - quarter * 2) : high >> (uint8_t)(quarter * 2 - 4);
  return ck_centered(low | (moved & 0x30), 32);
}

/// Eight nibbles as bytes.
CK_INLINE uint64_t ck_spread_nibbles(uint32_t nibbles) {
  uint64_t x = nibbles;
  x = (x | x << 16) & 0x0000ffff0000ffff;
  x = (x | x << 8) & 0x00ff00ff00ff00ff;
  return (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
}

CK_HEADER(iq4_xs) {
  uint32_t low;
  __builtin_memcpy(&low, w + 4, 4);
  uint64_t high = ck_read16(w + 2);
  high = (high | high << 24) & 0x000000ff000000ff;
  high = (high | high << 12) & 0x000f000f000f000f;
  high = (high | high << 6) & 0x0303030303030303;
  ck_steps(head, ck_scaled(ck_scale_from(w), ck_spread_nibbles(low) | high << 4, 32));
}

CK_CODES(iq4_xs) { return ck_signed(ck_look_up(ck_four_bit_bytes, ck_nibble_bytes(w + 8 + c * 16))); }

CK_HEADER(tq2_0) { ck_steps(head, ck_scale_from(w + 64)); }

CK_CODES(tq2_0) { return ck_centered(ck_two_bits(w, c), 1); }

CK_HEADER(tq1_0) { ck_steps(head, ck_scale_from(w + 52)); }

/// The numbers of 32 fractions of 256: thirds.
CK_INLINE ck_u8x32 ck_thirds(ck_u8x32 fraction) {
  return (ck_u8x32)-((ck_i8x32)(fraction > 85) + (ck_i8x32)(fraction > 170));
}

/// Five digits of 32 bytes, five of sixteen, four of four.
CK_CODES(tq1_0) {
  const uint8_t powers[5] = {1, 3, 9, 27, 81};
  if (c < 5) return ck_centered(ck_thirds(CK_BYTES32(w) * powers[c]), 1);
  const ck_u8x16 bytes = *(const ck_u8x16_at *)(w + 32);
  ck_u8x16 first = bytes * powers[c * 2 - 10], second;
  if (c < 7) {
    second = bytes * powers[c * 2 - 9];
  } else {
    const ck_u8x16 places = {1, 1, 1, 1, 3, 3, 3, 3, 9, 9, 9, 9, 27, 27, 27, 27};
    uint32_t four;
    __builtin_memcpy(&four, w + 48, 4);
    typedef uint32_t ck_u32x4 __attribute__((ext_vector_type(4)));
    second = (ck_u8x16)(ck_u32x4)four * places;
  }
  const ck_u8x32 both = __builtin_shufflevector(
      first, second, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
      29, 30, 31);
  return ck_centered(ck_thirds(both), 1);
}

// Bytes of 256 columns, whether blocks have as many; 32 columns together, rows of one token; steps for sixteen columns, offsets.
CK_DIGITS_OF(q2_k, 84, 1, 8, 2, 1, 1)
CK_DIGITS_OF(q3_k, 110, 1, 8, 1, 1, 0)
CK_DIGITS_OF(q4_k, 144, 1, 2, 2, 0, 1)
CK_DIGITS_OF(q5_k, 176, 1, 8, 1, 0, 1)
CK_DIGITS_OF(q6_k, 210, 1, 8, 1, 1, 0)
CK_DIGITS_OF(iq4_xs, 136, 1, 2, 1, 0, 0)
CK_DIGITS_OF(tq1_0, 54, 1, 8, 2, 0, 0)
CK_DIGITS_OF(tq2_0, 66, 1, 4, 1, 0, 0)
