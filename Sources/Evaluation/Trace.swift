import Base
import Engine
import Images
import Runtime

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
    let input = InputRows(try model.embed(tokens), at: Positions(text: tokens.count, from: 0))
    try record(tokens, input, model: model, compute: compute)
  }

  /// Runs a prompt with pictures: before the rest `pixel_values`, `grid_thw` [pictures, 3], `vision.patch_embed`,
  /// `vision.block.N` and `vision.merged`, the rows of all pictures one after another.
  package init(_ prompt: PicturePrompt, reader: PictureReader, model: any LanguageModel, compute: Compute)
    throws(CheckpointError)
  {
    let patches = prompt.patches
    var stages: [(name: String, columns: Int, values: [Float])] = []
    let input = try reader.input(prompt, compute: compute) { name, rows in
      if let place = stages.firstIndex(where: { $0.name == name }) {
        stages[place].values += rows.values
      } else {
        stages.append((name, rows.columns, rows.values))
      }
    }
    if !patches.grids.isEmpty {
      let grids = patches.grids.flatMap { [$0.frames, $0.rows, $0.columns] }.map { Int32(clamping: $0) }
      tensors.append(("pixel_values", patches.shape, .float32(patches.values)))
      tensors.append(("grid_thw", [patches.grids.count, 3], .int32(grids)))
      for stage in stages {
        tensors.append((stage.name, [stage.values.count / stage.columns, stage.columns], .float32(stage.values)))
      }
    }
    try record(prompt.tokens, input, model: model, compute: compute)
  }

  private mutating func record(
    _ tokens: [Int32], _ input: InputRows, model: any LanguageModel, compute: Compute
  ) throws(CheckpointError) {
    tensors.append(("input_ids", [tokens.count], .int32(tokens)))
    tensors.append(("position_ids", [3, tokens.count], .int32(input.positions.axes.flatMap { $0 })))
    let count = tokens.count
    var layers = [[Float]](repeating: [], count: model.layerCount)
    var logits: [Float] = []
    logits.reserveCapacity(count * model.vocabularySize)
    var state = model.makeState(capacity: count)
    state.announce(length: count)
    for piece in model.pieces(of: input) {
      let hidden = try model.forward(input[piece], state: &state, compute: compute) { index, x in
        layers[index] += x.values
      }
      for start in stride(from: 0, to: hidden.rows, by: Self.headRows) {
        let normed = model.normed(hidden, rows: start..<min(start + Self.headRows, hidden.rows), compute: compute)
        logits += model.logits(normed, vocabulary: 0..<model.vocabularySize, compute: compute).values
      }
    }
    for (index, values) in layers.enumerated() {
      tensors.append(("layer.\(index)", [count, values.count / count], .float32(values)))
    }
    tensors.append(("logits", [count, model.vocabularySize], .float32(logits)))
  }

  /// Rows of logits computed together, so that there are never two copies of all of them.
  private static let headRows = 64

  /// The recorded tensor of a name.
  package subscript(name: String) -> (shape: [Int], value: Value)? {
    tensors.first { $0.name == name }.map { ($0.shape, $0.value) }
  }
}
