import Base

/// Finds what downloads leave behind that were begun and not completed.
enum UnfinishedDownload {
  /// How a file is called that ends before what its header says.
  static let words = "the download is incomplete"

  /// What programs put behind the name of a file that they have not completed.
  private static let endings = [
    ".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2", ".aria2c", ".!qB", ".filepart", ".tmp",
  ]

  /// Whether a name is that of a download that goes on, or went on when it was broken off.
  static func isName(_ name: String) -> Bool { endings.contains { name.hasSuffix($0) } }

  /// Refuses a file beside which a download still keeps account of its missing pieces.
  ///
  /// The file has its full length from the beginning and is zero where nothing has arrived: it would be read without an error.
  static func refuse(_ path: String) throws(CheckpointError) {
    let account = path + ".aria2"
    guard try FileSystem.isThere(account) else { return }
    throw CheckpointError(
      .malformed,
      "\(words): \(Path(account).name) lies beside it; complete it, or remove that file",
      file: path)
  }

  /// Where an unfinished download of one of a folder's weights lies, if there is one; of `name`, where that is given.
  static func trace(in folder: String, of name: String? = nil) -> String? {
    let names = (try? FileSystem.listing(of: folder).names) ?? []
    let weights = names.filter { other in
      isName(other)
        && (name.map { other.hasPrefix($0) } ?? [".safetensors", ".gguf"].contains { other.hasBytes(of: $0) })
    }
    if let first = weights.first { return first }
    // Hugging Face's tools: a folder of their own beside the files, or the blobs of the cache.
    for place in [".cache/huggingface/download", "../../blobs"] {
      let names = (try? FileSystem.listing(of: folder + "/" + place).names) ?? []
      if let first = names.first(where: { $0.hasSuffix(".incomplete") }) { return "\(place)/\(first)" }
    }
    return nil
  }

  /// Words to end a message about missing weights with: that they are on their way, if they seem to be.
  static func hint(in folder: String, of name: String? = nil) -> String {
    trace(in: folder, of: name).map { "; \(words): there is \($0)" } ?? ""
  }
}
