/// Two hundred fifty-six weights as points of a codebook of 2048, eight weights a point, in sixteen groups of sixteen.
///
/// ```
/// byte   0 .. 31 lower eight bits of the point of weights 8k ..< 8k + 8
///       32 .. 47 group g: bits 0..2 the upper bits of its first point, bit 3 set when its levels are shifted down,
///                bits 4..6 and 7 the same for its second point
///       48 .. 55 four little-endian 16-bit words: bits 3j ..< 3j + 3 of word k the scale of group 4k + j, bits 12..15
///                bits 4k ..< 4k + 4 of d: f16
///      w[i] = d * (2 scale + 1) * (level + or - 0.125)             levels -1, 0, 1 for the numbers 0, 1, 2
/// ```
///
/// Source: ggml, `block_iq1_m`. 1.75 bits per weight.
package enum IQ1_M: QuantCodec {
  package static let name = "IQ1_M"
  package static let ggufID: UInt32? = 29
  package static let blockElements = 256
  package static let blockBytes = 56
  package static let scalePlaces = ScalePlaces.quarters(at: 48)
  package static let kernelTables: KernelTables? = .iq1
  package static let importanceGroup: Int? = 16

  /// Groups whose largest magnitude is below this have no scale.
  private static let smallest: Float = 1e-7

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let bytes = UnsafeRawBufferPointer(rebasing: source[block * blockBytes..<(block + 1) * blockBytes])
      let words = (0..<4).map {
        UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 48 + $0 * 2, as: UInt16.self))
      }
      let bits = words[0] >> 12 | (words[1] >> 8 & 0x00F0) | (words[2] >> 4 & 0x0F00) | (words[3] & 0xF000)
      let d = HalfPrecision.float(f16: bits)
      for run in 0..<32 {
        let group = run / 2
        let scale = words[group / 4] >> UInt16(truncatingIfNeeded: group % 4 * 3) & 7
        let step = d * Float(2 * scale + 1)
        let high = bytes[32 + group] >> (run % 2 == 0 ? 0 : 4)
        let shift = high & 8 != 0 ? -TernaryLevels.shift : TernaryLevels.shift
        let point = Int(bytes[run]) | Int(high & 7) << 8
        for i in 0..<8 {
          row[block * blockElements + run * 8 + i] = step * (TernaryLevels.level(point, i) + shift)
        }
      }
    }
  }

  /// Every split of the sorted weights into three levels is tried with the four pairs of shifts, then rounded.
  ///
  /// The block's scale is fitted last, to all points and group scales.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let factors = Scratch<Float>(256, 0)
    let points = Scratch<Int>(32, 0)
    let scales = Scratch<Float>(16, 0)
    let shifts = Scratch<Int>(16, 0)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      for i in bytes.indices { bytes[i] = 0 }
      ErrorFactors.weightedOrSquares(
        x, importance: importance?.slice(block * blockElements, blockElements),
        spread: 2 * ErrorFactors.sumOfSquares(x) / 256, into: factors.buffer)
      points.buffer.update(repeating: 0)
      var largest: Float = 0
      for group in 0..<16 {
        scales[group] = 0
        shifts[group] = 0
        let fitted = fit(
          x.slice(group * 16, 16), factors.slice(group * 16, 16), points: points.room(group * 2, 2))
        guard let (scale, shift) = fitted else { continue }
        scales[group] = scale
        shifts[group] = shift
        largest = largest > scale ? largest : scale
      }
      for run in 0..<32 { bytes[run] = UInt8(truncatingIfNeeded: points[run]) }
      for group in 0..<16 {
        let high = points[2 * group] >> 8 | (points[2 * group + 1] >> 8) << 4
        bytes[32 + group] = UInt8(truncatingIfNeeded: high)
      }
      guard largest != 0 else { continue }
      store(x, factors.slice(0, 256), points.slice(0, 32), scales.slice(0, 16), shifts.slice(0, 16), largest, bytes)
    }
  }

  /// Rounds the group scales, fits the block's scale to everything, and stores both.
  private static func store(
    _ x: UnsafeBufferPointer<Float>, _ factors: UnsafeBufferPointer<Float>, _ points: UnsafeBufferPointer<Int>,
    _ scales: UnsafeBufferPointer<Float>, _ shifts: UnsafeBufferPointer<Int>, _ largest: Float,
    _ bytes: UnsafeMutableRawBufferPointer
  ) {
    var d = largest / 15
    let inverse = 1 / d
    var (products, squares): (Float, Float) = (0, 0)
    var words: [UInt16] = [0, 0, 0, 0]
    for group in 0..<16 {
      let number = OddScales.number(scales[group], inverse: inverse, highest: 7)
      words[group / 4] |= UInt16(number) << UInt16(truncatingIfNeeded: group % 4 * 3)
      bytes[32 + group] |= (shifts[group] >= 2 ? 0x08 : 0) | (shifts[group] % 2 == 1 ? 0x80 : 0)
      for i in 0..<16 {
        let level = levels(shifts[group], half: i / 8)[Int(Codebook.iq1.numbers[points[group * 2 + i / 8] * 8 + i % 8])]
        let value = level * Float(2 * number + 1)
        products += factors[group * 16 + i] * value * x[group * 16 + i]
        squares += factors[group * 16 + i] * value * value
      }
    }
    if squares > 0 { d = products / squares }
    let bits = HalfPrecision.f16(d * 1.1125)
    for k in 0..<4 {
      words[k] |= (bits >> UInt16(truncatingIfNeeded: 4 * k)) << 12
      bytes.storeBytes(of: words[k].littleEndian, toByteOffset: 48 + k * 2, as: UInt16.self)
    }
  }

  /// The levels of one half of a group; shifts are 0: up up, 1: up down, 2: down up, 3: down down.
  private static func levels(_ shifts: Int, half: Int) -> [Float] {
    (half == 0 ? shifts >= 2 : shifts % 2 == 1) ? TernaryLevels.down : TernaryLevels.up
  }

  /// Rounds one group to two points.
  ///
  /// - Returns: the scale, never negative, and the shifts of both halves; nil when the group has no scale.
  private static func fit(
    _ x: UnsafeBufferPointer<Float>, _ factors: UnsafeBufferPointer<Float>, points: UnsafeMutableBufferPointer<Int>
  ) -> (scale: Float, shifts: Int)? {
    guard abs(SymmetricScale.extremeWeight(x)) >= smallest, let split = HalvedSplit(x, factors: factors) else {
      return nil
    }
    let numbers = Scratch<UInt8>(16, 0)
    TernaryLevels.assign(split.order, split.first, split.second, isMirrored: split.scale < 0, into: numbers.buffer)
    var scale = abs(split.scale)
    let shifts = split.scale < 0 ? 3 - split.shifts : split.shifts
    var isExact = true
    for half in 0..<2 {
      let rounded = TernaryLevels.round(
        numbers.room(half * 8, 8), x.slice(half * 8, 8), factors: factors.slice(half * 8, 8), scale: scale,
        levels: levels(shifts, half: half))
      points[half] = rounded.point
      isExact = isExact && rounded.isExact
    }
    if !isExact {
      var (products, squares): (Float, Float) = (0, 0)
      for i in 0..<16 {
        let level = levels(shifts, half: i / 8)[Int(Codebook.iq1.numbers[points[i / 8] * 8 + i % 8])]
        products += factors[i] * level * x[i]
        squares += factors[i] * level * level
      }
      if products > 0 && squares > 0 { scale = products / squares }
    }
    return (scale, shifts)
  }
}

