/// Two rows of logits compared, in double precision.
///
/// Sums run over eight partial sums whatever the level's width, so every level with a fused multiply-add gives the same bits.

#define CK_DOUBLES (CK_LANES / 2)

typedef double ck_f64 __attribute__((ext_vector_type(CK_DOUBLES)));
typedef double ck_f64_at __attribute__((ext_vector_type(CK_DOUBLES), aligned(8), may_alias));
typedef int64_t ck_i64 __attribute__((ext_vector_type(CK_DOUBLES)));
typedef float ck_f32_half __attribute__((ext_vector_type(CK_DOUBLES)));
typedef float ck_f32_half_at __attribute__((ext_vector_type(CK_DOUBLES), aligned(4), may_alias));

enum { ck_double_sums = 8, ck_double_registers = ck_double_sums / CK_DOUBLES };

CK_INLINE ck_f64 ck_load_doubles(const float *from) {
  return __builtin_convertvector((ck_f32_half)(*(const ck_f32_half_at *)from), ck_f64);
}

/// e^x for x <= 709, to about one unit in the last place: x = k ln 2 + r with |r| <= ln 2 / 2, the series of e^r to r^13 / 13!, whose
/// rest is below 5e-18, times 2^k. Below -708 the answer is e^-708, which no sum of a row of logits can tell from zero.
CK_INLINE ck_f64 ck_exp_double(ck_f64 x) {
  const ck_f64 low = -708.0;
  // NaN fails the comparison and passes through.
  const ck_f64 v = (x < low) ? low : x;
  // Adding 1.5 * 2^52 rounds to the nearest integer and leaves it in the low bits.
  const ck_f64 shifter = 0x1.8p52;
  const ck_f64 shifted = ck_fma(v, (ck_f64)0x1.71547652b82fep0, shifter);
  const ck_f64 k = shifted - shifter;
  // ln 2 in two parts; k times the first one is exact.
  ck_f64 r = ck_fma(k, (ck_f64)-0x1.62e42fee00000p-1, v);
  r = ck_fma(k, (ck_f64)-0x1.a39ef35793c76p-33, r);
  ck_f64 p = 1.0 / 6227020800.0;
  p = ck_fma(p, r, (ck_f64)(1.0 / 479001600.0));
  p = ck_fma(p, r, (ck_f64)(1.0 / 39916800.0));
  p = ck_fma(p, r, (ck_f64)(1.0 / 3628800.0));
  p = ck_fma(p, r, (ck_f64)(1.0 / 362880.0));
  p = ck_fma(p, r, (ck_f64)(1.0 / 40320.0));
  p = ck_fma(p, r, (ck_f64)(1.0 / 5040.0));
  p = ck_fma(p, r, (ck_f64)(1.0 / 720.0));
  p = ck_fma(p, r, (ck_f64)(1.0 / 120.0));
  p = ck_fma(p, r, (ck_f64)(1.0 / 24.0));
  p = ck_fma(p, r, (ck_f64)(1.0 / 6.0));
  p = ck_fma(p, r, (ck_f64)0.5);
  p = ck_fma(p, r, (ck_f64)1.0);
  p = ck_fma(p, r, (ck_f64)1.0);
  const ck_i64 power = (ck_i64)shifted - 0x4338000000000000LL;
  return p * (ck_f64)((power + 1023) << 52);
}

/// ln x for normal x > 0: x = 2^k y with y in [sqrt(1/2), sqrt(2)), and ln y = 2 atanh(t), t = (y - 1) / (y + 1), by its series to
/// t^21, whose rest is below 1e-18.
CK_INLINE ck_f64 ck_log_double(ck_f64 x) {
  // Subtracting the bits of sqrt(1/2) leaves k in the exponent of what remains.
  const ck_i64 bits = (ck_i64)x - 0x3fe6a09e667f3bcdLL;
  const ck_i64 power = (bits >> 52);
  const ck_f64 y = (ck_f64)((ck_i64)x - (power << 52));
  const ck_f64 k = __builtin_convertvector(power, ck_f64);
  const ck_f64 t = (y - 1.0) / (y + 1.0), w = t * t;
  ck_f64 s = 1.0 / 21.0;
  s = ck_fma(s, w, (ck_f64)(1.0 / 19.0));
  s = ck_fma(s, w, (ck_f64)(1.0 / 17.0));
  s = ck_fma(s, w, (ck_f64)(1.0 / 15.0));
  s = ck_fma(s, w, (ck_f64)(1.0 / 13.0));
  s = ck_fma(s, w, (ck_f64)(1.0 / 11.0));
  s = ck_fma(s, w, (ck_f64)(1.0 / 9.0));
  s = ck_fma(s, w, (ck_f64)(1.0 / 7.0));
  s = ck_fma(s, w, (ck_f64)(1.0 / 5.0));
  s = ck_fma(s, w, (ck_f64)(1.0 / 3.0));
  s = ck_fma(s, w, (ck_f64)1.0);
  return ck_fma(k, (ck_f64)0x1.62e42fefa39efp-1, 2.0 * t * s);
}

/// Adds up eight partial sums, halves first.
CK_INLINE double ck_double_total(const ck_f64 *sum) {
  double partial[ck_double_sums];
  CK_UNROLL for (size_t r = 0; r < ck_double_registers; r++) *(ck_f64_at *)(partial + r * CK_DOUBLES) = sum[r];
  for (size_t width = ck_double_sums / 2; width > 0; width /= 2) {
    for (size_t j = 0; j < width; j++) partial[j] += partial[j + width];
  }
  return partial[0];
}

