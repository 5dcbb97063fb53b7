import Engine
import Evaluation
import Foundation
import Quants
import Base
import TestSupport
import Testing

/// What a baseline keeps of one row, on whole rows of logits whose answers were computed in double precision by another program.
@Suite("Samples of rows")
struct RowSampleTests {
  private let kernels = EngineKernels(.best)
  private let expected: [OrderedJSON]
  private let before: [Float]
  private let after: [Float]
  private let width = 4096

  init() throws {
    let tensors = try GoldenTensors("golden/validate/rows.safetensors")
    expected = try #require(Fixtures.json("golden/validate/rows.json")["rows"]?.arrayValue)
    (before, after) = (try #require(tensors.floats("before")), try #require(tensors.floats("after")))
    try #require(before.count == expected.count * width && after.count == before.count)
  }

  private func row(_ values: [Float], _ index: Int) -> LogitRow {
    LogitRow(Activations(rows: 1, columns: width, values[index * width..<(index + 1) * width]), row: 0, kernels)
  }

  @Test("The threshold and the number of tokens kept for sure are the reference's")
  func thresholds() throws {
    for (index, golden) in expected.enumerated() {
      let masses = row(before, index).logProbabilities(width).map { exp($0) }.sorted(by: >)
      for entries in [32, 128] {
        let known = try #require(golden["threshold"]?["\(entries)"])
        let found = RowSampler.threshold(masses.dropFirst(8), keeping: entries - 8)
        #expect(found.sure + 8 == known["certain"]?.intValue, "row \(index), \(entries) entries")
        let threshold = try #require(known["tau"]?.doubleValue)
        #expect(abs(found.threshold / threshold - 1) < 1e-9, "row \(index), \(entries) entries: \(found.threshold)")
      }
    }
  }

  @Test("The bound from the likeliest tokens and the rest is the reference's")
  func bounds() throws {
    for (index, golden) in expected.enumerated() {
      let (first, second) = (row(before, index), row(after, index))
      let known = first.logProbabilities(width)
      let order = known.indices.sorted { known[$0] != known[$1] ? known[$0] > known[$1] : $0 < $1 }
      for count in [16, 64, 128] {
        var sums = SampledDivergence()
        for id in order.prefix(count) {
          sums.add(before: known[id], after: second.logProbability(Int32(id)), within: 0)
        }
        sums.close(remaining: order.dropFirst(count).reduce(0) { $0 + exp(known[$1]) })
        let bound = try #require(golden["lower_bound_top_k_and_rest"]?["\(count)"]?.doubleValue)
        #expect(abs(sums.forward.sure.lowerBound - bound) < 1e-9, "row \(index), \(count) tokens")
      }
    }
  }

  @Test("What is exact is exact, and nothing is kept twice", arguments: [16, 32, 128, 4096])
  func exactness(entries: Int) throws {
    let sampler = RowSampler(entries: entries, seed: 0)
    for index in expected.indices {
      let (first, second) = (row(before, index), row(after, index))
      // A token of every kind: the likeliest, one in the middle, the last.
      for token in [first.top[0], Int32(width / 2), Int32(width - 1)] {
        let entropy = first.divergence(from: first, kernels).entropy
        let sample = sampler.sample(first.logProbabilities(width), token: token, position: index, entropy: entropy)
        #expect(Array(sample.likeliest.prefix(5).map(\.id)) == Array(first.top))
        let ids = sample.likeliest.map(\.id) + sample.others.map(\.id)
        #expect(Set(ids).count == ids.count && !sample.others.contains { $0.id == token })
        #expect(sample.others.count <= entries - 8 && sample.others.count >= min(entries - 9, 1))
        let found = sample.comparison(with: second, token: token)
        #expect(found.before == first.logProbability(token) && found.after == second.logProbability(token))
        #expect(found.entropy == entropy && found.jensenShannon == nil && found.totalVariation == nil)
        let sure = try #require(found.sampling)
        let whole = first.divergence(from: second, kernels)
        #expect(sure.forward.lowerBound <= whole.forward + 1e-12, "row \(index)")
        #expect(sure.backward.lowerBound <= whole.backward + 1e-12, "row \(index)")
        if entries == width {
          // Nothing was left out: what remains is the rounding, which enters squared.
          #expect(abs(found.divergence - whole.forward) < 1e-6 + 1e-3 * whole.forward, "row \(index)")
          #expect(sure.forward.variance == 0)
        }
        let itself = sample.comparison(with: first, token: token)
        #expect(itself.divergence < 3e-8 && itself.reverseDivergence < 3e-8 && itself.isSameTop)
        #expect(itself.sampling?.forward.lowerBound == 0)
      }
    }
  }

  /// The mean over rows, drawn with forty seeds: it misses by about what it says, and on no side.
  @Test("The estimate has no bias and knows its error", arguments: [32, 128])
  func samplingError(entries: Int) throws {
    let rows = 0..<12
    let pairs = rows.map { (row(before, $0), row(after, $0)) }
    let logs = pairs.map { $0.0.logProbabilities(width) }
    let truth = pairs.map { $0.0.divergence(from: $0.1, kernels) }
    let seeds = 40
    var estimates = [[Double]](repeating: [], count: 2)
    var predicted = [0.0, 0.0]
    for seed in 0..<seeds {
      let sampler = RowSampler(entries: entries, seed: UInt64(seed))
      var (means, variances) = ([0.0, 0.0], [0.0, 0.0])
      for index in rows {
        let token = pairs[index].0.top[0]
        let found = sampler.sample(logs[index], token: token, position: index, entropy: 0)
          .comparison(with: pairs[index].1, token: token)
        let sure = try #require(found.sampling)
        for (way, value) in [(found.divergence, sure.forward), (found.reverseDivergence, sure.backward)].enumerated() {
          means[way] += value.0 / Double(rows.count)
          variances[way] += value.1.variance
        }
      }
      for way in 0..<2 {
        estimates[way].append(means[way])
        predicted[way] += variances[way].squareRoot() / Double(rows.count * seeds)
      }
    }
    for (way, mean) in [truth.map(\.forward), truth.map(\.backward)].map({ $0.reduce(0, +) / Double(rows.count) })
      .enumerated()
    {
      let bias = estimates[way].reduce(0) { $0 + $1 - mean } / Double(seeds)
      let actual = (estimates[way].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(seeds)).squareRoot()
      #expect(
        predicted[way] / actual < 1.5 && actual / predicted[way] < 1.5, "\(predicted[way]) predicted, \(actual) seen")
      #expect(abs(bias) < 3 * actual / Double(seeds).squareRoot(), "\(bias) beside \(mean)")
      #expect(actual / mean < (entries == 32 ? 0.06 : 0.02), "\(actual) beside \(mean)")
    }
  }
}
