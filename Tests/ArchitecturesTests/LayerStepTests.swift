import Architectures
import Base
import Containers
import Engine
import Quants
import Runtime
import Synchronization
import TestSupport
import Testing

/// What products read, as a tap saw it: for each matrix the sums of squares of its inputs, column by column, and how many there were.
final class SeenInputs: Sendable {
  struct Entry: Equatable {
    var sums: [Double]
    var rows = 0
  }

  private let seen = Mutex<[String: Entry]>([:])

  var entries: [String: Entry] { seen.withLock { $0 } }

  /// Counts the rows of the head once, however many pieces of the vocabulary are asked for.
  var tap: ProductTap {
    { weight, x in
      guard weight.firstRow == 0 else { return }
      let values = x.values
      self.seen.withLock { seen in
        var entry = seen[weight.name] ?? Entry(sums: [Double](repeating: 0, count: weight.columns))
        for (place, value) in values.enumerated() { entry.sums[place % weight.columns] += Double(value * value) }
        entry.rows += x.rows
        seen[weight.name] = entry
      }
    }
  }
}

@Suite("A tap, a name, a step")
struct LayerStepTests {
  private let opened: OpenedModel
  private let reference: Reference
  private let tokens: [Int32]

  init() throws {
    opened = try OpenedModel(Fixtures.path("tiny-qwen3.5"))
    reference = try Reference()
    tokens = try reference.tokens("prose.input_ids")
  }

  private func seen(threads: Int) throws -> [String: SeenInputs.Entry] {
    let inputs = SeenInputs()
    var compute = Compute(threads: threads)
    compute.tap = inputs.tap
    var state = opened.model.makeState(capacity: tokens.count)
    let hidden = try opened.model.forward(tokens, state: &state, compute: compute)
    let normed = opened.model.normed(hidden, rows: 0..<tokens.count, compute: compute)
    for vocabulary in [0..<100, 100..<opened.model.vocabularySize] {
      _ = opened.model.logits(normed, vocabulary: vocabulary, compute: compute)
    }
    return inputs.entries
  }

  /// Σ x² of each column of the rows of `hidden` behind a norm, worked out in double precision.
  private func normedSquares(_ hidden: [Float], _ weight: String) throws -> [Double] {
    let factors = try opened.checkpoint.tensor(weight).readFloats().map { Double($0) + 1 }
    var sums = [Double](repeating: 0, count: factors.count)
    for start in stride(from: 0, to: hidden.count, by: factors.count) {
      let row = hidden[start..<start + factors.count].map(Double.init)
      let mean = row.reduce(0) { $0 + $1 * $1 } / Double(row.count) + 1e-6
      for (column, value) in row.enumerated() {
        sums[column] += value * value / mean * factors[column] * factors[column]
      }
    }
    return sums
  }

  @Test func `a tap sees what every product reads, by its name in GGUF`() throws {
    let entries = try seen(threads: 1)
    // llama-imatrix listed the products of the same model; the tied head it does not look at.
    let listed = try ImportanceMatrix(path: Fixtures.path("golden/tiny-qwen3.5/imatrix.gguf"))
    let expected = Dictionary(uniqueKeysWithValues: listed.entries.map { ($0.name, $0.sums.count) })
    #expect(Set(entries.keys) == Set(expected.keys).union(["token_embd.weight"]))
    for (name, entry) in entries {
      #expect(entry.rows == tokens.count)
      #expect(entry.sums.count == expected[name] ?? opened.model.hiddenSize, "\(name)")
    }
    #expect(try seen(threads: 2) == entries)

    // The published definition's hidden states say what the first product of each layer and the head read.
    for layer in 0..<opened.model.layerCount {
      let hidden =
        layer == 0 ? try opened.model.embed(tokens).values : try reference.floats("prose.layer.\(layer - 1)")
      let sums = try normedSquares(hidden, "model.language_model.layers.\(layer).input_layernorm.weight")
      let name = entries["blk.\(layer).attn_q.weight"] == nil ? "attn_qkv" : "attn_q"
      let found = try #require(entries["blk.\(layer).\(name).weight"]).sums
      #expect(zip(found, sums).allSatisfy { abs($0 - $1) <= 1e-4 * $1 + 1e-6 }, "layer \(layer)")
    }
    let last = try reference.floats("prose.layer.\(opened.model.layerCount - 1)")
    let head = try normedSquares(last, "model.language_model.norm.weight")
    let found = try #require(entries["token_embd.weight"]).sums
    #expect(zip(found, head).allSatisfy { abs($0 - $1) <= 1e-4 * $1 + 1e-6 })
  }

  @Test func `layers one by one are the forward pass, and a layer run again gives the same bits`() throws {
    let (model, compute) = (opened.model, Compute(threads: 2))
    var state = model.makeState(capacity: tokens.count)
    var expected: [[Float]] = []
    _ = try model.forward(tokens, state: &state, compute: compute) { _, x in expected.append(x.values) }
    let half = tokens.count / 2
    var pieces = [try model.embed(Array(tokens[..<half])), try model.embed(Array(tokens[half...]))]
    for layer in 0..<model.layerCount {
      let inputs = pieces.map(\.values)
      let again = model.layer(layer, of: pieces, compute: compute)
      #expect(pieces.map(\.values) == inputs)
      pieces = model.layer(layer, of: pieces, compute: compute)
      #expect(pieces.map(\.values) == again.map(\.values))
      // Pieces that are not whole chunks add up in another order.
      #expect(Reference.difference(pieces.flatMap(\.values), expected[layer]) < 1e-5)
    }
  }

  @Test(arguments: [2, 3]) func `a replaced matrix changes what is behind it and nothing else`(layer: Int) throws {
    let name = "blk.\(layer).ffn_down.weight"
    let weights = try opened.checkpoint.tensor("model.language_model.layers.\(layer).mlp.down_proj.weight")
    let (rows, columns) = (weights.shape.rows, weights.shape.columns)
    func matrix(_ values: [Float]) throws -> WeightMatrix {
      try WeightMatrix(
        rows: rows, columns: columns, type: .f32, copying: values.withUnsafeBytes { [UInt8]($0) })
    }
    let inputs = [try opened.model.embed(tokens)]
    let values = try weights.readFloats()
    struct Outcome: Equatable {
      let hidden: [Float]
      let seen: [String: SeenInputs.Entry]
    }
    func run(_ layer: Int, _ values: [Float]?) throws -> Outcome {
      let seen = SeenInputs()
      var compute = Compute(threads: 2)
      compute.tap = seen.tap
      if let values { compute.replaced[name] = try matrix(values) }
      let hidden = opened.model.layer(layer, of: inputs, compute: compute)[0].values
      return Outcome(hidden: hidden, seen: seen.entries)
    }
    let before = try run(layer, nil)
    // The same numbers in another format are the same bits; without them, only what is added at the end is missing.
    #expect(try run(layer, values) == before)
    let without = try run(layer, [Float](repeating: 0, count: values.count))
    #expect(without.hidden != before.hidden)
    #expect(without.seen == before.seen)
    let double = try run(layer, values.map { 2 * $0 })
    let twice = zip(without.hidden, before.hidden).map { $0 + 2 * ($1 - $0) }
    #expect(Reference.difference(double.hidden, twice) < 1e-5)
    #expect(try run(layer + 1, values.map { 2 * $0 }) == run(layer + 1, nil))
  }
}
