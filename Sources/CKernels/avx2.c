#include "levels.h"

#if defined(__x86_64__)

// Haswell and Zen onwards. The register block is 6 tokens x 16 rows: 12 sums, 2 weights, 1 broadcast of 16 registers.
#define CK_LEVEL ck_avx2
#define CK_NAME "avx2"
#define CK_NEEDS CK_HAS_AVX2
#define CK_LANES 8
#define CK_FMA 1
#define CK_HALF 1
#define CK_TOKENS 6
#define CK_VECTORS 2
#define CK_DOTS CK_DOTS_AVX2

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "level.inc"
#pragma clang attribute pop

#endif
