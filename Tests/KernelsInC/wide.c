// The sixteen-lane shape of the AVX-512 level on whatever registers there are: its lane arithmetic, shuffles and
// register block can be tested on processors without AVX-512; only the choice of instructions cannot. Digits are multiplied by plain
// vectors, which is what the other levels' integers are compared with.

#include "../../Sources/CKernels/levels.h"

extern const ck_level ck_sixteen;

// Vectors wider than a register are passed between functions that are always inlined, so no call has their ABI.
#pragma clang diagnostic ignored "-Wpsabi"

#define CK_LEVEL ck_sixteen
#define CK_NAME "avx512 shape"
#define CK_NEEDS 0
#define CK_LANES 16
#define CK_TOKENS 8
#define CK_VECTORS 3
#define CK_FMA 1
#define CK_HALF 1
#define CK_DOTS CK_DOTS_PLAIN

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "../../Sources/CKernels/level.inc"
#pragma clang attribute pop
#else
#include "../../Sources/CKernels/level.inc"
#endif
