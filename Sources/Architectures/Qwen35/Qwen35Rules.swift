import Containers
import Base

extension Qwen35 {
  /// The rule of every tensor, in the order of the GGUF file.
  package var rules: [TensorRule] {
    names.applied(to: Self.rules(configuration, parts), published: Self.published, dialect)
  }

  /// The rules of every tensor that a checkpoint of this configuration has, under the published names.
  package static func rules(
    _ configuration: Configuration, _ parts: Set<TensorRule.Part> = published.parts
  ) -> [TensorRule] {
    var rules = HybridRules(configuration.hybrid, published, .tiled).all(parts)
    if let vision = configuration.vision, parts.contains(.vision) { rules += vision.rules }
    return rules
  }
}

/// The projections of the gated delta net as Qwen3-Next stores them: fused, and grouped by key head.
///
/// `in_proj_ba` [2·nv, H] has for every key head the rows of b for its value heads, then those of a; `in_proj_qkvz`
/// [2·kd + 2·vd, H] has for every key head its q, its k, the v of its value heads and their z. Qwen3.5 stores four matrices, each with all
/// heads in order.
extension Qwen35 {
  /// The checkpoint with fused projections taken apart, under the names of the published ones.
  ///
  /// - Throws: `mismatch` when a fused tensor has another number of rows, `malformed` when its parts are there too.
  package static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint {
    let fused = checkpoint.tensors.filter { isFused($0.name) }
    guard !fused.isEmpty, checkpoint.folder?.config != nil else { return checkpoint }
    let c = try Configuration(DecoderSource(checkpoint, of: Self.self))
    var tensors: [TensorEntry] = []
    for tensor in checkpoint.tensors {
      guard isFused(tensor.name) else {
        tensors.append(tensor)
        continue
      }
      let parts = try c.hybrid.parts(of: tensor, isBA: tensor.name.hasSuffix(ba))
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

extension HybridConfiguration {
  /// The two tensors that a fused one holds.
  fileprivate func parts(of tensor: TensorEntry, isBA: Bool) throws(CheckpointError) -> [TensorEntry] {
    let rows = isBA ? groupedRates : groupedProjections
    let height = rows.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count } }
    guard tensor.shape.dimensions == [height, decoder.hiddenSize] else {
      throw tensor.failure(
        .mismatch, "has shape \(tensor.shape); the configuration asks for [\(height), \(decoder.hiddenSize)]")
    }
    let stem = tensor.name.dropLast((isBA ? "ba.weight" : "qkvz.weight").count)
    return try zip(rows, isBA ? ["b", "a"] : ["qkv", "z"]).map { rows, name throws(CheckpointError) in
      try tensor.selecting(rows, name: stem + name + ".weight")
    }
  }
}
