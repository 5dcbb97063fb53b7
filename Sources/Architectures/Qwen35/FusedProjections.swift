import Containers
import Base

/// The projections of the gated delta net as Qwen3-Next stores them: fused, and grouped by key head.
///
/// `in_proj_ba` [2·nv, H] has for every key head the rows of b for its value heads, then those of a; `in_proj_qkvz`
/// [2·kd + 2·vd, H] has for every key head its q, its k, the v of its value heads and their z. Qwen3.5 stores four matrices, each with all
/// heads in order.
extension Qwen35 {
  /// The checkpoint with fused projections taken apart, under the names of the published ones.
  ///
  /// - Throws: `mismatch` when a fused tensor has another number of rows, `malformed` when its parts are there too.
  static func apart(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint {
    let fused = checkpoint.tensors.filter { isFused($0.name) }
    guard !fused.isEmpty, let config = checkpoint.folder?.config else { return checkpoint }
    let c = try Configuration(
      json: config, tensors: Set(checkpoint.tensors.map { BinaryString($0.name) }),
      file: "\(checkpoint.folder?.path ?? checkpoint.path)/config.json")
    var tensors: [TensorEntry] = []
    for tensor in checkpoint.tensors {
      guard isFused(tensor.name) else {
        tensors.append(tensor)
        continue
      }
      let parts = try c.parts(of: tensor)
      for part in parts where checkpoint[part.name] != nil {
        throw tensor.failure(.malformed, "is there and \(part.name), which is a part of it, too")
      }
      tensors += parts
    }
    return checkpoint.with(
      tensors: tensors,
      notes: [
        "\(counted(fused.count, "fused projection")) taken apart as Qwen3-Next lays them out, key head by key head"
      ])
  }

  private static func isFused(_ name: String) -> Bool {
    name.hasSuffix(ba) || name.hasSuffix(qkvz)
  }

  fileprivate static let ba = ".linear_attn.in_proj_ba.weight"
  fileprivate static let qkvz = ".linear_attn.in_proj_qkvz.weight"
}

extension Qwen35.Configuration {
  /// The two tensors that a fused one holds.
  fileprivate func parts(of tensor: TensorEntry) throws(CheckpointError) -> [TensorEntry] {
    let isBA = tensor.name.hasSuffix(Qwen35.ba)
    let (key, value) = (linearKeyHeadDimension, valueHeadRatio * linearValueHeadDimension)
    /// Rows of one key head, section by section.
    let sections = isBA ? [valueHeadRatio, valueHeadRatio] : [key, key, value, value]
    let group = sections.reduce(0, +)
    guard tensor.shape.dimensions == [group * linearKeyHeads, hiddenSize] else {
      throw tensor.failure(
        .mismatch, "has shape \(tensor.shape); the configuration asks for [\(group * linearKeyHeads), \(hiddenSize)]")
    }
    /// All rows of a section, key head by key head.
    func rows(_ section: Int) -> [Range<Int>] {
      let first = sections[..<section].reduce(0, +)
      return (0..<linearKeyHeads).map { $0 * group + first..<$0 * group + first + sections[section] }
    }
    let stem = tensor.name.dropLast((isBA ? "ba.weight" : "qkvz.weight").count)
    if isBA {
      return [
        try tensor.selecting(rows(0), name: stem + "b.weight"), try tensor.selecting(rows(1), name: stem + "a.weight"),
      ]
    }
    return [
      try tensor.selecting(rows(0) + rows(1) + rows(2), name: stem + "qkv.weight"),
      try tensor.selecting(rows(3), name: stem + "z.weight"),
    ]
  }
}
