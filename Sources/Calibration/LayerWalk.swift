import Base
import Engine
import Runtime

/// Sequences on their way through a model, all of them through a layer before the next.
///
/// So the weights of a layer are brought into memory once, and what is held between layers are the hidden states. Sequences go one after
/// another with all threads at work in each, so that sums over them have one order.
package struct LayerWalk {
  let model: any LanguageModel
  let inputs: [InputRows]
  let turns: [Turns]
  /// The hidden states of each sequence, [T, hidden].
  private(set) var states: [Activations]
  /// The layer that comes next.
  private(set) var layer = 0

  /// Puts sequences in front of the first layer.
  ///
  /// - Throws: `mismatch` for a sequence that is longer than the model is made for, or tokens beyond its table.
  init(
    _ sequences: [CalibrationSequence], of model: any LanguageModel, replaced: [String: WeightMatrix] = [:]
  ) throws(CheckpointError) {
    self.model = model
    inputs = try sequences.map { sequence throws(CheckpointError) in
      guard sequence.tokens.count <= model.contextLength else {
        throw CheckpointError(
          .mismatch, "a sequence has \(sequence.tokens.count) tokens; the model is made for \(model.contextLength)")
      }
      return try sequence.input(of: model, replaced: replaced)
    }
    turns = inputs.map { input in
      Turns(at: input.positions, length: input.count, blocks: model.seesWholePictures ? input.pictures : [])
    }
    states = inputs.map { $0.embeddings.copy(of: 0..<$0.count) }
  }

  /// What a layer makes of the states of one sequence, in place.
  func run(_ layer: Int, _ hidden: Activations, ofSequence index: Int, _ compute: Compute) {
    let state = model.makeState(ofLayer: layer, capacity: hidden.rows)
    model.layer(layer, hidden, turns: turns[index], states: [state], compute: compute)
    inputs[index].add(behind: layer, to: hidden, compute)
  }

  /// Takes all sequences through the next layer.
  mutating func advance(_ compute: Compute) throws(CheckpointError) {
    for index in states.indices {
      try Cancellation.check()
      run(layer, states[index], ofSequence: index, compute)
    }
    layer += 1
  }

  /// What the matrix at the end of half of the next layer reads, of one sequence.
  func open(_ half: LayerHalf, ofSequence index: Int, _ compute: Compute) -> Activations {
    let hidden = states[index]
    let state = model.makeState(ofLayer: layer, capacity: hidden.rows)
    return half.open(half.norm(hidden, compute), turns[index], [state], compute)
  }

  /// Goes behind the next layer, whose halves have been added.
  mutating func finishLayer(_ compute: Compute) {
    for index in states.indices { inputs[index].add(behind: layer, to: states[index], compute) }
    layer += 1
  }

  /// Goes in front of a layer, with states that were kept.
  mutating func resume(at layer: Int, _ states: [Activations]) { (self.layer, self.states) = (layer, states) }

  /// Takes all sequences through all layers.
  ///
  /// - Returns: copies of the states in front of each layer.
  mutating func starts(_ compute: Compute) throws(CheckpointError) -> [[Activations]] {
    var starts: [[Activations]] = []
    while layer < model.layerCount {
      starts.append(copies(of: states.indices))
      try advance(compute)
    }
    return starts
  }

  /// Copies of the states where they stand, to go on from more than once.
  func copies(of sequences: Range<Int>) -> [Activations] { sequences.map { states[$0].copy(of: 0..<states[$0].rows) } }
}
