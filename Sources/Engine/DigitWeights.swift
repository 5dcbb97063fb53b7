import Quants

/// 256 stored weights of a row, or its last ones, as the digits road sees them: a weight is step * code + offset, with a step and an
/// offset for every sixteen columns.
struct DigitWeights {
  private(set) var steps: [Float] = []
  /// Empty where there are none.
  private(set) var offsets: [Float] = []
  private(set) var codes: [Int32] = []

  var hasOffsets: Bool { !offsets.isEmpty }

  /// Reads the scales of stored weights, and finds their codes from their values.
  init(_ type: TensorType, _ stored: UnsafeRawBufferPointer, _ weights: ArraySlice<Float>) {
    if type.blockElements < 256 {
      readSteps(type, stored)
    } else {
      let scales = DigitScales(type, stored)
      steps = scales.scales.map { scales.d * Float($0) }
      offsets = zip(steps, scales.minimums).map { $0 * Float(scales.zero) - scales.dmin * Float($1) }
    }
    codes = weights.enumerated().map { column, weight in
      let group = column / 16
      guard steps[group] != 0 else { return 0 }
      return Int32(((weight - (hasOffsets ? offsets[group] : 0)) / steps[group]).rounded())
    }
  }

  private mutating func readSteps(_ type: TensorType, _ stored: UnsafeRawBufferPointer) {
    for block in 0..<stored.count / type.blockBytes {
      let start = block * type.blockBytes
      for group in 0..<type.blockElements / 16 {
        switch type.name {
        case "MXFP4": steps.append(MXFP4.halvedPower(stored[start]))
        case "NVFP4": steps.append(NVFP4.halvedScale(stored[start + group]))
        default: steps.append(half(stored, start))
        }
        if type.name == "Q4_1" { offsets.append(half(stored, start + 2) + 8 * half(stored, start)) }
        if type.name == "Q5_1" { offsets.append(half(stored, start + 2) + 16 * half(stored, start)) }
      }
    }
  }
}

/// Integer scales and minimums below floats for 256 columns, one for every sixteen.
private struct DigitScales {
  private(set) var d: Float = 0
  private(set) var dmin: Float = 0
  private(set) var scales = [Int32](repeating: 1, count: 16)
  private(set) var minimums: [Int32] = []
  /// What is taken off the stored codes of a format with minimums, so that they lie around zero.
  private(set) var zero: Int32 = 0

  init(_ type: TensorType, _ stored: UnsafeRawBufferPointer) {
    func byte(_ i: Int) -> Int32 { Int32(stored[i]) }
    func word(_ i: Int) -> Int32 { byte(i) | byte(i + 1) << 8 }
    /// One scale for every sixteen columns.
    func each(_ scale: (Int) -> Int32) -> [Int32] { (0..<16).map(scale) }
    switch type.name {
    case "Q2_K":
      (d, dmin) = (half(stored, 80), half(stored, 82))
      scales = each { byte($0) & 15 }
      minimums = each { byte($0) >> 4 }
      zero = 2
    case "Q3_K":
      d = half(stored, 108)
      scales = each { j in
        (byte(96 + j % 8) >> Int32(j / 8 * 4) & 15 | (byte(104 + j % 4) >> Int32(j / 4 * 2) & 3) << 4) - 32
      }
    case "Q4_K", "Q5_K":
      (d, dmin) = (half(stored, 0), half(stored, 2))
      scales = each { j in
        let j = j / 2
        return j < 4 ? byte(4 + j) & 63 : byte(8 + j) & 15 | (byte(j) >> 6) << 4
      }
      minimums = each { j in
        let j = j / 2
        return j < 4 ? byte(8 + j) & 63 : byte(8 + j) >> 4 | (byte(4 + j) >> 6) << 4
      }
      zero = type.name == "Q4_K" ? 8 : 16
    case "Q6_K":
      d = half(stored, 208)
      scales = each { Int32(Int8(bitPattern: stored[192 + $0])) }
    case "IQ4_XS":
      d = half(stored, 0)
      scales = each { j in
        let j = j / 2
        return (byte(4 + j / 2) >> Int32(j % 2 * 4) & 15 | (word(2) >> Int32(2 * j) & 3) << 4) - 32
      }
    case "TQ1_0": d = half(stored, 52)
    case "TQ2_0": d = half(stored, 64)
    default: readOddScales(type, stored)
    }
  }

  /// Formats with codebooks, whose scales are odd numbers.
  private mutating func readOddScales(_ type: TensorType, _ stored: UnsafeRawBufferPointer) {
    func byte(_ i: Int) -> Int32 { Int32(stored[i]) }
    func word(_ i: Int) -> Int32 { byte(i) | byte(i + 1) << 8 }
    func odd(_ number: (Int) -> Int32) -> [Int32] { (0..<16).map { 1 + 2 * number($0) } }
    d = half(stored, 0) * 0.125
    switch type.name {
    case "IQ2_XXS": scales = odd { byte(2 + $0 / 2 * 8 + 7) >> 4 }
    case "IQ2_XS": scales = odd { byte(66 + $0 / 2) >> Int32($0 % 2 * 4) & 15 }
    case "IQ2_S": scales = odd { byte(74 + $0 / 2) >> Int32($0 % 2 * 4) & 15 }
    case "IQ3_XXS":
      d = half(stored, 0) * 0.25
      scales = odd { byte(66 + $0 / 2 * 4 + 3) >> 4 }
    case "IQ3_S":
      d = half(stored, 0)
      scales = odd { byte(106 + $0 / 4) >> Int32($0 / 2 % 2 * 4) & 15 }
    case "IQ1_S":
      scales = odd { word(34 + $0 / 2 * 2) >> 12 & 7 }
    case "IQ1_M":
      let bits = (0..<4).reduce(0) { $0 | (word(48 + $1 * 2) >> 12) << Int32($1 * 4) }
      d = HalfPrecision.float(f16: UInt16(bits)) * 0.125
      scales = odd { word(48 + $0 / 4 * 2) >> Int32($0 % 4 * 3) & 7 }
    default: preconditionFailure("\(type) is written out here")
    }
  }
}

private func half(_ stored: UnsafeRawBufferPointer, _ at: Int) -> Float {
  HalfPrecision.float(f16: UInt16(stored[at]) | UInt16(stored[at + 1]) << 8)
}
