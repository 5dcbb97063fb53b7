import Base
import Engine
import Quants
import Synchronization
import Testing

@Suite("Experts")
struct ExpertTests {
  private static let (hidden, width, count, used) = (96, 64, 7, 3)

  /// Matrices of random experts, stacked under one name.
  private func matrices(
    _ name: String, rows: Int, columns: Int, _ numbers: inout Numbers, biased: Bool
  ) throws -> ExpertMatrices {
    let values = (0..<Self.count * rows * columns).map { _ in numbers.next() }
    var whole = try WeightMatrix(
      rows: Self.count * rows, columns: columns, type: .f32, copying: values.withUnsafeBytes { [UInt8]($0) })
    whole.name = name
    let biases = biased ? (0..<Self.count * rows).map { _ in numbers.next() } : []
    return ExpertMatrices((0..<Self.count).map { whole.rows($0 * rows..<($0 + 1) * rows) }, biases: biases)
  }

  private func experts(_ activation: GatedProduct, biased: Bool = false) throws -> Experts {
    var numbers = Numbers(seed: 5)
    return Experts(
      gate: try matrices("gate", rows: Self.width, columns: Self.hidden, &numbers, biased: biased),
      up: try matrices("up", rows: Self.width, columns: Self.hidden, &numbers, biased: biased),
      down: try matrices("down", rows: Self.hidden, columns: Self.width, &numbers, biased: biased), activation)
  }

  private let inputs: Activations = {
    var numbers = Numbers(seed: 11)
    return numbers.matrix(70, hidden)
  }()
  private let logits: Activations = {
    var numbers = Numbers(seed: 3)
    return numbers.matrix(70, count, times: 4)
  }()

  @Test(
    "Each rule of routing weighs as it says",
    arguments: [ExpertRouting.Weights.shares, .normalizedShares, .chosenAlone])
  func routing(weights: ExpertRouting.Weights) {
    let choice = ExpertRouting(count: Self.count, used: Self.used, weights: weights)(logits)
    #expect(choice.tokens.reduce(0) { $0 + $1.count } == logits.rows * Self.used)
    for t in 0..<logits.rows {
      let row = logits.row(t).map { Exponential.accurate($0) }
      let chosen = (0..<Self.count).filter { choice.tokens[$0].contains(t) }
      #expect(chosen.allSatisfy { expert in row.indices.allSatisfy { chosen.contains($0) || row[$0] <= row[expert] } })
      let sum = weights == .shares ? row.reduce(0, +) : chosen.reduce(0) { $0 + row[$1] }
      for expert in chosen {
        let place = choice.tokens[expert].firstIndex(of: t) ?? 0
        #expect(abs(choice.weights[expert][place] - row[expert] / sum) < 1e-6)
      }
    }
  }

  @Test("Of equal logits the first experts are taken, and NaN never traps")
  func oddLogits() {
    let routing = ExpertRouting(count: 4, used: 2, weights: .normalizedShares)
    let equal = routing(Activations(rows: 1, columns: 4, [1, 2, 2, 2]))
    #expect(equal.tokens == [[], [0], [0], []] && equal.weights[1] == [0.5])
    for odd in [[Float.nan, .nan, .nan, .nan], [.nan, 1, .infinity, 0], [-.infinity, -.infinity, 0, .nan]] {
      #expect(routing(Activations(rows: 1, columns: 4, odd)).tokens.joined().count == 2)
    }
  }

  @Test("A batch has the bits of its tokens alone, at any number of threads", arguments: [false, true])
  func batch(isClamped: Bool) throws {
    let experts = try experts(isClamped ? .clamped(limit: 2) : .silu, biased: isClamped)
    let routing = ExpertRouting(count: Self.count, used: Self.used, weights: .normalizedShares)
    let together = experts(inputs, routing(logits), Compute(threads: 1)).values
    #expect(experts(inputs, routing(logits), Compute(threads: 3)).values == together)
    var apart: [Float] = []
    for t in 0..<inputs.rows {
      let compute = Compute(threads: 2)
      apart += experts(inputs.copy(of: t..<t + 1), routing(logits.copy(of: t..<t + 1)), compute).values
    }
    #expect(apart == together)
  }

  @Test("The sum of the chosen experts alone, each of which sees its own tokens")
  func definition() throws {
    let experts = try experts(.silu)
    let choice = ExpertRouting(count: Self.count, used: Self.used, weights: .shares)(logits)
    let seen = Mutex<[String: Int]>([:])
    var compute = Compute(threads: 1)
    compute.tap = { weight, x in
      seen.withLock { $0["\(weight.name) \(weight.firstRow / weight.rows)", default: 0] += x.rows }
    }
    let found = experts(inputs, choice, compute).values
    for expert in 0..<Self.count {
      for name in ["gate", "up", "down"] {
        #expect(seen.withLock { $0["\(name) \(expert)"] ?? 0 } == choice.tokens[expert].count)
      }
    }
    var expected = [Double](repeating: 0, count: inputs.rows * Self.hidden)
    func product(_ x: [Double], _ weight: WeightMatrix) -> [Double] {
      (0..<weight.rows).map { row in
        var values = [Float](repeating: 0, count: weight.columns)
        values.withUnsafeMutableBufferPointer { weight.decode(row: row, into: $0) }
        return zip(x, values).reduce(0) { $0 + $1.0 * Double($1.1) }
      }
    }
    for (expert, tokens) in choice.tokens.enumerated() {
      for (t, weight) in zip(tokens, choice.weights[expert]) {
        let x = inputs.row(t).map(Double.init)
        let gate = product(x, experts.gate.matrices[expert]), up = product(x, experts.up.matrices[expert])
        let inner = zip(gate, up).map { g, u in g * Double(Exponential.sigmoid(Float(g))) * u }
        for (column, value) in product(inner, experts.down.matrices[expert]).enumerated() {
          expected[t * Self.hidden + column] += Double(weight) * value
        }
      }
    }
    #expect(largestDifference(found, expected.map { Float($0) }) < 1e-5)
  }

  @Test("GPT-OSS's activation cuts both sides off")
  func clamped() {
    let gates: [Float] = [-9, -1, 0, 0.5, 3, 9, .nan, 1, 2]
    let ups: [Float] = [1, -9, 9, 0, -3, 2, 1, .nan, 7]
    let gate = Activations(rows: 1, columns: 9, gates)
    clampedProduct(gate: gate, up: Activations(rows: 1, columns: 9, ups), limit: 7, Compute(threads: 1))
    for (index, found) in gate.values.enumerated() {
      let g = min(gates[index], 7), u = max(min(ups[index], 7), -7)
      let expected = (u + 1) * (g * Exponential.sigmoid(1.702 * g))
      #expect(found.isNaN == expected.isNaN && (found.isNaN || abs(found - expected) <= 1e-6 * abs(expected)))
    }
  }
}
