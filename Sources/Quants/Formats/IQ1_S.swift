/// Two hundred fifty-six weights as points of a codebook of 2048, eight weights a point, in eight groups of thirty-two.
///
/// ```
/// byte   0   1  d: f16
///        2 .. 33 lower eight bits of the point of weights 8k ..< 8k + 8
///       34 .. 49 group g, little-endian 16-bit word: bits 3k ..< 3k + 3 the upper bits of its point k = 0 ... 3,
///                bits 12..14 the scale, bit 15 set when levels are shifted down
///      w[i] = d * (2 scale + 1) * (level + or - 0.125)             levels -1, 0, 1 for the numbers 0, 1, 2
/// ```
///
/// Source: ggml, `block_iq1_s`. 1.5625 bits per weight.
package enum IQ1_S: QuantCodec {
  package static let name = "IQ1_S"
  package static let ggufID: UInt32? = 19
  package static let blockElements = 256
  package static let blockBytes = 50
  package static let scalePlaces = ScalePlaces.halves(at: 0)
  package static let kernelTables: KernelTables? = .iq1
  package static let importanceGroup: Int? = 32
  package static let needsImportance = true

  /// Groups whose largest magnitude is below this have no scale.
  private static let smallest: Float = 1e-12

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let start = block * blockBytes
      let d = source.half(at: start)
      for run in 0..<32 {
        let word = UInt16(
          littleEndian: source.loadUnaligned(fromByteOffset: start + 34 + run / 4 * 2, as: UInt16.self))
        let step = d * Float(2 * (word >> 12 & 7) + 1)
        let shift = word >> 15 == 1 ? -TernaryLevels.shift : TernaryLevels.shift
        let high = word >> UInt16(truncatingIfNeeded: run % 4 * 3) & 7
        let point = Int(source[start + 2 + run]) | Int(high) << 8
        for i in 0..<8 {
          row[block * blockElements + run * 8 + i] = step * (TernaryLevels.level(point, i) + shift)
        }
      }
    }
  }

  /// Every split of the sorted weights into three levels is tried with both shifts, then rounded to the codebook.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let factors = Scratch<Float>(32, 0)
    let numbers = Scratch<UInt8>(32, 0)
    let scales = Scratch<Float>(8, 0)
    let isDown = Scratch<Bool>(8, false)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      for i in bytes.indices { bytes[i] = 0 }
      let spread = 2 * ErrorFactors.sumOfSquares(x) / 256
      var largest: Float = 0
      for group in 0..<8 {
        let weights = x.slice(group * 32, 32)
        ErrorFactors.weightedOrSquares(
          weights, importance: importance?.slice(block * blockElements + group * 32, 32), spread: spread,
          into: factors.buffer)
        scales[group] = 0
        isDown[group] = false
        guard abs(SymmetricScale.extremeWeight(weights)) >= smallest,
          let split = Split(weights, factors: factors.slice(0, 32))
        else { continue }
        TernaryLevels.assign(
          split.order, split.first, split.second, isMirrored: split.scale < 0, into: numbers.buffer)
        var scale = abs(split.scale)
        isDown[group] = split.isDown != (split.scale < 0)
        let levels = isDown[group] ? TernaryLevels.down : TernaryLevels.up
        var points = [0, 0, 0, 0]
        var isExact = true
        for run in 0..<4 {
          let rounded = TernaryLevels.round(
            numbers.room(run * 8, 8), weights.slice(run * 8, 8), factors: factors.slice(run * 8, 8), scale: scale,
            levels: levels)
          points[run] = rounded.point
          isExact = isExact && rounded.isExact
        }
        if !isExact { scale = refit(weights, factors.slice(0, 32), points, levels) ?? scale }
        var word: UInt16 = 0
        for run in 0..<4 {
          bytes[2 + group * 4 + run] = UInt8(truncatingIfNeeded: points[run])
          word |= UInt16(truncatingIfNeeded: points[run] >> 8) << UInt16(truncatingIfNeeded: 3 * run)
        }
        bytes.storeBytes(of: word.littleEndian, toByteOffset: 34 + group * 2, as: UInt16.self)
        scales[group] = scale
        largest = largest > scale ? largest : scale
      }
      guard largest != 0 else { continue }
      let d = largest / 15
      bytes.storeHalf(d * 1.125, at: 0)
      for group in 0..<8 {
        let number = OddScales.number(scales[group], inverse: 1 / d, highest: 7) | (isDown[group] ? 8 : 0)
        bytes[34 + group * 2 + 1] |= number << 4
      }
    }
  }

  /// The least-squares scale of a group's points; nil when there is none.
  private static func refit(
    _ x: UnsafeBufferPointer<Float>, _ factors: UnsafeBufferPointer<Float>, _ points: [Int], _ levels: [Float]
  ) -> Float? {
    var (products, squares): (Float, Float) = (0, 0)
    for i in 0..<32 {
      let level = levels[Int(Codebook.iq1.numbers[points[i / 8] * 8 + i % 8])]
      products += factors[i] * level * x[i]
      squares += factors[i] * level * level
    }
    return products > 0 && squares > 0 ? products / squares : nil
  }

  /// The best way to cut the sorted weights of a group into three levels.
  private struct Split {
    var order: [Int]
    var first = 0
    var second = 0
    var isDown = false
    /// May be negative.
    var scale: Float = 0

    init?(_ x: UnsafeBufferPointer<Float>, factors: UnsafeBufferPointer<Float>) {
      order = TernaryLevels.ascending(x)
      var products: [Float] = [0]
      var sums: [Float] = [0]
      for (place, i) in order.enumerated() {
        products.append(products[place] + factors[i] * x[i])
        sums.append(sums[place] + factors[i])
      }
      var best = -Float.greatestFiniteMagnitude
      var isFound = false
      for first in 0...32 {
        for second in first...32 {
          for isDown in [false, true] {
            let levels = isDown ? TernaryLevels.down : TernaryLevels.up
            let product =
              (products[first] - products[0]) * levels[0] + (products[second] - products[first]) * levels[1]
              + (products[32] - products[second]) * levels[2]
            let low = (sums[first] - sums[0]) * levels[0] * levels[0]
            let middle = (sums[second] - sums[first]) * levels[1] * levels[1]
            let square = low + middle + (sums[32] - sums[second]) * levels[2] * levels[2]
            guard square > 0 && product * product > best * square else { continue }
            scale = product / square
            best = scale * product
            (self.first, self.second, self.isDown) = (first, second, isDown)
            isFound = true
          }
        }
      }
      if !isFound { return nil }
    }
  }
}
