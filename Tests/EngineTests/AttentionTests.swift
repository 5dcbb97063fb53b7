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

  @Test(
    "Blocks of tokens see themselves in both directions, in windows too, and the rest what it saw",
    arguments: [nil, 5, 40], [[3..<9], [0..<70, 71..<75], [10..<12, 12..<90, 149..<150]])
  func blocks(window: Int?, blocks: [Range<Int>]) {
    let (tokens, dimension) = (150, 12)
    let attention = CausalAttention(heads: 4, keyValueHeads: 2, dimension: dimension, scale: 0.3, window: window)
    var numbers = Numbers(seed: 7)
    let q = numbers.matrix(tokens, 4 * dimension, times: 3)
    let k = numbers.matrix(tokens, 2 * dimension, times: 3)
    let v = numbers.matrix(tokens, 2 * dimension)
    var expected: [Float] = []
    for t in 0..<tokens {
      let block = blocks.first { $0.contains(t) } ?? t..<t
      let seen = (0..<tokens).filter { block.contains($0) || $0 <= t && t - $0 < window ?? tokens }
      for head in 0..<4 {
        let from = head / 2 * dimension
        let scores = seen.map { s in
          (0..<dimension).reduce(0.0) { $0 + Double(q[t, head * dimension + $1]) * Double(k[s, from + $1]) } * 0.3
        }
        let weights = scores.map { ($0 - (scores.max() ?? 0)).exponential }
        let total = weights.reduce(0, +)
        for i in 0..<dimension {
          expected.append(Float(zip(seen, weights).reduce(0.0) { $0 + $1.1 * Double(v[$1.0, from + i]) } / total))
        }
      }
    }
    let cache = KeyValueCache(heads: 2, dimension: dimension, capacity: tokens)
    cache.append(keys: k, values: v)
    let whole = attention(q, over: cache, blocks: blocks, Compute(threads: 1)).values
    #expect(largestDifference(whole, expected) < 1e-5)
    #expect(attention(q, over: cache, blocks: blocks, Compute(threads: 5)).values == whole, "threads change no bit")

    // In pieces, of which none cuts a block.
    let growing = KeyValueCache(heads: 2, dimension: dimension, capacity: 0)
    var pieces: [Float] = []
    var start = 0
    while start < tokens {
      var end = min(start + 20, tokens)
      if let block = blocks.first(where: { $0.upperBound > end }), block.lowerBound < end { end = block.upperBound }
      growing.append(keys: part(k, start..<end), values: part(v, start..<end))
      let inside = blocks.filter { $0.lowerBound >= start && $0.upperBound <= end }
      pieces +=
        attention(
          part(q, start..<end), over: growing,
          blocks: inside.map { $0.lowerBound - start..<$0.upperBound - start }, Compute(threads: 2)
        ).values
      start = end
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
