import Containers
import Base

extension ModelDescription {
  /// Whether a `config.json` names the family, on its outer level or on that of its text model.
  fileprivate static func isNamed(by config: OrderedJSON) -> Bool {
    [config["model_type"], config["text_config"]?["model_type"]].contains {
      ($0?.stringValue).map(modelTypes.contains) ?? false
    }
  }
}

/// The model families quern knows; the one list a new family is added to.
package enum Architectures {
  /// Every family, in the order they are tried.
  package static let all: [any Architecture.Type] = [
    Qwen35.self, Llama.self, Mistral.self, Qwen2.self, Qwen3.self, SmolLM3.self, Phi3.self, Gemma3.self,
    Qwen3VL.self, Qwen3Next.self, Qwen35Moe.self, Qwen3Moe.self, GptOss.self,
  ]

  /// The family a checkpoint belongs to; nil for one that is not known.
  ///
  /// Decided by `model_type` (or `architectures`) of `config.json`, or by `general.architecture` of a GGUF.
  package static func family(of checkpoint: Checkpoint) -> (any Architecture.Type)? {
    switch checkpoint.format {
    case .gguf:
      let name = checkpoint.metadata.string("general.architecture")
      let families = all.filter { $0.ggufName == name }
      guard families.count > 1, let config = ProjectorMatch.configuration(in: checkpoint.metadata) else {
        return families.first
      }
      // Several families share an architecture of GGUF; which of them it was, a configuration that was carried along knows.
      return families.first { $0.isNamed(by: config) } ?? families.first
    default:
      guard let config = checkpoint.folder?.config else { return nil }
      return all.first { $0.isNamed(by: config) }
    }
  }

  /// The family of a checkpoint, read and checked; `vision` is its `mmproj`, where that is a file of its own.
  ///
  /// - Throws: `unsupported` for an unknown family, naming what it says it is and what is known.
  package static func open(
    _ checkpoint: Checkpoint, vision: Checkpoint? = nil
  ) throws(CheckpointError) -> any Architecture {
    guard let family = family(of: checkpoint) else {
      let isGGUF = checkpoint.format == .gguf
      if ProjectorFile.isOne(checkpoint) {
        throw CheckpointError(
          .unsupported,
          "this is a projector (mmproj) and holds no text model; name the text model, which this "
            + "goes with where pictures are read", file: checkpoint.path)
      }
      // Each container has its own names for the families, and a reader compares them with what the file says.
      var known: [String] = []
      for name in all.flatMap({ isGGUF ? [$0.ggufName] : $0.modelTypes }) where !known.contains(name) {
        known.append(name)
      }
      throw CheckpointError(
        .unsupported,
        "the model family \(claimed(checkpoint)) is not known; known are \(known.joined(separator: ", "))",
        file: checkpoint.path)
    }
    let model = try family.init(checkpoint: checkpoint)
    return if let vision { try model.seeing(through: vision, besides: checkpoint) } else { model }
  }

  /// The checkpoint with the names and tensors that its family publishes, whatever program saved it; its notes say what was changed.
  ///
  /// Everything that looks for weights starts here; what only shows a checkpoint does not.
  ///
  /// - Throws: `malformed` when two tensors would get one name, and what the family throws.
  package static func prepare(_ checkpoint: Checkpoint) throws(CheckpointError) -> Checkpoint {
    guard checkpoint.format != .gguf, let family = family(of: checkpoint) else { return checkpoint }
    return try family.prepare(SavedNames.plain(checkpoint, misplaced: family.misplacedPrefixes))
  }

  /// Refuses weights that are packed by a scheme that the family does not unpack, and those of an adapter.
  ///
  /// - Throws: `unsupported`, naming the scheme or the adapter's base.
  package static func requirePlainWeights(_ checkpoint: Checkpoint) throws(CheckpointError) {
    try checkpoint.requirePlainWeights(besides: family(of: checkpoint)?.unpacks ?? [])
  }

  /// What a checkpoint says it is, for messages.
  package static func claimed(_ checkpoint: Checkpoint) -> String {
    if checkpoint.format == .gguf {
      return shortened(checkpoint.metadata.string("general.architecture") ?? "without general.architecture")
    }
    guard let config = checkpoint.folder?.config else { return "of a file without config.json" }
    return shortened(config["model_type"]?.stringValue ?? "without model_type")
  }
}
