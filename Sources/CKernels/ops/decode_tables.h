/// IQ4_NL, IQ4_XS, MXFP4, NVFP4 to f32, with the bits of the plain code: every number names one of sixteen values.

/// 2 * count numbers through a table of sixteen values times a step, low nibbles first.
CK_INLINE void ck_decode_table(const float *values, float step, const uint8_t *nibbles, size_t count, float *to) {
  float table[16];
  for (size_t k = 0; k < 16; k++) table[k] = values[k] * step;
  for (size_t l = 0; l < count; l++) {
    to[l] = table[nibbles[l] & 15];
    to[count + l] = table[nibbles[l] >> 4];
  }
}

CK_DECODER(decode_iq4_nl) {
  const float values[16] = CK_FOUR_BIT_VALUES;
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 18) {
    ck_decode_table(values, ck_scale_from(block), block + 2, 16, to + i);
  }
}

CK_DECODER(decode_iq4_xs) {
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

CK_DECODER(decode_mxfp4) {
  const float values[16] = CK_FP4_VALUES;
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 32, block += 17) {
    const uint8_t e = block[0];
    ck_decode_table(values, ck_float(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23), block + 1, 16, to + i);
  }
}

CK_DECODER(decode_nvfp4) {
  const float values[16] = CK_FP4_VALUES;
  const uint8_t *block = from;
  for (size_t i = 0; i < n; i += 64, block += 36) {
    for (size_t group = 0; group < 4; group++) {
      ck_decode_table(values, ck_halved_scale(block[group]), block + 4 + group * 8, 8, to + i + group * 16);
    }
  }
}
