/// Rounding of weights, sixteen rows side by side: a panel holds sixteen numbers, one a row, for every column.
///
/// Rows do not know of each other and every sum is one chain over columns in order, so the bits are the same at every level with a fused
/// multiply-add, whatever else is computed beside a row.

typedef float ck_f32x16_at __attribute__((ext_vector_type(16), aligned(4), may_alias));
typedef int32_t ck_i32x16 __attribute__((ext_vector_type(16)));
typedef int32_t ck_i32x16_at __attribute__((ext_vector_type(16), aligned(4), may_alias));
typedef int8_t ck_i8x16_panel __attribute__((ext_vector_type(16)));
typedef int8_t ck_i8x16_panel_at __attribute__((ext_vector_type(16), aligned(1), may_alias));

#define CK_PANEL_ROWS 16
#define CK_PANEL_LOAD(from) ((ck_f32x16)(*(const ck_f32x16_at *)(from)))
#define CK_PANEL_STORE(to, value) (*(ck_f32x16_at *)(to) = (value))
/// Columns whose sums over the columns before them run side by side.
#define CK_PANEL_COLUMNS 4

/// The legal level nearest to x, the lower of two that are equally near; a NaN gets the lowest.
CK_INLINE ck_f32x16 ck_nearest_level(ck_f32x16 x, const ck_levels *levels, int even) {
  if (even) {
    const ck_f32x16 low = levels->low, high = levels->high;
    x = x >= low ? x : low;
    x = x <= high ? x : high;
    // Adding 1.5 * 2^23 leaves the nearest integer, ties to even; the upper of a tie is then turned down.
    const ck_f32x16 nearest = (x + 12582912.0f) - 12582912.0f;
    return nearest - x == (ck_f32x16)0.5f ? nearest - 1.0f : nearest;
  }
  ck_f32x16 level = levels->values[0];
  CK_UNROLL for (size_t i = 0; i < 15; i++) {
    level = x > (ck_f32x16)levels->middles[i] ? (ck_f32x16)levels->values[i + 1] : level;
  }
  return level;
}

/// A group's step, its inverse (0 for a group without a step) and its offset.
typedef struct ck_panel_grid {
  ck_f32x16 step, inverse, offset;
} ck_panel_grid;

CK_INLINE ck_panel_grid ck_grid(ck_f32x16 step, ck_f32x16 offset) {
  const ck_f32x16 zero = 0.0f;
  return (ck_panel_grid){.step = step, .inverse = step == zero ? zero : 1.0f / step, .offset = offset};
}

CK_INLINE ck_f32x16 ck_grid_level(ck_panel_grid grid, ck_f32x16 x, const ck_levels *levels, int even) {
  return ck_nearest_level((x + grid.offset) * grid.inverse, levels, even);
}

CK_INLINE ck_f32x16 ck_grid_value(ck_panel_grid grid, ck_f32x16 level) { return grid.step * level - grid.offset; }

CK_INLINE void ck_store_levels(int8_t *to, ck_f32x16 level) {
  *(ck_i8x16_panel_at *)to = __builtin_convertvector(__builtin_convertvector(level, ck_i32x16), ck_i8x16_panel);
}

CK_INLINE ck_f32x16 ck_load_levels(const int8_t *from) {
  const ck_i8x16_panel bytes = *(const ck_i8x16_panel_at *)from;
  return __builtin_convertvector(__builtin_convertvector(bytes, ck_i32x16), ck_f32x16);
}

/// sum[i] += m[i][k] y[k] over k < count, for four rows of m.
CK_INLINE void ck_panel_gather(const float *m, size_t stride, const float *y, size_t count, ck_f32x16 *sum) {
  ck_f32x16 s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
  const float *const m1 = m + stride, *const m2 = m1 + stride, *const m3 = m2 + stride;
  for (size_t k = 0; k < count; k++) {
    const ck_f32x16 value = CK_PANEL_LOAD(y + k * CK_PANEL_ROWS);
    s0 = ck_fma((ck_f32x16)m[k], value, s0);
    s1 = ck_fma((ck_f32x16)m1[k], value, s1);
    s2 = ck_fma((ck_f32x16)m2[k], value, s2);
    s3 = ck_fma((ck_f32x16)m3[k], value, s3);
  }
  sum[0] = s0;
  sum[1] = s1;
  sum[2] = s2;
  sum[3] = s3;
}

