// Every level of CKernels against the portable one and against plain loops, on buffers that end at a guard page.
// Built and run by native.sh, neon.sh and avx512.sh: for this machine, and for Arm and AVX-512 under emulators.

#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ckernels.h"

static int failures;

static void check(int good, const char *level, const char *what, size_t n) {
  if (good) return;
  failures++;
  printf("FAILED: %s %s, n = %zu\n", level, what, n);
}

static struct { void *base; size_t bytes; } mapped[16];
static size_t mappings;

// `bytes` bytes whose last one is the last of a readable page.
static void *guarded(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (bytes + page - 1) / page;
  uint8_t *base = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(base + pages * page, page, PROT_NONE) != 0) abort();
  mapped[mappings].base = base;
  mapped[mappings++].bytes = (pages + 1) * page;
  return base + pages * page - bytes;
}

// Ends a case: its buffers go.
static void done(void) {
  while (mappings > 0) {
    mappings--;
    munmap(mapped[mappings].base, mapped[mappings].bytes);
  }
}

static uint64_t state = 88172645463325252u;

static uint32_t random_bits(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 16);
}

static float random_float(void) { return (float)((int32_t)random_bits()) * 0x1p-31f; }

// Weights of every size: small, large, subnormal, tied, zero, and now and then an infinity or a NaN.
static void fill(float *x, size_t n, int kind) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = random_bits();
    switch (kind) {
      case 0: x[i] = random_float(); break;
      case 1: memcpy(&x[i], &bits, 4); break;
      case 2: x[i] = random_float() * 0x1p-140f; break;
      case 3: x[i] = (float)((int)(bits % 5) - 2); break;
      case 4: x[i] = (bits & 1) ? 0.0f : -0.0f; break;
      case 5: x[i] = random_float() * 0x1p16f; break;
      case 6: x[i] = ((float)((int)(bits % 2001) - 1000)) / 16.0f; break;
      default: x[i] = bits % 97 == 0 ? INFINITY : bits % 89 == 0 ? NAN : random_float(); break;
    }
  }
}

static int same_floats(const float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (memcmp(&a[i], &b[i], 4) != 0 && !(isnan(a[i]) && isnan(b[i]))) return 0;
  }
  return 1;
}

typedef void decoder(const void *, float *, size_t);
typedef void encoder(const float *, void *, size_t);

static void codecs(const ck_level *level, const ck_level *portable) {
  struct { const char *name; size_t block, bytes; encoder *encode, *plain; decoder *decode, *undo; } formats[] = {
      {"f16", 1, 2, level->encode_f16, portable->encode_f16, level->decode_f16, portable->decode_f16},
      {"bf16", 1, 2, level->encode_bf16, portable->encode_bf16, level->decode_bf16, portable->decode_bf16},
      {"q8_0", 32, 34, level->encode_q8_0, portable->encode_q8_0, level->decode_q8_0, portable->decode_q8_0},
      {"q4_0", 32, 18, level->encode_q4_0, portable->encode_q4_0, level->decode_q4_0, portable->decode_q4_0},
  };
  for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
    for (size_t blocks = 0; blocks < 70; blocks++) {
      const size_t n = blocks * formats[f].block, bytes = blocks * formats[f].bytes;
      for (int kind = 0; kind < 8; kind++) {
        float *x = guarded(n * 4), *y = guarded(n * 4), *z = guarded(n * 4);
        uint8_t *a = guarded(bytes), *b = guarded(bytes);
        fill(x, n, kind);
        formats[f].encode(x, a, n);
        formats[f].plain(x, b, n);
        check(memcmp(a, b, bytes) == 0, level->name, formats[f].name, n);
        formats[f].decode(a, y, n);
        formats[f].undo(a, z, n);
        check(same_floats(y, z, n), level->name, "decode", n);
        done();
      }
    }
  }
  // Every f16 and every bf16 there is.
  uint16_t *all = guarded(65536 * 2);
  float *y = guarded(65536 * 4), *z = guarded(65536 * 4);
  for (size_t i = 0; i < 65536; i++) all[i] = (uint16_t)i;
  level->decode_f16(all, y, 65536);
  portable->decode_f16(all, z, 65536);
  check(same_floats(y, z, 65536), level->name, "all f16", 65536);
  level->decode_bf16(all, y, 65536);
  portable->decode_bf16(all, z, 65536);
  check(same_floats(y, z, 65536), level->name, "all bf16", 65536);
  done();
}

