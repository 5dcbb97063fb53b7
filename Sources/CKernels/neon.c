#include "levels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

// Every 64-bit Arm. The register block is 8 tokens x 8 rows: 16 sums, 2 weights, 2 broadcasts of 32 registers.
#define CK_LEVEL ck_neon
#define CK_NAME "neon"
#define CK_NEEDS CK_HAS_NEON
#define CK_LANES 4
#define CK_FMA 1
#define CK_HALF 1
#define CK_TOKENS 8
#define CK_VECTORS 2
#define CK_DOTS CK_DOTS_NEON

#include "level.inc"

#endif
