/// Kernels: the loops that carry the speed, compiled once per instruction set.
///
/// Every operation is written once (ops/*.h) and listed once (kernels.def). A level is what one instruction set has of
/// them, and may leave some out; ck_kernels_at() puts together the best of each that this processor can run. Sizes are in
/// elements unless a name says bytes. No kernel allocates, keeps state, or reads outside the lengths it is given.
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

/// The levels a rounded weight may have: all integers from low to high, or sixteen values in rising order and the fifteen middles between
/// them.
typedef struct ck_levels {
  float low, high;
  const float *_Nullable values;
  const float *_Nullable middles;
} ck_levels;

/// Columns of a group of a panel, at most: ops/panel.h.
#define CK_PANEL_GROUP 32

/// 256 columns of a token, or the last ones, as numbers of two digits to the base of 2^15 that share a scale: ops/digits.h.
/// First digits are -2^13...2^13, second ones -2^14...2^14 - 1; what lies behind the last column is zero.
typedef struct ck_stretch {
  /// For every 32 columns the first digits of even columns, those of odd ones, and the second digits of both.
  int16_t digit[8][2][2][16];
  /// The sums of the numbers over the first sixteen of every 32 columns, then over the second.
  float sum[16];
  /// What the numbers are multiplied by, a power of two: NaN where a column is not finite.
  float scale;
  float unused[15];
} ck_stretch;

/// The kernels of one block format; null where it has none. Pointers to codebooks are null for formats without one.
typedef struct ck_format {
  /// As the registry writes it, for example Q4_K.
  const char *_Nonnull name;
  /// Stored weights to f32. n elements, whole blocks; points holds eight bytes a point of the codebook.
  void (*_Nullable decode)(const void *_Nonnull from, float *_Nonnull to, size_t n, const uint64_t *_Nullable points);
  /// f32 to stored weights. n elements, whole blocks of one row; importance may be null; the same bytes at every level.
  void (*_Nullable encode)(const float *_Nonnull from, const float *_Nullable importance, void *_Nonnull to, size_t n,
                           const ck_codebook *_Nullable book);
  /// Up to row_block stored rows, row_bytes apart, to one packed panel: ops/pack.h.
  void (*_Nullable unpack)(const void *_Nonnull from, size_t row_bytes, size_t rows, size_t columns,
                           float *_Nonnull panel);
  /// One to four tokens by stored rows of numbers; columns are a multiple of 32: ops/gemv.h.
  void (*_Nullable gemv)(const void *_Nonnull from, size_t row_bytes, size_t rows, const float *_Nonnull x,
                         size_t stride, size_t tokens, size_t columns, float *_Nonnull y, size_t outputs);
  /// One to four tokens, cut into digits one after another, by stored rows of whole blocks: ops/digits_dot.h.
  void (*_Nullable digits)(const void *_Nonnull from, size_t row_bytes, size_t rows, const ck_stretch *_Nonnull x,
                           size_t tokens, size_t columns, float *_Nonnull y, size_t outputs,
                           const uint64_t *_Nullable points);
} ck_format;

/// The formats that have kernels, in the order of kernels.def.
enum {
#define FORMAT(name, ...) ck_format_of_##name,
#include "kernels.def"
  CK_FORMATS
};

/// A set of kernels: its name, the shape of its register block, its operations and its formats.
typedef struct ck_kernels {
  const char *_Nonnull name;
  /// Tokens a packed panel of activations holds (rows of the register block).
  size_t token_block;
  /// Weight rows a packed panel of weights holds (columns of the register block).
  size_t row_block;
  /// Multiply-adds one call of fma_peak does per iteration.
  size_t peak_width;
  ck_format formats[CK_FORMATS];
#define OP(result, name, arguments) result (*_Nonnull name) arguments;
#include "kernels.def"
} ck_kernels;

/// The number of sets this processor can run, never zero: one for every level, which has what that level's instructions
/// allow, and one more named `all` where no level includes all the others.
size_t ck_kernels_count(void);

/// Set `index`: 0 is the portable one, the last has everything this processor can do.
const ck_kernels *_Nonnull ck_kernels_at(size_t index);

/// The kernels of a format in a set; null where the format has none.
const ck_format *_Nullable ck_format_named(const ck_kernels *_Nonnull kernels, const char *_Nonnull name);

#endif
