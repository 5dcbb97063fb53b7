// The AVX-512 level with conversions to f16 written out. The emulator of avx512.sh rounds halfway cases of the conversion
// instruction away from even, at every instruction set; processors do not. Everything else is the level as it is shipped.

#include "../../Sources/CKernels/levels.h"

extern const ck_level ck_avx512_soft;

#define CK_LEVEL ck_avx512_soft
#define CK_NAME "avx512, f16 written out"
#define CK_NEEDS 0
#define CK_LANES 16
#define CK_FMA 1
#define CK_HALF 0
#define CK_TOKENS 8
#define CK_VECTORS 3

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#include "../../Sources/CKernels/level.inc"
#pragma clang attribute pop