static void searches(const ck_level *level) {
  for (size_t n = 0; n < 300; n += 7) {
    float *x = guarded(n * 4);
    uint16_t *h = guarded(n * 2), *b = guarded(n * 2);
    for (size_t bad = 0; bad <= n; bad += 5) {
      fill(x, n, 0);
      level->encode_f16(x, h, n);
      level->encode_bf16(x, b, n);
      if (bad < n) x[bad] = bad % 2 ? NAN : -INFINITY, h[bad] = 0xfc00, b[bad] = 0x7f81;
      const size_t expected = bad < n ? bad : n;
      check(level->first_nonfinite_f32(x, n) == expected, level->name, "first_nonfinite_f32", n);
      check(level->first_nonfinite_f16(h, n) == expected, level->name, "first_nonfinite_f16", n);
      check(level->first_nonfinite_bf16(b, n) == expected, level->name, "first_nonfinite_bf16", n);
    }
    done();
  }
}

static void vectors(const ck_level *level) {
  for (size_t n = 0; n < 100; n++) {
    float *a = guarded(n * 4), *b = guarded(n * 4), *c = guarded(n * 4);
    fill(a, n, 0);
    fill(b, n, 0);
    double sum = 0, size = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i], size += fabs((double)a[i] * b[i]);
    check(fabs(level->dot_f32(a, b, n) - sum) <= 1e-6 * size, level->name, "dot_f32", n);
    memcpy(c, b, n * 4);
    level->axpy_f32(0.7f, a, c, n);
    for (size_t i = 0; i < n; i++) check(fabs(c[i] - (0.7f * (double)a[i] + b[i])) < 3e-7, level->name, "axpy_f32", n);
    for (size_t i = 0; i < n; i++) a[i] *= 100;
    level->exp_f32(a, c, n);
    for (size_t i = 0; i < n; i++) {
      const double e = exp((double)a[i]);
      check(e > 3.4028235e38 ? isinf(c[i]) : fabs(c[i] - e) <= 2e-7 * e + 1e-45, level->name, "exp_f32", n);
    }
    level->sigmoid_f32(a, c, n);
    for (size_t i = 0; i < n; i++) {
      const double e = 1 / (1 + exp(-(double)a[i]));
      check(fabs(c[i] - e) <= 4e-7 * e + 1e-38, level->name, "sigmoid_f32", n);
    }
    level->silu_f32(a, c, n);
    for (size_t i = 0; i < n; i++) {
      const double e = a[i] / (1 + exp(-(double)a[i]));
      check(fabs(c[i] - e) <= 4e-7 * fabs(e) + 1e-36, level->name, "silu_f32", n);
    }
    done();
  }
}

// Decoding straight into a panel is decoding and then packing.
static void unpacking(const ck_level *level) {
  const size_t nr = level->row_block, columns = 96;
  typedef void unpacker(const void *, size_t, size_t, size_t, float *);
  struct { size_t bytes; encoder *encode; decoder *decode; unpacker *unpack; } formats[] = {
      {2 * columns, level->encode_f16, level->decode_f16, level->unpack_f16},
      {2 * columns, level->encode_bf16, level->decode_bf16, level->unpack_bf16},
      {columns / 32 * 34, level->encode_q8_0, level->decode_q8_0, level->unpack_q8_0},
      {columns / 32 * 18, level->encode_q4_0, level->decode_q4_0, level->unpack_q4_0},
  };
  for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
    for (size_t rows = 1; rows <= nr; rows++) {
      float *x = guarded(rows * columns * 4), *a = guarded(nr * columns * 4), *b = guarded(nr * columns * 4);
      uint8_t *stored = guarded(rows * formats[f].bytes);
      fill(x, rows * columns, 0);
      for (size_t r = 0; r < rows; r++) formats[f].encode(x + r * columns, stored + r * formats[f].bytes, columns);
      for (size_t r = 0; r < rows; r++) formats[f].decode(stored + r * formats[f].bytes, x + r * columns, columns);
      level->pack_rows(x, columns, rows, columns, a);
      formats[f].unpack(stored, formats[f].bytes, rows, columns, b);
      check(same_floats(a, b, nr * columns), level->name, "unpack", rows);
      level->unpack_f32(x, columns * 4, rows, columns, b);
      check(same_floats(a, b, nr * columns), level->name, "unpack_f32", rows);
      level->unpack_f32(x, columns * 4, rows, 37, a);
      level->pack_rows(x, columns, rows, 37, b);
      check(same_floats(a, b, nr * 37), level->name, "unpack_f32 of some columns", rows);
      done();
    }
  }
}

