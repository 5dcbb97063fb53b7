import Containers
import Engine
import Quants
import Base

/// Finds the tensors of a model by their GGUF names, whichever dialect the checkpoint speaks.
package struct WeightLoader {
  let checkpoint: Checkpoint
  /// The rules of each tensor of GGUF; those of a stack are one an item, where a folder keeps items apart.
  private let rules: [BinaryString: [TensorRule]]

  /// - Throws: `missing` or `mismatch`, naming tensors, before anything is read.
  package init(
    _ checkpoint: Checkpoint, rules list: [TensorRule], part: TensorRule.Part = .text
  ) throws(CheckpointError) {
    self.checkpoint = checkpoint
    let check = RuleCheck(list, checkpoint) { $0.part == part }
    try check.check()
    rules = Dictionary(grouping: check.wanted) { BinaryString($0.name(in: .gguf)) }
  }

  private func rule(_ gguf: String) -> TensorRule? { rules[BinaryString(gguf)]?.first }

  /// Whether the family has a tensor of a GGUF name.
  package func has(_ gguf: String) -> Bool { rules[BinaryString(gguf)] != nil }

  /// How the rows of a matrix have to change places to lie as in the published model; nil where they do.
  func rowOrder(_ gguf: String) -> BlockPermutation? {
    guard let rule = rule(gguf) else { return nil }
    for case .rows(let order) in rule.steps(from: checkpoint, to: .huggingFace).map(\.transform) { return order }
    return nil
  }

  /// The tensor that a GGUF name means here, and the steps from its values to those of GGUF.
  private func entry(_ gguf: String) throws(CheckpointError) -> (TensorEntry, [TensorStep]) {
    guard let rule = rule(gguf), let entry = rule.entry(in: checkpoint) else {
      throw missing(gguf)
    }
    return (entry, rule.steps(from: checkpoint, to: .gguf))
  }

  /// A matrix to multiply by: its bytes stay in the file.
  ///
  /// Columns that GGUF has in another order are multiplied in GGUF's, so that sums are the same to the bit.
  package func matrix(_ gguf: String) throws(CheckpointError) -> WeightMatrix {
    let (entry, steps) = try entry(gguf)
    let part = try TensorPart(entry, steps)
    let shape = part.source.shape
    return try matrix(part.source, named: gguf, rows: shape.rows, columns: shape.columns, order: part.columns)
  }

  /// The matrices of a stack of so many, one an item, however the checkpoint keeps them.
  package func stack(_ gguf: String, count: Int) throws(CheckpointError) -> [WeightMatrix] {
    let list = rules[BinaryString(gguf)] ?? []
    if checkpoint.format != .gguf, list.count == count, count > 1 {
      return try list.enumerated().map { index, rule throws(CheckpointError) in
        guard let entry = rule.entry(in: checkpoint) else { throw missing(gguf) }
        let (rows, columns) = (entry.shape.rows, entry.shape.columns)
        return try matrix(entry, named: gguf, rows: rows, columns: columns, order: nil)
          .named(gguf, firstRow: index * rows)
      }
    }
    let (entry, steps) = try entry(gguf)
    let rows = (rule(gguf)?.shape(in: .gguf).rows ?? 0) / count
    let columns = rule(gguf)?.shape(in: .gguf).columns ?? 0
    // Of planes that lie item by item, each is rows of the tensor as it stands in the file.
    if case .plane(let plane)? = steps.first?.transform, steps.count == 1, plane.width == rows * columns, entry.isPlain
    {
      let whole = try matrix(entry, named: gguf, rows: entry.shape.rows, columns: columns, order: nil)
      return (0..<count).map { item in
        let first = (item * plane.count + plane.index) * rows
        return whole.rows(first..<first + rows).named(gguf, firstRow: item * rows)
      }
    }
    let part = try TensorPart(entry, steps)
    if part.steps.isEmpty {
      let whole = try matrix(part.source, named: gguf, rows: count * rows, columns: columns, order: nil)
      return (0..<count).map { whole.rows($0 * rows..<($0 + 1) * rows) }
    }
    return try (0..<count).map { item throws(CheckpointError) in
      let values = try TransformSteps.item(item, of: entry, steps)
      return try WeightMatrix(
        rows: rows, columns: columns, type: .f32, copying: values.withUnsafeBytes { [UInt8]($0) }
      ).named(gguf, firstRow: item * rows)
    }
  }

  private func missing(_ gguf: String) -> CheckpointError {
    CheckpointError(.missing, "the tensor is missing", file: checkpoint.path, tensor: gguf)
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

  /// A matrix that is stored [inputs, outputs], with a row for each output.
  func transposed(_ gguf: String) throws(CheckpointError) -> WeightMatrix {
    let (entry, _) = try entry(gguf)
    let (inputs, outputs) = (entry.shape.rows, entry.shape.columns)
    let values = TransformSteps.apply(
      [TensorStep(.transposed(rows: inputs, columns: outputs))], to: try entry.readFloats())
    var matrix = try WeightMatrix(
      rows: outputs, columns: inputs, type: .f32, copying: values.withUnsafeBytes { [UInt8]($0) })
    matrix.name = gguf
    return matrix
  }

  private func matrix(
    _ entry: TensorEntry, named gguf: String, rows: Int, columns: Int, order: BlockPermutation?
  ) throws(CheckpointError) -> WeightMatrix {
    do throws(CheckpointError) {
      var matrix: WeightMatrix
      if entry.isPlain {
        // One damaged scale would turn every logit into NaN and the perplexity with it: say where it is instead.
        try entry.file.withBytes(at: entry.offset, count: entry.byteCount) { bytes throws(CheckpointError) in
          try entry.checkScales(bytes)
        }
        matrix = try WeightMatrix(
          rows: rows, columns: columns, type: entry.type, in: entry.file, at: entry.offset, byteCount: entry.byteCount,
          order: order)
      } else {
        // Rows that lie here and there in a fused tensor, and blocks that lie in two, have to be brought together first.
        let copy = try entry.withBytes { [UInt8]($0) }
        matrix = try WeightMatrix(rows: rows, columns: columns, type: entry.type, copying: copy, order: order)
      }
      matrix.name = gguf
      return matrix
    } catch {
      throw error.in(file: entry.file.path).in(tensor: entry.name)
    }
  }

  /// A vector or small table as f32, with the values GGUF would have; only the order of heads is left as it is.
  package func values(_ gguf: String) throws(CheckpointError) -> [Float] {
    if let rule = rule(gguf), let computed = rule.computed, rule.entry(in: checkpoint) == nil {
      return computed
    }
    let (entry, steps) = try entry(gguf)
    return TransformSteps.apply(steps.filter { !$0.transform.reorders }, to: try entry.readFloats())
  }

  func rmsNorm(_ gguf: String, _ epsilon: Float) throws(CheckpointError) -> RMSNorm {
    RMSNorm(weight: try values(gguf), epsilon: epsilon)
  }
}
