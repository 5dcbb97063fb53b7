import Foundation
import Runtime
import Testing

@Suite("Sampling")
struct SamplerTests {
  private func draws(_ sampler: Sampler, _ logits: [Float], _ count: Int) -> [Int32] {
    var sampler = sampler
    return (0..<count).map { _ in logits.withUnsafeBufferPointer { sampler.sample($0) } }
  }

  @Test("Greedy decoding takes the likeliest token, the first among equals")
  func greedy() {
    #expect(draws(Sampler(), [0, 3, 3, -1], 1) == [1])
    #expect(draws(Sampler(), [.nan, 3, 5], 1) == [2])
  }

  @Test("The same seed draws the same tokens, another seed others")
  func seeded() {
    let logits = (0..<50).map { Float($0 % 7) }
    let first = draws(Sampler(temperature: 1, seed: 1), logits, 100)
    #expect(first == draws(Sampler(temperature: 1, seed: 1), logits, 100))
    #expect(first != draws(Sampler(temperature: 1, seed: 2), logits, 100))
  }

  @Test("Tokens come as often as their probability says")
  func frequencies() {
    let found = draws(Sampler(temperature: 2, seed: 3), [0, Float(2 * log(3.0)), -300], 20_000)
    let share = Double(found.filter { $0 == 1 }.count) / 20_000
    #expect(abs(share - 0.75) < 0.02)
    #expect(!found.contains(2))
  }

  @Test("Top-k and top-p leave out the unlikely")
  func cuts() {
    let logits: [Float] = [1, 4, 3, 2, 0]
    #expect(Set(draws(Sampler(temperature: 5, topK: 2, seed: 4), logits, 500)) == [1, 2])
    #expect(Set(draws(Sampler(temperature: 1, topP: 0.6, seed: 4), logits, 500)) == [1])
    #expect(Set(draws(Sampler(temperature: 1, topP: 0.7, seed: 4), logits, 500)) == [1, 2])
  }
}
