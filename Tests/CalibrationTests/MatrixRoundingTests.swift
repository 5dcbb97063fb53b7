import Base
import Calibration
import Engine
import Quants
import Testing

struct MatrixRoundingTests {
  private static let grids = [
    "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL",
  ]

  @Test(arguments: [32, 300, 700])
  func `the corrected target times the moments is the correction`(columns: Int) throws {
    let sample = try RoundingSample(rows: 37, columns: columns)
    let correction = RoundingSample.normal(rows: 37, columns: columns, seed: 9)
    var results: [[Float]] = []
    for threads in [1, 2, 7] {
      let rounding = try MatrixRounding(moments: sample.moments, compute: Compute(threads: threads))
      results.append(rounding.target(sample.weights, correction: correction).values)
    }
    #expect(results[0] == results[1] && results[0] == results[2])
    let h = sample.damped(0.1)
    var (wrong, all) = (0.0, 0.0)
    for row in 0..<37 {
      for column in 0..<columns {
        var sum = 0.0
        for k in 0..<columns {
          sum += (Double(results[0][row * columns + k]) - Double(sample.weights[row, k])) * h[k * columns + column]
        }
        let wanted = Double(correction[row, column])
        wrong += (sum - wanted) * (sum - wanted)
        all += wanted * wanted
      }
    }
    #expect(wrong < all * 1e-5)
  }

  @Test(arguments: grids)
  func `feedback beats the type's own search, and descent never loses`(name: String) throws {
    let type = try #require(TensorType(name: name))
    let columns = type.blockElements == 256 ? 512 : 352
    let sample = try RoundingSample(rows: 37, columns: columns)
    let compute = Compute(threads: 2)
    let rounding = try MatrixRounding(moments: sample.moments, compute: compute)
    let own = try sample.costs(of: sample.encoded(type), type)
    let feedback = try rounding.round(sample.weights, as: type, sweeps: 0)
    let afterFeedback = try sample.costs(of: feedback.bytes, type)
    let rounded = try rounding.round(sample.weights, as: type)
    let costs = try sample.costs(of: rounded.bytes, type)
    #expect(afterFeedback.reduce(0, +) < 0.5 * own.reduce(0, +))
    for row in costs.indices { #expect(costs[row] <= afterFeedback[row] * 1.00001, "row \(row)") }
    // What is reported is what the bytes say.
    for (reported, found) in [
      (feedback.afterFeedback, afterFeedback), (feedback.objective, afterFeedback),
      (rounded.afterFeedback, afterFeedback), (rounded.objective, costs),
    ] {
      let found = found.reduce(0, +)
      #expect(abs(reported - found) < 2e-3 * found)
    }
    for threads in [1, 7] {
      let again = try MatrixRounding(moments: sample.moments, compute: Compute(threads: threads))
      #expect(try again.round(sample.weights, as: type).bytes == rounded.bytes)
    }
  }

  /// Rows are independent: other rows beside one change nothing.
  @Test func `a row's bytes do not depend on its neighbours`() throws {
    let sample = try RoundingSample(rows: 150, columns: 256)
    let rounding = try MatrixRounding(moments: sample.moments, compute: Compute(threads: 2))
    for name in ["Q3_K", "Q4_0", "IQ2_S"] {
      let type = try #require(TensorType(name: name))
      let all = try rounding.round(sample.weights, as: type).bytes
      let some = try rounding.round(sample.weights.copy(of: 131..<134), as: type).bytes
      let rowBytes = try type.byteCount(columns: 256)
      #expect(Array(all[131 * rowBytes..<134 * rowBytes]) == some)
    }
  }

  @Test(arguments: ["IQ2_XXS", "IQ2_S", "IQ3_S", "IQ1_M", "MXFP4"])
  func `formats with codebooks get feedback from block to block`(name: String) throws {
    let type = try #require(TensorType(name: name))
    let sample = try RoundingSample(rows: 19, columns: 768)
    let rounding = try MatrixRounding(moments: sample.moments, compute: Compute(threads: 2))
    let own = try sample.costs(of: sample.encoded(type), type).reduce(0, +)
    let rounded = try rounding.round(sample.weights, as: type)
    let found = try sample.costs(of: rounded.bytes, type).reduce(0, +)
    #expect(found < 0.7 * own)
    #expect(abs(rounded.objective - found) < 2e-3 * found)
  }

  /// Four weights whose inputs hang together and whose other neighbours are zero: all 65,536 choices are tried.
  @Test func `a few weights come near to the best of all choices`() throws {
    let columns = 32
    let inputs = RoundingSample.normal(rows: 400, columns: columns, seed: 3)
    for row in 0..<400 {
      for column in 1..<4 { inputs[row, column] = 0.9 * inputs[row, 0] + 0.4 * inputs[row, column] }
      for column in 4..<columns { inputs[row, column] = column == 4 + row % 28 ? 1 : 0 }
    }
    let moments = InputMoments(columns: columns)
    try moments.add(inputs, Compute(threads: 1))
    let weights = RoundingSample.normal(rows: 40, columns: columns, seed: 4)
    let sample = RoundingSample(moments, weights)
    let type = try #require(TensorType(name: "Q4_0"))
    let rounding = try MatrixRounding(moments: moments, compute: Compute(threads: 1))
    let bytes = try rounding.round(weights, as: type, sweeps: 4).bytes
    let h = sample.damped(0.1)
    var (ours, best) = (0.0, 0.0)
    for row in 0..<40 {
      let block = Array(bytes[row * 18..<(row + 1) * 18])
      let d = Double(HalfPrecision.float(f16: UInt16(block[0]) | UInt16(block[1]) << 8))
      func cost(_ levels: [Int]) -> Double {
        let e = (0..<4).map { d * Double(levels[$0]) - Double(weights[row, $0]) }
        var sum = 0.0
        for i in 0..<4 { for j in 0..<4 { sum += e[i] * h[i * columns + j] * e[j] } }
        return sum
      }
      ours += cost((0..<4).map { Int(block[2 + $0] & 15) - 8 })
      best += (0..<65536).reduce(Double.infinity) { least, code in
        min(least, cost([code & 15, code >> 4 & 15, code >> 8 & 15, code >> 12].map { $0 - 8 }))
      }
    }
    #expect(ours >= best * 0.9999)
    #expect(ours < best * 1.15)
  }

  @Test func `what cannot be rounded is refused by name`() throws {
    let sample = try RoundingSample(rows: 3, columns: 96)
    let rounding = try MatrixRounding(moments: sample.moments, compute: Compute(threads: 1))
    #expect(throws: CheckpointError.self) { try rounding.round(sample.weights, as: #require(TensorType(name: "Q4_K"))) }
    sample.weights[1, 7] = .nan
    let error = #expect(throws: CheckpointError.self) { try rounding.round(sample.weights, as: .q4_0) }
    #expect(error.map { "\($0)".contains("row 1, column 7") } == true)
    let moments = InputMoments(columns: 4)
    moments.sums[2, 2] = .nan
    #expect(throws: CheckpointError.self) { try MatrixRounding(moments: moments, compute: Compute(threads: 1)) }
  }

  @Test func `inputs that no token reached count alike`() throws {
    let weights = RoundingSample.normal(rows: 5, columns: 64, seed: 1)
    let rounding = try MatrixRounding(moments: InputMoments(columns: 64), compute: Compute(threads: 1))
    let rounded = try rounding.round(weights, as: .q8_0)
    #expect(rounded.objective.isFinite && rounded.objective > 0)
  }
}
