import Base
import Containers
import Evaluation
import Quants

/// What `quern calibrate` found out about a model: how much every input matters, what every tensor costs, and from what.
///
/// Stored as a GGUF that llama-quantize reads as an importance matrix. Specification: `formats/calibration.md`.
package struct Calibration: Sendable {
  /// Sums of squared inputs under GGUF names.
  package var importance: ImportanceMatrix
  /// What each tensor costs alone, in the order of the model; a tensor that was tried in several types stands there as often.
  package var sensitivities: [TensorSensitivity] = []
  /// What it was made from.
  package var origin: Origin

  /// What no text and no picture exercised, one sentence each.
  package var gaps: [String] {
    let unseen = importance.entries.compactMap { entry -> String? in
      let count = entry.counts.count { $0 == 0 }
      guard count > 0 else { return nil }
      return entry.counts.count == 1 ? entry.name : "\(entry.name) (\(count) of \(entry.counts.count))"
    }
    guard !unseen.isEmpty else { return [] }
    return ["no input reached some experts of \(counted(unseen.count, "tensor")): \(listed(unseen, 16))"]
  }

  /// Where a calibration comes from.
  package struct Origin: Sendable, Equatable {
    /// The model as it was named.
    package var model: String
    /// SHA-256 of the model's files that hold weights, one after another.
    package var sha256: String
    /// ``ModelFingerprint`` of the model: the same for the same weights in another container.
    package var fingerprint: String
    /// Tokens of a window of text.
    package var context: Int
    /// What label sampling and the choice of windows began with.
    package var seed: UInt64
    /// How sensitivities were found: `measured`, `estimated`, or `none`.
    package var method: String
    /// Texts and pictures: what they are called, and the SHA-256 of their bytes.
    package var sources: [(name: String, sha256: String)]
    /// What was run, text after text, pictures behind them.
    package var sequences: [CalibrationSequence]

    /// Tokens of all sequences.
    package var tokenCount: Int { sequences.reduce(0) { $0 + $1.tokens.count } }

    package init(
      model: String, sha256: String, fingerprint: String, context: Int, seed: UInt64, method: String,
      sources: [(name: String, sha256: String)], sequences: [CalibrationSequence]
    ) {
      (self.model, self.sha256, self.fingerprint, self.context) = (model, sha256, fingerprint, context)
      (self.seed, self.method, self.sources, self.sequences) = (seed, method, sources, sequences)
    }

    package static func == (a: Origin, b: Origin) -> Bool {
      a.model == b.model && a.sha256 == b.sha256 && a.fingerprint == b.fingerprint && a.context == b.context
        && a.seed == b.seed && a.method == b.method && a.sequences == b.sequences
        && a.sources.elementsEqual(b.sources, by: ==)
    }
  }

  package init(importance: ImportanceMatrix, sensitivities: [TensorSensitivity] = [], origin: Origin) {
    (self.importance, self.sensitivities, self.origin) = (importance, sensitivities, origin)
  }
}

extension Calibration {
  private enum Key {
    static let version = "quern.calibration.version"
    static let model = "quern.calibration.model"
    static let sha256 = "quern.calibration.model_sha256"
    static let fingerprint = "quern.calibration.fingerprint"
    static let context = "quern.calibration.context"
    static let seed = "quern.calibration.seed"
    static let method = "quern.calibration.method"
    static let sources = "quern.calibration.sources"
    static let sourceSums = "quern.calibration.sources_sha256"
    static let names = "quern.calibration.tensors"
    static let types = "quern.calibration.types"
    static let divergences = "quern.calibration.divergences"
    static let lengths = "quern.calibration.lengths"
    static let tokens = "quern.calibration.tokens"
  }

  /// The version of the form.
  static let version: UInt32 = 1
  /// The most tokens a file is asked for: far more than any calibration takes.
  private static let mostTokens = 1 << 26

  /// Everything beside the importance matrix.
  private var metadata: Metadata {
    Metadata([
      (Key.version, .uint32(Self.version)), (Key.model, .string(origin.model)), (Key.sha256, .string(origin.sha256)),
      (Key.fingerprint, .string(origin.fingerprint)), (Key.context, .uint32(UInt32(clamping: origin.context))),
      (Key.seed, .number(MetadataNumber(origin.seed))), (Key.method, .string(origin.method)),
      (Key.sources, .array(.string(TextList(origin.sources.map(\.name))))),
      (Key.sourceSums, .array(.string(TextList(origin.sources.map(\.sha256))))),
      (Key.names, .array(.string(TextList(sensitivities.map(\.name))))),
      (Key.types, .array(.string(TextList(sensitivities.map(\.type.name))))),
      (Key.divergences, .list(sensitivities.map(\.divergence))),
      (Key.lengths, .list(origin.sequences.map { Int32(clamping: $0.tokens.count) })),
      (Key.tokens, .list(origin.sequences.flatMap(\.tokens))),
    ])
  }

  /// Writes the file.
  ///
  /// - Throws: `exists`, `noSpace`, `inputOutput`.
  package func write(to path: String, overwrite: Bool = false) throws(CheckpointError) {
    let pictures = origin.sequences.enumerated().flatMap { index, sequence in
      sequence.picture?.tensors(of: index) ?? []
    }
    try importance.write(to: path, overwrite: overwrite, beside: metadata, behind: pictures)
  }

