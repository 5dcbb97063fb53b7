import Base
import Engine
import Quants
import TestSupport
import Testing

/// How activations are rounded before products with weights: every level against plain Swift, and both against ggml.
struct ActivationRoundingTests {
  private static func rounded(_ row: [Float], _ rounding: ActivationRounding, _ level: Kernels) -> [Float] {
    let (from, to) = (GuardedBuffer(row), GuardedBuffer([Float](repeating: 0, count: row.count)))
    EngineKernels(level).round(Floats(from.floats), as: rounding, into: Floats(to.floats), count: row.count)
    return Array(to.floats)
  }

  private static func isSame(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) }
  }

  /// Blocks of many sizes, and odd ones: zeros, scales that underflow in 16 bits and in 32, that overflow, halves, infinity, NaN.
  private static func numbers(_ count: Int) -> [Float] {
    var numbers = Numbers(seed: 20)
    var row = (0..<count).map { numbers.next() * Float(sign: .plus, exponent: $0 / 32 % 24 - 12, significand: 1) }
    let tiny = Float(bitPattern: 713_624)  // about 1e-39
    let odd: [(Int) -> Float] = [
      { _ in 0 }, { Float($0) * 1e-9 }, { Float($0) * tiny }, { Float($0) * 1e7 }, { $0 == 0 ? 127 : Float($0) / 2 },
      { $0 == 9 ? -.infinity : Float($0) }, { $0 == 3 ? .nan : Float($0) },
    ]
    for (place, number) in odd.enumerated() where count >= (place + 1) * 256 {
      for i in 0..<32 { row[place * 256 + i] = number(i) }
      // Whole super-blocks of the first three.
      for i in 0..<256 where place < 3 { row[place * 256 + i] = number(i) }
    }
    return row
  }

  @Test(arguments: Kernels.available, ActivationRounding.allCases)
  func `every level rounds as plain Swift does, to the bit`(level: Kernels, rounding: ActivationRounding) {
    for count in [1, 7, 31, 32, 33, 256, 512, 2048] where count % rounding.block == 0 {
      let row = Self.numbers(count)
      #expect(Self.isSame(Self.rounded(row, rounding, level), rounding.plain(row)), "\(level) \(rounding) \(count)")
    }
  }

  @Test(arguments: [
    ("F16", ActivationRounding.f16), ("BF16", .bf16), ("Q8_0", .q8_0), ("Q8_1", .q8_0), ("Q8_K", .q8_k),
  ])
  func `rows are rounded as ggml rounds them`(name: String, rounding: ActivationRounding) throws {
    let golden = try GoldenTensors("golden/rounded.safetensors")
    let (input, expected) = (try #require(golden.floats("input")), try #require(golden.floats(name)))
    let columns = try #require(golden.shape("input")?.last)
    for first in stride(from: 0, to: input.count, by: columns) {
      let row = Array(input[first..<first + columns])
      // Of zeros the sign is not looked at: an integer has none.
      for found in [rounding.plain(row)] + Kernels.available.map({ Self.rounded(row, rounding, $0) }) {
        #expect(found == Array(expected[first..<first + columns]), "row \(first / columns)")
      }
    }
  }

  /// What is stored takes halves away from zero and scales by the inverse of the scale; otherwise it is the same format.
  @Test func `eight-bit blocks are those of the stored format but for halves`() throws {
    let golden = try GoldenBlocks()
    let (input, stored) = (try #require(golden.floats("input")), try #require(golden.floats("Q8_0.plain.decoded")))
    let found = ActivationRounding.q8_0.plain(input)
    for first in stride(from: 0, to: input.count, by: 32) {
      let largest = input[first..<first + 32].reduce(0) { max($0, abs($1)) }
      let step = largest / 127
      for i in first..<first + 32 where found[i] != stored[i] && step > 1e-6 && step < 60000 {
        let place = abs(input[i] / step)
        #expect(abs(place - place.rounded(.down) - 0.5) < 1e-4, "\(input[i]) in a block of \(largest)")
      }
    }
  }

  @Test func `each type of weights is multiplied by what ggml multiplies it by`() throws {
    let names: [ActivationRounding?: [String]] = [
      nil: ["F32"], .f16: ["F16"], .bf16: ["BF16"], .q8_0: ["Q8_0", "Q8_1"], .q8_k: ["Q8_K"],
    ]
    let table = try #require(Fixtures.json("golden/deployed-types.json").objectValue)
    var seen = 0
    for type in QuantFormats.all where type.codec != nil && type.name != "F64" {
      let expected = try #require(table[type.name]?.stringValue, "\(type) is not in the table")
      #expect(names[Precision.deployed.rounding(for: type)]?.contains(expected) == true, "\(type) by \(expected)")
      #expect(Precision.exact.rounding(for: type) == nil && Precision.bf16.rounding(for: type) == .bf16)
      seen += 1
    }
    #expect(seen == table.keys.count)
  }

  /// A product sees rounded rows, and who looks on sees them as they were.
  @Test(arguments: Precision.allCases)
  func `products take rounded inputs`(precision: Precision) throws {
    var numbers = Numbers(seed: 7)
    let x = numbers.matrix(5, 256)
    let values = numbers.matrix(9, 256).values
    let weights = try WeightMatrix(
      rows: 9, columns: 256, type: .f16,
      copying: values.flatMap { value in
        let half = HalfPrecision.f16(value)
        return [UInt8(truncatingIfNeeded: half), UInt8(truncatingIfNeeded: half >> 8)]
      })
    let seen = Lock<[Float]>([])
    var compute = Compute(threads: 2, precision: precision)
    compute.tap = { _, inputs in seen.withLock { $0 = inputs.values } }
    let rounding = precision.rounding(for: .f16)
    let inputs = Activations(rows: 5, columns: 256, rounding?.plain(x.values) ?? x.values)
    #expect(compute(x, weights).values == Compute(threads: 1)(inputs, weights).values)
    #expect(seen.withLock { $0 } == x.values)
    let remembered = precision == .deployed ? ActivationRounding.f16.plain(x.values) : x.values
    #expect(compute.remembered(x).values == remembered)
  }
}
