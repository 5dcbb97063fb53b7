import Engine
import Testing

/// What gradients of the engine are held against: slopes of formulas in double precision.
private struct Slopes {
  /// Central differences of `value` at some places of `x`.
  static func of(_ x: [Double], at places: [Int], _ value: ([Double]) -> Double) -> [Double] {
    places.map { place in
      var moved = x
      moved[place] = x[place] + 1e-5
      let above = value(moved)
      moved[place] = x[place] - 1e-5
      return (above - value(moved)) / 2e-5
    }
  }

  /// Places spread over `count`, at most `most` of them.
  static func places(_ count: Int, most: Int = 12) -> [Int] {
    count <= most ? Array(0..<count) : (0..<most).map { ($0 * 2_654_435_761 + 17) % count }
  }

  /// The largest difference at places of a gradient, relative to the largest slope.
  static func difference(_ gradient: Activations, _ x: Activations, _ value: ([Double]) -> Double) -> Float {
    let places = places(x.rows * x.columns)
    let slopes = of(x.values.map(Double.init), at: places, value)
    let found = gradient.values
    return largestDifference(places.map { found[$0] }, slopes.map { Float($0) })
  }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

private func sigmoid(_ x: Double) -> Double { 1 / (1 + (-x).exponential) }

private func doubles(_ x: Activations) -> [Double] { x.values.map(Double.init) }

@Suite("Gradients are slopes")
struct GradientTests {
  private let compute = Compute(threads: 3)

  /// norm(x) * weight of each neighbouring part.
  private func normed(_ x: [Double], _ norm: RMSNorm) -> [Double] {
    let width = norm.weight.count
    return stride(from: 0, to: x.count, by: width).flatMap { start in
      let part = x[start..<start + width]
      let root = (part.reduce(0) { $0 + $1 * $1 } / Double(width) + Double(norm.epsilon)).squareRoot()
      return zip(part, norm.weight).map { $0 / root * Double($1) }
    }
  }

  @Test func `behind a norm`() {
    var numbers = Numbers(seed: 1)
    let (x, c) = (numbers.matrix(5, 48, times: 3), numbers.matrix(5, 48))
    let norm = RMSNorm(weight: numbers.matrix(1, 24).values, epsilon: 1e-3)
    let found = norm.backward(c, of: x, compute)
    #expect(Slopes.difference(found, x) { dot(normed($0, norm), doubles(c)) } < 1e-5)
  }

  @Test(arguments: [GatedProduct.silu, .gelu, .clamped(limit: 1.5)]) func `behind gated products`(kind: GatedProduct) {
    var numbers = Numbers(seed: 2)
    let (gate, up) = (numbers.matrix(5, 13, times: 3), numbers.matrix(5, 13, times: 3))
    let c = numbers.matrix(5, 13)
    func value(_ gate: [Double], _ up: [Double]) -> Double {
      dot(
        zip(gate, up).map { a, u in
          switch kind {
          case .silu: a * sigmoid(a) * u
          case .gelu: a * sigmoid(2 * 0.797_884_560_8 * (a + 0.044_715 * a * a * a)) * u
          case .clamped(let limit):
            min(a, Double(limit)) * sigmoid(1.702 * min(a, Double(limit)))
              * (max(min(u, Double(limit)), -Double(limit)) + 1)
          }
        }, doubles(c))
    }
    let (atGate, atUp) = (gate.copy(of: 0..<5), up.copy(of: 0..<5))
    kind.backward(c, gate: atGate, up: atUp, compute)
    #expect(Slopes.difference(atGate, gate) { value($0, doubles(up)) } < 1e-5)
    #expect(Slopes.difference(atUp, up) { value(doubles(gate), $0) } < 1e-5)
  }

  @Test func `behind gates of heads and of rows, and behind a soft cap`() {
    var numbers = Numbers(seed: 3)
    let (x, both, c) = (numbers.matrix(4, 12), numbers.matrix(4, 24, times: 3), numbers.matrix(4, 12))
    /// Of two heads of six.
    func gated(_ x: [Double], _ both: [Double]) -> [Double] {
      x.indices.map { i in
        let (head, place) = (i / 6).quotientAndRemainder(dividingBy: 1)
        return x[i] * sigmoid(both[head * 12 + 6 + place + i % 6])
      }
    }
    let atX = c.copy(of: 0..<4)
    let atGates = gateAttentionBackward(atX, of: x, by: both, heads: 2, compute)
    #expect(Slopes.difference(atX, x) { dot(gated($0, doubles(both)), doubles(c)) } < 1e-5)
    let zeros = Activations(rows: 4, columns: 12)
    zeros.clear()
    let atBoth = zeros.alternating(with: atGates, 6, compute)
    #expect(Slopes.difference(atBoth, both) { dot(gated(doubles(x), $0), doubles(c)) } < 1e-5)

    let gates = numbers.matrix(4, 1, times: 2)
    let atRows = c.copy(of: 0..<4)
    let atGate = atRows.backwardThroughSigmoid(of: gates, rows: x, compute)
    func scaled(_ x: [Double], _ gates: [Double]) -> [Double] { x.indices.map { x[$0] * sigmoid(gates[$0 / 12]) } }
    #expect(Slopes.difference(atRows, x) { dot(scaled($0, doubles(gates)), doubles(c)) } < 1e-5)
    #expect(Slopes.difference(atGate, gates) { dot(scaled(doubles(x), $0), doubles(c)) } < 1e-5)

    let (capped, atLogits) = (both.copy(of: 0..<4), both.copy(of: 0..<4))
    capped.cap(softly: 2, compute)
    atLogits.backwardThroughCap(2, of: capped, compute)
    let value: ([Double]) -> Double = { logits in
      dot(logits.map { 2 * (2 * sigmoid($0) - 1) }, doubles(both))
    }
    #expect(Slopes.difference(atLogits, both, value) < 1e-5)
  }

