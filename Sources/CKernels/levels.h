/// The levels as they are compiled; cpu.c decides what this processor can run of them.
#ifndef CK_LEVELS_H
#define CK_LEVELS_H

#include "ckernels.h"

/// Sets of instructions, a bit each.
enum { CK_HAS_AVX2 = 1, CK_HAS_AVX512 = 2, CK_HAS_NEON = 4 };

/// What one instruction set has. An operation that is null comes from a lower level. What goes together stays together: who has
/// `product` also has `pack_tokens`, `pack_rows` and the shape of their panels, and unpacks formats into those itself.
typedef struct {
  /// The sets of instructions that it needs.
  unsigned needs;
  ck_kernels kernels;
} ck_level;

extern const ck_level ck_portable;
#if defined(__x86_64__)
extern const ck_level ck_avx2;
extern const ck_level ck_avx512;
#elif defined(__aarch64__)
extern const ck_level ck_neon;
#endif

/// Puts together the best operations of those `levels`, best last, that need no more than `has`. The first one needs nothing.
void ck_assemble(const ck_level *const *levels, size_t count, unsigned has, ck_kernels *to);

#endif
