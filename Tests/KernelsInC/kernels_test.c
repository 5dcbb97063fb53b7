// Every level of CKernels against the portable one and against plain loops, on buffers that end at a guard page.
// Built and run by native.sh, neon.sh and avx512.sh: for this machine, and for Arm and AVX-512 under emulators.

#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../Sources/CKernels/levels.h"

// See wide.c.
extern const ck_level ck_sixteen;

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

// Formats with kernels of every kind, and how they are stored.
static const struct { const char *name; size_t block, bytes; } stored_as[] = {
    {"F16", 1, 2}, {"BF16", 1, 2}, {"Q8_0", 32, 34}, {"Q4_0", 32, 18}, {"F32", 1, 4},
};

// Formats whose products with a few tokens are of integers.
static const struct { const char *name; size_t block, bytes; } cut_as[] = {
    {"Q4_0", 32, 18},    {"Q4_1", 32, 20},    {"Q5_0", 32, 22},   {"Q5_1", 32, 24},   {"Q8_0", 32, 34},
    {"IQ4_NL", 32, 18},  {"MXFP4", 32, 17},   {"NVFP4", 64, 36},  {"Q1_0", 128, 18},  {"Q2_0", 64, 18},
    {"Q2_K", 256, 84},   {"Q3_K", 256, 110},  {"Q4_K", 256, 144}, {"Q5_K", 256, 176}, {"Q6_K", 256, 210},
    {"IQ4_XS", 256, 136}, {"TQ1_0", 256, 54}, {"TQ2_0", 256, 66}, {"IQ2_XXS", 256, 66}, {"IQ2_XS", 256, 74},
    {"IQ2_S", 256, 82},  {"IQ3_XXS", 256, 98}, {"IQ3_S", 256, 110}, {"IQ1_S", 256, 50}, {"IQ1_M", 256, 56},
};

static void codecs(const ck_kernels *level, const ck_kernels *portable) {
  for (size_t f = 0; f < 4; f++) {
    const ck_format *ours = ck_format_named(level, stored_as[f].name);
    const ck_format *plain = ck_format_named(portable, stored_as[f].name);
    for (size_t blocks = 0; blocks < 70; blocks++) {
      const size_t n = blocks * stored_as[f].block, bytes = blocks * stored_as[f].bytes;
      for (int kind = 0; kind < 8; kind++) {
        float *x = guarded(n * 4), *y = guarded(n * 4), *z = guarded(n * 4);
        uint8_t *a = guarded(bytes), *b = guarded(bytes);
        fill(x, n, kind);
        ours->encode(x, NULL, a, n, NULL);
        plain->encode(x, NULL, b, n, NULL);
        check(memcmp(a, b, bytes) == 0, level->name, ours->name, n);
        ours->decode(a, y, n, NULL);
        plain->decode(a, z, n, NULL);
        check(same_floats(y, z, n), level->name, "decode", n);
        done();
      }
    }
  }
  // Every f16 and every bf16 there is.
  uint16_t *all = guarded(65536 * 2);
  float *y = guarded(65536 * 4), *z = guarded(65536 * 4);
  for (size_t i = 0; i < 65536; i++) all[i] = (uint16_t)i;
  for (size_t f = 0; f < 2; f++) {
    ck_format_named(level, stored_as[f].name)->decode(all, y, 65536, NULL);
    ck_format_named(portable, stored_as[f].name)->decode(all, z, 65536, NULL);
    check(same_floats(y, z, 65536), level->name, stored_as[f].name, 65536);
  }
  done();
}

static void searches(const ck_kernels *level) {
  for (size_t n = 0; n < 300; n += 7) {
    float *x = guarded(n * 4);
    uint16_t *h = guarded(n * 2), *b = guarded(n * 2);
    for (size_t bad = 0; bad <= n; bad += 5) {
      fill(x, n, 0);
      ck_format_named(level, "F16")->encode(x, NULL, h, n, NULL);
      ck_format_named(level, "BF16")->encode(x, NULL, b, n, NULL);
      if (bad < n) x[bad] = bad % 2 ? NAN : -INFINITY, h[bad] = 0xfc00, b[bad] = 0x7f81;
      const size_t expected = bad < n ? bad : n;
      check(level->first_nonfinite_f32(x, n) == expected, level->name, "first_nonfinite_f32", n);
      check(level->first_nonfinite_f16(h, n) == expected, level->name, "first_nonfinite_f16", n);
      check(level->first_nonfinite_bf16(b, n) == expected, level->name, "first_nonfinite_bf16", n);
    }
    done();
  }
}