  /// Reads a file.
  ///
  /// - Throws: `malformed` with the key and the rule of `formats/calibration.md` that is broken; `unsupported` for a later version.
  package init(path: String) throws(CheckpointError) {
    let importance = try ImportanceMatrix(path: path)
    let checkpoint = try Containers.open(path)
    do throws(CheckpointError) {
      let reader = Reader(metadata: checkpoint.metadata)
      let version = try reader.integer(Key.version)
      guard version == UInt64(Self.version) else {
        throw CheckpointError(.unsupported, "the calibration is of version \(version); this program reads version 1")
      }
      let lengths = try reader.integers(Key.lengths)
      let tokens = try reader.integers(Key.tokens)
      let names = try reader.texts(Key.names)
      let types = try reader.texts(Key.types)
      let divergences = try reader.numbers(Key.divergences)
      let sources = try reader.texts(Key.sources)
      let sums = try reader.texts(Key.sourceSums)
      guard names.count == types.count, names.count == divergences.count else {
        throw CheckpointError(
          .malformed,
          "\(Key.names), \(Key.types) and \(Key.divergences) have \(names.count), \(types.count) and \(divergences.count) entries; they go together"
        )
      }
      guard sources.count == sums.count else {
        throw CheckpointError(.malformed, "\(Key.sources) and \(Key.sourceSums) do not have as many entries")
      }
      var sensitivities: [TensorSensitivity] = []
      for (index, name) in names.enumerated() {
        guard let type = TensorType(name: types[index]), type.codec != nil else {
          throw CheckpointError(
            .malformed, "\(Key.types): \(types[index]) is not a type that can be written", tensor: name)
        }
        guard divergences[index].isFinite, divergences[index] >= 0, divergences[index] < 1e6 else {
          throw CheckpointError(
            .malformed, "\(Key.divergences): \(divergences[index]) is not a divergence", tensor: name)
        }
        guard !sensitivities.contains(where: { $0.name == name && $0.type == type }) else {
          throw CheckpointError(.malformed, "\(Key.names): it stands there twice with \(type.name)", tensor: name)
        }
        sensitivities.append(TensorSensitivity(name: name, type: type, divergence: divergences[index]))
      }
      let context = try reader.integer(Key.context)
      guard 4...(1 << 24) ~= context else {
        throw CheckpointError(.malformed, "\(Key.context) is \(context), which is not the length of a window")
      }
      self.init(
        importance: importance, sensitivities: sensitivities,
        origin: Origin(
          model: try reader.text(Key.model), sha256: try reader.text(Key.sha256),
          fingerprint: try reader.text(Key.fingerprint), context: Int(context), seed: try reader.integer(Key.seed),
          method: try reader.text(Key.method), sources: Array(zip(sources, sums)),
          sequences: try Self.sequences(tokens, lengths, checkpoint)))
    } catch {
      throw error.in(file: path)
    }
  }

  private static func sequences(
    _ tokens: [Int64], _ lengths: [Int64], _ checkpoint: Checkpoint
  ) throws(CheckpointError) -> [CalibrationSequence] {
    guard tokens.count <= mostTokens else {
      throw CheckpointError(.malformed, "\(Key.tokens) has \(tokens.count) entries; at most \(mostTokens) are read")
    }
    var result: [CalibrationSequence] = []
    var start = 0
    for length in lengths {
      guard length > 0, length <= Int64(tokens.count - start) else {
        throw CheckpointError(
          .malformed, "\(Key.lengths) does not add up to the \(tokens.count) entries of \(Key.tokens)")
      }
      var sequence: [Int32] = []
      for token in tokens[start..<start + Int(length)] {
        guard let token = Int32(exactly: token), token >= 0 else {
          throw CheckpointError(.malformed, "\(Key.tokens): \(token) is not a token")
        }
        sequence.append(token)
      }
      if let picture = try CalibrationSequence.Picture(of: result.count, tokens: sequence.count, in: checkpoint) {
        result.append(CalibrationSequence(sequence, picture: picture))
      } else {
        let half = sequence.count / 2
        result.append(
          CalibrationSequence(TokenWindow(tokens: sequence, scored: Array(half..<max(half, sequence.count - 1)))))
      }
      start += Int(length)
    }
    guard start == tokens.count else {
      throw CheckpointError(
        .malformed, "\(Key.lengths) does not add up to the \(tokens.count) entries of \(Key.tokens)")
    }
    return result
  }

  /// Keys of a file that has to have them.
  private struct Reader {
    let metadata: Metadata

    func text(_ key: String) throws(CheckpointError) -> String { try needed(metadata.string(key), key, "a text") }
    func integer(_ key: String) throws(CheckpointError) -> UInt64 { try needed(metadata.uint(key), key, "an integer") }
    func texts(_ key: String) throws(CheckpointError) -> [String] {
      try needed(metadata.strings(key) ?? empty(key), key, "a list of texts")
    }
    func integers(_ key: String) throws(CheckpointError) -> [Int64] {
      try needed(metadata.integers(key) ?? empty(key), key, "a list of integers")
    }
    func numbers(_ key: String) throws(CheckpointError) -> [Double] {
      try needed(metadata.floats(key) ?? empty(key), key, "a list of numbers")
    }

    /// A list of nothing has whatever type its writer found.
    private func empty<Element>(_ key: String) -> [Element]? {
      if case .array(let list)? = metadata[key], list.count == 0 { [] } else { nil }
    }

    private func needed<Value>(_ value: Value?, _ key: String, _ what: String) throws(CheckpointError) -> Value {
      guard let value else {
        guard metadata[key] == nil else { throw CheckpointError(.malformed, "\(key) is not \(what)") }
        let isImportance = metadata.string("general.type") == "imatrix"
        throw CheckpointError(
          .malformed,
          "\(key) is missing: this was not made by quern calibrate"
            + (isImportance ? " but is an importance matrix" : ""),
          remedy: isImportance ? .giveAsImportance : nil)
      }
      return value
    }
  }
}