CK_INLINE void ck_panel_feedback(
    const float *target, float *work, const float *steps, const float *offsets, size_t group, const float *m,
    size_t stride, size_t columns, const ck_levels *levels, int8_t *chosen, int even) {
  ck_panel_grid grid = {0};
  for (size_t j = 0; j < columns; j += CK_PANEL_COLUMNS) {
    if (j % group == 0) {
      const size_t at = j / group * CK_PANEL_ROWS;
      grid = ck_grid(CK_PANEL_LOAD(steps + at), CK_PANEL_LOAD(offsets + at));
    }
    ck_f32x16 x[CK_PANEL_COLUMNS], error[CK_PANEL_COLUMNS];
    CK_UNROLL for (size_t i = 0; i < CK_PANEL_COLUMNS; i++) x[i] = CK_PANEL_LOAD(work + (j + i) * CK_PANEL_ROWS);
    ck_panel_gather(m + j * stride, stride, work, j, x);
    CK_UNROLL for (size_t i = 0; i < CK_PANEL_COLUMNS; i++) {
      const float *const row = m + (j + i) * stride + j;
      CK_UNROLL for (size_t k = 0; k < i; k++) x[i] = ck_fma((ck_f32x16)row[k], error[k], x[i]);
      const ck_f32x16 level = ck_grid_level(grid, x[i], levels, even);
      error[i] = CK_PANEL_LOAD(target + (j + i) * CK_PANEL_ROWS) - ck_grid_value(grid, level);
      ck_store_levels(chosen + (j + i) * CK_PANEL_ROWS, level);
    }
    CK_UNROLL for (size_t i = 0; i < CK_PANEL_COLUMNS; i++) {
      CK_PANEL_STORE(work + (j + i) * CK_PANEL_ROWS, error[i]);
    }
  }
}

/// Rounds columns one after another; what is wrong with each moves the targets of those behind it.
///
/// work[j] is the target that the errors of earlier blocks have moved, and becomes target[j] - value[j]; m[j][k] says by how much the error
/// of column k moves column j > k. Columns and groups are multiples of four.
static void panel_feedback(
    const float *target, float *work, const float *steps, const float *offsets, size_t group, const float *m,
    size_t stride, size_t columns, const ck_levels *levels, int8_t *chosen) {
  if (levels->values) {
    ck_panel_feedback(target, work, steps, offsets, group, m, stride, columns, levels, chosen, 0);
  } else {
    ck_panel_feedback(target, work, steps, offsets, group, m, stride, columns, levels, chosen, 1);
  }
}

/// The values of levels: step * level - offset.
static void panel_values(
    const int8_t *levels, const float *steps, const float *offsets, size_t group, size_t columns, float *values) {
  for (size_t j = 0; j < columns; j++) {
    const size_t at = j / group * CK_PANEL_ROWS;
    const ck_f32x16 level = ck_load_levels(levels + j * CK_PANEL_ROWS);
    CK_PANEL_STORE(values + j * CK_PANEL_ROWS, CK_PANEL_LOAD(steps + at) * level - CK_PANEL_LOAD(offsets + at));
  }
}

/// The sum of a[j] * b[j] of each row: four chains over the columns j = 0, 1, 2, 3 mod 4, then (0 + 1) + (2 + 3).
static void panel_dot(const float *a, const float *b, size_t columns, float *to) {
  ck_f32x16 sum[4] = {0, 0, 0, 0};
  for (size_t j = 0; j < columns; j++) {
    sum[j % 4] = ck_fma(CK_PANEL_LOAD(a + j * CK_PANEL_ROWS), CK_PANEL_LOAD(b + j * CK_PANEL_ROWS), sum[j % 4]);
  }
  CK_PANEL_STORE(to, (sum[0] + sum[1]) + (sum[2] + sum[3]));
}

