/// Two hundred fifty-six weights as three-bit numbers, in sixteen groups with a six-bit scale each, under one scale.
///
/// ```
/// byte   0 .. 31  byte l holds the third bits of w[l], w[l+32], ... w[l+224] from bit 0 up
///       32 .. 63  byte l holds the lower two bits of w[l], w[l+32], w[l+64], w[l+96] from bit 0 up
///       64 .. 95  the same for weights 128..255
///       96 .. 103 lower nibble of the scale of group j : of group j + 8              (low nibble : high nibble)
///      104 .. 107 byte j holds the upper two bits of the scales of groups j, j+4, j+8, j+12 from bit 0 up
///      108   109  d: f16
///      w[i] = d * (scale[i / 16] - 32) * (q[i] - 4)
/// ```
///
/// Source: ggml, `block_q3_K`. 3.4375 bits per weight.
package enum Q3_K: QuantCodec {
  package static let name = "Q3_K"
  package static let ggufID: UInt32? = 11
  package static let blockElements = 256
  package static let blockBytes = 110
  package static let scalePlaces = ScalePlaces.halves(at: [108])
  package static let importanceGroup: Int? = 16

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for block in 0..<source.count / blockBytes {
      let bytes = UnsafeRawBufferPointer(rebasing: source[block * blockBytes..<(block + 1) * blockBytes])
      for i in 0..<blockElements {
        let low = bytes[32 + TwoBits.byte(i)] >> TwoBits.shift(i) & 3
        let high = bytes[i % 32] >> UInt8(truncatingIfNeeded: i / 32) & 1
        row[block * blockElements + i] = step(i / 16, bytes) * Float(Int(low | high << 2) - 4)
      }
    }
  }

  /// Each group's scale is searched for, then rounded to six bits, then every number is chosen anew.
  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let room = Room()
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      let d =
        if let importance {
          fit(x, importance.slice(block * blockElements, blockElements), room)
        } else {
          fit(x, room)
        }
      for i in 96..<108 { bytes[i] = 0 }
      for j in 0..<16 {
        bytes[96 + j % 8] |= (room.scaleNumbers[j] & 15) << (j < 8 ? 0 : 4)
        bytes[104 + j % 4] |= (room.scaleNumbers[j] >> 4) << UInt8(truncatingIfNeeded: j / 4 * 2)
      }
      bytes.storeHalf(d, at: 108)
      for j in 0..<16 {
        let step = step(j, UnsafeRawBufferPointer(bytes))
        // A group without a step keeps the numbers of its own search, which decode to zero.
        guard step != 0 else { continue }
        for i in j * 16..<j * 16 + 16 {
          room.numbers[i] = UInt8(truncatingIfNeeded: nearestInteger(x[i] / step, -4, 3) + 4)
        }
      }
      for l in 0..<32 {
        bytes[l] = 0
        for j in 0..<8 { bytes[l] |= (room.numbers[j * 32 + l] >> 2) << UInt8(truncatingIfNeeded: j) }
      }
      TwoBits.store(room.numbers, UnsafeMutableRawBufferPointer(rebasing: bytes[32..<96]))
    }
  }

  private struct Room: ~Copyable {
    let numbers = Scratch<UInt8>(256, 0)
    let factors = Scratch<Float>(16, 0)
    let sums = Scratch<Float>(16, 0)
    let scales = Scratch<Float>(16, 0)
    let scaleNumbers = Scratch<UInt8>(16, 0)
  }

  /// What one unit of a group's numbers is worth.
  private static func step(_ j: Int, _ bytes: UnsafeRawBufferPointer) -> Float {
    let low = bytes[96 + j % 8] >> (j < 8 ? 0 : 4) & 15
    let high = bytes[104 + j % 4] >> UInt8(truncatingIfNeeded: j / 4 * 2) & 3
    return bytes.half(at: 108) * Float(Int(low | high << 4) - 32)
  }

  /// Plain: errors count by the weight's square; the scale of largest magnitude becomes -32.
  private static func fit(_ x: UnsafeBufferPointer<Float>, _ room: borrowing Room) -> Float {
    for j in 0..<16 {
      room.scales[j] = SymmetricScale.descend(x.slice(j * 16, 16), limit: 4, numbers: room.numbers.room(j * 16, 16))
    }
    let largest = SymmetricScale.extremeWeight(room.scales.slice(0, 16))
    guard largest != 0 else {
      room.scaleNumbers.buffer.update(repeating: 0)
      return 0
    }
    let inverse = -32 / largest
    for j in 0..<16 {
      let nearest = Int8(truncatingIfNeeded: nearestInteger(inverse * room.scales[j]))
      room.scaleNumbers[j] = UInt8(bitPattern: max(-32, min(31, nearest)) + 32)
    }
    return 1 / inverse
  }

  /// With importance: the scales are themselves fitted, each group counting by the sum of its factors.
  private static func fit(
    _ x: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>, _ room: borrowing Room
  ) -> Float {
    let spread = 2 * ErrorFactors.sumOfSquares(x) / 256
    for j in 0..<16 {
      let group = x.slice(j * 16, 16)
      ErrorFactors.weighted(
        group, importance: importance.slice(j * 16, 16), spread: spread, into: room.factors.buffer)
      room.sums[j] = 0
      for i in 0..<16 { room.sums[j] += room.factors[i] }
      room.scales[j] = SymmetricScale.search(
        group, factors: room.factors.slice(0, 16), limit: 4, numbers: room.numbers.room(j * 16, 16))
    }
    return SymmetricScale.search(
      room.scales.slice(0, 16), factors: room.sums.slice(0, 16), limit: 32, numbers: room.scaleNumbers.buffer)
  }
}
