/// Formats with a float for each block of fewer than 256 columns, by activations cut into digits.

/// Sixteen bytes twice.
CK_INLINE ck_u8x32 ck_twice(const void *from) {
  const ck_u8x16 once = *(const ck_u8x16_at *)from;
  return __builtin_shufflevector(
      once, once, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/// 32 nibbles, the low ones of sixteen bytes first: the bytes twice, the second time moved.
CK_INLINE ck_u8x32 ck_nibble_bytes(const uint8_t *from) {
  const ck_u32x8 places = {0, 0, 0, 0, 4, 4, 4, 4};
  return (ck_u8x32)((ck_u32x8)ck_twice(from) >> places) & 15;
}

/// All bits of a byte where a bit is set, for 32 bits.
CK_INLINE ck_i8x32 ck_bit_bytes(uint32_t bits) {
  const ck_u32x8 word = bits;
  const ck_u8x32 place = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                          1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const ck_u8x32 bytes = (ck_u8x32)word;
  const ck_u8x32 own = __builtin_shufflevector(
      bytes, bytes, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 18, 18, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 19,
      19, 19);
  return (ck_i8x32)((own & place) == place);
}

/// Bytes of a table of sixteen that 32 numbers below sixteen name.
CK_INLINE ck_i8x32 ck_look_up(const int8_t table[16], ck_u8x32 numbers) {
#if CK_DOTS == CK_DOTS_AVX2
  return (ck_i8x32)__builtin_ia32_pshufb256((ck_i8x32)ck_twice(table), (ck_i8x32)numbers);
#elif CK_DOTS == CK_DOTS_NEON
  const int8x16_t half = vld1q_s8(table);
  const ck_i8x16 low = (ck_i8x16)vqtbl1q_s8(half, (uint8x16_t)numbers.lo);
  const ck_i8x16 high = (ck_i8x16)vqtbl1q_s8(half, (uint8x16_t)numbers.hi);
  return __builtin_shufflevector(
      low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
      30, 31);
#else
  ck_i8x32 found;
  for (size_t i = 0; i < 32; i++) found[i] = table[numbers[i]];
  return found;
#endif
}

#define CK_HEADER(name) CK_INLINE void ck_header_of_##name(const uint8_t *w, CK_MAYBE size_t chunks, ck_header *head)
#define CK_CODES(name)                                                                                  \
  CK_INLINE ck_codes ck_codes_of_##name(                                                                \
      const uint8_t *w, size_t c, CK_MAYBE const ck_header *head, CK_MAYBE const uint64_t *points)

/// Halves, one in each of up to eight blocks of 32 columns.
CK_INLINE ck_f32x8 ck_eight_halves(const uint8_t *w, size_t bytes, size_t chunks) {
  uint64_t word[2] = {0, 0};
  if (chunks == 8) {
    CK_UNROLL for (size_t c = 0; c < 8; c++) word[c / 4] |= (uint64_t)ck_read16(w + c * bytes) << (c % 4 * 16);
  } else {
    for (size_t c = 0; c < chunks; c++) word[c / 4] |= (uint64_t)ck_read16(w + c * bytes) << (c % 4 * 16);
  }
#if CK_HALF
  ck_f16x8 halves;
  __builtin_memcpy(&halves, word, 16);
  return __builtin_convertvector(halves, ck_f32x8);
#else
  ck_f32x8 floats;
  for (size_t c = 0; c < 8; c++) floats[c] = ck_f16_to_f32((uint16_t)(word[c / 4] >> (c % 4 * 16)));
  return floats;
#endif
}

CK_INLINE void ck_steps(ck_header *head, ck_f32x8 steps) { *(ck_f32x8_at *)head->steps[0] = steps; }

/// 32 nibbles less eight, the low ones of sixteen bytes first: with their highest bits turned they are such numbers in two's complement.
CK_INLINE ck_codes ck_nibble_codes(const uint8_t *from) {
  const ck_u32x8 places = {4, 4, 4, 4, 0, 0, 0, 0};
  const ck_u16x16 upper = (ck_u16x16)((ck_u32x8)(ck_twice(from) ^ 0x88) << places);
  return (ck_codes){(ck_i16x16)(upper << 8) >> 12, (ck_i16x16)upper >> 12};
}

CK_HEADER(q8_0) { ck_steps(head, ck_eight_halves(w, 34, chunks)); }
CK_CODES(q8_0) { return ck_signed(*(const ck_i8x32_at *)(w + c * 34 + 2)); }

CK_HEADER(q4_0) { ck_steps(head, ck_eight_halves(w, 18, chunks)); }
CK_CODES(q4_0) { return ck_nibble_codes(w + c * 18 + 2); }

/// A step and an offset for the code of zero; `zero` is taken off codes.
CK_INLINE void ck_affine_steps(ck_header *head, const uint8_t *w, size_t bytes, size_t chunks, float zero) {
  const ck_f32x8 steps = ck_eight_halves(w, bytes, chunks);
  ck_steps(head, steps);
  head->offsets[0] = ck_eight_halves(w + 2, bytes, chunks) + steps * zero;
}

CK_HEADER(q4_1) { ck_affine_steps(head, w, 20, chunks, 8); }
CK_CODES(q4_1) { return ck_nibble_codes(w + c * 20 + 4); }

/// Nibbles with a fifth bit each, less sixteen.
CK_INLINE ck_codes ck_five_bit_codes(const uint8_t *high, const uint8_t *nibbles) {
  uint32_t bits;
  __builtin_memcpy(&bits, high, 4);
  return ck_centered(ck_nibble_bytes(nibbles) | ((ck_u8x32)ck_bit_bytes(bits) & 16), 16);
}

CK_HEADER(q5_0) { ck_steps(head, ck_eight_halves(w, 22, chunks)); }
CK_CODES(q5_0) { return ck_five_bit_codes(w + c * 22 + 2, w + c * 22 + 6); }

CK_HEADER(q5_1) { ck_affine_steps(head, w, 24, chunks, 16); }
CK_CODES(q5_1) { return ck_five_bit_codes(w + c * 24 + 4, w + c * 24 + 8); }

static const int8_t ck_four_bit_bytes[16] = CK_FOUR_BIT_VALUES;
static const int8_t ck_fp4_bytes[16] = CK_FP4_VALUES;

CK_HEADER(iq4_nl) { ck_steps(head, ck_eight_halves(w, 18, chunks)); }
CK_CODES(iq4_nl) { return ck_signed(ck_look_up(ck_four_bit_bytes, ck_nibble_bytes(w + c * 18 + 2))); }

/// Halved powers of two.
CK_HEADER(mxfp4) {
  for (size_t c = 0; c < chunks; c++) {
    const uint8_t e = w[c * 17];
    head->steps[0][c] = ck_float(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
  }
}
CK_CODES(mxfp4) { return ck_signed(ck_look_up(ck_fp4_bytes, ck_nibble_bytes(w + c * 17 + 1))); }

/// Four groups of sixteen in a block.
CK_HEADER(nvfp4) {
  for (size_t c = 0; c < chunks; c++) {
    for (size_t half = 0; half < 2; half++) head->steps[half][c] = ck_halved_scale(w[c / 2 * 36 + c % 2 * 2 + half]);
  }
}

/// Low nibbles of eight bytes, then the high ones.
CK_CODES(nvfp4) {
  const ck_u8x32 numbers = ck_nibble_bytes(w + c / 2 * 36 + 4 + c % 2 * 16);
  const ck_u8x32 ordered = __builtin_shufflevector(
      numbers, numbers, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27,
      28, 29, 30, 31);
  return ck_signed(ck_look_up(ck_fp4_bytes, ordered));
}

/// The scale of each block of several times 32 columns.
CK_INLINE void ck_wide_steps(const uint8_t *w, size_t wide, size_t chunks, ck_header *head) {
  for (size_t c = 0; c < chunks; c++) head->steps[0][c] = ck_scale_from(w + c / wide * 18);
}

/// One where a bit is set, minus one where it is not.
CK_HEADER(q1_0) { ck_wide_steps(w, 4, chunks, head); }
CK_CODES(q1_0) {
  uint32_t bits;
  __builtin_memcpy(&bits, w + c / 4 * 18 + 2 + c % 4 * 4, 4);
  return ck_signed(ck_bit_bytes(~bits) | (int8_t)1);
}

/// Two bits each, four columns to a byte.
CK_HEADER(q2_0) { ck_wide_steps(w, 2, chunks, head); }
CK_CODES(q2_0) {
  ck_u8x8 bytes;
  __builtin_memcpy(&bytes, w + c / 2 * 18 + 2 + c % 2 * 8, 8);
  const ck_u32x8 four = __builtin_convertvector(bytes, ck_u32x8);
  const ck_u32x8 numbers = (four | four << 6 | four << 12 | four << 18) & 0x03030303;
  return ck_signed((ck_i8x32)numbers - (int8_t)1);
}

// Bytes of 256 columns, whether blocks have as many; 32 columns together, rows of one token; steps for sixteen columns, offsets.
CK_DIGITS_OF(q8_0, 8 * 34, 0, 1, 1, 0, 0)
CK_DIGITS_OF(q4_0, 8 * 18, 0, 1, 2, 0, 0)
CK_DIGITS_OF(q4_1, 8 * 20, 0, 1, 2, 0, 1)
CK_DIGITS_OF(q5_0, 8 * 22, 0, 1, 1, 0, 0)
CK_DIGITS_OF(q5_1, 8 * 24, 0, 1, 2, 0, 1)
CK_DIGITS_OF(iq4_nl, 8 * 18, 0, 1, 2, 0, 0)
CK_DIGITS_OF(mxfp4, 8 * 17, 0, 1, 1, 0, 0)
CK_DIGITS_OF(nvfp4, 4 * 36, 0, 1, 2, 1, 0)
CK_DIGITS_OF(q1_0, 2 * 18, 0, 1, 2, 0, 0)
CK_DIGITS_OF(q2_0, 4 * 18, 0, 1, 2, 0, 0)