// What the product promises: per block of columns one chain in order, blocks added in order.
static float promised(const float *x, const float *w, size_t columns, size_t block, int fused) {
  float total = 0;
  for (size_t first = 0; first < columns; first += block) {
    const size_t end = first + block < columns ? first + block : columns;
    volatile float sum = 0;
    for (size_t c = first; c < end; c++) {
      if (fused) {
        sum = fmaf(x[c], w[c], sum);
      } else {
        volatile float term = x[c] * w[c];
        sum = sum + term;
      }
    }
    total = first ? total + sum : sum;
  }
  return total;
}

static void products(const ck_level *level, int fused) {
  const size_t mr = level->token_block, nr = level->row_block;
  const size_t sizes[][3] = {{1, 1, 1}, {1, 7, 33}, {2, 50, 64}, {3, 97, 40}, {7, 200, 70}, {8, 48, 96}, {13, 100, 61}, {17, 199, 130}};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    const size_t tokens = sizes[s][0], rows = sizes[s][1], columns = sizes[s][2], block = 32;
    const size_t panels = (rows + nr - 1) / nr;
    float *x = guarded(tokens * columns * 4), *w = guarded(rows * columns * 4), *y = guarded(tokens * rows * 4);
    float *xp = guarded(tokens * block * 4), *wp = guarded(panels * nr * block * 4);
    fill(x, tokens * columns, 0);
    fill(w, rows * columns, 0);
    for (size_t first = 0; first < columns; first += block) {
      const size_t count = columns - first < block ? columns - first : block;
      for (size_t t = 0; t < tokens; t += mr) {
        const size_t some = tokens - t < mr ? tokens - t : mr;
        level->pack_tokens(x + t * columns + first, columns, some, count, xp + t * count);
      }
      for (size_t r = 0; r < rows; r += nr) {
        level->pack_rows(w + r * columns + first, columns, rows - r < nr ? rows - r : nr, count, wp + r * count);
      }
      level->product(xp, tokens, wp, rows, count, y, rows, first > 0);
    }
    for (size_t t = 0; t < tokens; t++) {
      for (size_t r = 0; r < rows; r++) {
        const float expected = promised(x + t * columns, w + r * columns, columns, block, fused);
        check(memcmp(&y[t * rows + r], &expected, 4) == 0, level->name, "product", s);
      }
    }
    done();
  }
}

typedef void gemv(const void *, size_t, size_t, const float *, size_t, size_t, size_t, float *, size_t);
typedef void weighting(const float *, const float *, void *, size_t);

// A format's row of weights: how it is stored, read and multiplied. One of the encoders; f32 has none.
typedef struct {
  const char *name;
  size_t columns, bytes;
  encoder *encode;
  weighting *encode_weighted;
  decoder *decode;
  gemv *multiply;
} stored_row;

// A few tokens by stored rows: the promised sums over the decoded weights.
static void few_of(const ck_level *level, int fused, const stored_row *format, size_t tokens) {
  const size_t rows = 70, columns = format->columns;
  float *x = guarded(tokens * columns * 4), *w = guarded(rows * columns * 4), *y = guarded(tokens * rows * 4);
  uint8_t *stored = guarded(rows * format->bytes);
  fill(x, tokens * columns, 0);
  fill(w, rows * columns, 0);
  for (size_t r = 0; r < rows; r++) {
    float *weights = w + r * columns;
    uint8_t *row = stored + r * format->bytes;
    if (format->encode) {
      format->encode(weights, row, columns);
    } else if (format->encode_weighted) {
      format->encode_weighted(weights, NULL, row, columns);
    } else {
      memcpy(row, weights, format->bytes);
    }
    if (format->decode) format->decode(row, weights, columns);
  }
  format->multiply(stored, format->bytes, rows, x, columns, tokens, columns, y, rows);
  for (size_t t = 0; t < tokens; t++) {
    for (size_t r = 0; r < rows; r++) {
      const float expected = promised(x + t * columns, w + r * columns, columns, 256, fused);
      check(memcmp(&y[t * rows + r], &expected, 4) == 0, level->name, format->name, tokens);
    }
  }
  done();
}

