import Containers
import Base

/// Holds a projector (`mmproj`) against the text model it is to see for.
///
/// Widths and structure are compared where the family reads both; here are the comparisons that every family shares.
package enum ProjectorMatch {
  /// The key under which a converter keeps config.json in a text GGUF.
  package static let configurationKey = "quern.huggingface.config"
  /// The key under which a converter keeps the SHA-256 of config.json in a projector.
  package static let configurationHashKey = "quern.huggingface.config_sha256"

  /// The config.json that a text GGUF carries; nil without one, or when it is not a JSON object.
  package static func configuration(in metadata: Metadata) -> OrderedJSON? {
    guard let text = metadata.string(configurationKey) else { return nil }
    let json = try? OrderedJSON(
      parsing: Array(text.utf8), file: configurationKey, memory: MemoryBudget.documents, nonFinite: true)
    return json?.objectValue == nil ? nil : json
  }

  /// Refuses a projector of another type.
  static func checkType(_ type: String, of metadata: Metadata, file: String) throws(CheckpointError) {
    let found = metadata.string("clip.projector_type") ?? metadata.string("clip.vision.projector_type")
    guard found == type else {
      throw CheckpointError(
        .unsupported, "clip.projector_type is \(found.map { shortened($0) } ?? "missing"); this reads \(type)",
        file: file)
    }
  }

  /// Refuses a projector whose rows are not as wide as the text model's.
  static func checkWidth(
    _ width: Int, of architecture: String, _ own: Int, _ projector: Checkpoint
  ) throws(CheckpointError) {
    guard width == own else {
      throw CheckpointError(
        .mismatch,
        "clip.vision.projection_dim (\(width)) must equal \(architecture).embedding_length (\(own)): this projector "
          + "belongs to another model", file: projector.path)
    }
  }

  /// Refuses a projector that differs in a field under `clip.vision.` from what the model was made for.
  static func check(
    _ fields: [(key: String, found: Int, own: Int)], _ projector: Checkpoint
  ) throws(CheckpointError) {
    for (key, found, own) in fields where found != own {
      throw CheckpointError(
        .mismatch,
        "clip.vision.\(key) is \(found) and the model was made for \(own): this projector belongs to another model",
        file: projector.path)
    }
  }

  /// Refuses a projector with tensors that the family has no use for: they would be left out in silence.
  package static func checkNames(of projector: Checkpoint, _ rules: [TensorRule]) throws(CheckpointError) {
    let known = Set(rules.filter { $0.part == .vision }.map { BinaryString($0.name(in: .gguf)) })
    let strangers = projector.tensors.map(\.name).filter { !known.contains(BinaryString($0)) }
    guard let first = strangers.first else { return }
    throw CheckpointError(
      .mismatch,
      "\(counted(strangers.count, "tensor")) such as \(first) have no place in the vision encoder of this "
        + "family: this projector belongs to another model", file: projector.path)
  }

  /// One sentence: which projector is used, and what speaks for or against it.
  package static func note(
    text: Checkpoint, projector: Checkpoint, use: String = "pictures are read with"
  ) -> String {
    "\(use) \(projector.path)" + judgement(text.metadata, projector.metadata)
  }

  private static func judgement(_ text: Metadata, _ projector: Metadata) -> String {
    let config = text.string(configurationKey).map(sha256)
    let hash = projector.string(configurationHashKey)
    if let config, config == hash { return ", made from the same folder as the model" }
    // The most exact first: what decides is the first key that both have.
    for key in ["general.base_model.0.repo_url", "general.base_model.0.name", "general.basename", "general.name"] {
      guard let a = text.string(key), let b = projector.string(key), !folded(a).isEmpty, !folded(b).isEmpty else {
        continue
      }
      if folded(a) == folded(b) { continue }
      return "; its \(key) is \(b) and the model's \(a), so it may belong to another model"
    }
    if config != nil, hash != nil {
      return "; it was made with another config.json than the model, so it may belong to another model"
    }
    let names = [text, projector].compactMap { $0.string("general.name").flatMap { folded($0).isEmpty ? nil : $0 } }
    return names.count == 2
      ? ", which calls itself \(names[1]) like the model" : "; no name says whose it is"
  }

  /// Letters and digits of a name in small letters: `Qwen3.5 0.8B` and `qwen3.5-0.8b` are one.
  private static func folded(_ name: String) -> [UInt8] {
    name.utf8.compactMap { byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...: byte
      default: nil
      }
    }
  }

  /// The SHA-256 of a text's UTF-8.
  package static func sha256(_ text: String) -> String {
    Array(text.utf8).withUnsafeBytes { SHA256Hash.hash($0) }
  }
}
