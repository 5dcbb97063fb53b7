/// Layouts of the block formats that have kernels (formats/quants/*.md draws them).

typedef struct {
  uint8_t d[2];    ///< scale, f16
  int8_t qs[32];   ///< weight i is d * qs[i]
} ck_q8_0;
_Static_assert(sizeof(ck_q8_0) == 34, "Q8_0 stores 32 weights in 34 bytes");

typedef struct {
  uint8_t d[2];    ///< scale, f16
  uint8_t qs[16];  ///< weight i is d * (low nibble of qs[i] - 8), weight 16 + i the high nibble's
} ck_q4_0;
_Static_assert(sizeof(ck_q4_0) == 18, "Q4_0 stores 32 weights in 18 bytes");

#if CK_HALF
CK_INLINE float ck_scale_from(const uint8_t d[2]) {
  _Float16 half;
  __builtin_memcpy(&half, d, 2);
  return (float)half;
}
CK_INLINE void ck_scale_to(uint8_t d[2], float x) {
  const _Float16 half = (_Float16)x;
  __builtin_memcpy(d, &half, 2);
}
#else
CK_INLINE float ck_scale_from(const uint8_t d[2]) { return ck_f16_to_f32(ck_read16(d)); }
CK_INLINE void ck_scale_to(uint8_t d[2], float x) { ck_write16(d, ck_f32_to_f16(x)); }
#endif
