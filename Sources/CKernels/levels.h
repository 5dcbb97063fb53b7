/// The tables; cpu.c decides which of them this processor can run.
#ifndef CK_LEVELS_H
#define CK_LEVELS_H

#include "ckernels.h"

extern const ck_level ck_portable;
#if defined(__x86_64__)
extern const ck_level ck_avx2;
extern const ck_level ck_avx512;
#elif defined(__aarch64__)
extern const ck_level ck_neon;
#endif

#endif
