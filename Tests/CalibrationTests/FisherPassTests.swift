import Base
import Calibration
import Containers
import Engine
import Evaluation
import Foundation
import Quants
import Runtime
import TestSupport
import Testing

@Suite("Costs estimated from gradients") struct FisherPassTests {
  @Test func `labels are drawn as likely as they are, by a known generator`() {
    // The first outputs of splitmix64 from the states 0 and 1234567, as its authors' program prints them.
    #expect(SampledLabels.next(0) == 0xE220_A839_7B1D_CDAF)
    #expect(SampledLabels.next(1_234_567) == 6_457_827_717_110_365_317)
    var shares = [Float](repeating: 0, count: 700)
    (shares[3], shares[256], shares[511], shares[699]) = (0.1, 0.2, 0.3, 0.4)
    func token(_ number: Double) -> Int { shares.withUnsafeBufferPointer { SampledLabels.token(at: number, of: $0) } }
    #expect([0, 0.09, 0.11, 0.29, 0.31, 0.59, 0.61, 0.999_999].map(token) == [3, 3, 256, 256, 511, 511, 699, 699])
    let labels = SampledLabels(seed: 5)
    var counts: [Int: Int] = [:]
    for position in 0..<4000 {
      counts[token(labels.uniform(sequence: 1, position: position, draw: 0)), default: 0] += 1
    }
    for (token, share) in [3: 0.1, 256: 0.2, 511: 0.3, 699: 0.4] {
      #expect(abs(Double(counts[token] ?? 0) / 4000 - share) < 0.03)
    }
    let numbers = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)].map {
      labels.uniform(sequence: $0.0, position: $0.1, draw: $0.2)
    }
    #expect(Set(numbers).count == 4 && numbers.allSatisfy { (0..<1).contains($0) })
  }

  @Test func `they are near those measured, and do not depend on threads`() throws {
    let opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    let model = try #require(opened.model as? any Differentiable)
    let source = TextSource(name: "text", bytes: try Fixtures.bytes("text/persuasion.txt"))
    func text(windows: Int) throws -> CalibrationText {
      try CalibrationText([(source, 1)], of: opened, context: 64, windows: windows)
    }
    let measured = try CalibrationRun(opened, text(windows: 4), context: 64, threads: 2)()
    let pass = FisherPass(
      try text(windows: 12).sequences, try NamedMatrices(opened),
      importance: Dictionary(uniqueKeysWithValues: measured.importance.entries.map { ($0.name, $0.weights) }))
    var done = 0
    let found = try pass.layers(of: model, Compute(threads: 2)) { done = $0 }
    #expect(done == found.count)
    #expect(try pass.layers(of: model, Compute(threads: 1)) { _ in } == found)
    let expected = measured.sensitivities.filter { $0.name.hasPrefix("blk.") }
    #expect(found.map(\.name) == expected.map(\.name) && found.map(\.type) == expected.map(\.type))
    let (x, y) = (found.map { log($0.divergence) }, expected.map { log($0.divergence) })
    func covariance(_ a: [Double], _ b: [Double]) -> Double {
      let (meanA, meanB) = (a.reduce(0, +) / Double(a.count), b.reduce(0, +) / Double(b.count))
      return zip(a, b).reduce(0) { $0 + ($1.0 - meanA) * ($1.1 - meanB) }
    }
    let correlation = covariance(x, y) / (covariance(x, x) * covariance(y, y)).squareRoot()
    #expect(correlation > 0.95)
    let ratio = found.reduce(0) { $0 + $1.divergence } / expected.reduce(0) { $0 + $1.divergence }
    #expect(ratio > 0.6 && ratio < 1.6)
  }
}