// Every byte is read, and none beside them.
static void reading(const ck_kernels *level) {
  for (size_t n = 0; n < 2600; n = n * 2 + 5) {
    uint8_t *bytes = guarded(n);
    memset(bytes, 0, n);
    check(level->read_peak(bytes, n) == 0, level->name, "read_peak", n);
    for (size_t i = 0; i < n; i++) {
      bytes[i] = 0x81;
      check(level->read_peak(bytes, n) == 0x81u << (i < n / 1024 * 1024 ? i % 4 * 8 : 0), level->name, "read_peak", n);
      bytes[i] = 0;
    }
    done();
  }
}

static void vectors(const ck_kernels *level) {
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
    memcpy(c, a, n * 4);
    level->exp_shifted_f32(c, 0, n);
    for (size_t i = 0; i < n; i++) {
      const double e = exp((double)a[i]);
      check(e > 3.4028235e38 ? isinf(c[i]) : fabs(c[i] - e) <= 2e-7 * e + 1e-45, level->name, "exp_shifted_f32", n);
    }
    for (size_t i = 0; i < n; i++) c[i] = 1;
    level->sigmoid_gate_f32(c, a, n);
    for (size_t i = 0; i < n; i++) {
      const double e = 1 / (1 + exp(-(double)a[i]));
      check(fabs(c[i] - e) <= 4e-7 * e + 1e-38, level->name, "sigmoid_gate_f32", n);
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
static void unpacking(const ck_kernels *level) {
  const size_t nr = level->row_block, columns = 96;
  const ck_format *floats = ck_format_named(level, "F32");
  for (size_t f = 0; f < 4; f++) {
    const ck_format *format = ck_format_named(level, stored_as[f].name);
    const size_t bytes = columns / stored_as[f].block * stored_as[f].bytes;
    for (size_t rows = 1; rows <= nr; rows++) {
      float *x = guarded(rows * columns * 4), *a = guarded(nr * columns * 4), *b = guarded(nr * columns * 4);
      uint8_t *stored = guarded(rows * bytes);
      fill(x, rows * columns, 0);
      for (size_t r = 0; r < rows; r++) format->encode(x + r * columns, NULL, stored + r * bytes, columns, NULL);
      for (size_t r = 0; r < rows; r++) format->decode(stored + r * bytes, x + r * columns, columns, NULL);
      level->pack_rows(x, columns, rows, columns, a);
      format->unpack(stored, bytes, rows, columns, b);
      check(same_floats(a, b, nr * columns), level->name, "unpack", rows);
      floats->unpack(x, columns * 4, rows, columns, b);
      check(same_floats(a, b, nr * columns), level->name, "unpack F32", rows);
      floats->unpack(x, columns * 4, rows, 37, a);
      level->pack_rows(x, columns, rows, 37, b);
      check(same_floats(a, b, nr * 37), level->name, "unpack F32 of some columns", rows);
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

static void products(const ck_kernels *level, int fused) {
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
      level->product(xp, tokens, wp, rows, count, first > 0 ? y : 0, rows, y, rows);
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

// A few tokens by stored rows: the promised sums over the decoded weights.
static void few_of(const ck_kernels *level, int fused, size_t f, size_t tokens) {
  const ck_format *format = ck_format_named(level, stored_as[f].name);
  const size_t rows = 70, columns = stored_as[f].block == 256 ? 768 : 544;
  const size_t bytes = columns / stored_as[f].block * stored_as[f].bytes;
  float *x = guarded(tokens * columns * 4), *w = guarded(rows * columns * 4), *y = guarded(tokens * rows * 4);
  uint8_t *stored = guarded(rows * bytes);
  fill(x, tokens * columns, 0);
  fill(w, rows * columns, 0);
  for (size_t r = 0; r < rows; r++) {
    float *weights = w + r * columns;
    uint8_t *row = stored + r * bytes;
    if (format->encode) {
      format->encode(weights, NULL, row, columns, NULL);
      format->decode(row, weights, columns, NULL);
    } else {
      memcpy(row, weights, bytes);
    }
  }
  format->gemv(stored, bytes, rows, x, columns, tokens, columns, y, rows);
  for (size_t t = 0; t < tokens; t++) {
    for (size_t r = 0; r < rows; r++) {
      const float expected = promised(x + t * columns, w + r * columns, columns, 256, fused);
      check(memcmp(&y[t * rows + r], &expected, 4) == 0, level->name, format->name, tokens);
    }
  }
  done();
}

static void few(const ck_kernels *level, int fused) {
  for (size_t f = 0; f < sizeof stored_as / sizeof stored_as[0]; f++) {
    if (!ck_format_named(level, stored_as[f].name)->gemv) continue;
    for (size_t tokens = 1; tokens <= 4; tokens++) few_of(level, fused, f, tokens);
  }
}

// Digits of every kind of token: those of another level, and the numbers they stand for.
static void cutting(const ck_kernels *level, const ck_kernels *other) {
  for (size_t columns = 32; columns <= 1024; columns += 32) {
    for (int kind = 0; kind < 8; kind++) {
      const size_t stretches = (columns + 255) / 256;
      float *x = guarded(columns * 4);
      ck_stretch *a = guarded(stretches * sizeof *a), *b = guarded(stretches * sizeof *b);
      fill(x, columns, kind);
      if (columns % 64 == 0) x[columns / 2] *= 100;
      level->make_digits(x, columns, a);
      other->make_digits(x, columns, b);
      check(memcmp(a, b, stretches * sizeof *a) == 0, level->name, "make_digits, another level's", columns);
      for (size_t i = 0; i < columns; i++) {
        const ck_stretch *s = &a[i / 256];
        const size_t chunk = i % 256 / 32, odd = i % 2, place = i % 32 / 2;
        const double number = s->digit[chunk][0][odd][place] * 32768.0 + s->digit[chunk][1][odd][place];
        const double wrong = fabs(number * s->scale - x[i]);
        check(isnan(s->scale) ? number == 0 : wrong <= s->scale / 2, level->name, "make_digits", i);
      }
      done();
    }
  }
}

// A few tokens, cut into digits, by stored rows of any bytes, finite scales every other time: the bits of another level.
static void few_cut(const ck_kernels *level, const ck_kernels *other) {
  enum { rows = 9, longest = 1024 };
  uint64_t *points = guarded(2048 * 8);
  for (size_t i = 0; i < 2048; i++) points[i] = ((uint64_t)random_bits() << 32 | random_bits()) & 0x3f3f3f3f3f3f3f3f;
  uint64_t *levels = guarded(2048 * 8);
  for (size_t i = 0; i < 2048; i++) {
    levels[i] = 0;
    for (int k = 0; k < 8; k++) levels[i] |= (uint64_t)(uint8_t)((int)(random_bits() % 3) - 1) << 8 * k;
  }
  const size_t kept = mappings;
  for (size_t f = 0; f < sizeof cut_as / sizeof cut_as[0]; f++) {
    const char *name = cut_as[f].name;
    const ck_format *ours = ck_format_named(level, name), *theirs = ck_format_named(other, name);
    const uint64_t *table = name[2] == '1' ? levels : points;
    for (size_t tokens = 1; tokens <= 4; tokens++) {
      for (int tries = 0; tries < 4; tries++) {
        const size_t columns = cut_as[f].block == 256 ? 768 : tries % 2 ? 896 : 512 + cut_as[f].block;
        const size_t bytes = columns / cut_as[f].block * cut_as[f].bytes, stretches = (columns + 255) / 256;
        float *x = guarded(columns * 4), *y = guarded(tokens * rows * 4), *z = guarded(tokens * rows * 4);
        ck_stretch *digits = guarded(tokens * stretches * sizeof *digits);
        uint8_t *stored = guarded(rows * bytes);
        for (size_t i = 0; i < rows * bytes; i++) stored[i] = (uint8_t)(random_bits() & (tries < 2 ? 0xbf : 0xff));
        for (size_t t = 0; t < tokens; t++) {
          fill(x, columns, tries == 1 ? 7 : 0);
          level->make_digits(x, columns, digits + t * stretches);
        }
        ours->digits(stored, bytes, rows, digits, tokens, columns, y, rows, table);
        theirs->digits(stored, bytes, rows, digits, tokens, columns, z, rows, table);
        check(same_floats(y, z, tokens * rows), level->name, name, tokens);
        while (mappings > kept) {
          mappings--;
          munmap(mapped[mappings].base, mapped[mappings].bytes);
        }
      }
    }
  }
  done();
}

static float multiply_add(float a, float b, float c, int fused) {
  if (fused) return fmaf(a, b, c);
  volatile float term = a * b;
  return term + c;
}

// One token of the delta rule, element by element.
static void delta(const ck_kernels *level, int fused) {
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

static float no_dot(const float *a, const float *b, size_t n) {
  (void)a, (void)b, (void)n;
  return 1;
}

static void no_scaled_sum(float scale, const float *x, float *y, size_t n) { (void)scale, (void)x, (void)y, (void)n; }

static void no_decoding(const void *from, float *to, size_t n, const uint64_t *points) {
  (void)from, (void)to, (void)n, (void)points;
}

// Levels that have one operation each and do not include each other: every operation comes from the best level that has it.
static void assembly(void) {
  const ck_level one = {.needs = 64, .kernels = {.name = "one", .dot_f32 = no_dot}};
  const ck_level two = {.needs = 128, .kernels = {.name = "two", .axpy_f32 = no_scaled_sum}};
  ck_level both = {.needs = 64 | 128, .kernels = {.name = "both", .dot_f32 = no_dot}};
  both.kernels.formats[ck_format_of_F16].decode = no_decoding;
  const ck_level *const levels[] = {&ck_portable, &one, &two, &both};
  const ck_kernels *const portable = &ck_portable.kernels;
  ck_kernels set;
  ck_assemble(levels, 4, 0, &set);
  check(memcmp(&set, portable, sizeof set) == 0, "portable", "assembly", 0);
  ck_assemble(levels, 4, 128, &set);
  check(strcmp(set.name, "two") == 0 && set.axpy_f32 == no_scaled_sum && set.dot_f32 == portable->dot_f32 &&
            set.product == portable->product && set.row_block == portable->row_block && set.peak_width == portable->peak_width,
        "two", "assembly", 128);
  ck_assemble(levels, 3, 64 | 128, &set);
  check(set.axpy_f32 == no_scaled_sum && set.dot_f32 == no_dot, "two", "assembly", 192);
  ck_assemble(levels, 4, 64 | 128, &set);
  const ck_format *const format = ck_format_named(&set, "F16"), *const below = ck_format_named(portable, "F16");
  check(format->decode == no_decoding && format->encode == below->encode && format->unpack == below->unpack, "both", "assembly", 192);
  check(ck_format_named(&set, "F17") == NULL, "both", "ck_format_named", 0);
}

#ifdef CK_ONLY
// The one level to test, where the others are not wanted.
extern const ck_level CK_ONLY;
#endif

static void run(const ck_kernels *level, int fused) {
  codecs(level, ck_kernels_at(0));
  searches(level);
  reading(level);
  vectors(level);
  unpacking(level);
  products(level, fused);
  few(level, fused);
  cutting(level, &ck_sixteen.kernels);
  if (fused) few_cut(level, &ck_sixteen.kernels);
  delta(level, fused);
  printf("%s: %s\n", level->name, failures ? "failed" : "passed");
}

int main(void) {
#ifdef CK_ONLY
  run(&CK_ONLY.kernels, 1);
#else
  assembly();
  for (size_t i = 0; i < ck_kernels_count(); i++) run(ck_kernels_at(i), i > 0);
  if (ck_kernels_count() > 1) run(&ck_sixteen.kernels, 1);
#endif
  return failures != 0;
}
