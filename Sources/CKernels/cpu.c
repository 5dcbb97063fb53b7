#include <pthread.h>
#include <string.h>

#include "levels.h"

/// Portable first, best last. A level may need any sets of instructions, not only those of the levels before it.
static const ck_level *const levels[] = {
    &ck_portable,
#if defined(__x86_64__)
    &ck_avx2,
    &ck_avx512,
#elif defined(__aarch64__)
    &ck_neon,
#endif
};

enum { level_count = sizeof levels / sizeof levels[0] };

/// The sets of instructions this processor has.
static unsigned instructions(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
                   __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return (avx2 ? CK_HAS_AVX2 : 0) | (avx512 ? CK_HAS_AVX512 : 0);
#elif defined(__aarch64__)
  return CK_HAS_NEON;
#else
  return 0;
#endif
}

/// Takes from a lower level what is still missing.
static void fill(ck_kernels *to, const ck_kernels *from) {
  const int has_product = to->token_block != 0;
  if (!has_product) {
    to->token_block = from->token_block;
    to->row_block = from->row_block;
  }
  if (!to->fma_peak) to->peak_width = from->peak_width;
  for (size_t i = 0; i < CK_FORMATS; i++) {
    ck_format *const format = &to->formats[i];
    const ck_format *const lower = &from->formats[i];
    format->name = lower->name;
    if (!format->decode) format->decode = lower->decode;
    if (!format->encode) format->encode = lower->encode;
    if (!format->gemv) format->gemv = lower->gemv;
    if (!format->digits) format->digits = lower->digits;
    // Panels of another shape would be of no use.
    if (!format->unpack && !has_product) format->unpack = lower->unpack;
  }
#define OP(result, name, arguments) \
  if (!to->name) to->name = from->name;
#include "kernels.def"
}

void ck_assemble(const ck_level *const *levels, size_t count, unsigned has, ck_kernels *to) {
  memset(to, 0, sizeof *to);
  for (size_t i = count; i-- > 0;) {
    if (levels[i]->needs & ~has) continue;
    if (!to->name) to->name = levels[i]->kernels.name;
    fill(to, &levels[i]->kernels);
  }
}

static ck_kernels sets[level_count + 1];
static size_t set_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void assemble(void) {
  const unsigned has = instructions();
  unsigned used = 0, last = 0;
  for (size_t i = 0; i < level_count; i++) {
    if (levels[i]->needs & ~has) continue;
    last = levels[i]->needs;
    used |= last;
    ck_assemble(levels, level_count, last, &sets[set_count++]);
  }
  if (used == last) return;
  ck_assemble(levels, level_count, used, &sets[set_count]);
  sets[set_count++].name = "all";
}

size_t ck_kernels_count(void) {
  pthread_once(&once, assemble);
  return set_count;
}

const ck_kernels *ck_kernels_at(size_t index) {
  pthread_once(&once, assemble);
  return &sets[index];
}

const ck_format *ck_format_named(const ck_kernels *kernels, const char *name) {
  for (size_t i = 0; i < CK_FORMATS; i++) {
    if (strcmp(kernels->formats[i].name, name) == 0) return &kernels->formats[i];
  }
  return NULL;
}
