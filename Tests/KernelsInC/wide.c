// The sixteen-lane shape of the AVX-512 level on whatever registers there are: its lane arithmetic, shuffles and
// register block can be tested on processors without AVX-512; only the choice of instructions cannot.

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

#if defined(__x86_64__)
#define CK_FMA 1
#define CK_HALF 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "../../Sources/CKernels/level.inc"
#pragma clang attribute pop
#else
#define CK_FMA 1
#define CK_HALF 1
#include "../../Sources/CKernels/level.inc"
#endif
