import Engine
import Base
import Libc

/// One position of a base file of llama-perplexity, read when it is compared.
package struct LlamaRow: RecordedRow {
  let file: InputFile
  let offset: UInt64
  let bytes: Int
  let vocabulary: Int

  package func comparison(with after: LogitRow, token: Int32) throws(CheckpointError) -> PositionComparison {
    let row = try file.readBytes(at: offset, count: bytes)
    let result = row.withUnsafeBytes { view in
      Result { () throws(CheckpointError) in try comparison(view, with: after, token: token) }
    }
    return try result.get()
  }

  private func comparison(
    _ view: UnsafeRawBufferPointer, with after: LogitRow, token: Int32
  ) throws(CheckpointError) -> PositionComparison {
    var reader = ByteReader(view, at: offset, file: file.path)
    let (scale, least) = (try reader.f32("a row"), try reader.f32("a row"))
    let largest = Double(scale) * Double(UInt16.max) + Double(least)
    // They lie at most 16 nats apart.
    guard scale >= 0, scale < 17 / Float(UInt16.max), least >= -64, largest <= 1e-3 else {
      throw CheckpointError(
        .malformed, "a row cannot be so: its scale is \(scale) and its least ln p is \(least)", file: file.path,
        offset: offset)
    }
    let units = (0..<vocabulary).map {
      Int(UInt16(littleEndian: view.loadUnaligned(fromByteOffset: 8 + 2 * $0, as: UInt16.self)))
    }
    func logProbability(_ id: Int) -> Double { Double(scale) * Double(units[id]) + Double(least) }
    // Half a unit, and the single precision of the numbers it was computed with.
    let within = Double(scale) / 2 + Double(abs(least)) * 0x1p-21
    var sums = SampledDivergence()
    var entropy = 0.0
    for id in units.indices where units[id] > 0 || scale == 0 {
      let b = logProbability(id)
      sums.add(before: b, after: after.logProbability(Int32(id)), within: within)
      entropy -= exp(b) * b
    }
    if scale > 0 { sums.close(atMost: Double(units.count { $0 == 0 }) * exp(Double(least))) }
    let top = Self.likeliest(units)
    var probabilities = SIMD8<Float>()
    for (place, id) in top.enumerated() { probabilities[place] = Float(exp(logProbability(id))) }
    return PositionComparison(
      divergence: sums.forward.estimate, reverseDivergence: sums.backward.estimate, jensenShannon: nil,
      totalVariation: nil, entropy: entropy, before: logProbability(Int(token)),
      after: after.logProbability(token), token: token, topBefore: TopTokens(top.map { Int32($0) }),
      topAfter: after.top,
      topProbabilitiesBefore: probabilities, topProbabilitiesAfter: after.topProbabilities,
      confidence: exp(logProbability(top[0])),
      sampling: .init(forward: sums.forward.sure, backward: sums.backward.sure))
  }

  /// The ids of the largest numbers, of equals the lower one first.
  private static func likeliest(_ units: [Int]) -> [Int] {
    var best: [Int] = []
    for (id, unit) in units.enumerated() {
      if best.count == LogitRow.topCount {
        guard unit > units[best[best.count - 1]] else { continue }
        best.removeLast()
      }
      best.insert(id, at: best.firstIndex { units[$0] < unit } ?? best.count)
    }
    return best
  }
}
