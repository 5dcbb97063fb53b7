import Base
import Quants
import TestSupport
import Testing

struct GridCodecTests {
  private static let types = QuantFormats.all.filter { $0.codec is any GridCodec.Type }

  @Test func `twelve formats are grids`() {
    #expect(
      Set(Self.types.map(\.name)) == [
        "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "IQ4_XS",
      ])
  }

  /// Blocks of the reference, and blocks of any bytes at all whose factors are numbers.
  @Test(arguments: types)
  func `a block that is read and written is the same, and its grid decodes to the codec's bits`(type: TensorType) throws
  {
    let codec = try #require(type.codec as? any GridCodec.Type)
    let golden = try GoldenBlocks()
    var samples = [".plain", ".weighted"].compactMap { golden.data(type.name + $0) }
    #expect(!samples.isEmpty)
    var random = [UInt8](repeating: 0, count: 64 * type.blockBytes)
    var state: UInt64 = 19
    for i in random.indices {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      random[i] = UInt8(truncatingIfNeeded: state >> 56)
    }
    samples.append(random)
    var grid = BlockGrid(codec)
    for sample in samples {
      for start in stride(from: 0, to: sample.count, by: type.blockBytes) {
        let block = Array(sample[start..<start + type.blockBytes])
        var written = [UInt8](repeating: 0xA5, count: block.count)
        block.withUnsafeBytes { codec.read($0, into: &grid) }
        written.withUnsafeMutableBytes { codec.write(grid, into: $0) }
        #expect(written == block)
        var decoded = [Float](repeating: 0, count: type.blockElements)
        decoded.withUnsafeMutableBufferPointer { row in block.withUnsafeBytes { codec.decode($0, into: row) } }
        let values = decoded.indices.map {
          let group = $0 / codec.rules.group
          return grid.step(group) * codec.rules.level(grid.numbers[$0]) - grid.offset(group)
        }
        // A NaN is a NaN; everything else to the bit.
        #expect(values.map { $0.isNaN ? nil : $0.bitPattern } == decoded.map { $0.isNaN ? nil : $0.bitPattern })
      }
    }
  }

  @Test(arguments: types)
  func `levels and numbers are each other's inverse`(type: TensorType) throws {
    let rules = try #require(type.codec as? any GridCodec.Type).rules
    let (numbers, levels) = (rules.numbers, rules.levels)
    switch levels {
    case .even(let lowest, let legal):
      #expect(legal.lowerBound >= lowest)
      for level in legal { #expect(rules.level(numbers[level + 128]) == Float(level)) }
    case .uneven(let values):
      #expect(values == values.sorted())
      for value in values { #expect(rules.level(numbers[Int(value) + 128]) == value) }
    }
  }
}