/// y[j] += scale * x[j], with one scale a row.
static void panel_axpy(const float *scale, const float *x, float *y, size_t columns) {
  const ck_f32x16 factor = CK_PANEL_LOAD(scale);
  for (size_t j = 0; j < columns; j++) {
    const size_t at = j * CK_PANEL_ROWS;
    CK_PANEL_STORE(y + at, ck_fma(factor, CK_PANEL_LOAD(x + at), CK_PANEL_LOAD(y + at)));
  }
}

/// 2 D . gradient + D h D: by how much changes D of the columns of a group change the objective.
CK_INLINE ck_f32x16 ck_panel_cost(
    const float *change, const float *gradient, const float *h, size_t stride, size_t columns) {
  ck_f32x16 total = 0.0f;
  for (size_t j = 0; j < columns; j += CK_PANEL_COLUMNS) {
    ck_f32x16 x[CK_PANEL_COLUMNS];
    CK_UNROLL for (size_t i = 0; i < CK_PANEL_COLUMNS; i++) x[i] = CK_PANEL_LOAD(gradient + (j + i) * CK_PANEL_ROWS);
    ck_panel_gather(h + j * stride, stride, change, j, x);
    CK_UNROLL for (size_t i = 0; i < CK_PANEL_COLUMNS; i++) {
      const float *const row = h + (j + i) * stride + j;
      CK_UNROLL for (size_t k = 0; k < i; k++) {
        x[i] = ck_fma((ck_f32x16)row[k], CK_PANEL_LOAD(change + (j + k) * CK_PANEL_ROWS), x[i]);
      }
      const ck_f32x16 d = CK_PANEL_LOAD(change + (j + i) * CK_PANEL_ROWS);
      total = ck_fma(d, ck_fma((ck_f32x16)row[i], d, x[i] + x[i]), total);
    }
  }
  return total;
}

CK_INLINE void ck_panel_choose(
    const float *target, const float *gradient, const float *h, size_t stride, size_t columns, const float *steps,
    const float *offsets, size_t candidates, const ck_levels *levels, float *values, int8_t *chosen, float *changes,
    float *gain, int32_t *choice, int even) {
  float trial[CK_PANEL_GROUP * CK_PANEL_ROWS];
  ck_f32x16 best = 0.0f, step = 0.0f, offset = 0.0f;
  ck_i32x16 number = -1;
  for (size_t c = 0; c < candidates; c++) {
    const ck_panel_grid grid =
        ck_grid(CK_PANEL_LOAD(steps + c * CK_PANEL_ROWS), CK_PANEL_LOAD(offsets + c * CK_PANEL_ROWS));
    for (size_t j = 0; j < columns; j++) {
      const ck_f32x16 level = ck_grid_level(grid, CK_PANEL_LOAD(target + j * CK_PANEL_ROWS), levels, even);
      const ck_f32x16 value = ck_grid_value(grid, level);
      CK_PANEL_STORE(trial + j * CK_PANEL_ROWS, value - CK_PANEL_LOAD(values + j * CK_PANEL_ROWS));
    }
    const ck_f32x16 cost = ck_panel_cost(trial, gradient, h, stride, columns);
    const ck_i32x16 isBetter = cost < best;
    best = isBetter ? cost : best;
    step = isBetter ? grid.step : step;
    offset = isBetter ? grid.offset : offset;
    number = isBetter ? (ck_i32x16)(int32_t)c : number;
  }
  const ck_panel_grid grid = ck_grid(step, offset);
  const ck_i32x16 isChanged = number >= 0;
  for (size_t j = 0; j < columns; j++) {
    const size_t at = j * CK_PANEL_ROWS;
    const ck_f32x16 old = CK_PANEL_LOAD(values + at);
    const ck_f32x16 level = ck_grid_level(grid, CK_PANEL_LOAD(target + at), levels, even);
    const ck_f32x16 value = isChanged ? ck_grid_value(grid, level) : old;
    CK_PANEL_STORE(changes + at, value - old);
    CK_PANEL_STORE(values + at, value);
    ck_store_levels(chosen + at, isChanged ? level : ck_load_levels(chosen + at));
  }
  CK_PANEL_STORE(gain, best);
  *(ck_i32x16_at *)choice = number;
}

