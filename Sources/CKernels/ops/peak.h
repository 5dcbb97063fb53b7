/// What the arithmetic units and memory can do when nothing else is in the way.

enum { ck_peak_registers = 12 };

/// Does CK_LANES * ck_peak_registers multiply-adds per iteration; the result only keeps them alive.
static float fma_peak(size_t iterations) {
  ck_f32 sum[ck_peak_registers];
  // None starts at 1, which the multiply-add maps to itself: a compiler that sees it leaves that chain out.
  CK_UNROLL for (size_t r = 0; r < ck_peak_registers; r++) sum[r] = (float)(r + 2);
  ck_f32 scale = 0.999f, offset = 0.001f;
  for (size_t i = 0; i < iterations; i++) {
    CK_UNROLL for (size_t r = 0; r < ck_peak_registers; r++) sum[r] = ck_fma(sum[r], scale, offset);
  }
  ck_f32 total = 0;
  CK_UNROLL for (size_t r = 0; r < ck_peak_registers; r++) total += sum[r];
  return total[0];
}

/// Reads n bytes and answers with all bits that are set anywhere in them, taken as 32-bit words from the first on; of the last bytes,
/// up to 1,023, as bytes.
///
/// Four places are read in turn: a processor that reads one place after another waits for memory more than it has to.
static uint32_t read_peak(const void *from, size_t n) {
  const uint8_t *bytes = from;
  const size_t part = n / 1024 * 256;
  ck_u32x32 found = 0;
  for (size_t i = 0; i < part; i += 256) {
    CK_UNROLL for (size_t place = 0; place < 4; place++) {
      const ck_u32x32_at *at = (const ck_u32x32_at *)(bytes + place * part + i);
      found |= at[0] | at[1];
    }
  }
  uint32_t bits = __builtin_reduce_or(found);
  for (size_t i = 4 * part; i < n; i++) bits |= bytes[i];
  return bits;
}