  @Test func `behind a gated norm`() {
    var numbers = Numbers(seed: 4)
    let (x, gate, c) = (numbers.matrix(5, 32), numbers.matrix(5, 32, times: 3), numbers.matrix(5, 32))
    let norm = RMSNorm(weight: numbers.matrix(1, 16).values, epsilon: 1e-3)
    func value(_ x: [Double], _ gate: [Double]) -> Double {
      dot(zip(normed(x, norm), gate).map { $0 * $1 * sigmoid($1) }, doubles(c))
    }
    let found = norm.backward(c, of: x, gate: gate, compute)
    #expect(Slopes.difference(found.x, x) { value($0, doubles(gate)) } < 1e-5)
    #expect(Slopes.difference(found.gate, gate) { value(doubles(x), $0) } < 1e-5)
  }

  @Test(arguments: [2, 40]) func `behind a convolution`(tokens: Int) {
    var numbers = Numbers(seed: 5)
    let (channels, width) = (9, 4)
    let weight = numbers.matrix(channels, width)
    let (x, c) = (numbers.matrix(tokens, channels, times: 2), numbers.matrix(tokens, channels))
    let found = CausalConvolution(channels: channels, width: width, weight: weight.values).backward(c, of: x, compute)
    let value: ([Double]) -> Double = { x in
      let inner = x.indices.map { i in
        let (t, channel) = i.quotientAndRemainder(dividingBy: channels)
        return (0..<width).reduce(0.0) { sum, j in
          let source = t - (width - 1) + j
          return source < 0 ? sum : sum + Double(weight[channel, j]) * x[source * channels + channel]
        }
      }
      return dot(inner.map { $0 * sigmoid($0) }, doubles(c))
    }
    #expect(Slopes.difference(found, x, value) < 1e-5)
  }
}

@Suite("Gradients of what mixes tokens are slopes")
struct MixerGradientTests {
  private let compute = Compute(threads: 3)

  @Test(arguments: [(Int?.none, false), (5, true), (70, false)])
  func `behind attention, with windows and sinks`(window: Int?, hasSinks: Bool) {
    var numbers = Numbers(seed: 6)
    let (tokens, heads, keyHeads, width) = (70, 4, 2, 3)
    let sinks = hasSinks ? numbers.matrix(1, heads).values : []
    let scale: Float = 0.7
    let (q, k) = (numbers.matrix(tokens, heads * width, times: 2), numbers.matrix(tokens, keyHeads * width, times: 2))
    let (v, c) = (numbers.matrix(tokens, keyHeads * width), numbers.matrix(tokens, heads * width))
    func value(_ q: [Double], _ k: [Double], _ v: [Double]) -> Double {
      var sum = 0.0
      for t in 0..<tokens {
        for head in 0..<heads {
          let (query, key) = (t * heads * width + head * width, head / 2 * width)
          let places = max(0, t + 1 - (window ?? t + 1))...t
          let scores = places.map { place in
            (0..<width).reduce(0.0) { $0 + q[query + $1] * k[place * keyHeads * width + key + $1] } * Double(scale)
          }
          let exponentials = scores.map(\.exponential)
          let total = exponentials.reduce(0, +) + (hasSinks ? Double(sinks[head]).exponential : 0)
          for (place, weight) in zip(places, exponentials) {
            for i in 0..<width {
              sum += weight / total * v[place * keyHeads * width + key + i] * Double(c[t, head * width + i])
            }
          }
        }
      }
      return sum
    }
    let shape = CausalAttention(
      heads: heads, keyValueHeads: keyHeads, dimension: width, scale: scale, window: window, sinks: sinks)
    let found = shape.backward(c, queries: q, keys: k, values: v, compute)
    let (dq, dk, dv) = (doubles(q), doubles(k), doubles(v))
    #expect(Slopes.difference(found.queries, q) { value($0, dk, dv) } < 2e-5)
    #expect(Slopes.difference(found.keys, k) { value(dq, $0, dv) } < 2e-5)
    #expect(Slopes.difference(found.values, v) { value(dq, dk, $0) } < 2e-5)
  }

