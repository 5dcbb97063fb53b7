/// f16 and bf16 to and from f32, one element and thirty-two at a time.
///
/// Rounding is to nearest, ties to even. A NaN stays a NaN: f16 keeps its top ten payload bits and gets the
/// quiet bit, as the conversion instructions of x86 and Arm do; bf16 gets bit 6, as ggml's reference does.

CK_INLINE float ck_f16_to_f32(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  const uint32_t magnitude = half & 0x7fff;
  if (magnitude < 0x400) return ck_float(ck_bits((float)(int32_t)magnitude * 0x1p-24f) | sign);
  if (magnitude < 0x7c00) return ck_float(((magnitude << 13) + (112u << 23)) | sign);
  const uint32_t quiet = magnitude > 0x7c00 ? 0x400000 : 0;
  return ck_float(((magnitude << 13) + (224u << 23)) | quiet | sign);
}

CK_INLINE uint16_t ck_f32_to_f16(float x) {
  const uint32_t bits = ck_bits(x);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  uint32_t half;
  if (magnitude > 0x7f800000) {
    half = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  } else if (magnitude >= 0x477ff000) {  // 65520 and above round to infinity
    half = 0x7c00;
  } else if (magnitude >= 0x38800000) {  // 2^-14, the smallest normal
    half = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  } else {  // adding 0.5 leaves the subnormal's bits, rounded, at the bottom
    half = ck_bits(ck_float(magnitude) + 0.5f) - 0x3f000000;
  }
  return (uint16_t)(half | sign);
}

CK_INLINE uint16_t ck_f32_to_bf16(float x) {
  const uint32_t bits = ck_bits(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)((bits >> 16) | 64);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

CK_INLINE void ck_f16_to_f32_x32(const void *from, float *to) {
#if CK_HALF
  const ck_f16x32 half = *(const ck_f16x32_at *)from;
  *(ck_f32x32_at *)to = __builtin_convertvector(half, ck_f32x32);
#else
  const ck_u16x32 half = *(const ck_u16x32_at *)from;
  const ck_u32x32 bits = __builtin_convertvector(half, ck_u32x32);
  const ck_u32x32 sign = (bits & 0x8000) << 16, magnitude = bits & 0x7fff;
  const ck_f32x32 small = __builtin_convertvector((ck_i32x32)magnitude, ck_f32x32) * 0x1p-24f;
  const ck_u32x32 quiet = (ck_u32x32)(magnitude > 0x7c00) & 0x400000;
  const ck_u32x32 bias = (ck_u32x32)(magnitude < 0x7c00) & (112u << 23);
  const ck_u32x32 large = ((magnitude << 13) + (224u << 23) - bias) | quiet;
  const ck_u32x32 isSmall = (ck_u32x32)(magnitude < 0x400);
  *(ck_u32x32_at *)to = ((isSmall & (ck_u32x32)small) | (~isSmall & large)) | sign;
#endif
}

CK_INLINE void ck_f32_to_f16_x32(const float *from, void *to) {
#if CK_HALF
  const ck_f32x32 x = *(const ck_f32x32_at *)from;
  *(ck_f16x32_at *)to = __builtin_convertvector(x, ck_f16x32);
#else
  const ck_u32x32 bits = *(const ck_u32x32_at *)from;
  const ck_u32x32 sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  const ck_u32x32 normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  const ck_u32x32 small = (ck_u32x32)((ck_f32x32)magnitude + 0.5f) - 0x3f000000;
  const ck_u32x32 nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  const ck_u32x32 isSmall = (ck_u32x32)(magnitude < 0x38800000);
  const ck_u32x32 isLarge = (ck_u32x32)(magnitude >= 0x477ff000);
  const ck_u32x32 isNaN = (ck_u32x32)(magnitude > 0x7f800000);
  ck_u32x32 half = (isSmall & small) | (~isSmall & normal);
  half = (isLarge & 0x7c00) | (~isLarge & half);
  half = (isNaN & nan) | (~isNaN & half);
  *(ck_u16x32_at *)to = __builtin_convertvector(half | sign, ck_u16x32);
#endif
}

CK_INLINE void ck_bf16_to_f32_x32(const void *from, float *to) {
  const ck_u16x32 half = *(const ck_u16x32_at *)from;
  *(ck_u32x32_at *)to = __builtin_convertvector(half, ck_u32x32) << 16;
}

CK_INLINE void ck_f32_to_bf16_x32(const float *from, void *to) {
  const ck_u32x32 bits = *(const ck_u32x32_at *)from;
  const ck_u32x32 isNaN = (ck_u32x32)((bits & 0x7fffffff) > 0x7f800000);
  const ck_u32x32 rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const ck_u32x32 quiet = (bits >> 16) | 64;
  *(ck_u16x32_at *)to = __builtin_convertvector((isNaN & quiet) | (~isNaN & rounded), ck_u16x32);
}
