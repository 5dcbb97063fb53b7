/// Multiply-adds on registers only: what the arithmetic units can do when nothing else is in the way.

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