/// Tries grids for a group: under each all weights go to the level nearest to their targets, and the one that lowers the objective most is
/// taken, the first of equals; -1 stands for none.
///
/// The objective changes by 2 D . gradient + D h D for changes D of the values.
static void panel_choose(
    const float *target, const float *gradient, const float *h, size_t stride, size_t columns, const float *steps,
    const float *offsets, size_t candidates, const ck_levels *levels, float *values, int8_t *chosen, float *changes,
    float *gain, int32_t *choice) {
  if (levels->values) {
    ck_panel_choose(
        target, gradient, h, stride, columns, steps, offsets, candidates, levels, values, chosen, changes, gain, choice,
        0);
  } else {
    ck_panel_choose(
        target, gradient, h, stride, columns, steps, offsets, candidates, levels, values, chosen, changes, gain, choice,
        1);
  }
}

CK_INLINE void ck_panel_descend(
    const float *gradient, const float *h, size_t stride, const float *inverses, size_t columns, const float *step,
    const float *offset, const ck_levels *levels, float *values, int8_t *chosen, float *gain, int even) {
  const ck_panel_grid grid = ck_grid(CK_PANEL_LOAD(step), CK_PANEL_LOAD(offset));
  const ck_f32x16 zero = 0.0f;
  float own[CK_PANEL_GROUP * CK_PANEL_ROWS];
  ck_f32x16 total = 0.0f;
  for (size_t j = 0; j < columns; j += CK_PANEL_COLUMNS) {
    ck_f32x16 x[CK_PANEL_COLUMNS], d[CK_PANEL_COLUMNS];
    CK_UNROLL for (size_t i = 0; i < CK_PANEL_COLUMNS; i++) x[i] = CK_PANEL_LOAD(gradient + (j + i) * CK_PANEL_ROWS);
    ck_panel_gather(h + j * stride, stride, own, j, x);
    CK_UNROLL for (size_t i = 0; i < CK_PANEL_COLUMNS; i++) {
      const size_t at = (j + i) * CK_PANEL_ROWS;
      const float *const row = h + (j + i) * stride + j;
      CK_UNROLL for (size_t k = 0; k < i; k++) x[i] = ck_fma((ck_f32x16)row[k], d[k], x[i]);
      const ck_f32x16 old = CK_PANEL_LOAD(values + at), level = ck_load_levels(chosen + at);
      const ck_f32x16 wanted = ck_grid_level(grid, old - x[i] * inverses[j + i], levels, even);
      const ck_f32x16 value = ck_grid_value(grid, wanted);
      const ck_f32x16 difference = value - old;
      const ck_f32x16 cost = difference * ck_fma((ck_f32x16)row[i], difference, x[i] + x[i]);
      const ck_i32x16 isTaken = (cost < zero) & (grid.step != zero);
      d[i] = isTaken ? difference : zero;
      total += isTaken ? cost : zero;
      CK_PANEL_STORE(own + at, d[i]);
      CK_PANEL_STORE(values + at, isTaken ? value : old);
      ck_store_levels(chosen + at, isTaken ? wanted : level);
    }
  }
  CK_PANEL_STORE(gain, total);
}

/// Moves the weights of a group one after another to the level nearest to where the objective is least, if that lowers it. A group without
/// a step stays.
static void panel_descend(
    const float *gradient, const float *h, size_t stride, const float *inverses, size_t columns, const float *step,
    const float *offset, const ck_levels *levels, float *values, int8_t *chosen, float *gain) {
  if (levels->values) {
    ck_panel_descend(gradient, h, stride, inverses, columns, step, offset, levels, values, chosen, gain, 0);
  } else {
    ck_panel_descend(gradient, h, stride, inverses, columns, step, offset, levels, values, chosen, gain, 1);
  }
}
