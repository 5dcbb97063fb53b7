/// Vector types and the few primitives that differ between levels. Private to level.inc.
///
/// CK_LANES is the number of f32 lanes of a register, CK_FMA whether a fused multiply-add is one
/// instruction, CK_HALF whether the f16 conversions are.

/// Which instructions multiply small integers (CK_DOTS): those of any vectors, or of sets that have some of their own.
#define CK_DOTS_PLAIN 0
#define CK_DOTS_NEON 1
#define CK_DOTS_AVX2 2

// Encoders must give the same bytes everywhere and sums the same bits at every level with CK_FMA, so the
// compiler never fuses by itself: fused operations are written ck_fma.
#pragma STDC FP_CONTRACT OFF

#define CK_INLINE static inline __attribute__((always_inline, unused))

/// The head of a format's decoder and encoder, as ck_format has them; most need no codebook, some no importance.
#define CK_MAYBE __attribute__((unused))
#define CK_DECODER(name) static void name(const void *from, float *to, size_t n, CK_MAYBE const uint64_t *points)
#define CK_ENCODER(name)                                                                             \
  static void name(                                                                                  \
      const float *from, CK_MAYBE const float *importance, void *to, size_t n, CK_MAYBE const ck_codebook *book)

/// Full unrolling keeps accumulators in registers; a debug build has no unroller to ask.
#ifdef __OPTIMIZE__
#define CK_UNROLL _Pragma("clang loop unroll(full)")
#define CK_UNROLL_TWICE _Pragma("clang loop unroll_count(2)")
#else
#define CK_UNROLL
#define CK_UNROLL_TWICE
#endif

/// One register of floats, and the same memory at any address.
typedef float ck_f32 __attribute__((ext_vector_type(CK_LANES)));
typedef float ck_f32_at __attribute__((ext_vector_type(CK_LANES), aligned(4), may_alias));
typedef int32_t ck_i32 __attribute__((ext_vector_type(CK_LANES)));

/// 32 elements: a block of the 32-wide formats, in as many registers as the level needs.
typedef float ck_f32x32 __attribute__((ext_vector_type(32)));
typedef float ck_f32x32_at __attribute__((ext_vector_type(32), aligned(4), may_alias));
typedef int32_t ck_i32x32 __attribute__((ext_vector_type(32)));
typedef int32_t ck_i32x32_at __attribute__((ext_vector_type(32), aligned(4), may_alias));
typedef uint32_t ck_u32x32 __attribute__((ext_vector_type(32)));
typedef uint32_t ck_u32x32_at __attribute__((ext_vector_type(32), aligned(1), may_alias));
typedef uint16_t ck_u16x32 __attribute__((ext_vector_type(32)));
typedef uint16_t ck_u16x32_at __attribute__((ext_vector_type(32), aligned(1), may_alias));
typedef int8_t ck_i8x32 __attribute__((ext_vector_type(32)));
typedef int8_t ck_i8x32_at __attribute__((ext_vector_type(32), aligned(1), may_alias));
typedef uint8_t ck_u8x16 __attribute__((ext_vector_type(16)));
typedef uint8_t ck_u8x16_at __attribute__((ext_vector_type(16), aligned(1), may_alias));
typedef uint8_t ck_u8x32 __attribute__((ext_vector_type(32)));

/// Eight elements: the scales of a batch of blocks.
typedef float ck_f32x8 __attribute__((ext_vector_type(8)));
typedef float ck_f32x8_at __attribute__((ext_vector_type(8), aligned(4), may_alias));
typedef int32_t ck_i32x8 __attribute__((ext_vector_type(8)));
typedef int32_t ck_i32x8_at __attribute__((ext_vector_type(8), aligned(4), may_alias));
#if CK_HALF
typedef _Float16 ck_f16x8 __attribute__((ext_vector_type(8)));
typedef _Float16 ck_f16x8_at __attribute__((ext_vector_type(8), aligned(1), may_alias));
typedef _Float16 ck_f16x32 __attribute__((ext_vector_type(32)));
typedef _Float16 ck_f16x32_at __attribute__((ext_vector_type(32), aligned(1), may_alias));
#endif

#define CK_LOAD(address) ((ck_f32)(*(const ck_f32_at *)(address)))
#define CK_STORE(address, value) (*(ck_f32_at *)(address) = (value))

/// a * b + c, rounded once where the level has the instruction, twice where it has not.
#if CK_FMA
#define ck_fma(a, b, c) __builtin_elementwise_fma(a, b, c)
#else
#define ck_fma(a, b, c) ((a) * (b) + (c))
#endif

CK_INLINE uint32_t ck_bits(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}

CK_INLINE float ck_float(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}

CK_INLINE uint16_t ck_read16(const void *from) {
  uint16_t bits;
  __builtin_memcpy(&bits, from, 2);
  return bits;
}

CK_INLINE void ck_write16(void *to, uint16_t bits) {
  __builtin_memcpy(to, &bits, 2);
}
