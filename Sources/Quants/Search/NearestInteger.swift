/// The nearest integer, ties to even, for magnitudes below 2^22.
///
/// Adding 1.5 x 2^23 leaves the integer in the low bits of the sum. What larger values, infinities and NaN give is
/// meaningless but must be the reference's, so this is the definition everywhere.
func nearestInteger(_ value: Float) -> Int32 {
  Int32(bitPattern: (value + 12_582_912).bitPattern & 0x007F_FFFF) - 0x0040_0000
}

/// The nearest integer brought into a range.
func nearestInteger(_ value: Float, _ lowest: Int32, _ highest: Int32) -> Int32 {
  max(lowest, min(highest, nearestInteger(value)))
}
