/// Four-bit floating-point numbers (E2M1) as MXFP4 and NVFP4 use them, doubled so that they are integers.
///
/// Bit 3 is the sign; the magnitudes are 0, 0.5, 1, 1.5, 2, 3, 4 and 6. Source: OCP Microscaling Formats 1.0; ggml, `kvalues_fp4`.
enum FourBitFloats {
  static let doubled: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

  /// The number whose value times `scale` is nearest to the weight, the first of equally near ones.
  static func nearest(_ weight: Float, scale: Float) -> UInt8 {
    var best = 0
    var smallest = abs(doubled[0] * scale - weight)
    for number in 1..<16 {
      let distance = abs(doubled[number] * scale - weight)
      if distance < smallest {
        best = number
        smallest = distance
      }
    }
    return UInt8(truncatingIfNeeded: best)
  }
}
