import Quants
import TestSupport
import Testing

/// Encoders that come apart: scales, then each weight by itself, then the bytes.
struct FittedCodecTests {
  private static let codecs: [any FittedCodec.Type] = QuantFormats.all.compactMap { $0.codec as? any FittedCodec.Type }

  @Test func `legacy blocks and k-quants come apart`() {
    let names = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]
    #expect(Self.codecs.map { $0.name } == names)
  }

  @Test(arguments: codecs.map { $0.name })
  func `fitting, rounding and packing give the bytes of the encoder`(name: String) throws {
    let codec = try #require(Self.codecs.first { $0.name == name })
    let encoder = try RowCodec(TensorType(codec))
    let blocks = 19
    for kind in [KernelTests.Kind.uniform, .ties, .zeros, .small, .large] {
      let row = KernelTests.row(kind, count: blocks * codec.blockElements, seed: 5)
      let importance = KernelTests.row(.uniform, count: row.count, seed: 6).map { abs($0) }
      for factors in [nil, importance] {
        let expected = GuardedBuffer(count: blocks * codec.blockBytes)
        let weights = GuardedBuffer(row)
        let guarded = factors.map { GuardedBuffer($0) }
        encoder.encode(weights.readOnlyFloats, importance: guarded?.readOnlyFloats, into: expected.bytes)
        let apart = GuardedBuffer((0..<blocks * codec.blockBytes).map { _ in UInt8(0xAA) })
        Self.encode(codec, weights.readOnlyFloats, guarded?.readOnlyFloats, into: apart.bytes)
        #expect(Array(apart.bytes) == Array(expected.bytes), "\(name) \(kind), weighted: \(factors != nil)")
      }
    }
  }

  /// As a caller does that changes weights between rounding one and the next.
  private static func encode(
    _ codec: any FittedCodec.Type, _ row: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let size = codec.blockElements
    let meanSquare = row.reduce(0) { $0 + $1 * $1 } / Float(row.count)
    let fit = BlockFit(codec)
    for block in 0..<row.count / size {
      let part = block * size..<(block + 1) * size
      let x = UnsafeBufferPointer(rebasing: row[part])
      let bytes = UnsafeMutableRawBufferPointer(
        rebasing: blocks[block * codec.blockBytes..<(block + 1) * codec.blockBytes])
      codec.fit(
        x, importance: importance.map { UnsafeBufferPointer(rebasing: $0[part]) }, meanSquare: meanSquare, fit,
        into: bytes)
      var numbers: [UInt8] = []
      for i in x.indices { numbers.append(fit.round(x[i], at: i)) }
      numbers.withUnsafeMutableBufferPointer { codec.pack($0, into: bytes) }
    }
  }
}
