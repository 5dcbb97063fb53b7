/// One token of the gated delta rule on the memory of one head, [keys][values]:
///
///   S <- kept S;   d = (v - S^T k) rate;   S <- S + k d^T;   o = S^T q
///
/// Lanes are columns of the memory, and a block of columns goes through both passes while it is in the first-level cache.
/// Every element of S^T k and of S^T q is one chain of (fused) multiply-adds over the rows in order, from zero.

#define CK_DELTA_VECTORS 4

/// `vectors` registers of columns, a constant after inlining; both passes scale the memory, and only the second writes it.
CK_INLINE void ck_delta_columns(
    size_t vectors, float *memory, size_t stride, size_t keys, const float *k, const float *q, const float *v,
    float kept, float rate, float *o) {
  ck_f32 d[CK_DELTA_VECTORS], sum[CK_DELTA_VECTORS];
  CK_UNROLL for (size_t r = 0; r < vectors; r++) d[r] = sum[r] = 0;
  const float *read = memory;
  for (size_t i = 0; i < keys; i++, read += stride) {
    const ck_f32 key = k[i];
    CK_UNROLL for (size_t r = 0; r < vectors; r++) d[r] = ck_fma(key, CK_LOAD(read + r * CK_LANES) * kept, d[r]);
  }
  CK_UNROLL for (size_t r = 0; r < vectors; r++) d[r] = (CK_LOAD(v + r * CK_LANES) - d[r]) * rate;
  for (size_t i = 0; i < keys; i++, memory += stride) {
    const ck_f32 key = k[i], query = q[i];
    CK_UNROLL for (size_t r = 0; r < vectors; r++) {
      const ck_f32 value = ck_fma(key, d[r], CK_LOAD(memory + r * CK_LANES) * kept);
      CK_STORE(memory + r * CK_LANES, value);
      sum[r] = ck_fma(query, value, sum[r]);
    }
  }
  CK_UNROLL for (size_t r = 0; r < vectors; r++) CK_STORE(o + r * CK_LANES, sum[r]);
}

static void delta_step_f32(
    float *memory, size_t keys, size_t values, const float *k, const float *q, const float *v, float kept, float rate,
    float *o) {
  size_t j = 0;
  for (; j + CK_DELTA_VECTORS * CK_LANES <= values; j += CK_DELTA_VECTORS * CK_LANES) {
    ck_delta_columns(CK_DELTA_VECTORS, memory + j, values, keys, k, q, v + j, kept, rate, o + j);
  }
  for (; j + CK_LANES <= values; j += CK_LANES) {
    ck_delta_columns(1, memory + j, values, keys, k, q, v + j, kept, rate, o + j);
  }
  for (; j < values; j++) {
    float d = 0, sum = 0;
    for (size_t i = 0; i < keys; i++) d = ck_fma(k[i], memory[i * values + j] * kept, d);
    d = (v[j] - d) * rate;
    for (size_t i = 0; i < keys; i++) {
      const float value = ck_fma(k[i], d, memory[i * values + j] * kept);
      memory[i * values + j] = value;
      sum = ck_fma(q[i], value, sum);
    }
    o[j] = sum;
  }
}
