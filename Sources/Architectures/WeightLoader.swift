import Containers
import Engine
import Quants
import Base

/// Finds the tensors of a model by their GGUF names, whichever dialect the checkpoint speaks.
struct WeightLoader {
  let checkpoint: Checkpoint
  let isGGUF: Bool
  let rules: [BinaryString: TensorRule]

  /// Throws `missing`, naming what is absent, before anything is read.
  init(_ checkpoint: Checkpoint, rules list: [TensorRule], part: TensorRule.Part = .text) throws(CheckpointError) {
    self.checkpoint = checkpoint
    isGGUF = checkpoint.format == .gguf
    let wanted = list.filter { $0.part == part }
    rules = Dictionary(wanted.map { (BinaryString($0.gguf), $0) }, uniquingKeysWith: { first, _ in first })
    var absent: [String] = []
    for rule in wanted {
      let name = isGGUF ? rule.gguf : rule.huggingFace
      if checkpoint[name] == nil { absent.append(name) }
    }
    guard absent.isEmpty else {
      throw CheckpointError(.missing, "tensors are missing: \(listed(absent))", file: checkpoint.path)
    }
  }

  /// The tensor that a GGUF name means here, its shape checked against the configuration.
  private func entry(_ gguf: String) throws(CheckpointError) -> (TensorEntry, TensorRule) {
    guard let rule = rules[BinaryString(gguf)],
      let entry = checkpoint[isGGUF ? rule.gguf : rule.huggingFace]
    else { throw CheckpointError(.missing, "the tensor is missing", file: checkpoint.path, tensor: gguf) }
    let expected = isGGUF ? rule.ggufShape : rule.huggingFaceShape
    guard entry.shape == expected else {
      throw CheckpointError(
        .mismatch, "the configuration asks for shape \(expected), the file has \(entry.shape)", file: entry.file.path,
        tensor: entry.name, offset: entry.offset)
    }
    return (entry, rule)
  }

  /// A matrix to multiply by: its bytes stay in the file.
  ///
  /// Columns that GGUF has in another order are multiplied in GGUF's, so that sums are the same to the bit.
  func matrix(_ gguf: String) throws(CheckpointError) -> WeightMatrix {
    let (entry, rule) = try entry(gguf)
    var order: BlockPermutation?
    for case .columns(let permutation) in rule.transforms where !isGGUF { order = permutation }
    return try matrix(entry, named: gguf, rows: entry.shape.rows, columns: entry.shape.columns, order: order)
  }

  /// A convolution kernel [outputs, …] as a matrix with a row for each output; of one that GGUF cuts in planes, the plane.
  func flattened(_ gguf: String) throws(CheckpointError) -> WeightMatrix {
    let (entry, rule) = try entry(gguf)
    let rows = max(1, entry.shape.dimensions.first ?? 1)
    guard isGGUF || rule.transforms.isEmpty else {
      let values = TransformSteps.forward(try entry.readFloats(), rule.transforms)
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
  func values(_ gguf: String) throws(CheckpointError) -> [Float] {
    let (entry, rule) = try entry(gguf)
    let values = try entry.readFloats()
    return isGGUF ? values : TransformSteps.forward(values, rule.transforms.filter(\.changesValues))
  }

  func rmsNorm(_ gguf: String, _ epsilon: Float) throws(CheckpointError) -> RMSNorm {
    RMSNorm(weight: try values(gguf), epsilon: epsilon)
  }
}
