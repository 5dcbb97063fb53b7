/// What went wrong with a checkpoint, and where.
///
/// The one error of the data path: containers, codecs, plans and runs all throw it, so typed throws compose.
/// It prints as a single sentence with a place:
/// `model.gguf: tensor blk.3.attn_q.weight at byte 81920: Q4_K needs rows of 256 weights, this row has 96`.
package struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure.
  package enum Code: Sendable, CaseIterable {
    /// The bytes break a rule of their format.
    case malformed
    /// The bytes are lawful, but quern does not handle what they say.
    case unsupported
    /// Something the input needs is absent.
    case missing
    /// Two parts of the input contradict each other.
    case mismatch
    /// What was asked for does not go together, whatever is in the files.
    case usage
    /// The output is already there and may not be replaced.
    case exists
    /// The operating system refused to read or write.
    case inputOutput
    /// The disk has no room for the output.
    case noSpace
    /// The work was not wanted any more.
    case cancelled
    /// A mistake of the program.
    case fault
  }

  /// The kind of failure.
  package var code: Code
  /// The rule that was broken, without the place.
  package var message: String
  /// The file concerned.
  package var file: String?
  /// The tensor concerned.
  package var tensor: String?
  /// The byte offset in `file`.
  package var offset: UInt64?
  /// What lay beneath, for example the operating system's own words.
  package var cause: String?
  /// What would help, where that can be told.
  package var remedy: Remedy?

  /// Creates an error; places that are not yet known can be added on the way up.
  package init(
    _ code: Code, _ message: String, file: String? = nil, tensor: String? = nil, offset: UInt64? = nil,
    cause: String? = nil, remedy: Remedy? = nil
  ) {
    self.code = code
    self.message = message
    self.file = file
    self.tensor = tensor
    self.offset = offset
    self.cause = cause
    self.remedy = remedy
  }

  /// The error with its file filled in where it was unknown.
  package func `in`(file: String) -> CheckpointError {
    var copy = self
    copy.file = copy.file ?? file
    return copy
  }

  /// The error with its tensor filled in where it was unknown.
  package func `in`(tensor: String) -> CheckpointError {
    var copy = self
    copy.tensor = copy.tensor ?? tensor
    return copy
  }

  /// One sentence that acts on no terminal: place, rule, cause.
  package var description: String { harmless(sentence()) }

  /// One sentence: place, rule, `advice` as to the remedy, cause; as they are, hostile texts of files included.
  package func sentence(advice: String = "") -> String {
    var place = ""
    // An empty name is a place too, and a common slip of scripts.
    if let file { place += file.isEmpty ? "''" : file }
    if let tensor { place += (place.isEmpty ? "" : ": ") + "tensor " + shortened(tensor) }
    if let offset { place += (place.isEmpty ? "byte " : " at byte ") + String(offset) }
    return (place.isEmpty ? "" : place + ": ") + message + advice + (cause.map { " (" + $0 + ")" } ?? "")
  }
}