static void few(const ck_level *level, int fused) {
  const stored_row formats[] = {
      {"gemv f32", 544, 544 * 4, NULL, NULL, NULL, level->gemv_f32},
      {"gemv f16", 544, 544 * 2, level->encode_f16, NULL, level->decode_f16, level->gemv_f16},
      {"gemv bf16", 544, 544 * 2, level->encode_bf16, NULL, level->decode_bf16, level->gemv_bf16},
      {"gemv q8_0", 544, 544 / 32 * 34, level->encode_q8_0, NULL, level->decode_q8_0, level->gemv_q8_0},
      {"gemv q4_0", 544, 544 / 32 * 18, level->encode_q4_0, NULL, level->decode_q4_0, level->gemv_q4_0},
      {"gemv q4_k", 768, 3 * 144, NULL, level->encode_q4_k, level->decode_q4_k, level->gemv_q4_k},
      {"gemv q5_k", 768, 3 * 176, NULL, level->encode_q5_k, level->decode_q5_k, level->gemv_q5_k},
      {"gemv q6_k", 768, 3 * 210, NULL, level->encode_q6_k, level->decode_q6_k, level->gemv_q6_k},
  };
  for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
    for (size_t tokens = 1; tokens <= 4; tokens++) few_of(level, fused, &formats[f], tokens);
  }
}

static float multiply_add(float a, float b, float c, int fused) {
  if (fused) return fmaf(a, b, c);
  volatile float term = a * b;
  return term + c;
}

// One token of the delta rule, element by element.
static void delta(const ck_level *level, int fused) {
  const size_t sizes[][2] = {{1, 1}, {7, 5}, {16, 128}, {32, 24}, {128, 128}, {5, 77}, {9, 16}};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    const size_t keys = sizes[s][0], values = sizes[s][1];
    float *memory = guarded(keys * values * 4), *expected = guarded(keys * values * 4);
    float *k = guarded(keys * 4), *q = guarded(keys * 4), *v = guarded(values * 4), *o = guarded(values * 4);
    float *output = guarded(values * 4);
    const float kept = 0.9375f - 0.01f * random_float(), rate = 0.5f + 0.25f * random_float();
    fill(memory, keys * values, 0);
    fill(k, keys, 0);
    fill(q, keys, 0);
    fill(v, values, 0);
    memcpy(expected, memory, keys * values * 4);
    for (size_t j = 0; j < values; j++) {
      volatile float difference = 0, sum = 0;
      for (size_t i = 0; i < keys; i++) {
        volatile float faded = expected[i * values + j] * kept;
        expected[i * values + j] = faded;
        difference = multiply_add(k[i], faded, difference, fused);
      }
      difference = v[j] - difference;
      difference = difference * rate;
      for (size_t i = 0; i < keys; i++) {
        const float value = multiply_add(k[i], difference, expected[i * values + j], fused);
        expected[i * values + j] = value;
        sum = multiply_add(q[i], value, sum, fused);
      }
      output[j] = sum;
    }
    level->delta_step_f32(memory, keys, values, k, q, v, kept, rate, o);
    check(memcmp(o, output, values * 4) == 0, level->name, "delta_step_f32, outputs", s);
    check(memcmp(memory, expected, keys * values * 4) == 0, level->name, "delta_step_f32, memory", s);
    done();
  }
}

// See wide.c.
extern const ck_level ck_sixteen;
#ifdef CK_ONLY
// The one level to test, where the others are not wanted.
extern const ck_level CK_ONLY;
#endif

static void run(const ck_level *level, int fused) {
  codecs(level, ck_level_at(0));
  searches(level);
  vectors(level);
  unpacking(level);
  products(level, fused);
  few(level, fused);
  delta(level, fused);
  printf("%s: %s\n", level->name, failures ? "failed" : "passed");
}

int main(void) {
#ifdef CK_ONLY
  run(&CK_ONLY, 1);
#else
  for (size_t i = 0; i < ck_level_count(); i++) run(ck_level_at(i), i > 0);
  if (ck_level_count() > 1) run(&ck_sixteen, 1);
#endif
  return failures != 0;
}
