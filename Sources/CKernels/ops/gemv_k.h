/// The product for a few tokens over k-quants: steps of gemv.h. Scales of a register of rows are unpacked side by side.

/// `words` words of 32 bits at an offset of every row, a multiple of four of them.
CK_INLINE void ck_gemv_words(const ck_gemv *g, size_t offset, size_t words, ck_f32 to[][CK_GEMV_VECTORS]) {
  CK_UNROLL for (size_t quad = 0; quad < words; quad += 4) {
    CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {
      ck_f32 word[4];
      ck_transpose_four(g->row + v * CK_LANES, offset + quad * 4, word);
      CK_UNROLL for (size_t i = 0; i < 4; i++) to[quad + i][v] = word[i];
    }
  }
}

/// Byte i of a word as a number of `bits` bits that starts `shift` bits up in it.
CK_INLINE ck_u32 ck_gemv_bits(ck_f32 word, size_t i, size_t shift, size_t bits) {
  return ((ck_u32)word >> (uint32_t)(i * 8 + shift)) & ((1u << bits) - 1);
}

/// The steps and the offsets of group j of Q4_K and Q5_K blocks, from their first sixteen bytes.
CK_INLINE void ck_gemv_affine_group(const ck_f32 header[4], size_t j, ck_f32 *step, ck_f32 *offset) {
  ck_u32 scale, minimum;
  if (j < 4) {
    scale = ck_gemv_bits(header[1], j, 0, 6);
    minimum = ck_gemv_bits(header[2], j, 0, 6);
  } else {
    scale = ck_gemv_bits(header[3], j - 4, 0, 4) | ck_gemv_bits(header[1], j - 4, 6, 2) << 4;
    minimum = ck_gemv_bits(header[3], j - 4, 4, 4) | ck_gemv_bits(header[2], j - 4, 6, 2) << 4;
  }
  const ck_u16 d = __builtin_convertvector((ck_u32)header[0] & 0xffff, ck_u16);
  const ck_u16 dmin = __builtin_convertvector((ck_u32)header[0] >> 16, ck_u16);
  *step = ck_gemv_from_f16(d) * __builtin_convertvector((ck_i32)scale, ck_f32);
  *offset = ck_gemv_from_f16(dmin) * __builtin_convertvector((ck_i32)minimum, ck_f32);
}

/// Two groups, 64 columns, of a Q4_K or Q5_K block: the low nibbles of 32 bytes, then the high ones; `fifth` is where
/// the fifth bits start, 0 where there are none.
CK_INLINE void ck_gemv_affine_pair(
    ck_gemv *g, size_t tokens, size_t block, size_t pair, size_t numbers, size_t fifth) {
  ck_f32 low[8][CK_GEMV_VECTORS], high[8][CK_GEMV_VECTORS];
  ck_gemv_words(g, numbers + pair * 32, 8, low);
  if (fifth) ck_gemv_words(g, fifth, 8, high);
  CK_UNROLL for (size_t nibble = 0; nibble < 2; nibble++) {
    ck_f32 step[CK_GEMV_VECTORS], offset[CK_GEMV_VECTORS];
    CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {
      ck_f32 header[4];
      ck_transpose_four(g->row + v * CK_LANES, block, header);
      ck_gemv_affine_group(header, pair * 2 + nibble, &step[v], &offset[v]);
    }
    for (size_t w = 0; w < 8; w++) {
      CK_UNROLL for (size_t i = 0; i < 4; i++) {
        CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {
          ck_u32 q = ck_gemv_bits(low[w][v], i, nibble * 4, 4);
          if (fifth) q |= ck_gemv_bits(high[w][v], i, pair * 2 + nibble, 1) << 4;
          const ck_f32 value = __builtin_convertvector((ck_i32)q, ck_f32) * step[v] - offset[v];
          ck_gemv_add(g, tokens, v, nibble * 32 + w * 4 + i, value);
        }
      }
    }
  }
}

/// A block of Q4_K.
CK_INLINE void ck_gemv_q4_k(ck_gemv *g, size_t tokens, size_t at) {
  const size_t block = at / 256 * 144;
  const float *x = g->x;
  CK_UNROLL for (size_t pair = 0; pair < 4; pair++) {
    g->x = x + pair * 64;
    ck_gemv_affine_pair(g, tokens, block, pair, block + 16, 0);
  }
}

/// A block of Q5_K.
CK_INLINE void ck_gemv_q5_k(ck_gemv *g, size_t tokens, size_t at) {
  const size_t block = at / 256 * 176;
  const float *x = g->x;
  CK_UNROLL for (size_t pair = 0; pair < 4; pair++) {
    g->x = x + pair * 64;
    ck_gemv_affine_pair(g, tokens, block, pair, block + 48, block + 16);
  }
}

/// Half a block of Q6_K, 128 columns: the low nibbles of 64 bytes, then the high ones, each with two of eight bits of
/// 32 more bytes; a scale for every sixteen columns.
CK_INLINE void ck_gemv_q6_k(ck_gemv *g, size_t tokens, size_t at) {
  const size_t block = at / 256 * 210, half = at % 256 / 128;
  ck_f32 low[16][CK_GEMV_VECTORS], high[8][CK_GEMV_VECTORS], scales[4][CK_GEMV_VECTORS], d[CK_GEMV_VECTORS];
  ck_gemv_words(g, block + half * 64, 16, low);
  ck_gemv_words(g, block + 128 + half * 32, 8, high);
  // Half of these scales is the other half block's; four words cost no more than two.
  ck_gemv_words(g, block + 192, 4, scales);
  CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {
    d[v] = ck_gemv_from_f16(ck_gemv_halves(g->row + v * CK_LANES, block + 208));
  }
  CK_UNROLL for (size_t quarter = 0; quarter < 4; quarter++) {
    for (size_t group = 0; group < 2; group++) {
      ck_f32 step[CK_GEMV_VECTORS];
      CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {
        const ck_u32 word = (ck_u32)scales[half * 2 + quarter / 2][v];
        const ck_i32 scale = (ck_i32)(word << (uint32_t)(24 - (quarter % 2 * 2 + group) * 8)) >> 24;
        step[v] = d[v] * __builtin_convertvector(scale, ck_f32);
      }
      for (size_t w = group * 4; w < group * 4 + 4; w++) {
        CK_UNROLL for (size_t i = 0; i < 4; i++) {
          CK_UNROLL for (size_t v = 0; v < CK_GEMV_VECTORS; v++) {
            const ck_u32 q = ck_gemv_bits(low[quarter % 2 * 8 + w][v], i, quarter / 2 * 4, 4) |
                             ck_gemv_bits(high[w][v], i, quarter * 2, 2) << 4;
            const ck_f32 value = step[v] * __builtin_convertvector((ck_i32)q - 32, ck_f32);
            ck_gemv_add(g, tokens, v, quarter * 32 + w * 4 + i, value);
          }
        }
      }
    }
  }
}

CK_GEMV(gemv_q4_k, ck_gemv_q4_k, 256)
CK_GEMV(gemv_q5_k, ck_gemv_q5_k, 256)
CK_GEMV(gemv_q6_k, ck_gemv_q6_k, 128)
