/// Kernels: the loops that carry the speed, compiled once per instruction set.
///
/// Every operation is written once (ops/*.h) and listed once (kernels.def). Each level is a constant
/// table of functions; ck_levels() tells which tables this processor can run. Sizes are in elements
/// unless a name says bytes. No kernel allocates, keeps state, or reads outside the lengths it is given.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// One instruction set: its name, the shape of its register block, and its functions.
typedef struct ck_level {
  const char *_Nonnull name;
  /// Tokens a packed panel of activations holds (rows of the register block).
  size_t token_block;
  /// Weight rows a packed panel of weights holds (columns of the register block).
  size_t row_block;
  /// Multiply-adds one call of fma_peak does per iteration.
  size_t peak_width;
#define OP(result, name, arguments) result (*_Nonnull name) arguments;
#include "kernels.def"
#undef OP
} ck_level;

/// The number of levels this processor can run, never zero.
size_t ck_level_count(void);

/// Level `index`: 0 is the portable one, the last is the fastest.
const ck_level *_Nonnull ck_level_at(size_t index);

#endif
