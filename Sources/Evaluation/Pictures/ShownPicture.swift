import Containers
import Images
import Base

/// A picture that models are asked about: a PNG or JPEG whose pixels have been found to be readable.
package struct ShownPicture: Sendable {
  package let name: String
  /// The file's bytes.
  package let bytes: [UInt8]
  package let sha256: String
  package let width: Int
  package let height: Int
  /// What is to be seen, where that is known.
  package let caption: String?

  /// Takes a file's bytes; errors name it `path`.
  ///
  /// - Throws: what decoding throws, pixels included.
  package init(_ bytes: [UInt8], name: String, path: String, caption: String? = nil) throws(CheckpointError) {
    let file = try PictureFile(bytes, name: path)
    // Rows go by one after another: this costs no memory, and a damaged picture is known before any work.
    _ = try file.resized(width: 8, height: 8)
    self.name = name
    self.bytes = bytes
    sha256 = bytes.withUnsafeBytes { SHA256Hash.hash($0) }
    (width, height) = (file.width, file.height)
    self.caption = caption
  }

  /// The header, to prepare the pixels from.
  package func file() throws(CheckpointError) -> PictureFile { try PictureFile(bytes, name: name) }

  /// The pictures of files and folders, those of a folder by name; hidden files are left alone, and `captions.json` of a folder says
  /// what its pictures show.
  ///
  /// - Throws: an error that names the file that cannot be read, is not a picture, or was named before.
  package static func all(_ paths: [String]) throws(CheckpointError) -> [ShownPicture] {
    var result: [ShownPicture] = []
    var places: [String: String] = [:]
    var files: [(path: String, caption: String?)] = []
    for path in paths { files += try self.files(path) }
    for (path, caption) in files {
      let bytes = try FileSystem.read(path, limit: ImageDecoder.fileLimit)
      let base = Path(path).name
      let name = result.contains { $0.name == base } ? path : base
      let picture = try ShownPicture(bytes, name: name, path: path, caption: caption)
      if let twin = places[picture.sha256] {
        throw CheckpointError(
          .usage, "this is the same picture as \(twin), and says nothing new; leave one of them out", file: path)
      }
      places[picture.sha256] = path
      result.append(picture)
    }
    return result
  }

  private static func files(_ path: String) throws(CheckpointError) -> [(path: String, caption: String?)] {
    guard FileSystem.isFolder(path) else { return [(path, nil)] }
    var captions = try captions(path + "/" + captionFile)
    var files: [(path: String, caption: String?)] = []
    for name in try FileSystem.names(in: path) where !name.hasPrefix(".") && name != captionFile {
      guard try FileSystem.isFileThere(path + "/" + name) else { continue }
      files.append((path + "/" + name, captions.removeValue(forKey: name)))
    }
    guard !files.isEmpty else { throw CheckpointError(.missing, "the folder holds no pictures", file: path) }
    if let stranger = captions.keys.min() {
      throw CheckpointError(
        .mismatch, "there is a caption for \(stranger), and no such picture", file: path + "/" + captionFile)
    }
    return files
  }

  private static let captionFile = "captions.json"

  private static func captions(_ path: String) throws(CheckpointError) -> [String: String] {
    guard try FileSystem.isThere(path) else { return [:] }
    var budget = MemoryBudget(MemoryBudget.documents)
    let document = try JSONDocument.read(path, budget: &budget)
    guard let object = document.objectValue else {
      throw CheckpointError(.malformed, "captions are one JSON object, a text for the name of each picture", file: path)
    }
    var result: [String: String] = [:]
    for (name, value) in object.entries {
      guard let caption = value.stringValue, !caption.isEmpty else {
        throw CheckpointError(.malformed, "the caption of \(name) is not a text", file: path)
      }
      result[name] = caption
    }
    return result
  }
}
