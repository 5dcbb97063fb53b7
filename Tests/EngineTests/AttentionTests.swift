import Engine
import Testing

@Suite("Causal attention")
struct AttentionTests {
  /// Softmax attention in double precision, written from its definition.
  private func reference(
    _ attention: CausalAttention, _ q: Activations, _ k: Activations, _ v: Activations
  ) -> [Float] {
    let (d, group) = (attention.dimension, attention.heads / attention.keyValueHeads)
    var result: [Float] = []
    for t in 0..<q.rows {
      for head in 0..<attention.heads {
        let from = head / group * d
        let scores = (0...t).map { s in
          (0..<d).reduce(0.0) { $0 + Double(q[t, head * d + $1]) * Double(k[s, from + $1]) }
            * Double(attention.scale)
        }
        let weights = scores.map { ($0 - (scores.max() ?? 0)).exponential }
        let total = weights.reduce(0, +)
        for i in 0..<d {
          result.append(Float((0...t).reduce(0.0) { $0 + weights[$1] * Double(v[$1, from + i]) } / total))
        }
      }
    }
    return result
  }

  private func part(_ x: Activations, _ range: Range<Int>) -> Activations {
    Activations(rows: range.count, columns: x.columns, x.rows(range))
  }

  @Test(
    "It is softmax attention, in one piece and piece by piece",
    arguments: [(4, 2, 64), (8, 2, 32), (3, 1, 20), (2, 2, 17)], [1, 63, 150])
  func followsTheDefinition(shape: (Int, Int, Int), tokens: Int) {
    let (heads, keyValueHeads, dimension) = shape
    let attention = CausalAttention(
      heads: heads, keyValueHeads: keyValueHeads, dimension: dimension, scale: 1 / Float(dimension).squareRoot())
    var numbers = Numbers(seed: 1)
    let q = numbers.matrix(tokens, heads * dimension, times: 3)
    let k = numbers.matrix(tokens, keyValueHeads * dimension, times: 3)
    let v = numbers.matrix(tokens, keyValueHeads * dimension)
    let expected = reference(attention, q, k, v)

    let cache = KeyValueCache(heads: keyValueHeads, dimension: dimension, capacity: tokens)
    cache.append(keys: k, values: v)
    let whole = attention(q, over: cache, Compute(threads: 1)).values
    #expect(largestDifference(whole, expected) < 1e-5)
    #expect(attention(q, over: cache, Compute(threads: 7)).values == whole, "threads change no bit")

    let last = attention(part(q, tokens - 1..<tokens), over: cache, Compute(threads: 7)).values
    #expect(last == Array(whole.suffix(heads * dimension)), "a single token's heads are shared among threads")

    let compute = Compute(threads: 2)
    let growing = KeyValueCache(heads: keyValueHeads, dimension: dimension, capacity: 0)
    var pieces: [Float] = []
    var start = 0
    while start < tokens {
      let range = start..<min(start + 40, tokens)
      growing.append(keys: part(k, range), values: part(v, range))
      pieces += attention(part(q, range), over: growing, compute).values
      start = range.upperBound
    }
    #expect(pieces == whole, "a query's numbers do not depend on its company")
  }

  @Test("Room grows with what is there, not with what might come")
  func capacity() {
    let cache = KeyValueCache(heads: 1, dimension: 4, capacity: 10)
    #expect(cache.capacity == 64)
    var numbers = Numbers(seed: 1)
    for count in 1...300 {
      let token = numbers.matrix(1, 4)
      cache.append(keys: token, values: token)
      #expect(cache.count == count && cache.capacity >= count && cache.capacity < 2 * count + 64)
    }
  }
}
