import Engine
import Tensors

/// Everything a model computed for one prompt, by the names of the `trace` command.
package struct Trace {
  /// One recorded tensor.
  package enum Value: Sendable, Equatable {
    case int32([Int32])
    case float32([Float])
  }

  /// Name, shape and values, in the order in which they were computed.
  package private(set) var tensors: [(name: String, shape: [Int], value: Value)] = []

  /// Runs a text prompt: `input_ids`, `position_ids` [3, T], `layer.N` [T, hidden] and `logits` [T, vocabulary].
  package init(_ tokens: [Int32], model: any LanguageModel, compute: Compute) throws(CheckpointError) {
    guard !tokens.isEmpty else { throw CheckpointError(.mismatch, "an empty prompt has nothing to trace") }
    let positions = Positions(text: tokens.count, from: 0)
    tensors.append(("input_ids", [tokens.count], .int32(tokens)))
    tensors.append(("position_ids", [3, tokens.count], .int32(positions.axes.flatMap { $0 })))
    var layers: [(name: String, shape: [Int], value: Value)] = []
    var state = model.makeState(capacity: tokens.count)
    let hidden = try model.forward(model.embed(tokens), at: positions, state: &state, compute: compute) { index, x in
      layers.append(("layer.\(index)", [x.rows, x.columns], .float32(x.values)))
    }
    tensors += layers
    let normed = model.normed(hidden, rows: 0..<tokens.count, compute: compute)
    let logits = model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute)
    tensors.append(("logits", [logits.rows, logits.columns], .float32(logits.values)))
  }

  /// The recorded tensor of a name.
  package subscript(name: String) -> (shape: [Int], value: Value)? {
    tensors.first { $0.name == name }.map { ($0.shape, $0.value) }
  }
}
