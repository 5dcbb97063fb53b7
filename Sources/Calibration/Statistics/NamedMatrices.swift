import Architectures
import Base
import Containers
import Conversion
import Engine
import Quants
import Runtime

/// The matrices of a model that a quantization changes, under their GGUF names.
package struct NamedMatrices: Sendable {
  /// A matrix, or the matrices of a stack of experts in their order.
  package struct Named: Sendable {
    package let name: String
    /// Nil for one outside of the layers.
    package let layer: Int?
    /// Rows as in the model's file, columns as they are multiplied, which is GGUF's order.
    package let items: [WeightMatrix]

    package var rows: Int { items[0].rows }
    package var columns: Int { items[0].columns }
  }

  /// In the order of a GGUF.
  package let all: [Named]

  /// Looks up matrices; their weights stay where they are.
  ///
  /// - Throws: `missing` or `mismatch`, naming tensors.
  package init(_ opened: OpenedModel) throws(CheckpointError) {
    try self.init(
      opened.checkpoint, opened.architecture.rules, .text, family: type(of: opened.architecture).ggufName)
  }

  /// Those of a vision encoder.
  ///
  /// - Throws: `missing` or `mismatch`, naming tensors.
  package init(_ reader: PictureReader) throws(CheckpointError) {
    try self.init(reader.source, reader.rules, .vision, family: ProjectorFile.architecture)
  }

  private init(
    _ checkpoint: Checkpoint, _ all: [TensorRule], _ part: TensorRule.Part, family: String
  ) throws(CheckpointError) {
    let rules = all.filter { $0.part == part }
    let loader = try WeightLoader(checkpoint, rules: all, part: part)
    var found: [Named] = []
    var seen: Set<String> = []
    for rule in rules {
      let (name, shape) = (rule.name(in: .gguf), rule.shape(in: .gguf))
      guard TypeAssignment.mayQuantize(name, shape, family), seen.insert(name).inserted else { continue }
      // Patch embeddings have more dimensions and stay as they are.
      guard part == .text || shape.rank == 2 else { continue }
      let count = shape.rank > 2 ? shape.dimensions[shape.rank - 3] : 1
      let items = count > 1 ? try loader.stack(name, count: count) : [try loader.matrix(name)]
      found.append(Named(name: name, layer: TensorName.layer(of: name), items: items))
    }
    self.all = found
  }

  /// Those of one layer.
  package func layer(_ index: Int) -> [Named] { all.filter { $0.layer == index } }

  /// How many matrices a name stands for.
  package func count(of name: String) -> Int { all.first { $0.name == name }?.items.count ?? 1 }
}

extension NamedMatrices.Named {
  /// The same matrix in another type, in memory of its own: rows and columns in the order of the original.
  ///
  /// Blocks of the type divide the rows. `importance` has a factor for each column, expert after expert; nil means the plain rule.
  func encoded(
    as type: TensorType, importance: [Float]?, threads: Int, kernels: Kernels
  ) throws(CheckpointError) -> WeightMatrix {
    let (rows, columns) = (rows, columns)
    let rowBytes = try type.byteCount(columns: columns)
    let codec = try RowCodec(type, kernels: kernels)
    let store = EncodedRows(count: items.count * rows * rowBytes)
    try parallelRows(count: items.count * rows, threads: threads, grain: 16) { range throws(CheckpointError) in
      let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: columns)
      defer { values.deallocate() }
      for row in range {
        let item = row / rows
        items[item].decode(row: row % rows, into: values)
        let bytes = UnsafeMutableRawBufferPointer(rebasing: store.bytes[row * rowBytes..<(row + 1) * rowBytes])
        if let importance {
          importance.withUnsafeBufferPointer { all in
            codec.encode(
              UnsafeBufferPointer(values),
              importance: UnsafeBufferPointer(rebasing: all[item * columns..<(item + 1) * columns]), into: bytes)
          }
        } else {
          codec.encode(UnsafeBufferPointer(values), importance: nil, into: bytes)
        }
      }
    }
    var matrix = try WeightMatrix(
      rows: items.count * rows, columns: columns, type: type, bytes: UnsafeRawBufferPointer(store.bytes), owner: store,
      kernels: kernels)
    matrix.name = name
    return matrix
  }
}

/// Encoded rows that live as long as the object.
private final class EncodedRows: @unchecked Sendable {
  // Unchecked because workers write disjoint rows, and nobody reads before they are done.
  let bytes: UnsafeMutableRawBufferPointer

  init(count: Int) { bytes = .allocate(byteCount: count, alignment: 64) }

  deinit { bytes.deallocate() }
}
