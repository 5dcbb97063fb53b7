import Containers
import Base
import Tokenizers

/// Finds and builds the tokenizer of a model.
package enum TokenizerSource {
  /// The tokenizer of a source; needs only the tokenizer's files, not the weights.
  ///
  /// A source is a folder with tokenizer.json or tokenizer.model, the former itself, a GGUF, any file of a Hugging Face
  /// folder, or a model id of the local cache.
  ///
  /// - Throws: `missing` when the source carries no tokenizer, `unsupported` or `malformed` for one that cannot be used.
  package static func open(
    _ source: String
  ) throws(CheckpointError) -> (tokenizer: Tokenizer, notes: [String]) {
    switch try Containers.resolve(source) {
    case .folder(let path):
      return (try tokenizer(of: HuggingFaceFolder(path: path)), [])
    case .file(let path):
      let file = try InputFile(path: path)
      let start = try file.readBytes(at: 0, count: Int(min(file.size, 4)))
      let mark = start.starts(with: byteOrderMark) ? byteOrderMark.count : 0
      if start.dropFirst(mark).first == UInt8(ascii: "{"), let document = try? document(file), document.hasVocabulary {
        return (try tokenizer(document, nil, nil, path), [])
      }
      let checkpoint = try Containers.open(path)
      return (try tokenizer(of: checkpoint), [split(of: checkpoint).note].compactMap { $0 })
    }
  }

  /// The tokenizer of an opened model.
  package static func tokenizer(of checkpoint: Checkpoint) throws(CheckpointError) -> Tokenizer {
    if let folder = checkpoint.folder { return try tokenizer(of: folder) }
    return try stored(in: checkpoint).opened()
  }

  /// The tokenizer in a GGUF's metadata, not yet built.
  package static func stored(in checkpoint: Checkpoint) -> GGUFTokenizer {
    GGUFTokenizer(checkpoint.metadata, file: checkpoint.path, split: split(of: checkpoint).name)
  }

  /// The name of the pattern by which the tokenizer of a GGUF cuts text; where the file does not say, that of its family.
  ///
  /// - Returns: `tokenizer.ggml.pre` or what stands in for it, nil for neither; and what to tell when the file does not say.
  package static func split(of checkpoint: Checkpoint) -> (name: String?, note: String?) {
    let key = GGUFKeys.split
    let metadata = checkpoint.metadata
    if let name = metadata.string(key), !name.isEmpty { return (name, Self.doubt(name, of: checkpoint)) }
    let ownKeys = [GGUFKeys.patterns, GGUFKeys.document]
    guard checkpoint.format == .gguf, metadata[GGUFKeys.tokens] != nil,
      ownKeys.allSatisfy({ metadata[$0] == nil })
    else { return (nil, nil) }
    let missing = "\(key) is missing, which says how text is cut into words"
    guard let family = Architectures.family(of: checkpoint) else {
      return (
        nil,
        "\(missing), and for the architecture \(Architectures.claimed(checkpoint)) no pattern is known: \"default\" is "
          + "taken, as llama.cpp does, and token ids may be wrong"
      )
    }
    return (family.splitName, "\(missing): the pattern of its family is taken, \(family.splitName)")
  }

  /// What to tell of a file that names a stopgap where its family has a pattern.
  private static func doubt(_ name: String, of checkpoint: Checkpoint) -> String? {
    guard name == "default", let family = Architectures.family(of: checkpoint) else { return nil }
    return "\(GGUFKeys.split) is \"default\", as converters write that did not know the model; its family has "
      + "\(family.splitName), and token ids may be wrong"
  }

  /// The tokenizer of a Hugging Face folder.
  package static func tokenizer(of folder: HuggingFaceFolder) throws(CheckpointError) -> Tokenizer {
    if try folder.tokenizerJSON() == nil, let model = try sentencePieceModel(of: folder) {
      do throws(CheckpointError) {
        return try Tokenizer(
          model, addedTokens: folder.addedTokens(), tokenizerConfig: folder.tokenizerConfig, modelConfig: folder.config)
      } catch {
        throw error.in(file: folder.path + "/tokenizer.model")
      }
    }
    return try tokenizer(try document(of: folder), of: folder)
  }

  /// The tokenizer.model of a folder, if it has one.
  ///
  /// - Throws: `malformed` when it is not one, `unsupported` for what is not implemented.
  package static func sentencePieceModel(of folder: HuggingFaceFolder) throws(CheckpointError) -> SentencePieceModel? {
    let name = "tokenizer.model"
    guard let bytes = try folder.file(name) else { return nil }
    do throws(CheckpointError) {
      return try SentencePieceModel(parsing: bytes)
    } catch {
      throw error.in(file: folder.path + "/" + name)
    }
  }

  /// The tokenizer.json of a Hugging Face folder, parsed.
  ///
  /// - Throws: `missing` when there is none, `malformed` when it is not lawful JSON.
  package static func document(of folder: HuggingFaceFolder) throws(CheckpointError) -> TokenizerDocument {
    guard let bytes = try folder.tokenizerJSON() else {
      throw CheckpointError(.missing, "the folder has no tokenizer.json", file: folder.path)
    }
    let path = path(in: folder)
    do throws(CheckpointError) {
      let document = try TokenizerDocument(parsing: bytes, file: path)
      guard case .object = document.rest else {
        throw CheckpointError(.malformed, "the document has to be a JSON object", file: path)
      }
      return document
    } catch {
      throw error.in(file: path)
    }
  }

  /// The tokenizer of a Hugging Face folder whose tokenizer.json has been read already.
  package static func tokenizer(
    _ document: TokenizerDocument, of folder: HuggingFaceFolder
  ) throws(CheckpointError) -> Tokenizer {
    try tokenizer(document, folder.tokenizerConfig, folder.config, path(in: folder))
  }

  private static func path(in folder: HuggingFaceFolder) -> String { folder.path + "/tokenizer.json" }

  private static func tokenizer(
    _ document: TokenizerDocument, _ tokenizerConfig: OrderedJSON?, _ modelConfig: OrderedJSON?, _ path: String
  ) throws(CheckpointError) -> Tokenizer {
    do throws(CheckpointError) {
      return try Tokenizer(document, tokenizerConfig: tokenizerConfig, modelConfig: modelConfig)
    } catch {
      throw error.in(file: path)
    }
  }

  private static func document(_ file: InputFile) throws(CheckpointError) -> TokenizerDocument {
    try TokenizerDocument(parsing: try HuggingFaceFolder.tokenizerJSON(file.path), file: file.path)
  }
}
