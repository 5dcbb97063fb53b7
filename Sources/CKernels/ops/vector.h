/// Elementwise loops of the engine. Sums run over 32 partial sums whatever the level's width, so every level
/// with a fused multiply-add gives the same bits.

/// Sum of a[i] * b[i]: partial sum j takes the elements i = j mod 32 in order, then halves are added
/// (j and j + 16, j and j + 8, ...), then the elements past the last multiple of 32, in order.
static float dot_f32(const float *a, const float *b, size_t n) {
  enum { registers = 32 / CK_LANES };
  ck_f32 sum[registers];
  CK_UNROLL for (size_t r = 0; r < registers; r++) sum[r] = 0;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    CK_UNROLL for (size_t r = 0; r < registers; r++) {
      sum[r] = ck_fma(CK_LOAD(a + i + r * CK_LANES), CK_LOAD(b + i + r * CK_LANES), sum[r]);
    }
  }
  float partial[32];
  CK_UNROLL for (size_t r = 0; r < registers; r++) CK_STORE(partial + r * CK_LANES, sum[r]);
  for (size_t width = 16; width > 0; width /= 2) {
    for (size_t j = 0; j < width; j++) partial[j] += partial[j + width];
  }
  float total = partial[0];
  for (; i < n; i++) total = ck_fma(a[i], b[i], total);
  return total;
}

/// y[i] += scale * x[i].
static void axpy_f32(float scale, const float *x, float *y, size_t n) {
  size_t i = 0;
  for (; i + CK_LANES <= n; i += CK_LANES) {
    CK_STORE(y + i, ck_fma((ck_f32)scale, CK_LOAD(x + i), CK_LOAD(y + i)));
  }
  for (; i < n; i++) y[i] = ck_fma(scale, x[i], y[i]);
}

/// e^x to about one unit in the last place: x = k ln 2 + r with |r| <= ln 2 / 2, then 1 + r + r^2 q(r), q the
/// minimax polynomial of degree 4 for the relative error (3.1e-9), times 2^k in two steps so that the ends of
/// the range go to 0 and infinity as they should.
CK_INLINE ck_f32 ck_exp(ck_f32 x) {
  const ck_f32 low = -104.0f, high = 89.0f;
  // NaN fails both comparisons and passes through.
  ck_f32 v = (x < low) ? low : x;
  v = (v > high) ? high : v;
  const ck_f32 shifter = 0x1.8p23f;
  ck_f32 k = ck_fma(v, (ck_f32)1.44269504f, shifter) - shifter;
  ck_f32 r = ck_fma(k, (ck_f32)-0.693145752f, v);
  r = ck_fma(k, (ck_f32)-1.42860677e-6f, r);
  ck_f32 p = 0x1.6a2434p-10f;
  p = ck_fma(p, r, (ck_f32)0x1.1239e2p-7f);
  p = ck_fma(p, r, (ck_f32)0x1.5558f2p-5f);
  p = ck_fma(p, r, (ck_f32)0x1.555492p-3f);
  p = ck_fma(p, r, (ck_f32)0x1.fffffcp-2f);
  p = ck_fma(p, r, (ck_f32)1.0f);
  p = ck_fma(p, r, (ck_f32)1.0f);
  k = (x == x) ? k : (ck_f32)0.0f;  // no integer is a NaN's
  const ck_i32 power = __builtin_convertvector(k, ck_i32);
  const ck_i32 half = power >> 1;
  const ck_f32 first = (ck_f32)((half + 127) << 23);
  const ck_f32 second = (ck_f32)((power - half + 127) << 23);
  return p * first * second;
}

CK_INLINE ck_f32 ck_sigmoid(ck_f32 x) { return 1.0f / (1.0f + ck_exp(-x)); }
CK_INLINE ck_f32 ck_silu(ck_f32 x) { return x / (1.0f + ck_exp(-x)); }

/// silu of n elements; the last register is filled up with zeros.
static void silu_f32(const float *from, float *to, size_t n) {
  size_t i = 0;
  for (; i + CK_LANES <= n; i += CK_LANES) CK_STORE(to + i, ck_silu(CK_LOAD(from + i)));
  if (i < n) {
    float rest[CK_LANES] = {0};
    __builtin_memcpy(rest, from + i, (n - i) * sizeof(float));
    CK_STORE(rest, ck_silu(CK_LOAD(rest)));
    __builtin_memcpy(to + i, rest, (n - i) * sizeof(float));
  }
}
