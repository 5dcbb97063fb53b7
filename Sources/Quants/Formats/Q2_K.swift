/// Two hundred fifty-six weights as two-bit numbers, in sixteen groups with a four-bit scale and offset each.
///
/// ```
/// byte   0 .. 15  group j: scale : offset                                    (low nibble : high nibble)
///       16 .. 47  byte l holds w[l], w[l+32], w[l+64], w[l+96] from bit 0 up
///       48 .. 79  the same for weights 128..255
///       80    81  d: f16
///       82    83  dmin: f16
///       w[i] = (d * scale[i / 16]) * q[i] - (dmin * offset[i / 16])
/// ```
///
/// Source: ggml, `block_q2_K`. 2.625 bits per weight.
package enum Q2_K: QuantCodec {
  package static let name = "Q2_K"
  package static let ggufID: UInt32? = 10
  package static let blockElements = 256
  package static let blockBytes = 84
  package static let scalePlaces = ScalePlaces.halves(at: [80, 82])
  package static let importanceGroup: Int? = 16

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let bytes = UnsafeRawBufferPointer(rebasing: source[block * blockBytes..<(block + 1) * blockBytes])
      for i in 0..<blockElements {
        let (step, offset) = group(i / 16, bytes)
        let number = bytes[16 + TwoBits.byte(i)] >> TwoBits.shift(i) & 3
        row[block * blockElements + i] = step * Float(number) - offset
      }
    }
  }

  /// Each group's scale and offset are searched for, then rounded to four bits, then every number is chosen anew.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let room = Room()
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      if let importance {
        fit(x, importance.slice(block * blockElements, blockElements), room, bytes)
      } else {
        fit(x, room, bytes)
      }
      for j in 0..<16 {
        let (step, offset) = group(j, UnsafeRawBufferPointer(bytes))
        // A group without a step keeps the numbers of its own search, which decode to the offset.
        guard step != 0 else { continue }
        for i in j * 16..<j * 16 + 16 {
          room.numbers[i] = UInt8(truncatingIfNeeded: nearestInteger((x[i] + offset) / step, 0, 3))
        }
      }
      TwoBits.store(room.numbers, UnsafeMutableRawBufferPointer(rebasing: bytes[16..<80]))
    }
  }

  private struct Room: ~Copyable {
    let numbers = Scratch<UInt8>(256, 0)
    let factors = Scratch<Float>(16, 0)
    let sums = Scratch<Float>(16, 0)
    let scales = Scratch<Float>(16, 0)
    let offsets = Scratch<Float>(16, 0)
    let scaleNumbers = Scratch<UInt8>(16, 0)
    let offsetNumbers = Scratch<UInt8>(16, 0)
  }

  /// The step and the offset of a group.
  private static func group(_ j: Int, _ bytes: UnsafeRawBufferPointer) -> (step: Float, offset: Float) {
    (bytes.half(at: 80) * Float(bytes[j] & 15), bytes.half(at: 82) * Float(bytes[j] >> 4))
  }

  /// Plain: absolute errors count by the weight's magnitude; the largest scale becomes 15.
  private static func fit(
    _ x: UnsafeBufferPointer<Float>, _ room: borrowing Room, _ bytes: UnsafeMutableRawBufferPointer
  ) {
    let rule = AffineScale(limit: 3, first: -0.5, step: 0.1, last: 15, isAbsolute: true)
    var largestScale: Float = 0
    var largestOffset: Float = 0
    for j in 0..<16 {
      let group = x.slice(j * 16, 16)
      for i in 0..<16 { room.factors[i] = abs(group[i]) }
      (room.scales[j], room.offsets[j]) = rule.search(
        group, factors: room.factors.slice(0, 16), numbers: room.numbers.room(j * 16, 16))
      if room.scales[j] > largestScale { largestScale = room.scales[j] }
      if room.offsets[j] > largestOffset { largestOffset = room.offsets[j] }
    }
    let inverseScale = largestScale > 0 ? 15 / largestScale : 0
    let inverseOffset = largestOffset > 0 ? 15 / largestOffset : 0
    for j in 0..<16 {
      let scale = UInt8(truncatingIfNeeded: nearestInteger(inverseScale * room.scales[j]))
      let offset = UInt8(truncatingIfNeeded: nearestInteger(inverseOffset * room.offsets[j]))
      bytes[j] = scale | offset << 4
    }
    bytes.storeHalf(largestScale > 0 ? largestScale / 15 : 0, at: 80)
    bytes.storeHalf(largestOffset > 0 ? largestOffset / 15 : 0, at: 82)
  }

  /// With importance: scales and offsets are themselves fitted, each group counting by the sum of its factors.
  private static func fit(
    _ x: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>, _ room: borrowing Room,
    _ bytes: UnsafeMutableRawBufferPointer
  ) {
    let spread = ErrorFactors.sumOfSquares(x) / 256
    for j in 0..<16 {
      let group = x.slice(j * 16, 16)
      ErrorFactors.weighted(
        group, importance: importance.slice(j * 16, 16), spread: spread, into: room.factors.buffer)
      room.sums[j] = 0
      for i in 0..<16 { room.sums[j] += room.factors[i] }
      (room.scales[j], room.offsets[j]) = AffineScale.weighted(limit: 3).search(
        group, factors: room.factors.slice(0, 16), numbers: room.numbers.room(j * 16, 16))
    }
    let weights = room.sums.slice(0, 16)
    let d = PositiveScale.search(
      room.scales.slice(0, 16), factors: weights, limit: 15, numbers: room.scaleNumbers.buffer)
    let dmin = PositiveScale.search(
      room.offsets.slice(0, 16), factors: weights, limit: 15, numbers: room.offsetNumbers.buffer)
    bytes.storeHalf(d, at: 80)
    bytes.storeHalf(dmin, at: 82)
    for j in 0..<16 { bytes[j] = room.scaleNumbers[j] | room.offsetNumbers[j] << 4 }
  }
}

/// Two-bit numbers as Q2_K and Q3_K lay them out: byte `l` of a half holds weights `l`, `l + 32`, `l + 64`, `l + 96`.
enum TwoBits {
  /// The byte of weight `i` of a block.
  static func byte(_ i: Int) -> Int { i / 128 * 32 + i % 32 }

  /// The first bit of weight `i` in its byte.
  static func shift(_ i: Int) -> UInt8 { UInt8(truncatingIfNeeded: i % 128 / 32 * 2) }

  /// Stores the lower two bits of a block's numbers in 64 bytes.
  static func store(_ numbers: borrowing Scratch<UInt8>, _ bytes: UnsafeMutableRawBufferPointer) {
    for i in bytes.indices { bytes[i] = 0 }
    for i in 0..<256 { bytes[byte(i)] |= (numbers[i] & 3) << shift(i) }
  }
}