/// The best way to cut the sorted weights of an IQ1_M group into three levels, each half of the group with its own shift.
struct HalvedSplit {
  let order: [Int]
  private(set) var first = 0
  private(set) var second = 0
  /// 0: up up, 1: up down, 2: down up, 3: down down.
  private(set) var shifts = 0
  /// May be negative.
  private(set) var scale: Float = 0

  /// Tries every split; nil when none has a scale.
  ///
  /// Sums over the sorted weights are kept apart for the two halves. Levels are one apart, so the sum of level x weight
  /// over a half is its total times the highest level, less the sums up to both cuts.
  init?(_ x: UnsafeBufferPointer<Float>, factors: UnsafeBufferPointer<Float>) {
    order = TernaryLevels.ascending(x)
    var products = [[Float](repeating: 0, count: 17), [Float](repeating: 0, count: 17)]
    var sums = products
    for (place, i) in order.enumerated() {
      let half = i / 8
      products[half][place + 1] = products[half][place] + factors[i] * x[i]
      products[1 - half][place + 1] = products[1 - half][place]
      sums[half][place + 1] = sums[half][place] + factors[i]
      sums[1 - half][place + 1] = sums[1 - half][place]
    }
    var best = -Float.greatestFiniteMagnitude
    var isFound = false
    for first in 0...16 {
      for second in first...16 {
        let low = Self.fits(products[0], sums[0], first, second)
        let high = Self.fits(products[1], sums[1], first, second)
        for shifts in 0..<4 {
          let product = low[shifts / 2].products + high[shifts % 2].products
          let square = low[shifts / 2].squares + high[shifts % 2].squares
          guard square > 0 && product * product > best * square else { continue }
          scale = product / square
          best = scale * product
          (self.first, self.second, self.shifts) = (first, second, shifts)
          isFound = true
        }
      }
    }
    if !isFound { return nil }
  }

  /// The sums of one half for a split: shifted up, shifted down.
  private static func fits(
    _ products: [Float], _ sums: [Float], _ first: Int, _ second: Int
  ) -> [(products: Float, squares: Float)] {
    [TernaryLevels.up, TernaryLevels.down].map { levels in
      let lower = levels[0] * levels[0] - levels[1] * levels[1]
      let upper = levels[1] * levels[1] - levels[2] * levels[2]
      return (
        products[16] * levels[2] - (products[first] + products[second]),
        sums[16] * levels[2] * levels[2] + sums[first] * lower + sums[second] * upper
      )
    }
  }
}
