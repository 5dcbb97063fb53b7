import Base

/// What went wrong, where, and what would help.
///
/// Every throwing call of this module throws it. It prints as one sentence with a place, in which nothing that a hostile file wrote can act
/// on a terminal: `model.gguf: tensor blk.3.attn_q.weight at byte 81920: Q4_K needs rows of 256 weights, this row has 96`.
public struct QuernError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The kind of failure.
  public enum Kind: String, Sendable, CaseIterable {
    /// The bytes of a file break a rule of their format.
    case malformed
    /// The bytes are lawful, but this version does not handle what they say.
    case unsupported
    /// Something the input needs is absent.
    case missing
    /// Two parts of the input contradict each other.
    case mismatch
    /// What was asked for does not go together, whatever is in the files.
    case usage
    /// The output is already there, and ``OutputOptions/overwrite`` is off.
    case exists
    /// The operating system refused to read or write.
    case inputOutput
    /// The disk has no room for the output.
    case noSpace
    /// The work was cancelled; nothing of it is left.
    case cancelled
    /// A mistake of this library.
    case fault
  }

  /// What would help.
  public enum Remedy: Sendable, Hashable, CustomStringConvertible {
    /// Give a ``ColumnImportance``, or choose a type that needs none.
    case giveImportance
    /// Set ``OutputOptions/overwrite``.
    case allowOverwriting
    /// Set ``OutputOptions/overwrite``, or another ``OutputOptions/visionPath``, or leave the vision encoder out.
    case placeVision
    /// Ask for the type of the whole model instead of ``OutputOptions/visionType``.
    case chooseType
    /// Name the file that holds the vision encoder.
    case nameVision
    /// Leave out tensors by ``OutputOptions/leaveOut``, for example the one of this name.
    case leaveOut(String)
    /// Clear ``OutputOptions/includesPredictionBlock``.
    case leaveOutPredictionBlock
    /// Clear ``OutputOptions/includesVision``.
    case leaveOutVision
    /// Set ``OutputOptions/splitBytes``.
    case splitOutput
    /// Set a larger ``OutputOptions/splitBytes``, or raise the system's limit of open files.
    case splitLess
    /// Give the prompt as it is, without the model's chat format.
    case givePlainPrompt
    /// Take a longer text or a shorter context.
    case shortenContext
    /// Compare on the text that a recording was made of.
    case useRecordedText
    /// Give the file as a ``ColumnImportance``.
    case giveAsImportance
    /// Keep the types of a recipe, or calibrate with sensitivities.
    case keepTypes
    /// Allow types of fewer bits, or leave parts of the model out.
    case allowSmallerTypes

    /// A few words, as an instruction.
    public var description: String {
      switch self {
      case .giveImportance: "give importance or choose another type"
      case .allowOverwriting: "allow overwriting"
      case .placeVision: "allow overwriting, write the vision encoder elsewhere, or leave it out"
      case .chooseType: "ask for the type of the whole model"
      case .nameVision: "name the file of the vision encoder"
      case .leaveOut(let name): "leave out tensors such as \(harmless(name))"
      case .leaveOutPredictionBlock: "leave out the block that predicts several tokens"
      case .leaveOutVision: "leave out the vision encoder"
      case .splitOutput: "split the output"
      case .splitLess: "split the output into fewer files or raise the limit of open files"
      case .givePlainPrompt: "give the prompt without the chat format"
      case .shortenContext: "take a longer text or a shorter context"
      case .useRecordedText: "use the text of the recording"
      case .giveAsImportance: "give the file as importance"
      case .keepTypes: "keep the types of a recipe or calibrate with sensitivities"
      case .allowSmallerTypes: "allow types of fewer bits or leave parts of the model out"
      }
    }

    init(_ remedy: Base.Remedy) {
      self =
        switch remedy {
        case .giveImportance: .giveImportance
        case .allowOverwriting: .allowOverwriting
        case .placeVision: .placeVision
        case .chooseType: .chooseType
        case .nameVision: .nameVision
        case .leaveOut(let name): .leaveOut(name)
        case .leaveOutMTP: .leaveOutPredictionBlock
        case .leaveOutVision: .leaveOutVision
        case .splitOutput: .splitOutput
        case .splitLess: .splitLess
        case .givePlainPrompt: .givePlainPrompt
        case .shortenContext: .shortenContext
        case .useRecordedText: .useRecordedText
        case .giveAsImportance: .giveAsImportance
        case .keepTypes: .keepTypes
        case .allowSmallerTypes: .allowSmallerTypes
        }
    }
  }

  /// The kind of failure.
  public let kind: Kind
  /// The rule that was broken, without the place; may quote a file, and is not escaped.
  public let message: String
  /// The file concerned, where one is.
  public let file: String?
  /// The tensor concerned, where one is.
  public let tensor: String?
  /// The offset in ``file``, in bytes, where it is known.
  public let offset: UInt64?
  /// What lay beneath, for example the operating system's own words.
  public let cause: String?
  /// What would help, where that can be told.
  public let remedy: Remedy?

  /// One sentence: place, rule, remedy, cause; characters that a terminal would act upon are written as `\u{1b}`.
  public let description: String

  init(_ error: CheckpointError) {
    kind =
      switch error.code {
      case .malformed: .malformed
      case .unsupported: .unsupported
      case .missing: .missing
      case .mismatch: .mismatch
      case .usage: .usage
      case .exists: .exists
      case .inputOutput: .inputOutput
      case .noSpace: .noSpace
      case .cancelled: .cancelled
      case .fault: .fault
      }
    message = error.message
    file = error.file
    tensor = error.tensor
    offset = error.offset
    cause = error.cause
    remedy = error.remedy.map { Remedy($0) }
    description = harmless(error.sentence(advice: remedy.map { "; \($0)" } ?? ""))
  }
}

/// Runs `body` with errors as this module tells them.
func told<R>(_ body: () throws(CheckpointError) -> R) throws(QuernError) -> R {
  do throws(CheckpointError) { return try body() } catch { throw QuernError(error) }
}

/// The same for work that may be cancelled.
func told<R>(
  unless isCancelled: (@Sendable () -> Bool)?, _ body: () throws(CheckpointError) -> R
) throws(QuernError) -> R {
  try told { () throws(CheckpointError) in
    guard let isCancelled else { return try body() }
    return try Cancellation(isCancelled).watch(body)
  }
}
