// Every block format at every level against the reference's rows: encoded plain, encoded with importance, and decoded.
// Takes fixtures/golden/blocks.safetensors, Sources/Quants/Codebooks/CodebookData.swift and, if not all formats are meant, the name of
// the only one or, after a minus, of the one to leave out; built and run by native.sh, neon.sh and avx512.sh.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../Sources/CKernels/levels.h"

static int failures, compared;

// All formats; or the only one; or, after a minus, all but one.
static const char *meant;

static int is_meant(const char *label) {
  if (!meant) return 1;
  return *meant == '-' ? strcmp(label, meant + 1) != 0 : strcmp(label, meant) == 0;
}

static uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size + 1);
  if (fread(bytes, 1, *size, file) != *size) exit(1);
  fclose(file);
  bytes[*size] = 0;
  return bytes;
}

static char *header;
static const uint8_t *data;

// The bytes of a tensor; null where there is none. The header is our own fixture's: no escapes, no spaces.
static const void *tensor(const char *name, size_t *size) {
  char key[80];
  snprintf(key, sizeof key, "\"%s\":{", name);
  const char *entry = strstr(header, key);
  if (!entry) return NULL;
  size_t start, end;
  if (sscanf(strstr(entry, "\"data_offsets\":["), "\"data_offsets\":[%zu,%zu]", &start, &end) != 2) exit(1);
  *size = end - start;
  return data + start;
}

// A codebook as the kernels want it, from the bits that say which cells are points.
typedef struct { ck_codebook book; uint64_t *decoded; } codebook;

typedef struct { long distance; int point; } near;

static int nearer(const void *a, const void *b) {
  const near *x = a, *y = b;
  return x->distance != y->distance ? (x->distance < y->distance ? -1 : 1) : x->point - y->point;
}

// The points around a cell at its first `rings` distances, nearest first.
static size_t around(long cell, const int32_t *points, size_t count, int digits, int levels, int rings, near *found) {
  for (size_t p = 0; p < count; p++) {
    long a = cell, b = points[p], distance = 0;
    for (int i = 0; i < digits; i++, a /= levels, b /= levels) distance += (a % levels - b % levels) * (a % levels - b % levels);
    found[p] = (near){distance, (int)p};
  }
  qsort(found, count, sizeof *found, nearer);
  size_t kept = 0;
  for (int ring = 0; kept < count; kept++) {
    if (kept == 0 || found[kept].distance != found[kept - 1].distance) {
      if (ring++ == rings) break;
    }
  }
  return kept;
}

static codebook lay_out(const char *source, const char *name, int digits, int rings, const int *values, int levels) {
  char key[40];
  snprintf(key, sizeof key, "let %s = \"\"\"", name);
  const char *text = strstr(source, key);
  if (!text) exit(1);
  text += strlen(key);
  const int bits = digits == 8 ? 2 : 3;
  long cells = 1;
  for (int i = 0; i < digits; i++) cells *= levels;
  int32_t *points = malloc(65536 * 4), *codes = malloc(65536 * 4);
  uint64_t *numbers = malloc(65536 * 8), *decoded = malloc(65536 * 8);
  size_t count = 0;
  long byte = 0;
  for (; *text != '"'; text++) {
    if (!strchr("0123456789abcdef", *text)) continue;
    unsigned value;
    sscanf(text++, "%2x", &value);
    for (int bit = 0; bit < 8; bit++) {
      if (value >> bit & 1) points[count++] = (int32_t)(byte * 8 + bit);
    }
    byte++;
  }
  int32_t *places = malloc(sizeof *places << (bits * digits));
  for (long i = 0; i < 1L << (bits * digits); i++) places[i] = -1;
  for (size_t p = 0; p < count; p++) {
    codes[p] = 0;
    numbers[p] = decoded[p] = 0;
    long cell = points[p], packed = 0;
    for (int i = 0; i < digits; i++, cell /= levels) {
      const int digit = (int)(cell % levels);
      packed |= (long)digit << (bits * i);
      codes[p] |= (int32_t)((uint32_t)digit << (4 * i));
      numbers[p] |= (uint64_t)digit * 32 << (8 * i);
      decoded[p] |= (uint64_t)(values[digit] & 255) << (8 * i);
    }
    places[packed] = (int32_t)p;
  }
  uint16_t *lists = malloc(sizeof *lists * 8 << 20);
  near *found = malloc(count * sizeof *found);
  size_t filled = 0;
  for (long cell = 0; cell < cells; cell++) {
    long packed = 0, rest = cell;
    for (int i = 0; i < digits; i++, rest /= levels) packed |= rest % levels << (bits * i);
    if (places[packed] >= 0) continue;
    const size_t kept = around(cell, points, count, digits, levels, rings, found);
    places[packed] = -1 - (int32_t)filled;
    // The whole list in both places, since shorter ones only save time; IQ1 has an empty one.
    for (int list = 0; list < 2; list++) {
      const size_t some = list == 0 && values[0] < 0 ? 0 : kept;
      lists[filled++] = (uint16_t)some;
      for (size_t k = 0; k < some; k++) lists[filled++] = (uint16_t)found[k].point;
    }
    if (filled > (8u << 20) - 70000) exit(1);
  }
  memset(lists + filled, 0, 16);
  return (codebook){{places, lists, codes, numbers}, decoded};
}

