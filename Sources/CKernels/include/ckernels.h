/// Kernels: the loops that carry the speed, compiled once per instruction set.
///
/// Every operation is written once (ops/*.h) and listed once (kernels.def). Each level is a constant
/// table of functions; ck_levels() tells which tables this processor can run. Sizes are in elements
/// unless a name says bytes. No kernel allocates, keeps state, or reads outside the lengths it is given.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// What an encoder needs of a codebook. A cell is a run of small numbers packed in bits, first number lowest: two bits each
/// for runs of eight, three bits each for runs of four.
typedef struct ck_codebook {
  /// For every cell its point, or the negated start of its list minus one.
  const int32_t *_Nonnull places;
  /// Two lists for every empty cell, each after its count: the points around it that can be the nearest of a run well inside
  /// the cell, then all points around it; both nearest first. Eight more numbers can be read past the end.
  const uint16_t *_Nonnull lists;
  /// For every point its numbers, four bits each, first number lowest.
  const int32_t *_Nonnull codes;
  /// For every point its numbers, a byte each, first number first, times 32: half the way to a number's row in a table.
  const uint64_t *_Nonnull numbers;
} ck_codebook;

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
