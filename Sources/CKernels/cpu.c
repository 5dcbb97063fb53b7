#include "levels.h"

// Portable first, best last. A processor that runs one level here runs all before it, so a count says it all.
static const ck_level *const levels[] = {
    &ck_portable,
#if defined(__x86_64__)
    &ck_avx2,
    &ck_avx512,
#elif defined(__aarch64__)
    &ck_neon,
#endif
};

size_t ck_level_count(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
        __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))) {
    return 1;
  }
  if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))) {
    return 2;
  }
#endif
  return sizeof levels / sizeof levels[0];
}

const ck_level *ck_level_at(size_t index) { return levels[index]; }
