/// Half of a decoder layer, what mixes tokens or what is done with each of them, taken apart where its matrices begin and end.
///
/// x becomes x + close(open(norm(x))). Whoever changes the matrices one after another does so in between.
package struct LayerHalf {
  /// The matrices that read the normed hidden states.
  package let inputs: [WeightMatrix]
  /// The matrix that reads what ``open`` gives; nil where several do, each some of it.
  package let output: WeightMatrix?
  /// Whether what the output matrix gives is normed before it is added.
  package let normsOutput: Bool
  /// Hidden states to what the input matrices read: [T, hidden] to [T, hidden].
  package let norm: (Activations, Compute) -> Activations
  /// Normed states to what the output matrix reads; of several sequences side by side each has its own state.
  package let open: (Activations, Turns, [LayerState], Compute) -> Activations
  /// What ``open`` gave to what is added to the hidden states, [T, hidden].
  package let close: (Activations, Compute) -> Activations

  package init(
    inputs: [WeightMatrix], output: WeightMatrix?, normsOutput: Bool,
    norm: @escaping (Activations, Compute) -> Activations,
    open: @escaping (Activations, Turns, [LayerState], Compute) -> Activations,
    close: @escaping (Activations, Compute) -> Activations
  ) {
    (self.inputs, self.output, self.normsOutput) = (inputs, output, normsOutput)
    (self.norm, self.open, self.close) = (norm, open, close)
  }

  /// Closes what was opened and adds it to the hidden states, in place.
  package func add(_ opened: Activations, to hidden: Activations, _ compute: Compute) {
    hidden.add(close(opened, compute), compute)
  }
}
