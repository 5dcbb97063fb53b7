import Containers
import Engine
import Quants
import Base

/// Finds the tensors of a model by their GGUF names, whichever dialect the checkpoint speaks.
package struct WeightLoader {
  let checkpoint: Checkpoint
  let rules: [BinaryString: TensorRule]

  /// - Throws: `missing` or `mismatch`, naming tensors, before anything is read.
  package init(
    _ checkpoint: Checkpoint, rules list: [TensorRule], part: TensorRule.Part = .text
  ) throws(CheckpointError) {
    self.checkpoint = checkpoint
    let check = RuleCheck(list, checkpoint) { $0.part == part }
    try check.check()
    rules = Dictionary(
      check.wanted.map { (BinaryString($0.name(in: .gguf)), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Whether the family has a tensor of a GGUF name.
  func has(_ gguf: String) -> Bool { rules[BinaryString(gguf)] != nil }

  /// How the rows of a matrix have to change places to lie as in the published model; nil where they do.
  func rowOrder(_ gguf: String) -> BlockPermutation? {
    guard let rule = rules[BinaryString(gguf)] else { return nil }
    for case .rows(let order) in rule.steps(from: checkpoint, to: .huggingFace).map(\.transform) { return order }
    return nil
  }

  /// The tensor that a GGUF name means here, and the steps from its values to those of GGUF.
  private func entry(_ gguf: String) throws(CheckpointError) -> (TensorEntry, [TensorStep]) {
    guard let rule = rules[BinaryString(gguf)], let entry = rule.entry(in: checkpoint) else {
      throw CheckpointError(.missing, "the tensor is missing", file: checkpoint.path, tensor: gguf)
    }
    return (entry, rule.steps(from: checkpoint, to: .gguf))
  }

  /// A matrix to multiply by: its bytes stay in the file.
  ///
  /// Columns that GGUF has in another order are multiplied in GGUF's, so that sums are the same to the bit.
  func matrix(_ gguf: String) throws(CheckpointError) -> WeightMatrix {
    let (entry, steps) = try entry(gguf)
    var order: BlockPermutation?
    for case .columns(let permutation) in steps.map(\.transform) { order = permutation }
    return try matrix(entry, named: gguf, rows: entry.shape.rows, columns: entry.shape.columns, order: order)
  }

  /// A convolution kernel [outputs, …] as a matrix with a row for each output; of one that GGUF cuts in planes, the plane.
  func flattened(_ gguf: String) throws(CheckpointError) -> WeightMatrix {
    let (entry, steps) = try entry(gguf)
    let rows = max(1, entry.shape.dimensions.first ?? 1)
    guard steps.isEmpty else {
      let values = TransformSteps.apply(steps, to: try entry.readFloats())
      var matrix = try WeightMatrix(
        rows: rows, columns: values.count / rows, type: .f32, copying: values.withUnsafeBytes { [UInt8]($0) })
      matrix.name = gguf
      return matrix
    }
    return try matrix(entry, named: gguf, rows: rows, columns: entry.shape.elementCount / rows, order: nil)
  }

  private func matrix(
    _ entry: TensorEntry, named gguf: String, rows: Int, columns: Int, order: BlockPermutation?
  ) throws(CheckpointError) -> WeightMatrix {
    do throws(CheckpointError) {
      var matrix: WeightMatrix
      if entry.rows == nil {
        // One damaged scale would turn every logit into NaN and the perplexity with it: say where it is instead.
        try entry.file.withBytes(at: entry.offset, count: entry.byteCount) { bytes throws(CheckpointError) in
          try entry.checkScales(bytes)
        }
        matrix = try WeightMatrix(
          rows: rows, columns: columns, type: entry.type, in: entry.file, at: entry.offset, byteCount: entry.byteCount,
          order: order)
      } else {
        // Rows that lie here and there in a fused tensor have to be brought together first.
        let copy = try entry.withBytes { [UInt8]($0) }
        matrix = try WeightMatrix(rows: rows, columns: columns, type: entry.type, copying: copy, order: order)
      }
      matrix.name = gguf
      return matrix
    } catch {
      throw error.in(file: entry.file.path).in(tensor: entry.name)
    }
  }

  /// A vector or small table as f32, with the values GGUF would have; only the order of value heads is left as it is.
  package func values(_ gguf: String) throws(CheckpointError) -> [Float] {
    if let rule = rules[BinaryString(gguf)], let computed = rule.computed, rule.entry(in: checkpoint) == nil {
      return computed
    }
    let (entry, steps) = try entry(gguf)
    return TransformSteps.apply(steps.filter(\.transform.changesValues), to: try entry.readFloats())
  }

  func rmsNorm(_ gguf: String, _ epsilon: Float) throws(CheckpointError) -> RMSNorm {
    RMSNorm(weight: try values(gguf), epsilon: epsilon)
  }
}
