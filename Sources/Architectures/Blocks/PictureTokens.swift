import Base

/// The tokens around pictures that a configuration names.
package struct PictureTokens: Sendable, Equatable {
  private let ids: [String: Int]

  /// Reads those of some keys of the outer level of `config.json`; none of a GGUF.
  ///
  /// - Throws: `malformed` for a token beyond the vocabulary.
  init(_ source: DecoderSource, _ keys: [String], of vocabulary: Int) throws(CheckpointError) {
    var ids: [String: Int] = [:]
    for key in keys { ids[key] = try source.token(key, of: vocabulary) }
    self.ids = ids
  }

  /// As `config.json` has them.
  var json: [String: OrderedJSON] { ids.mapValues { .integer(Int64($0)) } }
}
