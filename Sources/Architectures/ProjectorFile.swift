import Containers
import Base

/// Where the projector (`mmproj`) of a GGUF model is found.
package enum ProjectorFile {
  /// What a projector says its architecture is.
  package static let architecture = "clip"

  /// The name of the projector that goes with a text GGUF of a name, the first that is looked for: `mmproj-m.gguf` for `m.gguf`.
  ///
  /// A split GGUF may be named by its name as a whole or by any of its files.
  package static func name(beside text: String) -> String {
    let name = Path(Path(text).name)
    return "\(Path(text).prefix)mmproj-\(name.shard?.stem ?? name.without(".gguf")).gguf"
  }

  /// Whether a file is a projector and holds no text model.
  package static func isOne(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.format == .gguf && checkpoint.metadata.string("general.architecture") == architecture
  }

  /// The projector in the folder of a text GGUF.
  ///
  /// - Throws: `missing` when there is none, or several of which none stands out, saying what to pass.
  package static func beside(_ checkpoint: Checkpoint) throws(CheckpointError) -> String {
    guard let file = try found(beside: checkpoint) else {
      throw CheckpointError(
        .missing, "no projector (mmproj-….gguf) lies beside the model", file: checkpoint.path, remedy: .nameVision)
    }
    return file
  }

  /// The projector in the folder of a text GGUF; nil where there is none.
  ///
  /// One whose name goes with the model's is preferred (`mmproj-` and its whole name, or `mmproj-Name-F16.gguf` for
  /// `Name-Q4_K_M.gguf`); a single other one will do.
  /// - Throws: `missing` when there are several of which none stands out.
  package static func found(beside checkpoint: Checkpoint) throws(CheckpointError) -> String? {
    let (folder, file) = (Path(checkpoint.path).prefix, Path(checkpoint.path).name)
    let names = try FileSystem.listing(of: Path(checkpoint.path).folder).names.filter {
      $0.hasPrefix("mmproj") && $0.hasSuffix(".gguf")
    }
    let own = name(beside: file)
    if names.contains(own) { return folder + own }
    // The model's name without its type is a prefix of the projector's name without its own.
    let kin = names.filter { name in
      let stem = name.dropFirst("mmproj-".count).split(separator: "-").dropLast().joined(separator: "-")
      return !stem.isEmpty && file.hasPrefix(stem)
    }
    let chosen = kin.isEmpty ? names : kin
    if chosen.isEmpty { return nil }
    if chosen.count == 1 { return folder + chosen[0] }
    // Several precisions of one projector: the plainest is the most faithful.
    for type in ["F32", "BF16", "F16", "Q8_0"] {
      let match = kin.filter { $0.hasSuffix("-\(type).gguf") }
      if match.count == 1 { return folder + match[0] }
    }
    throw CheckpointError(
      .missing,
      "several projectors lie beside the model (\(listed(chosen))); name the right one",
      file: checkpoint.path)
  }
}
