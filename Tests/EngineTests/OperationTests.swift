import Engine
import Foundation
import Quants
import Testing

extension Double {
  /// e to this power, by the system's library.
  var exponential: Double { exp(self) }
}

@Suite("Operations between matrix products")
struct OperationTests {
  @Test("The exponential is within its stated error")
  func exponential() {
    var worst = 0.0
    for step in -870_000...880_000 {
      let x = Float(step) / 10_000
      let expected = exp(Double(x))
      worst = max(worst, abs(Double(Exponential.exp(x)) - expected) / expected)
    }
    #expect(worst < 2.5e-7)
    #expect(Exponential.exp(-100) == 0)
    #expect(Exponential.exp(-.infinity) == 0)
    #expect(Exponential.exp(100) == .infinity)
    #expect(Exponential.exp(.infinity) == .infinity)
    #expect(Exponential.exp(.nan).isNaN)
    #expect(Exponential.exp(0) == 1)
    #expect(Exponential.sigmoid(-200) == 0)
    #expect(Exponential.sigmoid(200) == 1)
  }

  @Test("Root-mean-square norms divide by the root of the mean square", arguments: [1, 7, 8, 64, 250])
  func norm(columns: Int) {
    var numbers = Numbers(seed: UInt64(columns))
    let x = numbers.matrix(40, columns, times: 4)
    let weight = numbers.matrix(1, columns).values
    let found = RMSNorm(weight: weight, epsilon: 1e-6)(x, Compute(threads: 3))
    var expected: [Float] = []
    for t in 0..<x.rows {
      let mean = x.row(t).reduce(0.0) { $0 + Double($1) * Double($1) } / Double(columns)
      expected += zip(x.row(t), weight).map { Float(Double($0) / (mean + 1e-6).squareRoot() * Double($1)) }
    }
    #expect(largestDifference(found.values, expected) < 1e-6)
  }

  @Test("Convolutions look back, across calls too", arguments: [[50], [1, 1, 1, 1, 46], [2, 48], [17, 33]])
  func convolution(pieces: [Int]) {
    var numbers = Numbers(seed: 5)
    let (channels, width) = (21, 4)
    let weight = numbers.matrix(channels, width)
    let x = numbers.matrix(50, channels)
    let convolution = CausalConvolution(channels: channels, width: width, weight: weight.values)
    var expected: [Float] = []
    for t in 0..<50 {
      for channel in 0..<channels {
        let sum = (0..<width).reduce(0.0) { sum, j in
          let source = t - width + 1 + j
          return source < 0 ? sum : sum + Double(weight[channel, j]) * Double(x[source, channel])
        }
        expected.append(Float(sum / (1 + exp(-sum))))
      }
    }
    let history = Activations(rows: width - 1, columns: channels)
    history.clear()
    let compute = Compute(threads: 2)
    var found: [Float] = []
    var start = 0
    for count in pieces {
      let part = Activations(rows: count, columns: channels, x.rows(start..<start + count))
      found += convolution(part, history: history, compute).values
      start += count
    }
    #expect(largestDifference(found, expected) < 1e-6)
  }

  @Test("Rotary frequencies take turns among time, row and column")
  func rotaryAxes() {
    let rotary = RotaryEmbedding(dimension: 64, theta: 1e7, sections: [11, 11, 10])
    // Only one axis is off zero at a time: a frequency on another axis does not turn (its sine is 0).
    for (axis, expected) in [11, 11, 10].enumerated() {
      let positions = Positions(axes: (0..<3).map { [$0 == axis ? 3 : 0] })
      let row = rotary.table(positions).row(0)
      let turned = (0..<32).filter { row[32 + $0] != 0 }
      #expect(turned.count == expected)
      #expect(turned.dropLast(axis == 0 ? 1 : 0).allSatisfy { $0 % 3 == axis })
    }
    let text = rotary.table(Positions(text: 2, from: 5))
    #expect(abs(text[0, 0] - Float(cos(5.0))) < 1e-6)
    #expect(abs(text[1, 33] - Float(sin(6 * pow(1e7, -2.0 / 64)))) < 1e-6)
  }

  @Test("Running sums give the logarithm of all exponentials")
  func runningSum() {
    var numbers = Numbers(seed: 11)
    let values = numbers.matrix(1, 5000, times: 30).values
    let expected = log(values.reduce(0.0) { $0 + exp(Double($1)) })
    let kernels = EngineKernels(.best)
    var sum = RunningSum()
    for start in stride(from: 0, to: 5000, by: 777) {
      let part = Array(values[start..<min(start + 777, 5000)])
      sum.add(part.span, kernels)
    }
    #expect(abs(sum.logarithm - expected) < 1e-6)
  }
}
