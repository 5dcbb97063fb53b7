#include "levels.h"

#if defined(__x86_64__)

// Skylake-X and Zen 4 onwards.
// The register block is 8 tokens x 48 rows: 24 sums, 3 weights, 1 broadcast of 32 registers.
#define CK_LEVEL ck_avx512
#define CK_NAME "avx512"
#define CK_NEEDS (CK_HAS_AVX2 | CK_HAS_AVX512)
#define CK_LANES 16
#define CK_FMA 1
#define CK_HALF 1
#define CK_TOKENS 8
#define CK_VECTORS 3
#define CK_DOTS CK_DOTS_AVX2

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "level.inc"
#pragma clang attribute pop

#endif