static void compare(const void *found, const void *expected, size_t size, const ck_kernels *level, const char *what) {
  compared++;
  if (memcmp(found, expected, size) == 0) return;
  failures++;
  printf("FAILED: %s %s\n", level->name, what);
}

// Decoded weights, bit for bit; but infinity times zero is a NaN whose sign is the processor's choice.
static void compare_floats(const float *found, const float *expected, size_t count, const ck_kernels *level, const char *what) {
  size_t differing = 0;
  for (size_t i = 0; i < count; i++) {
    const int not_numbers = found[i] != found[i] && expected[i] != expected[i];
    differing += !not_numbers && memcmp(&found[i], &expected[i], 4) != 0;
  }
  compare(&differing, &(size_t){0}, sizeof differing, level, what);
}

enum { COLUMNS = 512 };

// The codebooks, after the names of the formats that use them begin.
typedef struct { const char *format; codebook tables; } named_codebook;

static void run(const ck_kernels *level, const named_codebook *books, size_t count) {
  size_t size, weights;
  const float *input = tensor("input", &size), *importance = tensor("importance", &weights);
  const size_t rows = size / COLUMNS / 4, step = weights == COLUMNS * 4 ? 0 : COLUMNS;
  for (size_t f = 0; f < CK_FORMATS; f++) {
    const ck_format *format = &level->formats[f];
    if (!format->encode || !is_meant(format->name)) continue;
    const codebook *tables = NULL;
    for (size_t b = 0; b < count; b++) {
      if (strncmp(format->name, books[b].format, strlen(books[b].format)) == 0) tables = &books[b].tables;
    }
    for (int weighted = 0; weighted < 2; weighted++) {
      char name[64];
      size_t stored, many;
      snprintf(name, sizeof name, "%s.%s", format->name, weighted ? "weighted" : "plain");
      const uint8_t *expected = tensor(name, &stored);
      if (!expected) continue;
      const size_t bytes = stored / rows;
      uint8_t *out = calloc(1, stored);
      for (size_t row = 0; row < rows; row++) {
        format->encode(input + row * COLUMNS, weighted ? importance + row * step : NULL, out + row * bytes, COLUMNS,
                       tables ? &tables->book : NULL);
      }
      compare(out, expected, stored, level, name);
      strcat(name, ".decoded");
      const float *decoded = tensor(name, &many);
      float *y = calloc(rows * COLUMNS, 4);
      format->decode(expected, y, rows * COLUMNS, tables ? tables->decoded : NULL);
      compare_floats(y, decoded, many / 4, level, name);
      free(out);
      free(y);
    }
  }
  printf("%s: %d rows of formats compared, %s\n", level->name, compared, failures ? "failed" : "passed");
  // 20 formats without a codebook and 7 with one, most in two variants, each encoded and decoded.
  if (compared < (!meant ? 2 * 27 : *meant == '-' ? 2 * 26 : 2)) failures++;
  compared = 0;
}

// See wide.c.
extern const ck_level ck_sixteen;
#ifdef CK_ONLY
// The one level to test, where the others are not wanted.
extern const ck_level CK_ONLY;
#endif

int main(int count, char **arguments) {
  if (count < 3 || count > 4) return 64;
  if (count == 4) meant = arguments[3];
  size_t size;
  uint8_t *file = read_file(arguments[1], &size);
  uint64_t length;
  memcpy(&length, file, 8);
  header = malloc(length + 1);
  memcpy(header, file + 8, length);
  header[length] = 0;
  data = file + 8 + length;
  const char *source = (const char *)read_file(arguments[2], &size);
  const int two[] = {8, 25, 43}, one[] = {-1, 0, 1}, xxs[] = {4, 12, 20, 28, 36, 44, 52, 62}, s[] = {1, 3, 5, 7, 9, 11, 13, 15};
  const named_codebook books[] = {
      {"IQ1_", lay_out(source, "iq1", 8, 3, one, 3)},
      {"IQ2_XXS", lay_out(source, "iq2XXS", 8, 2, two, 3)},
      {"IQ2_XS", lay_out(source, "iq2XS", 8, 2, two, 3)},
      {"IQ2_S", lay_out(source, "iq2S", 8, 1, two, 3)},
      {"IQ3_XXS", lay_out(source, "iq3XXS", 4, 2, xxs, 8)},
      {"IQ3_S", lay_out(source, "iq3S", 4, 3, s, 8)},
  };
  const size_t many = sizeof books / sizeof books[0];
#ifdef CK_ONLY
  run(&CK_ONLY.kernels, books, many);
#else
  for (size_t i = 0; i < ck_kernels_count(); i++) run(ck_kernels_at(i), books, many);
  if (ck_kernels_count() > 1) run(&ck_sixteen.kernels, books, many);
#endif
  return failures != 0;
}