/// The sum of e^(x - shift).
static double sum_exp_f64(const float *x, double shift, size_t n) {
  ck_f64 sum[ck_double_registers];
  CK_UNROLL for (size_t r = 0; r < ck_double_registers; r++) sum[r] = 0;
  size_t i = 0;
  for (; i + ck_double_sums <= n; i += ck_double_sums) {
    CK_UNROLL for (size_t r = 0; r < ck_double_registers; r++) {
      sum[r] += ck_exp_double(ck_load_doubles(x + i + r * CK_DOUBLES) - shift);
    }
  }
  double total = ck_double_total(sum);
  for (; i < n; i++) total += ck_exp_double((ck_f64)((double)x[i] - shift))[0];
  return total;
}

/// What one register of two rows adds to the five sums. b and a are ln p and ln q.
CK_INLINE void ck_compare(ck_f64 b, ck_f64 a, ck_f64 *forward, ck_f64 *backward, ck_f64 *js, ck_f64 *variation,
                          ck_f64 *entropy) {
  const ck_f64 zero = 0.0;
  const ck_f64 p = ck_exp_double(b), q = ck_exp_double(a), difference = q - p, sum = p + q;
  // p (b - a) - p + q is never negative; rounding of nearly equal numbers may leave it a hair below.
  *forward += __builtin_elementwise_max(ck_fma(p, b - a, difference), zero);
  *backward += __builtin_elementwise_max(ck_fma(q, a - b, -difference), zero);
  *variation += __builtin_elementwise_abs(difference);
  *entropy = ck_fma(-p, b, *entropy);
  // With u = (q - p) / (p + q) both halves of the Jensen-Shannon divergence together are (p + q) / 4 times
  // (1 - u) ln(1 - u) + (1 + u) ln(1 + u), whose series in w = u^2 has the terms w^k / (k (2k - 1)).
  const ck_f64 u = difference / sum, w = u * u;
  ck_f64 series = 1.0 / (12.0 * 23.0);
  series = ck_fma(series, w, (ck_f64)(1.0 / (11.0 * 21.0)));
  series = ck_fma(series, w, (ck_f64)(1.0 / (10.0 * 19.0)));
  series = ck_fma(series, w, (ck_f64)(1.0 / (9.0 * 17.0)));
  series = ck_fma(series, w, (ck_f64)(1.0 / (8.0 * 15.0)));
  series = ck_fma(series, w, (ck_f64)(1.0 / (7.0 * 13.0)));
  series = ck_fma(series, w, (ck_f64)(1.0 / (6.0 * 11.0)));
  series = ck_fma(series, w, (ck_f64)(1.0 / (5.0 * 9.0)));
  series = ck_fma(series, w, (ck_f64)(1.0 / (4.0 * 7.0)));
  series = ck_fma(series, w, (ck_f64)(1.0 / (3.0 * 5.0)));
  series = ck_fma(series, w, (ck_f64)(1.0 / (2.0 * 3.0)));
  series = ck_fma(series, w, (ck_f64)1.0);
  const ck_f64 near = 0.25 * sum * w * series;
  const ck_i64 is_near = w < 0.05;
  if (__builtin_reduce_and(is_near)) {
    *js += near;
    return;
  }
  // Far apart the series is too slow, and the logarithm of the mean loses nothing.
  const ck_f64 mean = ck_log_double(sum) - 0x1.62e42fefa39efp-1;
  const ck_f64 far = 0.5 * ck_fma(p, b - mean, q * (a - mean));
  *js += is_near ? near : far;
}

/// Compares the distributions p = e^(before - before_log_sum) and q = e^(after - after_log_sum). Five sums over the row: KL of p from q,
/// KL of q from p, Jensen-Shannon divergence, sum of |p - q|, entropy of p.
static void divergence_f64(const float *before, double before_log_sum, const float *after, double after_log_sum, size_t n,
                           double *sums) {
  ck_f64 total[5][ck_double_registers];
  for (size_t s = 0; s < 5; s++) {
    CK_UNROLL for (size_t r = 0; r < ck_double_registers; r++) total[s][r] = 0;
  }
  for (size_t i = 0; i < n; i += ck_double_sums) {
    const float *x = before + i, *y = after + i;
    float first[ck_double_sums], second[ck_double_sums];
    if (n - i < ck_double_sums) {
      // Filled up with logits of no weight, the same in both rows.
      for (size_t j = 0; j < ck_double_sums; j++) {
        first[j] = (float)(j < n - i ? (double)x[j] : before_log_sum - 800.0);
        second[j] = (float)(j < n - i ? (double)y[j] : after_log_sum - 800.0);
      }
      x = first;
      y = second;
    }
    CK_UNROLL for (size_t r = 0; r < ck_double_registers; r++) {
      ck_compare(ck_load_doubles(x + r * CK_DOUBLES) - before_log_sum, ck_load_doubles(y + r * CK_DOUBLES) - after_log_sum,
                 &total[0][r], &total[1][r], &total[2][r], &total[3][r], &total[4][r]);
    }
  }
  for (size_t s = 0; s < 5; s++) sums[s] = ck_double_total(total[s]);
}