  @Test func `behind rotary turns`() {
    var numbers = Numbers(seed: 7)
    let rotary = RotaryEmbedding(dimension: 8, theta: 100)
    let turns = rotary.table(Positions(text: 5, from: 3))
    let (x, c) = (numbers.matrix(5, 24), numbers.matrix(5, 24))
    // Turns keep products: what is turned on one side of a dot product can be turned back on the other.
    let (turned, back) = (x.copy(of: 0..<5), c.copy(of: 0..<5))
    rotary.normAndRotate(turned, heads: 2, norm: nil, turns: turns, compute)
    rotary.turnBack(back, heads: 2, turns: turns, compute)
    #expect(abs(dot(doubles(turned), doubles(c)) - dot(doubles(x), doubles(back))) < 1e-5)
    rotary.turnBack(turned, heads: 2, turns: turns, compute)
    #expect(largestDifference(turned.values, x.values) < 1e-6)
  }

  @Test(arguments: [ValueHeadOrder.grouped, .tiled]) func `behind a gated delta net`(order: ValueHeadOrder) {
    var numbers = Numbers(seed: 8)
    let shape = GatedDeltaNet(keyHeads: 2, valueHeads: 4, keyDimension: 6, valueDimension: 5, order: order)
    let tokens = 70
    let mixed = numbers.matrix(tokens, shape.channels)
    let decay = numbers.matrix(tokens, 4, times: 0.2, plus: -0.2)
    let beta = numbers.matrix(tokens, 4, times: 0.5, plus: 0.5)
    let c = numbers.matrix(tokens, 20)
    func value(_ mixed: [Double], _ decay: [Double], _ beta: [Double]) -> Double {
      var sum = 0.0
      for head in 0..<4 {
        let keyHead = order == .grouped ? head / 2 : head % 2
        var memory = [[Double]](repeating: [Double](repeating: 0, count: 5), count: 6)
        for t in 0..<tokens {
          func unit(_ start: Int) -> [Double] {
            let part = mixed[t * shape.channels + start..<t * shape.channels + start + 6]
            let length = (part.reduce(0) { $0 + $1 * $1 } + 1e-6).squareRoot()
            return part.map { $0 / length }
          }
          let (q, k) = (unit(keyHead * 6), unit(12 + keyHead * 6))
          let kept = decay[t * 4 + head].exponential
          for j in 0..<5 {
            let seen = (0..<6).reduce(0.0) { $0 + kept * memory[$1][j] * k[$1] }
            let d = (mixed[t * shape.channels + 24 + head * 5 + j] - seen) * beta[t * 4 + head]
            var output = 0.0
            for i in 0..<6 {
              memory[i][j] = kept * memory[i][j] + k[i] * d
              output += memory[i][j] * q[i] / Double(6).squareRoot()
            }
            sum += output * Double(c[t, head * 5 + j])
          }
        }
      }
      return sum
    }
    let found = shape.backward(c, mixed: mixed, decay: decay, beta: beta, compute)
    let (x, g, b) = (doubles(mixed), doubles(decay), doubles(beta))
    #expect(Slopes.difference(found.mixed, mixed) { value($0, g, b) } < 5e-5)
    #expect(Slopes.difference(found.decay, decay) { value(x, $0, b) } < 5e-5)
    #expect(Slopes.difference(found.beta, beta) { value(x, g, $0) } < 5e-5)
  }

  @Test(arguments: [ExpertRouting.Weights.shares, .normalizedShares, .chosenAlone])
  func `behind a router`(weights: ExpertRouting.Weights) {
    var numbers = Numbers(seed: 9)
    let routing = ExpertRouting(count: 6, used: 2, weights: weights)
    let (logits, c) = (numbers.matrix(4, 6, times: 2), numbers.matrix(4, 6))
    let choice = routing(logits)
    let gradients = choice.tokens.enumerated().map { expert, tokens in tokens.map { c[$0, expert] } }
    let found = routing.backward(gradients, of: choice, logits: logits)
    let value: ([Double]) -> Double = { logits in
      (0..<4).reduce(0.0) { sum, t in
        let row = logits[t * 6..<t * 6 + 6].map(\.exponential)
        let chosen = (0..<6).filter { choice.tokens[$0].contains(t) }
        let total = weights == .shares ? row.reduce(0, +) : chosen.reduce(0) { $0 + row[$1] }
        return chosen.reduce(sum) { $0 + row[$1] / total * Double(c[t, $1]) }
      }
    }
    #expect(Slopes.difference(found, logits, value) < 1e-5)
  }

  @Test(arguments: [(3, 40, 72), (30, 300, 600)]) func `behind a product`(tokens: Int, rows: Int, columns: Int) throws {
    var numbers = Numbers(seed: 10)
    let weights = numbers.matrix(rows, columns)
    let gradient = numbers.matrix(tokens, rows)
    let matrix = try weights.asWeights()
    let found = compute.backward(gradient, through: matrix)
    let expected = (0..<tokens).flatMap { t in
      (0..<columns).map { column in
        Float((0..<rows).reduce(0.0) { $0 + Double(gradient[t, $1]) * Double(weights[$1, column]) })
      }
    }
    #expect(largestDifference(found.values, expected) < 1e-5)
    #expect(Compute(threads: 1).backward(gradient, through: matrix).values == found.values)
  }
}
