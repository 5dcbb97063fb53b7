/// Products of small f32 matrices that are not weights: scores, weighted values, states.
///
/// Lanes are columns of b and c; elements of a are broadcast. Every element of c is one chain of (fused)
/// multiply-adds over k in order, started at zero or at what c holds: cutting rows, columns, or k into pieces
/// changes no bit.

#if CK_LANES == 16 || defined(__aarch64__)
#define CK_DENSE_VECTORS 4  // of 32 registers: 24 sums, 4 columns, 1 broadcast
#else
#define CK_DENSE_VECTORS 2  // of 16 registers: 12 sums, 2 columns, 1 broadcast
#endif
#define CK_DENSE_ROWS 6

/// `rows` by `vectors` registers of c, both constants after inlining.
CK_INLINE void ck_dense_block(
    size_t rows, size_t vectors, const float *a, size_t a_stride, const float *b, size_t b_stride, float *c,
    size_t c_stride, size_t k, int add) {
  ck_f32 sum[CK_DENSE_ROWS][CK_DENSE_VECTORS];
  CK_UNROLL for (size_t i = 0; i < rows; i++) {
    CK_UNROLL for (size_t v = 0; v < vectors; v++) {
      sum[i][v] = add ? CK_LOAD(c + i * c_stride + v * CK_LANES) : (ck_f32)0.0f;
    }
  }
  // Rows of a by pointers of their own: multiplying the stride out inside the loop costs more than it saves registers.
  const float *row[CK_DENSE_ROWS];
  CK_UNROLL for (size_t i = 0; i < rows; i++) row[i] = a + i * a_stride;
  CK_UNROLL_TWICE for (size_t p = 0; p < k; p++, b += b_stride) {
    ck_f32 lane[CK_DENSE_VECTORS];
    CK_UNROLL for (size_t v = 0; v < vectors; v++) lane[v] = CK_LOAD(b + v * CK_LANES);
    CK_UNROLL for (size_t i = 0; i < rows; i++) {
      const ck_f32 value = row[i][p];
      CK_UNROLL for (size_t v = 0; v < vectors; v++) sum[i][v] = ck_fma(value, lane[v], sum[i][v]);
    }
  }
  CK_UNROLL for (size_t i = 0; i < rows; i++) {
    CK_UNROLL for (size_t v = 0; v < vectors; v++) CK_STORE(c + i * c_stride + v * CK_LANES, sum[i][v]);
  }
}

/// All columns of a few rows, `rows` a constant after inlining.
CK_INLINE void ck_dense_rows(
    size_t rows, const float *a, size_t a_stride, const float *b, size_t b_stride, float *c, size_t c_stride,
    size_t n, size_t k, int add) {
  size_t j = 0;
  for (; j + CK_DENSE_VECTORS * CK_LANES <= n; j += CK_DENSE_VECTORS * CK_LANES) {
    ck_dense_block(rows, CK_DENSE_VECTORS, a, a_stride, b + j, b_stride, c + j, c_stride, k, add);
  }
  for (; j + CK_LANES <= n; j += CK_LANES) {
    ck_dense_block(rows, 1, a, a_stride, b + j, b_stride, c + j, c_stride, k, add);
  }
  for (; j < n; j++) {
    for (size_t i = 0; i < rows; i++) {
      float sum = add ? c[i * c_stride + j] : 0.0f;
      for (size_t p = 0; p < k; p++) sum = ck_fma(a[i * a_stride + p], b[p * b_stride + j], sum);
      c[i * c_stride + j] = sum;
    }
  }
}

/// c[m][n] = a[m][k] b[k][n], added to c if `add`; strides in elements between rows.
static void dense_f32(
    const float *a, size_t a_stride, const float *b, size_t b_stride, float *c, size_t c_stride, size_t m,
    size_t n, size_t k, int add) {
  size_t i = 0;
  for (; i + CK_DENSE_ROWS <= m; i += CK_DENSE_ROWS) {
    ck_dense_rows(CK_DENSE_ROWS, a + i * a_stride, a_stride, b, b_stride, c + i * c_stride, c_stride, n, k, add);
  }
  a += i * a_stride;
  c += i * c_stride;
  switch (m - i) {
    case 5: ck_dense_rows(5, a, a_stride, b, b_stride, c, c_stride, n, k, add); break;
    case 4: ck_dense_rows(4, a, a_stride, b, b_stride, c, c_stride, n, k, add); break;
    case 3: ck_dense_rows(3, a, a_stride, b, b_stride, c, c_stride, n, k, add); break;
    case 2: ck_dense_rows(2, a, a_stride, b, b_stride, c, c_stride, n, k, add); break;
    case 1: ck_dense_rows(1, a, a_stride, b, b_stride, c, c_stride, n, k, add); break;
  }
}
